"""Combinations: an instrument made of the instruments of its legs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from posei_trader.adapters.interactive_brokers.contract_types import ComboLeg, IBContract
from posei_trader.adapters.interactive_brokers.instruments.raw_details import contract_of
from posei_trader.adapters.interactive_brokers.symbology.spreads import spread_id
from posei_trader.errors import InvalidRequest
from posei_trader.model.identifiers import Symbol
from posei_trader.model.instruments import (
    FuturesContract,
    FuturesSpread,
    Instrument,
    OptionContract,
    OptionSpread,
    SpreadLeg,
)
from posei_trader.model.values import Price

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

__all__ = ["combo_contract", "make_spread"]

_BUY = "BUY"
_SELL = "SELL"


def make_spread(legs: Sequence[tuple[Instrument, int]], now_ns: int) -> Instrument:
    """Return the spread of some legs; negative ratios are sold when it is bought.

    Its price step is the smallest of its legs'.

    Raises:
        InvalidRequest: the legs differ in currency or venue, or are neither futures nor options.
    """
    currencies = {leg.quote_currency for leg, _ in legs}
    if len(currencies) != 1:
        raise InvalidRequest(
            "the legs of a spread must have one currency",
            field="legs",
            value=[str(leg.id) for leg, _ in legs],
            remedy="trade them one by one",
        )
    by_symbol = sorted(legs, key=lambda leg: leg[0].id.symbol)
    first = by_symbol[0][0]
    name = spread_id([(leg.id, ratio) for leg, ratio in by_symbol])
    contract = combo_contract(by_symbol)
    precision = max(leg.price_precision for leg, _ in legs)
    shared: dict[str, Any] = {
        "id": name,
        "raw_symbol": Symbol(name.symbol),
        "asset_class": first.asset_class,
        "quote_currency": first.quote_currency,
        "price_precision": precision,
        "price_increment": Price(_smallest_step(legs), precision),
        "multiplier": first.multiplier,
        "expiration_ns": min(leg.expiration_ns for leg, _ in legs),
        "ts_event": now_ns,
        "ts_init": now_ns,
        "info": {
            "contract": msgspec.to_builtins(contract),
            "details": {"priceMagnifier": _magnifier(first)},
        },
        "legs": tuple(SpreadLeg(leg.id, ratio) for leg, ratio in by_symbol),
    }
    if all(isinstance(leg, FuturesContract) for leg, _ in legs):
        return FuturesSpread(**shared)
    if any(isinstance(leg, OptionContract) for leg, _ in legs):
        return OptionSpread(**shared)
    raise InvalidRequest(
        "a spread needs futures, or at least one option, as legs",
        field="legs",
        value=[str(leg) for leg, _ in legs],
        remedy="trade them one by one",
    )


def combo_contract(legs: Sequence[tuple[Instrument, int]]) -> IBContract:
    """Return IB's contract of a combination."""
    contracts = [(contract_of(leg), ratio) for leg, ratio in legs]
    symbols = sorted({contract.symbol for contract, _ in contracts})
    exchanges = {contract.exchange for contract, _ in contracts}
    return IBContract(
        secType="BAG",
        # IB's convention for legs of several underlyings.
        symbol=",".join(symbols),
        currency=contracts[0][0].currency,
        exchange=exchanges.pop() if len(exchanges) == 1 else "SMART",
        comboLegs=tuple(
            ComboLeg(
                conId=contract.conId,
                ratio=abs(ratio),
                action=_BUY if ratio > 0 else _SELL,
                exchange=contract.exchange,
            )
            for contract, ratio in contracts
        ),
    )


def _smallest_step(legs: Sequence[tuple[Instrument, int]]) -> Decimal:
    return min(leg.price_increment.as_decimal() for leg, _ in legs)


def _magnifier(leg: Instrument) -> int:
    details = leg.info.get("details")
    return int(details.get("priceMagnifier", 1)) if isinstance(details, dict) else 1
