"""IB's data farms: which are out of reach, and which streams did not come back with them.

IB resumes the streams of a farm by itself. Those that were alive before the farm broke and are
silent after it came back are opened anew, each once; the rest is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.client.messages import BrokenFarm, DataSource
from posei_trader.adapters.interactive_brokers.client.stream_records import StreamState
from posei_trader.adapters.interactive_brokers.pacing import LineKind

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.session import Notice, Session
    from posei_trader.adapters.interactive_brokers.client.stream_records import Stream, StreamPlan
    from posei_trader.protocols import TimerHandle

__all__ = ["Farms", "sources_of"]

_SECOND: Final = 1_000_000_000
_RECENT_NS: Final = 60 * _SECOND
"""A stream that was seen within this time before its farm broke was alive."""
_MOST_FARMS: Final = 100
_LONGEST_NAME: Final = 60
_MARKET_DATA: Final = frozenset({LineKind.MARKET_DATA, LineKind.TICK_BY_TICK, LineKind.DEPTH})


_SOURCES: Final = {
    2103: DataSource.MARKET_DATA,
    2104: DataSource.MARKET_DATA,
    2105: DataSource.HISTORY,
    2106: DataSource.HISTORY,
    2157: DataSource.DEFINITIONS,
    2158: DataSource.DEFINITIONS,
}
_NONE: Final = frozenset[DataSource]()
_LIVE: Final = frozenset({DataSource.MARKET_DATA})
_KEPT_UP: Final = frozenset({DataSource.HISTORY, DataSource.MARKET_DATA})
"""What the bars of a historical request need that go on live."""


@final
@dataclass(frozen=True, slots=True)
class _Alive:
    """A stream that had data when its farm broke."""

    stream: Stream
    req_id: int


@final
class Farms:
    """Follow the farms' notices.

    Args:
        session: The streams, the time and the log.
        grace: Seconds that a stream may be silent after its farm came back.
    """

    def __init__(self, session: Session, grace: float) -> None:
        self._session = session
        self._grace_ns = int(grace * _SECOND)
        self._broken: dict[str, DataSource] = {}
        self._alive: dict[DataSource, dict[int, _Alive]] = {}
        self._timers: dict[DataSource, TimerHandle] = {}

    def names(self) -> tuple[str, ...]:
        """Return the farms that are out of reach."""
        return tuple(sorted(self._broken))

    def broken(self) -> tuple[BrokenFarm, ...]:
        """Return the same, with what they have."""
        return tuple(BrokenFarm(name, source) for name, source in self._broken.items())

    def broke(self, notice: Notice) -> None:
        """Take note that a farm is out of reach."""
        kind = _SOURCES.get(notice.code, DataSource.DEFINITIONS)
        if len(self._broken) < _MOST_FARMS:
            self._broken[_farm(notice.message)] = kind
        alive = self._alive.setdefault(kind, {})
        self._session.streams.stamp()
        since = self._session.clock.timestamp_ns() - _RECENT_NS
        for stream in self._session.streams.by_id.values():
            is_served = stream.state is StreamState.OPEN and kind in sources_of(stream.plan)
            if is_served and stream.last_seen_ns > since:
                alive.setdefault(stream.req_id, _Alive(stream, stream.req_id))

    def came_back(self, notice: Notice) -> None:
        """Take note that a farm is there; look after its streams in a while."""
        kind = _SOURCES.get(notice.code, DataSource.DEFINITIONS)
        if self._broken.pop(_farm(notice.message), None) is None or kind not in self._alive:
            return
        counts = {number: one.stream.received for number, one in self._alive[kind].items()}
        before = self._timers.pop(kind, None)
        if before is not None:
            before.cancel()
        when = self._session.clock.timestamp_ns() + self._grace_ns
        self._timers[kind] = self._session.clock.call_at(when, lambda: self._look(kind, counts))

    def forget(self) -> None:
        """Begin anew with a new connection. Idempotent."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._alive.clear()
        self._broken.clear()

    def _look(self, kind: DataSource, counts: dict[int, int]) -> None:
        self._timers.pop(kind, None)
        alive = self._alive.get(kind, {})
        if kind not in self._broken.values():
            self._alive.pop(kind, None)
        for number, count in counts.items():
            one = alive.pop(number, None)
            if one is None or one.stream.req_id != one.req_id:
                continue  # it was opened anew meanwhile
            if one.stream.state is StreamState.OPEN and one.stream.received == count:
                self._session.streams.renew(
                    one.stream, f"silent since its {kind.value} farm came back"
                )


def sources_of(plan: StreamPlan) -> frozenset[DataSource]:
    """Return without which farms a stream may bring nothing; empty where none matters."""
    if plan.line in _MARKET_DATA:
        return _LIVE
    return _NONE if plan.cost is None else _KEPT_UP


def _farm(message: str) -> str:
    """Return the farm's name: ``Market data farm connection is broken:usfarm``."""
    return message.rpartition(":")[2].strip()[:_LONGEST_NAME]
