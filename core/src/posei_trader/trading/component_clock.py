"""The clock that an actor or strategy sees: the node's, with timers by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import msgspec

from posei_trader.errors import InvalidRequest
from posei_trader.trading.moments import from_ns, span_ns, to_ns

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from posei_trader.protocols import Clock, TimerHandle

__all__ = ["ComponentClock", "TimeEvent"]


class TimeEvent(msgspec.Struct, frozen=True):
    """A timer or an alert came due.

    Attributes:
        name: Its name.
        ts_event: The moment it was set for, UNIX ns UTC.
        ts_init: The moment of the callback, UNIX ns UTC.
    """

    name: str
    ts_event: int
    ts_init: int


@final
class ComponentClock:
    """Time, alerts and timers of one component; they end when it stops.

    Args:
        clock: The node's clock.
        guard: Calls a callback with its argument and sees to what that raises.
    """

    def __init__(
        self, clock: Clock, guard: Callable[[Callable[[TimeEvent], object], TimeEvent], None]
    ) -> None:
        self._clock = clock
        self._guard = guard
        self._handles: dict[str, TimerHandle] = {}

    def timestamp_ns(self) -> int:
        """Return now, UNIX ns UTC. Never goes backwards."""
        return self._clock.timestamp_ns()

    def utc_now(self) -> datetime:
        """Return now as an aware datetime, cut to microseconds."""
        return from_ns(self._clock.timestamp_ns())

    @property
    def timer_names(self) -> list[str]:
        """Return the names of the timers and alerts that are set."""
        return sorted(self._handles)

    def set_time_alert(
        self, name: str, when: datetime, callback: Callable[[TimeEvent], object]
    ) -> None:
        """Call back once at a moment, or as soon as possible when it has passed.

        Raises:
            InvalidRequest: the name is taken, or the moment has no time zone.
        """
        self._check_free(name)
        self._set(name, to_ns(when, "when"), 0, None, callback)

    def set_timer(
        self,
        name: str,
        interval: timedelta,
        callback: Callable[[TimeEvent], object],
        *,
        start: datetime | None = None,
        stop: datetime | None = None,
    ) -> None:
        """Call back again and again, first one interval after `start`.

        Moments that were missed, because the process was asleep, are skipped, not made up for.

        Args:
            name: Its name, unique in the component.
            interval: The time between calls; positive.
            callback: What is called.
            start: Where counting begins; None is now.
            stop: No call comes after this moment; None never ends.

        Raises:
            InvalidRequest: the name is taken, the interval is not positive, or a moment has no
                time zone.
        """
        self._check_free(name)
        step = span_ns(interval)
        if step <= 0:
            raise InvalidRequest(
                "a timer's interval must be positive",
                field="interval",
                value=interval,
                remedy="give something like timedelta(seconds=10)",
            )
        begin = self.timestamp_ns() if start is None else to_ns(start, "start")
        end = None if stop is None else to_ns(stop, "stop")
        self._set(name, begin + step, step, end, callback)

    def cancel_timer(self, name: str) -> None:
        """End a timer or an alert. Idempotent."""
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def cancel_timers(self) -> None:
        """End all of them. Idempotent."""
        for name in list(self._handles):
            self.cancel_timer(name)

    def _check_free(self, name: str) -> None:
        if name in self._handles:
            raise InvalidRequest(
                "a timer of this name is set already",
                field="name",
                value=name,
                remedy="cancel it first, or choose another name",
            )

    def _set(
        self,
        name: str,
        when: int,
        step: int,
        end: int | None,
        callback: Callable[[TimeEvent], object],
    ) -> None:
        if end is None or when <= end:
            self._handles[name] = self._clock.call_at(
                when, lambda: self._due(name, when, step, end, callback)
            )

    def _due(
        self,
        name: str,
        when: int,
        step: int,
        end: int | None,
        callback: Callable[[TimeEvent], object],
    ) -> None:
        del self._handles[name]
        now = self.timestamp_ns()
        if step:
            missed = max(0, now - when) // step
            self._set(name, when + (missed + 1) * step, step, end, callback)
        self._guard(callback, TimeEvent(name, when, now))
