"""IB's limits as arithmetic on a clock: message rate, historical requests, market data lines.

Nothing here waits. Each budget says how long until something may be sent, and is told when it was.
Times are nanoseconds of any clock that never goes backwards.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.pacing_refusals import BackOff
from posei_trader.errors import ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

__all__ = [
    "HistoricalBudget",
    "HistoricalCost",
    "LineBudget",
    "LineKind",
    "MessageBudget",
    "PacingLimits",
    "PacingStatus",
]

_SECOND: Final = 1_000_000_000
_MARGIN: Final = 1.02
"""Windows are counted this much longer than IB's: the network can push two messages together."""
_RESERVE_S: Final = 60.0
"""Refusals may last as long as IB looks back, and this much longer."""


@final
@dataclass(frozen=True, slots=True)
class PacingLimits:
    """IB's limits for one connection; the published ones unless the account has others.

    Args:
        lines: Market data lines of the account.
        messages_per_second: Hard limit; None derives it from the lines (lines / 2, at most 50).
        order_reserve: Messages a second that only orders may use.
        historical_simultaneous: Historical requests that may be open at once.
        identical_s: Seconds between two identical historical requests.
        burst: Historical requests for one contract and kind of data within `burst_s` seconds.
        small_bar_requests: Requests for bars of 30 seconds or less, or for ticks, within
            `small_bar_s` seconds; BID_ASK counts twice.
        tick_by_tick: Tick-by-tick streams; None derives it (5 % of the lines, at least 3).
        depth: Order books.
    """

    lines: int = 100
    messages_per_second: int | None = None
    order_reserve: int = 5
    historical_simultaneous: int = 50
    identical_s: float = 15.0
    burst: int = 6
    burst_s: float = 2.0
    small_bar_requests: int = 60
    small_bar_s: float = 600.0
    tick_by_tick: int | None = None
    depth: int = 3

    @property
    def message_limit(self) -> int:
        """Messages a second."""
        return self.messages_per_second or max(1, min(50, self.lines // 2))

    @property
    def tick_by_tick_limit(self) -> int:
        """Tick-by-tick streams."""
        return max(3, self.lines // 20) if self.tick_by_tick is None else self.tick_by_tick


def _window(seconds: float) -> int:
    return int(seconds * _SECOND * _MARGIN)


@final
class _Window:
    """At most so many units within so long."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self._length = _window(seconds)
        self._spent: deque[tuple[int, int]] = deque()
        self.used = 0

    def delay_ns(self, now_ns: int, units: int, limit: int) -> int:
        """Return how long until `units` fit under `limit`."""
        self._forget(now_ns)
        excess = self.used + units - limit
        for moment, weight in self._spent:
            if excess <= 0:
                break
            excess -= weight
            if excess <= 0:
                return moment + self._length - now_ns
        return 0

    def spend(self, now_ns: int, units: int) -> None:
        self._spent.append((now_ns, units))
        self.used += units

    def finish_ns(self, now_ns: int, weights: Iterable[int]) -> int:
        """Return when the last of some units could be spent, each as soon as it fits."""
        window = _Window(self.limit, 0)
        window._length = self._length
        window._spent = deque(self._spent)
        window.used = self.used
        at = now_ns
        for weight in weights:
            at += window.delay_ns(at, weight, max(window.limit, weight))
            window.spend(at, weight)
        return at

    def _forget(self, now_ns: int) -> None:
        spent = self._spent
        while spent and spent[0][0] + self._length <= now_ns:
            self.used -= spent.popleft()[1]

    @property
    def is_idle(self) -> bool:
        return not self._spent

    def at(self, now_ns: int) -> int:
        """Return what is in use now."""
        self._forget(now_ns)
        return self.used


@final
class MessageBudget:
    """The rate of messages to the gateway; what is no order leaves a reserve for orders."""

    def __init__(self, limits: PacingLimits) -> None:
        self.limit = limits.message_limit
        self._for_requests = max(1, self.limit - limits.order_reserve)
        self._window = _Window(self.limit, 1.0)
        self._held_until = 0

    def delay_ns(self, now_ns: int, *, is_order: bool, count: int = 1) -> int:
        """Return how long until messages may be sent at once, 0 for now.

        More than the limit allows together count as many as it does.
        """
        limit = self.limit if is_order else self._for_requests
        held = 0 if is_order else self._held_until - now_ns
        return max(0, held, self._window.delay_ns(now_ns, min(count, limit), limit))

    def spend(self, now_ns: int, count: int = 1) -> None:
        """Take note of messages."""
        self._window.spend(now_ns, count)

    def hold(self, until_ns: int) -> None:
        """Send no requests until a moment: IB complained about the rate."""
        self._held_until = max(self._held_until, until_ns)

    def used(self, now_ns: int) -> int:
        """Return how many messages were sent within the last second."""
        return self._window.at(now_ns)


@final
@dataclass(frozen=True, slots=True)
class HistoricalCost:
    """What a historical request counts for.

    Args:
        identity: Equal for requests that IB takes for identical.
        group: Equal for requests of one contract, exchange and kind of data.
        is_small: Whether it asks for bars of 30 seconds or less, or for ticks.
        weight: 2 for BID_ASK, else 1.
    """

    identity: Hashable
    group: Hashable
    is_small: bool
    weight: int = 1


@final
class HistoricalBudget:
    """IB's rules for historical requests.

    IB counts by login. Connections of one login on one event loop, with one clock, can share it.
    """

    def __init__(self, limits: PacingLimits) -> None:
        self._limits = limits
        self._sharers: deque[Callable[[], None]] = deque()
        self._identical: dict[Hashable, int] = {}
        self._groups: dict[Hashable, _Window] = {}
        self._small = _Window(limits.small_bar_requests, limits.small_bar_s)
        self._held_until = 0
        self._back_off = BackOff(_window(limits.small_bar_s) + int(_RESERVE_S * _SECOND))
        self.open = 0

    @property
    def is_full(self) -> bool:
        """Whether one has to end before another may start."""
        return self.open >= self._limits.historical_simultaneous

    def is_closed(self, *, is_small: bool) -> bool:
        """Whether a request that finds out if IB goes on has to end before such a one may start."""
        return self._back_off.is_closed(is_small=is_small)

    def shared_delay_ns(self, is_small: bool, weight: int, now_ns: int) -> int:
        """Return how long all requests of a kind have to wait, 0 for not at all.

        `own_delay_ns`, `is_closed` and `is_full` come on top.
        """
        held = max(self._held_until, self._back_off.until_ns(is_small=is_small)) - now_ns
        window = self._small.delay_ns(now_ns, weight, self._small.limit) if is_small else 0
        return max(0, held, window)

    def own_delay_ns(self, cost: HistoricalCost, now_ns: int) -> int:
        """Return how long a request has to wait for others like it, 0 for not at all."""
        group = self._groups.get(cost.group)
        delay = self.repeat_delay_ns(cost, now_ns)
        if group is None:
            return delay
        return max(delay, group.delay_ns(now_ns, cost.weight, max(group.limit, cost.weight)))

    def repeat_delay_ns(self, cost: HistoricalCost, now_ns: int) -> int:
        """Return how long a request has to wait for an identical one, 0 for not at all."""
        last = self._identical.get(cost.identity)
        return 0 if last is None else max(0, last + _window(self._limits.identical_s) - now_ns)

    def spend(self, cost: HistoricalCost, now_ns: int) -> None:
        """Take note of a request that was sent; `finish` it when it is answered."""
        self._forget(now_ns)
        self._back_off.sent(cost)
        self._identical[cost.identity] = now_ns
        group = self._groups.get(cost.group)
        if group is None:
            group = self._groups[cost.group] = _Window(self._limits.burst, self._limits.burst_s)
        group.spend(now_ns, cost.weight)
        if cost.is_small:
            self._small.spend(now_ns, cost.weight)
        self.open += 1

    def share(self, ended: Callable[[], None]) -> None:
        """Call `ended` whenever a request has ended: there may be room for another."""
        self._sharers.append(ended)

    def refused(self, cost: HistoricalCost, now_ns: int) -> bool:
        """Take note that IB refused the pace; return whether to ask again. `finish` it too."""
        return self._back_off.refused(cost, now_ns)

    def answered(self, cost: HistoricalCost) -> None:
        """Take note that a request was answered. `finish` it too."""
        self._back_off.answered(cost)

    def finish(self, cost: HistoricalCost | None = None) -> None:
        """Take note that a request has ended, whichever way; None for one that is not known."""
        self.open -= 1
        self._back_off.ended(cost)
        self._sharers.rotate(-1)  # another one is the first to use the room each time
        for ended in tuple(self._sharers):
            ended()

    def hold(self, until_ns: int) -> None:
        """Send nothing until a moment: IB complained about the pace."""
        self._held_until = max(self._held_until, until_ns)

    def finish_ns(self, costs: Sequence[HistoricalCost], now_ns: int) -> int:
        """Return when the last of some requests could be sent, at the earliest.

        The rules are looked at one by one, so this is a bound and not a plan.
        """
        ends = [now_ns, self._held_until if costs else now_ns]
        ends += [self._back_off.until_ns(is_small=kind) for kind in {one.is_small for one in costs}]
        small = [cost.weight for cost in costs if cost.is_small]
        if small:
            ends.append(self._small.finish_ns(now_ns, small))
        groups: dict[Hashable, list[int]] = {}
        for cost in costs:
            groups.setdefault(cost.group, []).append(cost.weight)
        for group, weights in groups.items():
            window = self._groups.get(group)
            if window is None:
                window = _Window(self._limits.burst, self._limits.burst_s)
            ends.append(window.finish_ns(now_ns, weights))
        return max(ends)

    def small_used(self, now_ns: int) -> int:
        """Return how much of the ten-minute budget is used."""
        return self._small.at(now_ns)

    def _forget(self, now_ns: int) -> None:
        oldest = now_ns - _window(self._limits.identical_s)
        self._identical = {key: at for key, at in self._identical.items() if at > oldest}
        self._groups = {key: one for key, one in self._groups.items() if one.at(now_ns)}


@unique
class LineKind(StrEnum):
    """What a stream takes a line of."""

    MARKET_DATA = "market data lines"
    TICK_BY_TICK = "tick-by-tick streams"
    DEPTH = "order books"
    FREE = "no line"


@final
@dataclass(slots=True)
class LineBudget:
    """Lines in use."""

    limits: PacingLimits
    used: dict[LineKind, int] = field(default_factory=dict)

    def limit(self, kind: LineKind) -> int:
        """Return how many there are."""
        return {
            LineKind.MARKET_DATA: self.limits.lines,
            LineKind.TICK_BY_TICK: self.limits.tick_by_tick_limit,
            LineKind.DEPTH: self.limits.depth,
        }[kind]

    def take(self, kind: LineKind) -> None:
        """Take one.

        Raises:
            ResourceExhausted: all are in use.
        """
        if kind is LineKind.FREE:
            return
        used = self.used.get(kind, 0)
        if used >= self.limit(kind):
            raise ResourceExhausted(
                f"all {kind} of this connection are in use",
                field="lines",
                value=used,
                remedy="unsubscribe something, or raise the limit if IB grants you more",
            )
        self.used[kind] = used + 1

    def give_back(self, kind: LineKind) -> None:
        """Return one."""
        if kind is not LineKind.FREE:
            self.used[kind] -= 1


@final
@dataclass(frozen=True, slots=True)
class PacingStatus:
    """How much of each limit is used, and what waits.

    Args:
        messages: Messages within the last second.
        message_limit: How many are allowed.
        waiting_orders: Order commands that wait for the rate.
        waiting_requests: Requests that wait for the rate.
        waiting_historical: Historical requests that wait for their rules.
        open_historical: Historical requests that wait for an answer.
        small_bar_used: Used of the ten-minute budget for small bars and ticks.
        next_historical_s: Seconds until the next historical request may go, None if none waits.
        lines: Used and available lines by kind.
    """

    messages: int
    message_limit: int
    waiting_orders: int
    waiting_requests: int
    waiting_historical: int
    open_historical: int
    small_bar_used: int
    next_historical_s: float | None
    lines: dict[str, tuple[int, int]]
