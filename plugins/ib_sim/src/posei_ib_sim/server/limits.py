"""IB's published limits, as a gateway enforces them. Times are real seconds."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.errors import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from posei_ib_sim.server.session import Session

__all__ = ["HistoryPacing", "MessageRate", "check_subscriptions"]

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

# Kinds of subscriptions by the requests that begin them. Streaming quotes, real-time bars and bars
# kept up to date share the market data lines; profit and loss takes none.
_LINES: Final[dict[type[wire.ClientMessage], str]] = {
    wire.MarketDataRequest: "market data",
    wire.RealTimeBarsRequest: "real-time bars",
    wire.HistoricalDataRequest: "history",
}
_PROFITS: Final[dict[type[wire.ClientMessage], str]] = {
    wire.PnLRequest: "pnl",
    wire.PnLSingleRequest: "pnl single",
}


def check_subscriptions(
    session: Session, message: wire.ClientMessage, everybody: Iterable[Session], lines: int
) -> None:
    """Refuse a request that would subscribe to more than a user, or a client, may have.

    Args:
        session: The client that asks.
        message: What it asks; anything but a subscription passes.
        everybody: All clients: they share the user's market data lines.
        lines: Market data lines of the user. IB publishes no number for profit and loss; as many
            are allowed to each client.

    Raises:
        RequestRefused: 101 without a free line, 322 with too much profit and loss.
    """
    kind = _LINES.get(type(message)) or _PROFITS.get(type(message))
    if kind is None or session.has(kind, getattr(message, "reqId", None) or 0):
        return
    if kind in _PROFITS.values():
        if sum(session.count(one) for one in _PROFITS.values()) >= lines:
            raise RequestRefused(
                322,
                "Error processing request.-'cP' : cause - Maximum number of PnL requests exceeded",
            )
        return
    if isinstance(message, wire.HistoricalDataRequest) and not message.keepUpToDate:
        return
    if sum(one.count(used) for one in everybody for used in _LINES.values()) >= lines:
        raise RequestRefused(101, "Max number of tickers has been reached")


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
