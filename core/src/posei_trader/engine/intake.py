"""Between clients and listeners: plain calls while listeners keep up, a bounded queue when not.

Everything runs on one event loop, so a listener that is slow keeps the sockets from being read. So
listeners get a share of each turn of the loop. What does not fit into it waits here and is handed
out in later turns, in order; in between, sockets are read, and order events, which never wait here,
go their way.

What waits is bounded. Items that describe a state (quotes, books, status) may be conflated: the
newer one takes the older one's place in the queue, at its end. Of the others (trades, bars) the
oldest is dropped when there is no room, and the gap is announced to whoever listens.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast, final

import msgspec

from posei_trader.engine.bus import Handler
from posei_trader.engine.merging import merged

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.config import LiveDataEngineConfig
    from posei_trader.engine.counters import Counters
    from posei_trader.protocols import Clock

__all__ = ["Intake", "IntakeStatus", "Waiting"]

_log: Final = logging.getLogger("posei.DataEngine")

_ALWAYS: Final = 0
_WALL_TURNS: Final = 4
"""How many turns' time may pass in one turn, worked or not."""
_ANNOUNCE_EVERY_NS: Final = 1_000_000_000


class Timed(Protocol):
    """What waits: anything that says when it happened."""

    @property
    def ts_event(self) -> int:
        """When it happened, UNIX ns UTC."""


class IntakeStatus(msgspec.Struct, frozen=True):
    """How listeners keep up, for people and health checks.

    Attributes:
        waiting: Items that wait now.
        most_waiting: The most that ever waited.
        capacity: The most that may wait.
        delayed: Items that had to wait.
        conflated: Items whose place a newer one took.
        dropped: Items for which there was no room.
    """

    waiting: int
    most_waiting: int
    capacity: int
    delayed: int
    conflated: int
    dropped: int


@final
class Waiting(msgspec.Struct, gc=False):
    """An item that waits.

    Attributes:
        deliver: Hands it out.
        item: The item.
        state: For what is a state: what it is the state of. Equal ones can be conflated.
        stream: For what can be dropped: by what its listeners know it. What is a state and cannot
            be dropped (changes of a book) is conflated by every policy when there is no room.
    """

    deliver: Handler
    item: object
    state: Hashable | None
    stream: Hashable | None


@final
@dataclass(slots=True)
class _Dropped:
    """What was dropped of one stream since it was last announced."""

    start_ns: int
    end_ns: int
    count: int = 0


