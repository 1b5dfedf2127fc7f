"""The two symbology methods: both are the same table, spelt differently."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.symbology.exchanges import EXCHANGES
from posei_trader.adapters.interactive_brokers.symbology.explicit import (
    SEC_TYPES,
    read_explicit,
    split_explicit,
)
from posei_trader.adapters.interactive_brokers.symbology.listed_rules import (
    listing_exchange,
    spell_local,
)
from posei_trader.adapters.interactive_brokers.symbology.rules import RULE_OF_TYPE, RULES
from posei_trader.adapters.interactive_brokers.symbology.spreads import is_spread_symbol
from posei_trader.adapters.interactive_brokers.symbology.venues import VenueMap
from posei_trader.errors import InvalidRequest
from posei_trader.model.identifiers import InstrumentId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.symbology.exchanges import Exchange
    from posei_trader.adapters.interactive_brokers.symbology.rules import Rule

__all__ = ["RawSymbology", "SimplifiedSymbology"]


def _rules_at(exchange: Exchange) -> tuple[Rule, ...]:
    listed = set(exchange.sec_types)
    if "STK" in listed:
        # An override may give options the venue of their stock.
        listed.add("OPT")
    return tuple(rule for rule in RULES if listed & set(rule.sec_types))


_RULES_AT: Final = {code: _rules_at(exchange) for code, exchange in EXCHANGES.items()}
# For the venue of an override, whose exchange only IB knows.
_RULES_ANYWHERE: Final = tuple(
    rule for rule in RULES if {"IND", "OPT", "FUT", "FOP", "STK"} & set(rule.sec_types)
)
# A circumflex says what it is even where the venue is unknown.
_RULES_NOWHERE: Final = (RULE_OF_TYPE["IND"],)


class _TableSymbology(ABC):
    """What both methods share: venues, dates and the way through the table."""

    __slots__ = ("_today", "_venues")

    def __init__(
        self,
        *,
        convert_exchange_to_mic_venue: bool = False,
        symbol_to_mic_venue: Mapping[str, str] | None = None,
        as_of: dt.date | Callable[[], dt.date] | None = None,
    ) -> None:
        self._venues = VenueMap(
            convert_exchange_to_mic_venue=convert_exchange_to_mic_venue,
            symbol_to_mic_venue=symbol_to_mic_venue,
        )
        self._today = _date_source(as_of)

    @property
    def venues(self) -> VenueMap:
        """Return how exchanges become venues."""
        return self._venues

    def to_instrument_id(self, contract: IBContract) -> InstrumentId:
        """Return our name of a contract.

        Raises:
            InvalidRequest: no rule names this type, or the contract says too little.
        """
        rule = RULE_OF_TYPE.get(contract.secType)
        if rule is None:
            return self._unlisted(contract)
        exchange = rule.exchange(contract)
        if not exchange:
            raise InvalidRequest(
                f"a {rule.name} needs an exchange to have an instrument id",
                field="IBContract.exchange",
                value=str(contract),
                remedy="give its exchange, or load it through the instrument provider",
            )
        symbol = self._spell(rule, contract)
        return InstrumentId(f"{symbol}.{self._venue(rule, exchange, contract.symbol)}")

    def to_contract(self, instrument_id: InstrumentId) -> IBContract:
        """Return what IB is most likely to understand of an id.

        Raises:
            InvalidRequest: no rule reads it; names the rules that were tried.
        """
        first = next(self._readings(instrument_id), None)
        if first is None:
            raise self._unreadable(instrument_id)
        return first

    def candidates(self, instrument_id: InstrumentId) -> list[IBContract]:
        """Return every contract that an id may mean, the likeliest first.

        There are several where a MIC covers several of IB's exchanges, where IB's spelling depends
        on the exchange, and where an exchange lists several classes.

        Raises:
            InvalidRequest: no rule reads it; names the rules that were tried.
        """
        found = list(dict.fromkeys(self._readings(instrument_id)))
        if not found:
            raise self._unreadable(instrument_id)
        return found

    def _venue(self, rule: Rule, exchange: str, symbol: str) -> str:
        return self._venues.venue(exchange, symbol) if rule.overridable else exchange

    def _unlisted(self, contract: IBContract) -> InstrumentId:
        """Name a type without a rule of its own by its explicit form."""
        if contract.secType in SEC_TYPES - {"BAG", "NEWS"}:
            venue = self._venues.venue(listing_exchange(contract), contract.symbol)
            return InstrumentId(f"{spell_local(contract)}={contract.secType}.{venue}")
        if contract.secType == "BAG":
            remedy = "load it through the instrument provider: its name is made of its legs'"
        else:
            remedy = f"give one of {', '.join(RULE_OF_TYPE)}"
        raise InvalidRequest(
            f"no symbology rule names contracts of type {contract.secType!r}",
            field="IBContract.secType",
            value=contract.secType,
            remedy=remedy,
        )

    def _readings(self, instrument_id: InstrumentId) -> Iterator[IBContract]:
        symbol, _, venue = instrument_id.rpartition(".")
        if not symbol or is_spread_symbol(symbol):
            return iter(())
        return self._read(symbol, venue)

    def _unreadable(self, instrument_id: InstrumentId) -> InvalidRequest:
        symbol, _, venue = instrument_id.rpartition(".")
        if is_spread_symbol(symbol):
            return InvalidRequest(
                "a spread is named by its legs, whose contracts only IB knows",
                field="InstrumentId",
                value=str(instrument_id),
                remedy="load it through the instrument provider",
            )
        if not self._venues.exchanges(venue):
            alike = self._venues.alike(venue)
            hint = f"did you mean {' or '.join(alike)}? " if alike else ""
            return InvalidRequest(
                f"{venue!r} is neither a MIC nor an exchange of IB",
                field="InstrumentId",
                value=str(instrument_id),
                remedy=f"{hint}the raw form {symbol}=STK.{venue} takes any exchange",
            )
        return InvalidRequest(
            "no symbology rule reads this instrument id",
            field="InstrumentId",
            value=str(instrument_id),
            remedy=f"rules tried: {_forms(self._tried(venue))}",
        )

    @abstractmethod
    def _spell(self, rule: Rule, contract: IBContract) -> str:
        """Return the symbol part of an id."""

    @abstractmethod
    def _read(self, symbol: str, venue: str) -> Iterator[IBContract]:
        """Yield what the parts of an id may mean."""

    @abstractmethod
    def _tried(self, venue: str) -> Iterable[tuple[str, str]]:
        """Return names and forms of the rules that read ids of a venue."""


@final
class SimplifiedSymbology(_TableSymbology):
    """IB_SIMPLIFIED: names that people write, ``EUR/USD.IDEALPRO``, ``ESM4.CME``, ``^SPX.CBOE``.

    It also reads the raw form, which it writes for what looks like a stock and is none.

    Args:
        convert_exchange_to_mic_venue: Use ISO 10383 codes as venues. Both kinds are always read.
        symbol_to_mic_venue: Venue by IB's `symbol`, exactly matched, with conversion on or off.
        as_of: The date that years of one or two digits are relative to, or what tells it; the
            current date in UTC when absent. Nothing else depends on it.
    """

    __slots__ = ()

    def _spell(self, rule: Rule, contract: IBContract) -> str:
        return rule.simplified(contract)

    def _read(self, symbol: str, venue: str) -> Iterator[IBContract]:
        exchanges = self._venues.exchanges(venue)
        if (explicit := split_explicit(symbol)) is not None:
            for exchange in exchanges or (venue,):
                yield read_explicit(*explicit, exchange)
            return
        if not exchanges:
            for rule in _RULES_NOWHERE:
                yield from rule.read(symbol, venue, self._today)
        for exchange in exchanges:
            for rule in _RULES_AT.get(exchange, _RULES_ANYWHERE):
                yield from rule.read(symbol, exchange, self._today)

    def _tried(self, venue: str) -> Iterable[tuple[str, str]]:
        tried = {
            rule.name: rule.form
            for exchange in self._venues.exchanges(venue)
            for rule in _RULES_AT.get(exchange, _RULES_ANYWHERE)
        }
        return tried.items()


@final
class RawSymbology(_TableSymbology):
    """IB_RAW: ``{localSymbol}={secType}.{exchange}``, for any contract in any region.

    Takes the arguments of :class:`SimplifiedSymbology`.
    """

    __slots__ = ()

    def _spell(self, rule: Rule, contract: IBContract) -> str:
        return f"{rule.raw(contract)}={contract.secType}"

    def _read(self, symbol: str, venue: str) -> Iterator[IBContract]:
        explicit = split_explicit(symbol)
        if explicit is not None:
            for exchange in self._venues.exchanges(venue) or (venue,):
                yield read_explicit(*explicit, exchange)

    def _tried(self, venue: str) -> Iterable[tuple[str, str]]:
        types = ", ".join(sorted(SEC_TYPES))
        return [("raw", f"{{localSymbol}}={{secType}}.{venue} with one of the types {types}")]


def _date_source(as_of: dt.date | Callable[[], dt.date] | None) -> Callable[[], dt.date]:
    if as_of is None:
        return _utc_today
    if isinstance(as_of, dt.date):
        fixed = as_of
        return lambda: fixed
    return as_of


def _utc_today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _forms(rules: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{name} ({form})" for name, form in rules)
