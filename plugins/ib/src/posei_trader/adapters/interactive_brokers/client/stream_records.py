"""What is known of a stream that stays open: how to open it, who listens, what came last."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Any, Final, final

from posei_trader.adapters.interactive_brokers.pacing import LineKind

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ibapi.client import EClient

    from posei_trader.adapters.interactive_brokers.client.handlers import StreamHandler
    from posei_trader.adapters.interactive_brokers.client.scheduler import Command
    from posei_trader.adapters.interactive_brokers.pacing import HistoricalCost
    from posei_trader.adapters.interactive_brokers.wire.tick_columns import LevelOneRow
    from posei_trader.protocols import TimerHandle

__all__ = ["FanOut", "Stream", "StreamPlan", "StreamState", "StreamStatus"]

_SIZE_TYPES: Final = {1: 0, 2: 3, 4: 5, 66: 69, 67: 70, 68: 71}
"""IB's tick types of prices, and of their sizes: live, then delayed."""

_TRADES: Final = frozenset({("tick_string", 48), ("tick_string", 77)})
"""Real-time volume: each is something that happened, and no state."""


@unique
class StreamState(StrEnum):
    """Where a stream stands."""

    WAITING = "waiting to be sent"
    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    FAILED = "failed"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """How a stream is opened and closed.

    Args:
        key: Equal for streams that can be shared.
        subject: For people: ``"tick-by-tick BidAsk of CASH EUR.USD"``.
        open: Makes the request with `EClient`, given an id.
        close: Cancels it with `EClient`.
        line: What it takes a line of.
        channel: For streams without an id: the name under which its data comes.
        cost: What opening counts for, if it is a historical request.
        reroute: Makes the plan that asks for the data of the contract that IB names instead, given
            its conId and exchange; None where IB does not reroute.
    """

    key: Hashable
    subject: str
    open: Callable[[EClient, int], object]
    close: Callable[[EClient, int], object]
    line: LineKind = LineKind.FREE
    channel: str | None = None
    cost: HistoricalCost | None = None
    reroute: Callable[[int, str], StreamPlan] | None = None


@final
@dataclass(slots=True, eq=False)
class Stream:
    """One open stream.

    `target` has the methods of its handlers: the handler itself, or a fan-out over several.

    The last level-one values, which a second listener is told, are kept by tick type: prices and
    sizes as they come in runs, others by the name of the handler's method too.
    """

    plan: StreamPlan
    req_id: int
    handlers: list[StreamHandler]
    target: Any
    state: StreamState = StreamState.WAITING
    command: Command | None = None
    received: int = 0
    received_before: int = 0
    last_seen_ns: int = 0
    opened_ns: int = 0
    reissues: int = 0
    errors_in_a_row: int = 0
    rows: dict[int, LevelOneRow] = field(default_factory=dict)
    latest: dict[tuple[str, int], tuple[Any, ...]] = field(default_factory=dict)
    pause: TimerHandle | None = None
    is_costing: bool = False

    def tell_latest(self, handler: Any) -> None:
        """Tell a listener the last level-one values: each price with the size that it has now."""
        for key, arguments in list(self.latest.items()):
            if key not in _TRADES:
                getattr(handler, key[0])(*arguments)
        rows = list(self.rows.values())
        for _, tick_type, price, size, attributes in rows:
            if price is not None:
                present = self._present_size(tick_type, price, size)
                handler.tick_price(tick_type, price, present, attributes)
        # Sizes that went with a price come again, as IB repeats them: some listen to sizes alone.
        for _, tick_type, price, size, _ in rows:
            if price is None:
                handler.tick_size(tick_type, size)

    def _present_size(self, tick_type: int, price: float, size: int | None) -> int | None:
        row = self.rows.get(_SIZE_TYPES.get(tick_type, -1))
        is_no_quote = size == 0 and price in {-1.0, 0.0}
        return size if row is None or row[3] is None or is_no_quote else row[3]

    def forget_latest(self) -> None:
        """Forget the last level-one values: the stream begins anew."""
        self.rows.clear()
        self.latest.clear()


class FanOut:
    """Calls the same method of several handlers."""

    def __init__(self, handlers: list[StreamHandler], guarded: Callable[..., None]) -> None:
        self._handlers = tuple(handlers)
        self._guarded = guarded

    def __getattr__(self, name: str) -> Callable[..., None]:
        methods = [getattr(handler, name) for handler in self._handlers]

        def call(*arguments: Any) -> None:
            for method in methods:
                self._guarded(method, *arguments)

        self.__dict__[name] = call
        return call


@final
@dataclass(frozen=True, slots=True)
class StreamStatus:
    """A stream as it is now, for people and health checks."""

    subject: str
    req_id: int
    state: StreamState
    received: int
    last_seen_ns: int
    reissues: int
    listeners: int
