"""When a contract trades, as far as its details say: IB lists some days, and nothing beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, final

from posei_trader.adapters.interactive_brokers.instruments.sessions import sessions
from posei_trader.adapters.interactive_brokers.instruments.time_zones import zone_of
from posei_trader.adapters.interactive_brokers.venue_time import to_nanos

if TYPE_CHECKING:
    import datetime as dt

    from posei_trader.adapters.interactive_brokers.contract_types import IBContractDetails

__all__ = ["MarketHours"]


class _Span(NamedTuple):
    open_ns: int
    close_ns: int


@final
class MarketHours:
    """The trading hours that IB lists, exactly: a holiday among them is no session.

    Args:
        details: IB's details of the contract.
        use_rth: The regular (liquid) hours instead of all.
    """

    def __init__(self, details: IBContractDetails, *, use_rth: bool) -> None:
        hours = details.liquidHours if use_rth else details.tradingHours
        zone = zone_of(details.timeZoneId)
        self._spans = [] if zone is None else _joined(hours, zone)

    def knows(self, moment_ns: int) -> bool:
        """Return whether the listed days reach to a moment."""
        return bool(self._spans) and self._spans[0].open_ns <= moment_ns < self._spans[-1].close_ns

    def open_since(self, moment_ns: int) -> int | None:
        """Return when the session opened in which a moment lies; None when none is known."""
        for span in self._spans:
            if span.open_ns <= moment_ns < span.close_ns:
                return span.open_ns
        return None


def _joined(hours: str, zone: dt.tzinfo) -> list[_Span]:
    """Return the sessions in order; those that follow without a pause are one."""
    found: list[_Span] = []
    for segment in sorted(sessions(hours)):
        opened, closed = (to_nanos(moment.replace(tzinfo=zone)) for moment in segment)
        if found and opened <= found[-1].close_ns:
            found[-1] = _Span(found[-1].open_ns, max(found[-1].close_ns, closed))
        else:
            found.append(_Span(opened, closed))
    return found
