"""The tape of one instrument: all its market events, past and future, in time order.

Streaming plays the tape on the simulated clock; history reads the same tape backwards from now.
That is why a minute bar always equals the aggregate of its ticks.
"""

from __future__ import annotations

import bisect
import functools
import heapq
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Protocol, final

import numpy as np

from posei_ib_sim.market.columns import BarColumns, ColumnTape, TickColumns, merged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posei_ib_sim.market.bars_to_ticks import BarExpander, BaseBar
    from posei_ib_sim.market.columns import TickMatrix, Wanted
    from posei_ib_sim.market.events import MarketEvent
    from posei_ib_sim.market.synthetic import SyntheticBars

# Source bars that are expanded at a time: few while streaming, whose turns must be short, many for
# history, whose turns they are.
_STREAM_BLOCK: Final = 32
_PAGE_BLOCK: Final = 512
_HISTORY_BLOCK: Final = 12_288
# Of those, as many at a time as have tables of ticks that stay in the cache.
_EXPANDED: Final = 2048
_HISTORY_ROWS: Final = 50_000
_DAY_NS: Final = 86_400_000_000_000

__all__ = ["BarTape", "EmptyTape", "MergedTape", "SyntheticTape", "Tape", "TickTape", "columns_of"]


class Tape(Protocol):
    """What every source of market events offers; nothing here blocks or depends on the clock."""

    @property
    def first_ns(self) -> int | None:
        """Time of the first event, `None` when the tape has no beginning."""
        ...

    @property
    def last_ns(self) -> int | None:
        """Time of the last event, `None` when the tape never ends."""
        ...

    def events(self, start_ns: int, end_ns: int) -> Iterator[MarketEvent]:
        """Yield the events with `start_ns <= ts_ns < end_ns`, in time order."""
        ...


@final
class EmptyTape:
    """No events at all, for contracts without data."""

    @property
    def first_ns(self) -> int | None:
        """Time of the first event: a tape without any begins at the epoch."""
        return 0

    @property
    def last_ns(self) -> int | None:
        """Time of the last event."""
        return 0

    def events(self, start_ns: int, end_ns: int) -> Iterator[MarketEvent]:  # noqa: ARG002
        """Yield nothing."""
        return iter(())


@final
class TickTape:
    """Events held in memory."""

    def __init__(self, events: Sequence[MarketEvent]) -> None:
        self._events = events
        self._times = [event.ts_ns for event in events]

    @property
    def first_ns(self) -> int | None:
        """Time of the first event."""
        return self._times[0]

    @property
    def last_ns(self) -> int | None:
        """Time of the last event."""
        return self._times[-1]

    def events(self, start_ns: int, end_ns: int) -> Iterator[MarketEvent]:
        """Yield the events of a range."""
        low = bisect.bisect_left(self._times, start_ns)
        for position in range(low, len(self._events)):
            if self._times[position] >= end_ns:
                return
            yield self._events[position]

    def columns(self, start_ns: int, end_ns: int) -> Iterator[TickColumns]:
        """Yield the events of a range in blocks."""
        low, high = np.searchsorted(self._columns.ts, (start_ns, end_ns)).tolist()
        for first in range(low, high, _HISTORY_ROWS):
            yield self._columns.take(slice(first, min(high, first + _HISTORY_ROWS)))

    def blocks(
        self,
        start_ns: int,
        end_ns: int,
        wanted: Wanted,  # noqa: ARG002 - all are there
    ) -> Iterator[TickColumns]:
        """Yield the same."""
        return self.columns(start_ns, end_ns)

    @functools.cached_property
    def _columns(self) -> TickColumns:
        return TickColumns.of(self._events)


class _ExpandedTape(ABC):
    """Bars that are expanded into ticks on the way out.

    Args:
        expander: Makes the ticks.
    """

    def __init__(self, expander: BarExpander) -> None:
        self._expander = expander

    def events(self, start_ns: int, end_ns: int) -> Iterator[MarketEvent]:
        """Yield the events of a range."""
        for bars in self._source(start_ns, end_ns, _STREAM_BLOCK):
            yield from self._expander.columns(bars).between(start_ns, end_ns).events()

    def columns(self, start_ns: int, end_ns: int) -> Iterator[TickColumns]:
        """Yield the events of a range in blocks."""
        for bars in self._source(start_ns, end_ns, _PAGE_BLOCK):
            yield self._expander.columns(bars).between(start_ns, end_ns)

    def blocks(
        self, start_ns: int, end_ns: int, wanted: Wanted
    ) -> Iterator[TickColumns | TickMatrix]:
        """Yield the trades or quotes of a range in blocks, as matrices where possible."""
        for bars in self._source(start_ns, end_ns, _HISTORY_BLOCK):
            yield from _blocks(self._expander, bars, start_ns, end_ns, wanted)

    @abstractmethod
    def _source(self, start_ns: int, end_ns: int, block: int) -> Iterator[BarColumns]:
        """Yield the bars that overlap a range, about `block` at a time."""


