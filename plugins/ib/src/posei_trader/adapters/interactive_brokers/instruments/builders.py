"""From contract details to instruments: one builder for each of IB's security types."""

from __future__ import annotations

import functools
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from posei_trader.adapters.interactive_brokers.instruments.increments import (
    price_steps,
    size_steps,
)
from posei_trader.adapters.interactive_brokers.instruments.option_series import OptionSeries
from posei_trader.adapters.interactive_brokers.instruments.price_scale import (
    price_scale,
)
from posei_trader.adapters.interactive_brokers.instruments.raw_details import SharedDetails
from posei_trader.adapters.interactive_brokers.instruments.sessions import (
    expiry_ns,
    start_of_day_ns,
)
from posei_trader.adapters.interactive_brokers.instruments.underlyings import (
    asset_class_of,
    listing_mic,
    underlying_symbol,
)
from posei_trader.errors import InvalidRequest, Unsupported
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AssetClass, OptionKind
from posei_trader.model.identifiers import Symbol
from posei_trader.model.instruments import (
    Bond,
    Cfd,
    Commodity,
    ContinuousFuture,
    CryptoPair,
    CurrencyPair,
    Equity,
    FutureOption,
    FuturesContract,
    Index,
    Instrument,
    OptionContract,
    Warrant,
)
from posei_trader.model.values import Price, Quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from posei_trader.adapters.interactive_brokers.contract_types import (
        IBContractDetails,
        PriceIncrement,
    )
    from posei_trader.adapters.interactive_brokers.instruments.price_scale import PriceScale
    from posei_trader.model.identifiers import InstrumentId

__all__ = ["INSTRUMENT_TYPES", "InstrumentBuilder"]

_FACE_VALUE: Final = Decimal(1000)
_PERCENT: Final = 100
_RIGHTS: Final = {"C": OptionKind.CALL, "P": OptionKind.PUT}


class _Parts(NamedTuple):
    """What builders work with: the details, their unit of prices, the fields all kinds share."""

    details: IBContractDetails
    scale: PriceScale
    shared: dict[str, Any]


class InstrumentBuilder:
    """Makes instruments of IB's contract details.

    Args:
        now_ns: Tells the time that instruments are stamped with, UNIX ns UTC.
    """

    __slots__ = ("_infos", "_now_ns", "_series")

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._infos = SharedDetails()
        self._series: OptionSeries | None = None

    def build(
        self,
        details: IBContractDetails,
        instrument_id: InstrumentId,
        rule: Sequence[PriceIncrement] = (),
    ) -> Instrument:
        """Return the instrument of some contract details.

        Args:
            details: IB's answer.
            instrument_id: The name to give it.
            rule: The market rule at the contract's exchange; `minTick` alone counts without one.

        Raises:
            Unsupported: there is no instrument for the contract's type.
            InvalidRequest: the details lack something, or hold what no instrument can.
        """
        # A chain's rows come series by series.
        member = self._member(details, instrument_id, rule)
        if member is not None:
            return member
        contract = details.contract
        make = _BUILDERS.get(contract.secType)
        if make is None:
            raise Unsupported(
                f"contracts of type {contract.secType!r} are not instruments here",
                field="IBContract.secType",
                value=str(contract),
                remedy=f"the types with instruments are {', '.join(_BUILDERS)}",
            )
        parts = self._parts(details, instrument_id, rule)
        instrument = make(parts)
        if isinstance(instrument, OptionContract | FutureOption):
            self._series = OptionSeries(details, rule, instrument, _strikes_of(parts))
        return instrument

    def _member(
        self,
        details: IBContractDetails,
        instrument_id: InstrumentId,
        rule: Sequence[PriceIncrement],
    ) -> Instrument | None:
        kind, strike = _RIGHTS.get(details.contract.right), details.contract.strike
        if kind is None or strike is None:
            return None
        if self._series is None or not self._series.has(details, rule):
            return None
        return self._series.member(details, instrument_id, kind, strike, self._now_ns())

    def _parts(
        self,
        details: IBContractDetails,
        instrument_id: InstrumentId,
        rule: Sequence[PriceIncrement],
    ) -> _Parts:
        contract = details.contract
        scale = price_scale(details.priceMagnifier, contract.currency)
        prices = price_steps(details.minTick, tuple(rule), scale)
        sizes = size_steps(details.sizeIncrement, details.minSize)
        now = self._now_ns()
        shared: dict[str, Any] = {
            "id": instrument_id,
            "raw_symbol": Symbol(_raw_symbol(details)),
            "quote_currency": Currency.of(scale.currency),
            "price_precision": prices.precision,
            "price_increment": prices.increment,
            "price_bands": prices.bands,
            "size_precision": sizes.precision,
            "size_increment": sizes.increment,
            "min_quantity": sizes.minimum,
            "multiplier": _multiplier(contract.multiplier.strip()),
            "expiration_ns": _expiration(details),
            "ts_event": now,
            "ts_init": now,
            "info": self._infos.info(details),
        }
        return _Parts(details, scale, shared)


def _raw_symbol(details: IBContractDetails) -> str:
    contract = details.contract
    bond_number = details.security_id("CUSIP") if contract.secType == "BOND" else None
    return contract.localSymbol.strip() or bond_number or contract.symbol.strip()


