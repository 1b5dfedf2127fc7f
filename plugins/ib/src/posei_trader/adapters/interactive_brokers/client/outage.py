"""How long the connection has been away, and when that becomes an alarm.

An outage begins when a connection that was ready is not ready any more, and ends when it is ready
again. In a maintenance window it is expected; what outlasts the window is an alarm like any other.
An alarm is repeated, at growing distances, until the outage has ended.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.maintenance import window_at

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.options import ConnectionOptions
    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.adapters.interactive_brokers.maintenance import IBMaintenanceWindow
    from posei_trader.protocols import TimerHandle

__all__ = ["Outage"]

_SECOND: Final = 1_000_000_000
_LONGEST_PAUSE_S: Final = 3_600.0


@final
class Outage:
    """Watch one connection's absences.

    Args:
        session: Time and log.
        options: How long is too long, and when it is expected.
    """

    def __init__(self, session: Session, options: ConnectionOptions) -> None:
        self._session = session
        self._windows = options.maintenance
        self._alarm_after = options.alarm_after
        self._timer: TimerHandle | None = None
        self._pause = options.alarm_after
        self._reason = ""
        self.since_ns: int | None = None
        """When the present outage began, UNIX ns UTC; None when there is none."""
        self.alarm: str | None = None
        """What is wrong, once it has been wrong for too long."""
        self.alarms = 0
        """How many outages became alarms."""

    def window(self) -> IBMaintenanceWindow | None:
        """Return the maintenance window that we are in."""
        found = window_at(self._windows, self._session.clock.timestamp_ns())
        return None if found is None else found[0]

    def began(self, reason: str) -> None:
        """Take note that the connection is not ready; an outage that goes on keeps its start."""
        self._reason = reason
        if self.since_ns is not None:
            return
        now = self.since_ns = self._session.clock.timestamp_ns()
        self._pause = self._alarm_after
        found = window_at(self._windows, now)
        if found is not None:
            self._session.log.info(
                "this is a maintenance window: an absence is expected",
                window=str(found[0]),
                until=_text(found[1]),
                reason=reason,
            )
        self._look_at(now + int(self._alarm_after * _SECOND))

    def ended(self) -> None:
        """Take note that the connection is ready again. Idempotent."""
        if self.since_ns is None:
            return
        seconds = (self._session.clock.timestamp_ns() - self.since_ns) / _SECOND
        self._session.log.info(
            "the outage has ended", seconds=round(seconds, 3), was_alarm=self.alarm is not None
        )
        self.stop()

    def stop(self) -> None:
        """Watch nothing. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.since_ns = self.alarm = None

    def _look_at(self, when_ns: int) -> None:
        self._timer = self._session.clock.call_at(when_ns, self._look)

    def _look(self) -> None:
        if self.since_ns is None:
            return
        now = self._session.clock.timestamp_ns()
        found = window_at(self._windows, now)
        if found is not None:
            self._look_at(found[1] + int(self._alarm_after * _SECOND))
            return
        seconds = (now - self.since_ns) / _SECOND
        if self.alarm is None:
            self.alarms += 1
        self.alarm = f"not ready since {_text(self.since_ns)}: {self._reason}"
        self._session.log.critical(
            "the connection has not been ready for too long",
            seconds=round(seconds, 1),
            since=_text(self.since_ns),
            reason=self._reason,
            remedy="look at TWS or IB Gateway: is it running, logged in, and online?",
        )
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)
        self._look_at(now + int(self._pause * _SECOND))


def _text(moment_ns: int) -> str:
    moment = dt.datetime.fromtimestamp(moment_ns // _SECOND, dt.UTC)
    return moment.isoformat().replace("+00:00", "Z")
