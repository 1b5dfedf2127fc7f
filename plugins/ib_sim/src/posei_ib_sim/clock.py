"""The simulated clock: one source of time and one scheduler for the whole simulation.

All times are UNIX nanoseconds, UTC. Nothing here sleeps or knows about asyncio: a driver asks how
long to wait for the next timer and then runs it, so the same clock serves real time, a trading day
in seconds, and a test that advances it by hand.
"""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NANOSECONDS", "SimulatedClock", "Timer"]

NANOSECONDS: Final = 1_000_000_000
"""Nanoseconds in a second."""


@final
class Timer:
    """A callback due at a simulated time; cancelling it twice is harmless."""

    __slots__ = ("_callback", "_sequence", "due_ns")

    def __init__(self, due_ns: int, sequence: int, callback: Callable[[], None]) -> None:
        self.due_ns: Final = due_ns
        self._sequence = sequence
        self._callback: Callable[[], None] | None = callback

    def __lt__(self, other: Timer) -> bool:
        return (self.due_ns, self._sequence) < (other.due_ns, other._sequence)

    @property
    def is_cancelled(self) -> bool:
        """Whether the timer has been cancelled or has already run."""
        return self._callback is None

    def cancel(self) -> None:
        """Make sure the callback does not run any more."""
        self._callback = None

    def run(self) -> None:
        """Run the callback, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


@final
class SimulatedClock:
    """Simulated UTC time with a scheduler.

    Time either flows (`rate` simulated seconds per real second, while not paused) or moves only
    when somebody advances it (`rate=None`). In both forms it never passes a timer that has not
    run, so callbacks always see a `now_ns` equal to their own due time or, when the machine was
    late, later than it by nothing: a late timer still runs at its due time.

    Args:
        start_ns: The simulated time at construction.
        rate: Simulated seconds per real second, or `None` for a clock that only steps.
        monotonic_ns: The real-time source; tests may give their own.
    """

    def __init__(
        self,
        start_ns: int,
        *,
        rate: float | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if rate is not None and not rate > 0:
            message = f"rate={rate!r} must be greater than 0, or None for a stepped clock"
            raise ValueError(message)
        self._rate = rate
        self._monotonic_ns = monotonic_ns
        self._anchor_sim = start_ns
        self._anchor_real = monotonic_ns()
        self._paused = rate is not None
        self._now = start_ns
        self._timers: list[Timer] = []
        self._sequence = 0
        self.on_timer_added: Callable[[], None] | None = None

    @property
    def rate(self) -> float | None:
        """Simulated seconds per real second, `None` when the clock only steps."""
        return self._rate

    @property
    def is_flowing(self) -> bool:
        """Whether time passes by itself now."""
        return self._rate is not None and not self._paused

    @property
    def now_ns(self) -> int:
        """The simulated time; never earlier than a time already seen."""
        if self._rate is None or self._paused:
            return self._now
        elapsed = self._monotonic_ns() - self._anchor_real
        now = self._anchor_sim + int(elapsed * self._rate)
        due = self.next_due_ns
        if due is not None and now > due:
            now = due
        self._now = max(self._now, now)
        return self._now

    @property
    def next_due_ns(self) -> int | None:
        """When the earliest live timer is due, `None` without timers."""
        timers = self._timers
        while timers and timers[0].is_cancelled:
            heapq.heappop(timers)
        return timers[0].due_ns if timers else None

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> Timer:
        """Schedule `callback`; a due time in the past means as soon as possible.

        Callbacks of one due time run in the order in which they were scheduled.
        """
        self._sequence += 1
        timer = Timer(max(due_ns, self._now), self._sequence, callback)
        heapq.heappush(self._timers, timer)
        if self.on_timer_added is not None:
            self.on_timer_added()
        return timer

    def call_later(self, delay_ns: int, callback: Callable[[], None]) -> Timer:
        """Schedule `callback` a simulated `delay_ns` from now."""
        return self.call_at(self.now_ns + delay_ns, callback)

    def every(self, period_ns: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Run `callback` each `period_ns` from now on; return what ends that."""
        timers: list[Timer] = []
        stopped: list[bool] = []

        def run() -> None:
            callback()
            if not stopped:
                timers[:] = [self.call_later(period_ns, run)]

        timers.append(self.call_later(period_ns, run))

        def stop() -> None:
            stopped.append(True)
            for timer in timers:
                timer.cancel()

        return stop

    def resume(self) -> None:
        """Let time flow from where it stands; without effect on a stepped clock."""
        if self._rate is not None and self._paused:
            self._paused = False
            self._anchor_sim = self._now
            self._anchor_real = self._monotonic_ns()

    def pause(self) -> None:
        """Hold time where it is; timers stay scheduled."""
        if self.is_flowing:
            self._now = self.now_ns
            self._paused = True

    def seconds_until(self, due_ns: int) -> float:
        """Real seconds until the simulated `due_ns`; 0 when it is past or the clock steps."""
        if self._rate is None:
            return 0.0
        elapsed = self._monotonic_ns() - self._anchor_real
        now = self._anchor_sim + int(elapsed * self._rate)
        return max(0.0, (due_ns - now) / self._rate / NANOSECONDS)

    def run_next(self) -> int | None:
        """Run every timer of the earliest due time and return that time, `None` without timers."""
        due = self.next_due_ns
        if due is None:
            return None
        self._now = max(self._now, due)
        while self.next_due_ns == due:
            heapq.heappop(self._timers).run()
        return due

    def advance_to(self, target_ns: int) -> None:
        """Run all timers due up to and including `target_ns`, in order, and stop there.

        Raises:
            ValueError: The target lies in the past.
        """
        if target_ns < self._now:
            message = f"target_ns={target_ns} lies before now ({self._now}); time never goes back"
            raise ValueError(message)
        while (due := self.next_due_ns) is not None and due <= target_ns:
            self.run_next()
        self._now = max(self._now, target_ns)
        self._anchor_sim = self._now
        self._anchor_real = self._monotonic_ns()

    def advance(self, delta_ns: int) -> None:
        """Advance by `delta_ns`, running what becomes due."""
        self.advance_to(self.now_ns + delta_ns)

    def jump(self, delta_ns: int) -> None:
        """Set the clock off by `delta_ns` without running timers in between (a fault).

        A jump back keeps `now_ns` monotonic for timers: they run at their due times as before.
        """
        now = self.now_ns + delta_ns
        self._now = now
        self._anchor_sim = now
        self._anchor_real = self._monotonic_ns()

    def set_rate(self, rate: float) -> None:
        """Let time flow at another rate from now on; it stays paused until `resume`."""
        self._now = self.now_ns
        self._paused = True
        self._rate = rate
