"""Ticks of the past, a page at a time as IB gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np

from posei_ib_sim.market.columns import ColumnTape, TickColumns, merged

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from posei_ib_sim.contracts.hours import HoursBook
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.market.events import MarketEvent
    from posei_ib_sim.market.tape import Tape

__all__ = ["TRADE_KINDS", "PastTicks"]

TRADE_KINDS: Final = frozenset({"TRADES", "ADJUSTED_LAST", "AGGTRADES"})
"""The kinds of data that are made of trades."""

_SECOND_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _SECOND_NS
_HOUR_NS: Final = 3_600 * _SECOND_NS
_LOOK_BACK_NS: Final = 30 * _DAY_NS
_BLOCK: Final = 10_000


@final
class PastTicks:
    """Reads the ticks of one contract and one kind.

    Args:
        hours: Sessions.
        contract: Whose ticks.
        tape: Where they are.
        what: TRADES, BID_ASK or MIDPOINT, or a kind of bar made of either.
        use_rth: Leave out what happens outside regular trading hours.
    """

    def __init__(
        self, hours: HoursBook, contract: SimContract, tape: Tape, what: str, *, use_rth: bool
    ) -> None:
        self._hours = hours
        self._template = contract.hours
        self._tape = tape
        self._trades = what in TRADE_KINDS
        self._use_rth = use_rth

    def first(self, start_ns: int, end_ns: int, count: int) -> list[MarketEvent]:
        """Return the first ticks of a range, with the rest of the last whole second reached."""
        found = 0
        pieces: list[TickColumns] = []
        for ticks in self._steps(start_ns, end_ns):
            pieces.append(ticks)
            found += len(ticks)
            if found > count and _second(pieces[-1].ts[-1]) > _second(_row(pieces, count - 1)):
                break
        rows = merged(pieces) if pieces else TickColumns.of([])
        if len(rows) <= count:
            return list(rows.events())
        stop = np.searchsorted(rows.ts, (_second(rows.ts[count - 1]) + 1) * _SECOND_NS)
        return list(rows.take(slice(0, int(stop))).events())

    def last(self, end_ns: int, count: int) -> list[MarketEvent]:
        """Return the last ticks before an end, with the rest of the first whole second reached."""
        first = self._tape.first_ns
        floor = first if first is not None else end_ns - _LOOK_BACK_NS
        span, stop = _HOUR_NS, end_ns
        pieces: list[TickColumns] = []
        while sum(map(len, pieces)) <= count and stop > floor:
            start = max(floor, stop - span)
            pieces[:0] = self.blocks(start, stop)
            span, stop = span * 2, start
        rows = merged(pieces) if pieces else TickColumns.of([])
        if len(rows) <= count:
            return list(rows.events())
        begin = np.searchsorted(rows.ts, _second(rows.ts[-count]) * _SECOND_NS)
        return list(rows.take(slice(int(begin), len(rows))).events())

    def blocks(self, start_ns: int, end_ns: int) -> Iterator[TickColumns]:
        """Yield the ticks of a range in blocks, in time order; none of the blocks is empty."""
        for ticks in self._columns(start_ns, end_ns):
            rows = self._wanted(ticks)
            if not rows.all():
                ticks = ticks.take(rows)  # noqa: PLW2901 - the block, cleaned
            if len(ticks):
                yield self._one_kind(ticks)

    def _steps(self, start_ns: int, end_ns: int) -> Iterator[TickColumns]:
        # Pages are short and ranges long: look at an hour, then at ever more.
        span = _HOUR_NS
        while start_ns < end_ns:
            stop = min(end_ns, start_ns + span)
            yield from self.blocks(start_ns, stop)
            start_ns, span = stop, min(span * 2, _LOOK_BACK_NS)

    def _columns(self, start_ns: int, end_ns: int) -> Iterator[TickColumns]:
        if isinstance(self._tape, ColumnTape):
            yield from self._tape.columns(start_ns, end_ns)
            return
        events = []
        for event in self._tape.events(start_ns, end_ns):
            events.append(event)
            if len(events) >= _BLOCK:
                yield TickColumns.of(events)
                events = []
        if events:
            yield TickColumns.of(events)

    def _wanted(self, ticks: TickColumns) -> npt.NDArray[np.bool_]:
        column = ticks.price if self._trades else ticks.bid
        if column is None or not len(ticks):
            return np.zeros(len(ticks), bool)
        rows: npt.NDArray[np.bool_] = ~np.isnan(column)
        if self._use_rth:
            rows &= self._regular(ticks)
        return rows

    def _regular(self, ticks: TickColumns) -> npt.NDArray[np.bool_]:
        first = self._hours.local_date(self._template, int(ticks.ts[0]))
        last = self._hours.local_date(self._template, int(ticks.ts[-1]))
        one = first.resolution
        sessions = self._hours.between(self._template, first - one, last + 2 * one)
        segments = [segment for session in sessions for segment in session.liquid]
        if not segments:
            return np.zeros(len(ticks), bool)
        opens, closes = np.array(segments, np.int64).T
        place = np.searchsorted(opens, ticks.ts, "right") - 1
        inside: npt.NDArray[np.bool_] = (place >= 0) & (ticks.ts < closes[place])
        return inside

    def _one_kind(self, ticks: TickColumns) -> TickColumns:
        if self._trades:
            return TickColumns(ticks.ts, price=ticks.price, size=ticks.size)
        return TickColumns(ticks.ts, ticks.bid, ticks.ask, ticks.bid_size, ticks.ask_size)


def _row(pieces: list[TickColumns], number: int) -> int:
    for piece in pieces:
        if number < len(piece):
            return int(piece.ts[number])
        number -= len(piece)
    raise IndexError(number)


def _second(ts_ns: int) -> int:
    return int(ts_ns) // _SECOND_NS