@final
class Intake:
    """Decide for each item whether it is handed out now or waits.

    How long listeners work is real time, whatever the node's clock shows. The first item of a turn
    is handed out before anybody looks at a clock, and does not count: when little is going on, each
    is a first one, and what it takes to begin a turn would be a fifth of its way.

    Attributes:
        is_begun: Whether a turn's first item is being handed out: then whoever does calls `settle`.
        closes_at: Until when items are handed out at once, by the clock; 0 says: ask `admits`.
        closes_at_monotonic: The same by the machine's monotonic clock.

    Args:
        clock: Time.
        config: How many may wait, how long listeners may work, when to conflate.
        counters: Where conflated and dropped items are counted.
        announce: Called with (stream, first ts_event, last ts_event, count) of what was dropped.
    """

    def __init__(
        self,
        clock: Clock,
        config: LiveDataEngineConfig,
        counters: Counters,
        announce: Callable[[Hashable, int, int, int], None],
    ) -> None:
        self._clock = clock
        self._capacity = config.queue_size
        self._turn_ns = config.turn_ms * 1_000_000
        self._policy = config.conflation
        self._counters = counters
        self._announce = announce
        self._queue: OrderedDict[Hashable, Waiting] = OrderedDict()
        self._numbers = itertools.count()
        self._is_conflating = config.conflation == "when_waiting"
        self._is_pumping = False
        self._is_turn_open = False
        self.is_begun = False
        self._context = contextvars.copy_context()
        self._deadline = self._worked_at = 0
        self._lost: dict[Hashable, _Dropped] = {}
        self._announced_at = 0
        self._most = self._delayed = self._conflated = self._dropped = 0
        self.closes_at = self.closes_at_monotonic = _ALWAYS

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def status(self) -> IntakeStatus:
        """How listeners keep up."""
        self._note_most()
        return IntakeStatus(
            len(self._queue),
            self._most,
            self._capacity,
            self._delayed,
            self._conflated,
            self._dropped,
        )

    def admits(self) -> bool:
        """Return whether an item may be handed out now; begins a turn if none has begun."""
        if self._queue:
            return False
        if self._is_turn_open:
            left = self._left()
            self._close_in(left)
            return left > 0
        if self.is_begun:
            self.settle()  # the first one brought another
        else:
            self.is_begun = True
        return True

    def settle(self) -> None:
        """Look at the clock from now on, until the loop has turned."""
        self.is_begun = False
        self._begin()
        self._close_in(self._turn_ns)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # without a loop there is no socket that could starve
        self._is_turn_open = True
        loop.call_soon(self._turn_over, context=self._context)

    def _close_in(self, left_ns: int) -> None:
        self.closes_at = self._clock.timestamp_ns() + left_ns
        self.closes_at_monotonic = time.monotonic_ns() + left_ns

    def _begin(self) -> None:
        self._worked_at = time.thread_time_ns()
        self._deadline = time.monotonic_ns() + _WALL_TURNS * self._turn_ns

    def _left(self) -> int:
        """Return what is left of the turn; what other programs take of it does not count."""
        work = self._turn_ns - (time.thread_time_ns() - self._worked_at)
        return min(work, self._deadline - time.monotonic_ns())

    def take(
        self,
        deliver: Handler,
        item: object,
        *,
        state: Hashable | None = None,
        stream: Hashable | None = None,
    ) -> None:
        """Hand an item out, now or when its turn comes.

        Args:
            deliver: Hands it out.
            item: The item.
            state: What it is the state of, if it may be conflated.
            stream: By what its listeners know it, if it may be dropped.
        """
        if self.admits():
            deliver(item)
            if self.is_begun:
                self.settle()
        else:
            self.hold(deliver, item, state=state, stream=stream)

    def hold(
        self,
        deliver: Handler,
        item: object,
        *,
        state: Hashable | None = None,
        stream: Hashable | None = None,
    ) -> None:
        """Let an item wait. As `take`."""
        waiting = Waiting(deliver, item, state, stream)
        self._delayed += 1
        self.closes_at = self.closes_at_monotonic = _ALWAYS
        if self._is_conflating or len(self._queue) >= self._capacity:
            self._squeeze_in(waiting)
        else:
            self._queue[next(self._numbers)] = waiting
        if not self._is_pumping:
            self._is_pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def clear(self) -> None:
        """Forget what waits: the node stops."""
        if self._queue:
            _log.info("%d items of data were waiting when the node stopped", len(self._queue))
        self._queue.clear()

    # -- room -----------------------------------------------------------------------------------

    def _squeeze_in(self, waiting: Waiting) -> None:
        self._note_most()
        if len(self._queue) >= self._capacity:
            self._make_room()
        self._enqueue(self._queue, waiting)
        while len(self._queue) > self._capacity and self._drop_oldest():
            pass

    def _note_most(self) -> None:
        """Note how many wait: before some go, rather than whenever one comes."""
        self._most = max(self._most, len(self._queue))

    def _make_room(self) -> None:
        """Keep of each state only the newest, from now until nothing waits any more."""
        if self._is_conflating:
            return
        self._is_conflating = True
        before, self._queue = self._queue, OrderedDict()
        for waiting in before.values():
            self._enqueue(self._queue, waiting)

    def _enqueue(self, queue: OrderedDict[Hashable, Waiting], waiting: Waiting) -> None:
        key = waiting.state
        is_kept = self._policy == "never" and waiting.stream is not None
        if key is None or is_kept or not self._is_conflating:
            key = next(self._numbers)
        elif (older := queue.pop(key, None)) is not None:
            self._conflated += 1
            self._counters.add("items_conflated_for_slow_listeners", waiting.item)
            waiting.item = merged(older.item, waiting.item)
        queue[key] = waiting

    def _drop_oldest(self) -> bool:
        droppable = (key for key, waiting in self._queue.items() if waiting.stream is not None)
        key = next(droppable, None)
        if key is None:
            return False
        waiting = self._queue.pop(key)
        self._dropped += 1
        self._counters.add("items_dropped_for_slow_listeners", waiting.item)
        moment = cast("Timed", waiting.item).ts_event  # what can be dropped says when it was
        lost = self._lost.setdefault(waiting.stream, _Dropped(moment, moment))
        lost.end_ns = max(lost.end_ns, moment)
        lost.count += 1
        return True

    # -- turns ----------------------------------------------------------------------------------

    def _turn_over(self) -> None:
        self._is_turn_open = False
        self.closes_at = self.closes_at_monotonic = _ALWAYS

    def _pump(self) -> None:
        """Hand out what waits, for one turn's time."""
        queue, now = self._queue, time.monotonic_ns
        self._note_most()
        self._begin()
        look_at = now() + self._turn_ns
        while queue:
            _, waiting = queue.popitem(last=False)
            waiting.deliver(waiting.item)
            if now() >= look_at:
                left = self._left()
                if left <= 0:
                    break
                look_at = now() + left
            queue = self._queue  # conflating replaces it
        queue = self._queue
        self._tell(is_over=not queue)
        if queue:
            asyncio.get_running_loop().call_soon(self._pump)
        else:
            self._is_pumping = False
            if self._is_conflating and self._policy != "when_waiting":
                self._is_conflating = False
                _log.warning(
                    "listeners have caught up; since the start %d items were conflated, %d dropped",
                    self._conflated,
                    self._dropped,
                )

    def _tell(self, *, is_over: bool) -> None:
        """Announce what was dropped: at once, but not more often than once a second."""
        if not self._lost:
            return
        now = time.monotonic_ns()
        if not is_over and now - self._announced_at < _ANNOUNCE_EVERY_NS:
            return
        self._announced_at = now
        lost, self._lost = self._lost, {}
        for stream, part in lost.items():
            self._announce(stream, part.start_ns, part.end_ns, part.count)