@final
class BarTape(_ExpandedTape):
    """Bars in memory, expanded into ticks on the way out."""

    def __init__(self, bars: Sequence[BaseBar], expander: BarExpander) -> None:
        super().__init__(expander)
        self._bars = BarColumns.of(bars)
        self._first: Final = bars[0].start_ns
        self._last: Final = [event.ts_ns for event in expander.expand(bars[-1])][-1]

    @property
    def first_ns(self) -> int | None:
        """Time of the first event."""
        return self._first

    @property
    def last_ns(self) -> int | None:
        """Time of the last event."""
        return self._last

    def _source(self, start_ns: int, end_ns: int, block: int) -> Iterator[BarColumns]:
        starts = self._bars.start
        low = max(0, int(np.searchsorted(starts, start_ns, "right")) - 1)
        high = int(np.searchsorted(starts, end_ns))
        for first in range(low, high, block):
            yield self._bars.cut(first, min(high, first + block))


@final
class SyntheticTape(_ExpandedTape):
    """Seeded prices that never begin and never end."""

    def __init__(self, bars: SyntheticBars, expander: BarExpander) -> None:
        super().__init__(expander)
        self._bars = bars

    @property
    def first_ns(self) -> int | None:
        """Nothing: synthetic prices have no beginning."""
        return None

    @property
    def last_ns(self) -> int | None:
        """Nothing: synthetic prices never end."""
        return None

    def _source(self, start_ns: int, end_ns: int, block: int) -> Iterator[BarColumns]:
        return self._bars.columns(start_ns, end_ns, block)


@final
class MergedTape:
    """Several tapes of one instrument as one, for example quotes and trades of two files."""

    def __init__(self, tapes: Sequence[Tape]) -> None:
        self._tapes = tapes

    @property
    def first_ns(self) -> int | None:
        """Time of the earliest event."""
        return min(t.first_ns for t in self._tapes if t.first_ns is not None)

    @property
    def last_ns(self) -> int | None:
        """Time of the latest event."""
        return max(t.last_ns for t in self._tapes if t.last_ns is not None)

    def events(self, start_ns: int, end_ns: int) -> Iterator[MarketEvent]:
        """Yield the events of a range; at equal times the order of the tapes decides."""
        streams = [tape.events(start_ns, end_ns) for tape in self._tapes]
        return heapq.merge(*streams, key=lambda event: event.ts_ns)

    def columns(self, start_ns: int, end_ns: int) -> Iterator[TickColumns]:
        """Yield the events of a range in blocks of a day."""
        for begin in range(start_ns, end_ns, _DAY_NS):
            end = min(end_ns, begin + _DAY_NS)
            parts = [part for tape in self._tapes for part in columns_of(tape, begin, end)]
            if parts:
                yield merged(parts)

    def blocks(
        self,
        start_ns: int,
        end_ns: int,
        wanted: Wanted,  # noqa: ARG002 - all are there
    ) -> Iterator[TickColumns]:
        """Yield the same."""
        return self.columns(start_ns, end_ns)


def columns_of(tape: Tape, start_ns: int, end_ns: int) -> Iterator[TickColumns]:
    """Yield the events of any tape as columns, in blocks if it has them."""
    if isinstance(tape, ColumnTape):
        return tape.columns(start_ns, end_ns)
    return iter([TickColumns.of(list(tape.events(start_ns, end_ns)))])


def _blocks(
    expander: BarExpander, bars: BarColumns, start_ns: int, end_ns: int, wanted: Wanted
) -> Iterator[TickColumns | TickMatrix]:
    """Yield ticks of bars as a matrix, but for bars that reach out of the range."""
    first = int(np.searchsorted(bars.start, start_ns))
    last = int(np.searchsorted(bars.end, end_ns, "right"))
    if first:
        yield expander.columns(bars.cut(0, first)).between(start_ns, end_ns)
    for begin in range(first, last, _EXPANDED):
        whole = bars.cut(begin, min(last, begin + _EXPANDED))
        yield expander.matrix(whole, wanted) or expander.columns(whole)
    if max(first, last) < len(bars):
        rest = bars.cut(max(first, last), len(bars))
        yield expander.columns(rest).between(start_ns, end_ns)
