"""Venues: from IB's exchange to the venue of an id, and back.

Three layers, the first that applies wins: an override for IB's `symbol`, the conversion to MIC
where it is switched on, IB's own code. A venue holds no dot, so ``OSE.JPN`` is spelt ``OSE-JPN``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.symbology.exchanges import (
    EXCHANGES,
    EXCHANGES_OF_MIC,
)
from posei_trader.errors import ConfigError
from posei_trader.model.identifiers import Venue

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VenueMap"]

_OF_HYPHENATED: Final = {code.replace(".", "-"): code for code in EXCHANGES}

# Legacy names of one listing: ids must not depend on the age of the answering server.
_TODAY: Final = {"ISLAND": "NASDAQ"}


@final
class VenueMap:
    """Names venues as a configuration wants them.

    Args:
        convert_exchange_to_mic_venue: Use ISO 10383 codes instead of IB's.
        symbol_to_mic_venue: Venue by IB's `symbol`, matched exactly: ``ES`` means all ES futures
            and the options on them, and never ESTX50. It holds with conversion on or off.

    Raises:
        ConfigError: a venue of the overrides is empty or has a dot.
    """

    __slots__ = ("_convert", "_exchanges", "_overrides", "_targets")

    def __init__(
        self,
        *,
        convert_exchange_to_mic_venue: bool = False,
        symbol_to_mic_venue: Mapping[str, str] | None = None,
    ) -> None:
        self._convert = convert_exchange_to_mic_venue
        self._overrides = {
            symbol: _checked(symbol, venue) for symbol, venue in (symbol_to_mic_venue or {}).items()
        }
        self._targets = frozenset(self._overrides.values())
        known = {*EXCHANGES_OF_MIC, *_OF_HYPHENATED, *self._targets}
        self._exchanges = {venue: self._exchanges_of(venue) for venue in known}

    @property
    def converts(self) -> bool:
        """Return whether exchanges become MICs."""
        return self._convert

    def venue(self, exchange: str, symbol: str) -> str:
        """Return the venue of an exchange for a contract with IB's `symbol`."""
        if symbol in self._overrides:
            return self._overrides[symbol]
        exchange = _TODAY.get(exchange, exchange)
        if self._convert and exchange in EXCHANGES:
            exchange = EXCHANGES[exchange].mic or exchange
        return exchange.replace(".", "-")

    def plain_venue(self, exchange: str) -> str:
        """Return the venue of an exchange, without regard to overrides."""
        return self.venue(exchange, "")

    def exchanges(self, venue: str) -> tuple[str, ...]:
        """Return IB's exchanges that a venue may mean, the likeliest first.

        A venue may be a MIC or IB's code, with conversion on or off. An empty name stands for "IB
        knows": the venue is one that only an override names. Nothing at all means unknown.
        """
        return self._exchanges.get(venue, ())

    def _exchanges_of(self, venue: str) -> tuple[str, ...]:
        found = EXCHANGES_OF_MIC.get(venue, ())
        code = _OF_HYPHENATED.get(venue)
        if code is not None and code not in found:
            # Where a code and a MIC of another exchange meet, the configured style goes first.
            found = (*found, code) if self._convert else (code, *found)
        if not found and venue in self._targets:
            return ("",)
        return found

    @staticmethod
    def alike(venue: str) -> list[str]:
        """Return known venues that are spelt almost like this one."""
        known = sorted({*_OF_HYPHENATED, *EXCHANGES_OF_MIC})
        import difflib  # noqa: PLC0415 - only needed once something is wrong

        return difflib.get_close_matches(venue.upper(), known, n=3)


def _checked(symbol: str, venue: str) -> str:
    try:
        return Venue(venue)
    except ValueError as error:
        raise ConfigError(
            "an override names no possible venue",
            field=f"symbol_to_mic_venue[{symbol!r}]",
            value=venue,
            remedy="give a MIC such as 'XCME'",
        ) from error
