"""What a request for bars asks, understood and found possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import msgspec

from posei_ib_sim import wire
from posei_ib_sim.contracts import SimContract
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history import (
    DERIVED,
    WHAT_TO_SHOW,
    BarSize,
    Duration,
    parse_bar_size,
    parse_duration,
    parse_moment,
)

if TYPE_CHECKING:
    from collections.abc import Hashable

    from posei_ib_sim.simulation import Simulation

__all__ = ["HistoryQuery", "query_of"]


@final
class HistoryQuery(msgspec.Struct, frozen=True):
    """A request for bars; `end_ns` is `None` for now."""

    message: wire.HistoricalDataRequest
    contract: SimContract
    size: BarSize
    duration: Duration
    what: str
    end_ns: int | None

    @property
    def stream(self) -> tuple[Hashable, ...]:
        """What IB counts bursts of: contract, exchange, kind of data."""
        return self.contract.con_id, self.contract.exchange, self.what

    @property
    def identity(self) -> tuple[Hashable, ...]:
        """What makes two requests identical to IB."""
        asked = self.message
        return (
            *self.stream,
            asked.endDateTime,
            asked.barSizeSetting,
            asked.duration,
            asked.useRTH,
            asked.formatDate,
            asked.keepUpToDate,
        )


def query_of(message: wire.HistoricalDataRequest, simulation: Simulation) -> HistoryQuery:
    """Understand a request.

    Raises:
        RequestRefused: With IB's code for what is impossible.
        UnknownContract: Nothing fits.
        AmbiguousContract: Several contracts fit.
    """
    what = message.whatToShow.upper()
    if what not in WHAT_TO_SHOW:
        raise RequestRefused(
            321, f"Error validating request.-'bQ' : cause - whatToShow {what!r} is unknown"
        )
    query = HistoryQuery(
        message,
        simulation.contract_of(message.contract),
        parse_bar_size(message.barSizeSetting),
        parse_duration(message.duration),
        what,
        parse_moment(message.endDateTime, simulation.zone),
    )
    if query.contract.sec_type == "CONTFUT" and query.end_ns is not None:
        raise RequestRefused(
            10339, "Setting end date/time for continuous future security type is not allowed."
        )
    if message.keepUpToDate and query.end_ns is not None:
        raise RequestRefused(
            321,
            "Error validating request.-'bQ' : cause - End date time must be empty with "
            "keepUpToDate",
        )
    simulation.history.check(query.contract, what)
    if message.keepUpToDate and what in DERIVED:
        raise RequestRefused(
            321, f"Error validating request.-'bJ' : cause - {what} cannot be kept up to date"
        )
    return query