@functools.lru_cache(maxsize=256)
def _multiplier(text: str) -> Quantity:
    try:
        value = Decimal(text) if text else Decimal(1)
    except InvalidOperation as error:
        raise InvalidRequest(
            "IB's multiplier is no number",
            field="IBContract.multiplier",
            value=text,
            remedy="give the contract's details to the maintainers",
        ) from error
    # Spot contracts come with 0 from some servers: no multiplier at all.
    return Quantity(value if value > 0 else Decimal(1), _decimals(value))


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _expiration(details: IBContractDetails) -> int:
    contract = details.contract
    if contract.secType == "BOND":
        date = details.maturity or contract.lastTradeDateOrContractMonth
    else:
        date = contract.lastTradeDateOrContractMonth or details.realExpirationDate
    return expiry_ns(
        date[:8],
        last_trade_time=details.lastTradeTime,
        hours=details.tradingHours or details.liquidHours,
        zone_name=details.timeZoneId,
    )


def _equity(parts: _Parts) -> Instrument:
    lot = parts.details.suggestedSizeIncrement
    return Equity(
        **parts.shared,
        asset_class=AssetClass.EQUITY,
        lot_size=None if lot is None or lot <= 0 else Quantity(lot.normalize()),
        isin=parts.details.security_id("ISIN"),
    )


def _index(parts: _Parts) -> Instrument:
    return Index(**parts.shared, asset_class=AssetClass.INDEX)


def _currency_pair(parts: _Parts) -> Instrument:
    base = Currency.of(parts.details.contract.symbol)
    return CurrencyPair(**parts.shared, asset_class=AssetClass.FX, base_currency=base)


def _crypto_pair(parts: _Parts) -> Instrument:
    base = Currency.of(parts.details.contract.symbol)
    return CryptoPair(**parts.shared, asset_class=AssetClass.CRYPTOCURRENCY, base_currency=base)


def _commodity(parts: _Parts) -> Instrument:
    return Commodity(**parts.shared, asset_class=AssetClass.COMMODITY)


def _cfd(parts: _Parts) -> Instrument:
    details = parts.details
    contract = details.contract
    is_pair = contract.localSymbol == f"{contract.symbol}.{contract.currency}"
    return Cfd(
        **parts.shared,
        asset_class=AssetClass.FX if is_pair else asset_class_of(details),
        underlying=details.underSymbol or contract.symbol,
        base_currency=Currency.of(contract.symbol) if is_pair else None,
    )


def _bond(parts: _Parts) -> Instrument:
    details = parts.details
    if not details.contract.multiplier:
        # IB counts bonds in units of 1,000 of face value and quotes percent of it.
        parts.shared["multiplier"] = Quantity(_FACE_VALUE / _PERCENT)
    parts.shared["activation_ns"] = start_of_day_ns(details.issueDate[:8], details.timeZoneId)
    return Bond(
        **parts.shared,
        asset_class=AssetClass.DEBT,
        isin=details.security_id("ISIN"),
        cusip=details.security_id("CUSIP"),
        coupon=Decimal(repr(details.coupon)),
        maturity=details.maturity[:8],
        face_value=_FACE_VALUE,
    )


def _future(parts: _Parts) -> Instrument:
    details = parts.details
    return FuturesContract(
        **parts.shared,
        asset_class=asset_class_of(details),
        underlying=details.underSymbol or details.contract.symbol,
        exchange=listing_mic(details),
    )


def _continuous(parts: _Parts) -> Instrument:
    details = parts.details
    # It rolls: the expiry that IB sends is that of the contract in front.
    parts.shared["expiration_ns"] = 0
    return ContinuousFuture(
        **parts.shared,
        asset_class=asset_class_of(details),
        underlying=details.contract.symbol,
        exchange=listing_mic(details),
    )


@functools.lru_cache(maxsize=4096)
def _strike(scale: PriceScale, strike: float, precision: int) -> Price:
    # Every expiry and both rights have the same strikes.
    price = scale.from_ib(strike)
    return Price(price, max(_decimals(price), precision))


def _strikes_of(parts: _Parts) -> Callable[[float], Price]:
    scale, precision = parts.scale, parts.shared["price_precision"]
    return lambda strike: _strike(scale, strike, precision)


def _option_terms(parts: _Parts) -> dict[str, Any]:
    details = parts.details
    contract = details.contract
    kind = _RIGHTS.get(contract.right[:1].upper())
    if kind is None or contract.strike is None:
        raise Unsupported(
            f"a contract of type {contract.secType!r} without strike and right is no option",
            field="IBContract.right, strike",
            value=str(contract),
            remedy="products without a strike have no instrument here",
        )
    return {
        "asset_class": asset_class_of(details),
        "underlying": underlying_symbol(details),
        "option_kind": kind,
        "strike_price": _strike(parts.scale, contract.strike, parts.shared["price_precision"]),
        "exchange": listing_mic(details),
        "trading_class": contract.tradingClass,
    }


def _option(parts: _Parts) -> Instrument:
    return OptionContract(**parts.shared, **_option_terms(parts))


def _future_option(parts: _Parts) -> Instrument:
    return FutureOption(**parts.shared, **_option_terms(parts))


def _warrant(parts: _Parts) -> Instrument:
    return Warrant(**parts.shared, **_option_terms(parts), isin=parts.details.security_id("ISIN"))


_BUILDERS: Final[Mapping[str, Callable[[_Parts], Instrument]]] = {
    "STK": _equity,
    "FUND": _equity,
    "IND": _index,
    "CASH": _currency_pair,
    "FWD": _currency_pair,
    "CRYPTO": _crypto_pair,
    "CMDTY": _commodity,
    "CFD": _cfd,
    "BOND": _bond,
    "BILL": _bond,
    "FUT": _future,
    "CONTFUT": _continuous,
    "OPT": _option,
    "FOP": _future_option,
    "WAR": _warrant,
    "IOPT": _warrant,
}

INSTRUMENT_TYPES: Final = (*_BUILDERS, "BAG")
"""IB's security types that have an instrument; combinations are made of their legs."""
