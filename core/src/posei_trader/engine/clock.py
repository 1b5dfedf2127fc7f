"""Clocks: the real one on the event loop, and one that only moves when it is told to."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from typing import TYPE_CHECKING, Final, final

from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LiveClock", "SimulatedClock", "Timer"]

_log: Final = logging.getLogger("posei.Clock")

_NANOS: Final = 1_000_000_000
_RESYNC_NS: Final = _NANOS // 10
_SLEW_NS: Final = _RESYNC_NS // 2
_LONGEST_WAIT_S: Final = 3_600.0


@final
class Timer:
    """A callback at a moment: what :meth:`Clock.call_at` returns.

    Attributes:
        when_ns: The moment, UNIX ns UTC.
    """

    __slots__ = ("_callback", "_handle", "when_ns")

    def __init__(self, when_ns: int, callback: Callable[[], None]) -> None:
        self.when_ns = when_ns
        self._callback: Callable[[], None] | None = callback
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_active(self) -> bool:
        """Return whether it is still to be called back."""
        return self._callback is not None

    def cancel(self) -> None:
        """Stop it. Idempotent; never raises."""
        self._callback = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, handle: asyncio.TimerHandle) -> None:
        self._handle = handle

    def _fire(self) -> None:
        callback, self._callback, self._handle = self._callback, None, None
        if callback is None:
            return
        try:
            callback()
        except Exception:  # noqa: BLE001  one callback may not stop the other timers
            _log.exception("a timer's callback raised")


@final
class LiveClock:
    """Tell the real time, and call back on the running event loop.

    The monotonic clock carries the time between two looks at the wall clock, a tenth of a second
    apart. A wall clock that is set forward is followed at once. One that is set back is approached
    by running at half speed until it has caught up, so that time neither stops nor goes backwards.

    Args:
        wall_ns: Where the time of day comes from.
        monotonic_ns: Where the passage of time comes from.
    """

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._offset = wall_ns() - monotonic_ns()
        self._resync_at = monotonic_ns() + _RESYNC_NS
        self._last = 0

    def timestamp_ns(self) -> int:
        """Return now, UNIX ns UTC. Never goes backwards."""
        monotonic = self._monotonic_ns()
        if monotonic >= self._resync_at:
            self._offset = max(self._wall_ns() - monotonic, self._offset - _SLEW_NS)
            self._resync_at = monotonic + _RESYNC_NS
        now = monotonic + self._offset
        if now < self._last:  # a comparison costs a tick less than a call of max()
            return self._last
        self._last = now
        return now

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Call back once at a moment, or at the loop's next turn when it has passed.

        What the callback raises is logged.

        Raises:
            InvalidRequest: no event loop runs in this thread.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError as error:
            raise InvalidRequest(
                "a timer needs a running event loop",
                field="when_ns",
                value=when_ns,
                remedy="set it from on_start or later, not while objects are made",
            ) from error
        timer = Timer(when_ns, callback)
        self._wait(timer, loop)
        return timer

    def _wait(self, timer: Timer, loop: asyncio.AbstractEventLoop) -> None:
        left = (timer.when_ns - self.timestamp_ns()) / _NANOS
        delay = min(max(left, 0.0), _LONGEST_WAIT_S)
        timer._arm(loop.call_later(delay, self._due, timer, loop))  # noqa: SLF001  one unit

    def _due(self, timer: Timer, loop: asyncio.AbstractEventLoop) -> None:
        # The loop's own clock may be a little early, and the wall clock may have been set.
        if self.timestamp_ns() < timer.when_ns:
            self._wait(timer, loop)
        else:
            timer._fire()  # noqa: SLF001  clock and timer are one unit


@final
class SimulatedClock:
    """Tell a time that only moves when it is advanced, and fire timers on the way, in order.

    Args:
        start_ns: The first moment, UNIX ns UTC.
    """

    def __init__(self, start_ns: int = 0) -> None:
        self._now = start_ns
        self._order = itertools.count()
        self._timers: list[tuple[int, int, Timer]] = []

    def timestamp_ns(self) -> int:
        """Return now, UNIX ns UTC. Never goes backwards."""
        return self._now

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Call back once when the clock reaches a moment, or at its next advance if it has."""
        timer = Timer(when_ns, callback)
        heapq.heappush(self._timers, (when_ns, next(self._order), timer))
        return timer

    def advance_to(self, when_ns: int) -> int:
        """Move forward, firing every timer on the way at its own moment; return how many fired.

        Timers of one moment fire in the order in which they were set. A timer that a callback sets
        on the way fires too.

        Raises:
            InvalidRequest: the moment lies in the past.
        """
        if when_ns < self._now:
            raise InvalidRequest(
                "time does not go backwards",
                field="when_ns",
                value=when_ns,
                remedy=f"give a moment at or after {self._now}",
            )
        fired = 0
        while self._timers and self._timers[0][0] <= when_ns:
            moment, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, moment)
            if timer.is_active:
                fired += 1
                timer._fire()  # noqa: SLF001  clock and timer are one unit
        self._now = when_ns
        return fired

    def advance(self, nanos: int) -> int:
        """Move forward by a span; return how many timers fired."""
        return self.advance_to(self._now + nanos)

    def next_timer_ns(self) -> int | None:
        """Return the moment of the next active timer, None when there is none."""
        while self._timers and not self._timers[0][2].is_active:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None
