"""Sending in time: order commands first, then requests, then history, each within IB's limits.

What may go now goes at once; the rest waits in three bounded lanes and one timer. Nobody sleeps.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, unique
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.client.waiting import WaitingHistory
from posei_trader.adapters.interactive_brokers.pacing import (
    HistoricalBudget,
    HistoricalCost,
    LineBudget,
    LineKind,
    MessageBudget,
    PacingLimits,
    PacingStatus,
)
from posei_trader.errors import ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from posei_trader.errors import PoseiError
    from posei_trader.protocols import Clock, TimerHandle

__all__ = ["Command", "Lane", "Scheduler"]

_SECOND: Final = 1_000_000_000
_LONGEST_LANE: Final = 10_000


@unique
class Lane(Enum):
    """How urgent a command is."""

    ORDER = 0
    REQUEST = 1
    HISTORICAL = 2


@final
@dataclass(slots=True, eq=False)
class Command:
    """Bytes that are to be sent.

    Args:
        data: Whole frames.
        lane: How urgent it is.
        cost: What a historical request counts for.
        on_sent: Called when it was written to the socket.
        on_dropped: Called when it never will be.
        messages: How many frames these are.
    """

    data: bytes
    lane: Lane
    cost: HistoricalCost | None = None
    on_sent: Callable[[], None] | None = None
    on_dropped: Callable[[PoseiError], None] | None = None
    messages: int = 1


@final
class Scheduler:
    """Write commands when IB's limits allow it.

    Args:
        clock: Time.
        limits: IB's limits.
        write: Sends bytes.
        history: What connections of the same login share; None for a budget of its own.
    """

    def __init__(
        self,
        clock: Clock,
        limits: PacingLimits,
        write: Callable[[bytes], None],
        history: HistoricalBudget | None = None,
    ) -> None:
        self.lines = LineBudget(limits)
        self._clock = clock
        self._limits = limits
        self._write = write
        self._messages = MessageBudget(limits)
        self._history = history or HistoricalBudget(limits)
        self._history.share(self._has_room)
        self._orders: deque[Command] = deque()
        self._requests: deque[Command] = deque()
        self._historical = WaitingHistory(self._history)
        self._timer: TimerHandle | None = None
        self._next_historical_ns: int | None = None

    def submit(self, command: Command) -> None:
        """Send a command now, or as soon as the limits allow it.

        Raises:
            ResourceExhausted: too many wait already.
        """
        lane = self._lane(command)
        if len(lane) >= _LONGEST_LANE:
            raise ResourceExhausted(
                "too many requests wait to be sent",
                field="pacing",
                value=len(lane),
                remedy="ask for less at a time",
            )
        if isinstance(lane, deque):
            lane.append(command)
        else:
            lane.add(command)
        self._pump()

    def send_order(self, data: bytes, messages: int = 1) -> bool:
        """Send an order command now; False when it has to wait, which is for `submit`.

        What waits in other lanes keeps its timer.
        """
        if self._orders:
            return False
        now = self._clock.timestamp_ns()
        if self._messages.delay_ns(now, is_order=True, count=messages):
            return False
        self._messages.spend(now, messages)
        self._write(data)
        return True

    def withdraw(self, command: Command) -> bool:
        """Take back a command that was not sent yet; False when it is too late."""
        lane = self._lane(command)
        if not isinstance(lane, deque):
            return lane.remove(command)
        try:
            lane.remove(command)
        except ValueError:
            return False
        return True

    def historical_refused(self, cost: HistoricalCost) -> bool:
        """Take note that IB refused the pace of a request: all history waits.

        Returns:
            Whether to ask again; False when IB has refused everything for so long that it is not
            our pace.
        """
        return self._history.refused(cost, self._clock.timestamp_ns())

    def historical_answered(self, cost: HistoricalCost) -> None:
        """Take note that a historical request was answered; `historical_finished` comes too."""
        self._history.answered(cost)

    def historical_finished(self, cost: HistoricalCost | None = None) -> None:
        """Take note that a historical request has ended: answered, refused or cancelled."""
        self._history.finish(cost)

    def hold(self, seconds: float) -> None:
        """Send no requests for a while: IB complained. Orders go on."""
        until = self._clock.timestamp_ns() + int(seconds * _SECOND)
        self._history.hold(until)
        self._messages.hold(until)

    def connection_lost(self, error: PoseiError) -> None:
        """Drop everything that waits, and say so."""
        dropped = [*self._orders, *self._requests, *self._historical.clear()]
        self._orders.clear()
        self._requests.clear()
        self._stop_timer()
        for command in dropped:
            if command.on_dropped is not None:
                command.on_dropped(error)

    def count_unpaced(self) -> None:
        """Take note of a message that was written directly."""
        self._messages.spend(self._clock.timestamp_ns())

    def status(self) -> PacingStatus:
        """Return how much of each limit is used."""
        now = self._clock.timestamp_ns()
        next_ns = self._next_historical_ns if self._historical else None
        kinds = (LineKind.MARKET_DATA, LineKind.TICK_BY_TICK, LineKind.DEPTH)
        return PacingStatus(
            messages=self._messages.used(now),
            message_limit=self._messages.limit,
            waiting_orders=len(self._orders),
            waiting_requests=len(self._requests),
            waiting_historical=len(self._historical),
            open_historical=self._history.open,
            small_bar_used=self._history.small_used(now),
            next_historical_s=None if next_ns is None else max(0, next_ns - now) / _SECOND,
            lines={kind: (self.lines.used.get(kind, 0), self.lines.limit(kind)) for kind in kinds},
        )

    def historical_forecast_s(self, further: Iterable[HistoricalCost] = ()) -> float:
        """Return in how many seconds the last historical request could be sent, at the earliest.

        Args:
            further: Requests that will be made, besides those that wait here.
        """
        now = self._clock.timestamp_ns()
        costs = [*self._historical.costs(), *further]
        return (self._history.finish_ns(costs, now) - now) / _SECOND

    def _has_room(self) -> None:
        if self._historical:
            self._pump()

    # --- how it is decided ------------------------------------------------------------------------

    def _lane(self, command: Command) -> deque[Command] | WaitingHistory:
        if command.lane is Lane.ORDER:
            return self._orders
        return self._requests if command.cost is None else self._historical

    def _pump(self) -> None:
        self._stop_timer()
        while True:
            now = self._clock.timestamp_ns()
            command, delay = self._next(now)
            if command is None:
                if delay is not None:
                    self._timer = self._clock.call_at(now + delay, self._pump)
                return
            self._send(command, now)

    def _next(self, now: int) -> tuple[Command | None, int | None]:
        """Return what goes now; else how long to wait, None for "until something changes"."""
        if self._orders:
            count = self._orders[0].messages
            delay = self._messages.delay_ns(now, is_order=True, count=count)
            return (self._orders.popleft(), None) if delay == 0 else (None, delay)
        if not self._requests and not self._historical:
            return None, None
        delay = self._messages.delay_ns(now, is_order=False)
        if delay:
            return None, delay
        if self._requests:
            return self._requests.popleft(), None
        return self._next_historical(now)

    def _next_historical(self, now: int) -> tuple[Command | None, int | None]:
        self._next_historical_ns = None
        if self._history.is_full:
            return None, None
        command, delay = self._historical.take(now)
        if delay is not None:
            self._next_historical_ns = now + delay
        return command, delay

    def _send(self, command: Command, now: int) -> None:
        self._messages.spend(now, command.messages)
        if command.cost is not None:
            self._history.spend(command.cost, now)
        self._write(command.data)
        if command.on_sent is not None:
            command.on_sent()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
