"""The tape of one instrument: all its market events, past and future, in time order.

Streaming plays the tape on the simulated clock; history reads the same tape backwards from now.
That is why a minute bar always equals the aggregate of its ticks.
"""

from __future__ import annotations

import bisect
import heapq
from typing import TYPE_CHECKING, Final, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posei_ib_sim.market.bars_to_ticks import BarExpander, BaseBar
    from posei_ib_sim.market.events import MarketEvent
    from posei_ib_sim.market.synthetic import SyntheticBars

__all__ = ["BarTape", "EmptyTape", "MergedTape", "SyntheticTape", "Tape", "TickTape"]


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


@final
class BarTape:
    """Bars in memory, expanded into ticks on the way out."""

    def __init__(self, bars: Sequence[BaseBar], expander: BarExpander) -> None:
        self._bars = bars
        self._starts = [bar.start_ns for bar in bars]
        self._expander = expander
        self._last: Final = [event.ts_ns for event in expander.expand(bars[-1])][-1]

    @property
    def first_ns(self) -> int | None:
        """Time of the first event."""
        return self._starts[0]

    @property
    def last_ns(self) -> int | None:
        """Time of the last event."""
        return self._last

    def events(self, start_ns: int, end_ns: int) -> Iterator[MarketEvent]:
        """Yield the events of a range."""
        low = max(0, bisect.bisect_right(self._starts, start_ns) - 1)
        for position in range(low, len(self._bars)):
            if self._starts[position] >= end_ns:
                return
            for event in self._expander.expand(self._bars[position]):
                if event.ts_ns >= end_ns:
                    return
                if event.ts_ns >= start_ns:
                    yield event


@final
class SyntheticTape:
    """Seeded prices that never begin and never end."""

    def __init__(self, bars: SyntheticBars, expander: BarExpander) -> None:
        self._bars = bars
        self._expander = expander

    @property
    def first_ns(self) -> int | None:
        """Nothing: synthetic prices have no beginning."""
        return None

    @property
    def last_ns(self) -> int | None:
        """Nothing: synthetic prices never end."""
        return None

    def events(self, start_ns: int, end_ns: int) -> Iterator[MarketEvent]:
        """Yield the events of a range."""
        for bar in self._bars.bars(start_ns, end_ns):
            for event in self._expander.expand(bar):
                if event.ts_ns >= end_ns:
                    return
                if event.ts_ns >= start_ns:
                    yield event


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
