"""IB's published limits, as a gateway enforces them. Times are real seconds."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.errors import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["HistoryPacing", "MessageRate"]

_MESSAGES_PER_SECOND: Final = 50
_BREACHES_BEFORE_DISCONNECT: Final = 3
_IDENTICAL_SECONDS: Final = 15.0
_BURST: Final = 6
_BURST_SECONDS: Final = 2.0
_WINDOW: Final = 60
_WINDOW_SECONDS: Final = 600.0
_VIOLATION: Final = (
    "Historical Market Data Service error message:Historical data request pacing violation"
)


@final
class MessageRate:
    """Counts a connection's messages; more than 50 a second is a breach."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._times: deque[float] = deque()
        self.breaches = 0

    def count(self) -> bool:
        """Count a message and tell whether it breaks the limit."""
        now = self._now()
        times = self._times
        while times and now - times[0] >= 1.0:
            times.popleft()
        times.append(now)
        if len(times) <= _MESSAGES_PER_SECOND:
            return False
        self.breaches += 1
        times.clear()
        return True

    @property
    def is_hopeless(self) -> bool:
        """Whether the client has broken the limit often enough to be disconnected."""
        return self.breaches >= _BREACHES_BEFORE_DISCONNECT


@final
class HistoryPacing:
    """The rules for historical requests, over all clients of the gateway.

    No identical request within 15 s; at most 6 for one contract, exchange and kind of data within
    2 s; at most 60 for bars of 30 s or less within 10 minutes.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._identical: dict[Hashable, float] = {}
        self._bursts: dict[Hashable, deque[float]] = {}
        self._window: deque[float] = deque()

    def check(self, request: Hashable, stream: Hashable, *, small_bars: bool, weight: int) -> None:
        """Count a request; `weight` is 2 for BID_ASK, which IB counts twice.

        Raises:
            RequestRefused: 162 pacing violation.
        """
        now = self._now()
        last = self._identical.get(request)
        if last is not None and now - last < _IDENTICAL_SECONDS:
            raise RequestRefused(162, _VIOLATION)
        burst = self._bursts.setdefault(stream, deque())
        _forget(burst, now - _BURST_SECONDS)
        _forget(self._window, now - _WINDOW_SECONDS)
        too_many = len(burst) + weight > _BURST
        if too_many or (small_bars and len(self._window) + weight > _WINDOW):
            raise RequestRefused(162, _VIOLATION)
        self._identical[request] = now
        burst.extend([now] * weight)
        if small_bars:
            self._window.extend([now] * weight)
        if len(self._identical) > 10_000:
            self._identical = {
                key: at for key, at in self._identical.items() if now - at < _IDENTICAL_SECONDS
            }


def _forget(times: deque[float], before: float) -> None:
    while times and times[0] <= before:
        times.popleft()
