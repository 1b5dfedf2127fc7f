"""Live updates of bars: reqHistoricalData with keepUpToDate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.clock import NANOSECONDS
from posei_ib_sim.server.translate import bar_message

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from posei_ib_sim.history import Bar, BarBuilder
    from posei_ib_sim.market import Board, MarketEvent
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["HISTORY", "KeptUp"]

HISTORY: Final = "history"
"""The kind of subscription that a historical request is."""

_UPDATE_NS: Final = NANOSECONDS


@final
class KeptUp:
    """Live updates of one keepUpToDate request.

    An update goes out when a bar begins, at most once a simulated second while it grows, and once
    more with its final values when it ends, so the last update of a bar always is the whole bar.
    """

    def __init__(
        self,
        server: Server,
        session: Session,
        req_id: int,
        builder: BarBuilder,
        zone: ZoneInfo,
        *,
        intraday: bool,
        epoch: bool,
    ) -> None:
        self._server = server
        self._session = session
        self._req_id = req_id
        self._builder = builder
        self._zone = zone
        self._intraday = intraday
        self._epoch = epoch
        self._sent_ns = 0
        self._dirty = False
        self._watch_end(builder.current)

    def __call__(self, _: Board, event: MarketEvent) -> None:
        """Take an event in."""
        before, samples = self._builder.current, self._builder.samples_taken
        finished = self._builder.add(event)
        if self._builder.samples_taken == samples:
            return
        if finished is not None and self._dirty:
            self._send(finished)
        current = self._builder.current
        if current is None:
            return
        self._dirty = True
        if current is not before:
            self._watch_end(current)
        if current is not before or event.ts_ns - self._sent_ns >= _UPDATE_NS:
            self._sent_ns = event.ts_ns
            self._send(current)

    def _watch_end(self, bar: Bar | None) -> None:
        if bar is not None and self._intraday:
            until = self._builder.until_ns
            self._server.simulation.clock.call_at(until, lambda: self._end(bar))

    def _end(self, bar: Bar) -> None:
        if self._builder.current is bar and self._dirty:
            self._send(bar)

    def _send(self, bar: Bar) -> None:
        self._dirty = False
        if not self._server.connectivity or self._server.competing_session:
            return
        if not self._session.has(HISTORY, self._req_id):
            return
        self._session.send(
            wire.HistoricalDataUpdate(
                reqId=self._req_id,
                historicalDataBar=bar_message(
                    bar, self._zone, intraday=self._intraday, epoch=self._epoch
                ),
            )
        )
