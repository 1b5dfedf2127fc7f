"""How back-filled bars and ticks join what came live, each exactly once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

from msgspec.structs import replace

from posei_trader.adapters.interactive_brokers.data.repair import Repair
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import TradeFlag
from posei_trader.model.ticks import QuoteTick, TradeTick

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
    from posei_trader.model.bars import Bar, BarType

__all__ = ["BarSeam", "TickSeam", "bar_repair", "last_second", "tail_of"]

TickT = TypeVar("TickT", QuoteTick, TradeTick)

_PRINTED: Final = TradeFlag.UNREPORTED | TradeFlag.PAST_LIMIT
_GRACE_NS: Final = 2 * NANOS_PER_SECOND
_FIVE_NS: Final = 5 * NANOS_PER_SECOND
_MONTH_NS: Final = 31 * 86_400 * NANOS_PER_SECOND


@final
class BarSeam:
    """Join bars by when they opened.

    Args:
        length_ns: How long a bar is; None for months.
        last_open_ns: Returns when the last delivered bar opened, None before the first.
        delivered: Called with bars that were delivered after an interruption.
        is_first_partial: Whether the first live bar after an interruption may lack its beginning.
    """

    def __init__(
        self,
        length_ns: int | None,
        last_open_ns: Callable[[], int | None],
        delivered: Callable[[list[Bar]], None],
        *,
        is_first_partial: bool,
    ) -> None:
        self._length_ns = length_ns or _MONTH_NS
        self._last_open_ns = last_open_ns
        self._delivered = delivered
        self._is_first_partial = is_first_partial

    @property
    def length_ns(self) -> int:
        """Return the length of a bar."""
        return self._length_ns

    @property
    def grace_ns(self) -> int:
        """Return how long to wait for the bar in which the stream went on."""
        return _GRACE_NS + (min(self._length_ns, _FIVE_NS) if self._is_first_partial else 0)

    def last_ns(self) -> int | None:
        """Return when the last delivered bar opened."""
        return self._last_open_ns()

    def join(self, fetched: list[Bar], held: list[Bar]) -> tuple[list[Bar], list[Bar]]:
        """Return the bars between the last delivered and the first held one."""
        last = self._last_open_ns()
        new = [bar for bar in fetched if last is None or bar.ts_event > last]
        if not held:
            return new, held
        first = held[0].ts_event
        if self._is_first_partial and any(bar.ts_event == first for bar in new):
            return [bar for bar in new if bar.ts_event <= first], held[1:]
        return [bar for bar in new if bar.ts_event < first], held

    def marked(self, item: Bar, now_ns: int) -> Bar:
        """Return a bar marked as back-filled."""
        return replace(item, ts_init=now_ns, is_backfilled=True)

    def delivered(self, items: list[Bar]) -> None:
        """Take note of bars that were delivered after an interruption."""
        self._delivered(items)


@final
class TickSeam(Generic[TickT]):
    """Join ticks, which IB stamps with whole seconds and does not number, by what they say.

    Of the second in which the stream was interrupted, history has the ticks that were delivered,
    and those that were missed after them. Of the second in which it went on, it has those that were
    missed, and those that came live after them.

    Args:
        tail: Returns the delivered ticks of the last second that had any.
        delivered: Called with ticks that were delivered after an interruption.
    """

    def __init__(
        self, tail: Callable[[], list[TickT]], delivered: Callable[[list[TickT]], None]
    ) -> None:
        self._tail: Callable[[], list[TickT]] = tail
        self._delivered: Callable[[list[TickT]], None] = delivered

    @property
    def length_ns(self) -> int:
        """Return for how long one of IB's time stamps stands."""
        return NANOS_PER_SECOND

    @property
    def grace_ns(self) -> int:
        """Return how long to wait until the second in which the stream went on is over."""
        return _GRACE_NS

    def last_ns(self) -> int | None:
        """Return the second of the last delivered tick."""
        tail = self._tail()
        return tail[-1].ts_event if tail else None

    def join(self, fetched: list[TickT], held: list[TickT]) -> tuple[list[TickT], list[TickT]]:
        """Return the ticks between the last delivered and the first held one."""
        missed = _without_delivered(fetched, self._tail())
        return (_before(missed, held) if held else missed), held

    def marked(self, item: TickT, now_ns: int) -> TickT:
        """Return a tick marked as back-filled."""
        if isinstance(item, TradeTick):
            return replace(item, ts_init=now_ns, flags=item.flags | TradeFlag.BACKFILLED)
        return replace(item, ts_init=now_ns, is_backfilled=True)

    def delivered(self, items: list[TickT]) -> None:
        """Take note of ticks that were delivered after an interruption."""
        self._delivered(items)


def last_second(ticks: list[TickT], before: list[TickT]) -> tuple[int, list[TickT]]:
    """Return the second of the last tick, and its ticks; of the ones before when there are none."""
    known = ticks or before
    if not known:
        return -1, []
    last = known[-1].ts_event
    return last // NANOS_PER_SECOND, [tick for tick in known if tick.ts_event == last]


def tail_of(
    ticks: list[TickT], times_s: list[int], second: int, tail: list[TickT]
) -> tuple[int, list[TickT]]:
    """Return the second of the last of several ticks, and all ticks of it in a row.

    Args:
        ticks: What came together.
        times_s: Their seconds.
        second: The second of what came before.
        tail: The ticks of it.
    """
    last = times_s[-1]
    start = len(ticks)
    while start and times_s[start - 1] == last:
        start -= 1
    if start or last != second:
        return last, ticks[start:]
    tail += ticks
    return last, tail


def said(tick: QuoteTick | TradeTick) -> Hashable:
    """Return what a tick says, without what differs between history and stream."""
    if isinstance(tick, TradeTick):
        return tick.price_raw, tick.size_raw, tick.flags & _PRINTED
    return tick.bid_raw, tick.ask_raw, tick.bid_size_raw, tick.ask_size_raw


def _without_delivered(fetched: list[TickT], tail: list[TickT]) -> list[TickT]:
    if not tail:
        return fetched
    second = tail[-1].ts_event
    known = Counter(said(tick) for tick in tail)
    missed: list[TickT] = []
    for tick in fetched:
        if tick.ts_event > second:
            missed.append(tick)
        elif tick.ts_event == second:
            if known[said(tick)] > 0:
                known[said(tick)] -= 1
            else:
                missed.append(tick)
    return missed


def _before(missed: list[TickT], held: list[TickT]) -> list[TickT]:
    second = held[0].ts_event
    earlier = [tick for tick in missed if tick.ts_event < second]
    shared = [tick for tick in missed if tick.ts_event == second]
    live = [said(tick) for tick in held if tick.ts_event == second]
    told = [said(tick) for tick in shared]
    for length in range(min(len(told), len(live)), 0, -1):
        if told[-length:] == live[:length]:
            return earlier + shared[:-length]
    # History tells that second otherwise than the stream did: what both have came live.
    known = Counter(live)
    alone: list[TickT] = []
    for tick in reversed(shared):
        if known[said(tick)] > 0:
            known[said(tick)] -= 1
        else:
            alone.append(tick)
    return earlier + alone[::-1]


def bar_repair(
    context: StreamContext,
    bar_type: BarType,
    last_open_ns: Callable[[], int | None],
    delivered: Callable[[list[Bar]], None],
    deliver: Callable[[Bar], None],
    restored: Callable[[], None],
    *,
    use_rth: bool,
    is_first_partial: bool = True,
) -> Repair[Bar]:
    """Make what bridges the interruptions of a stream of bars."""
    host, traded = context.host, context.traded
    return Repair(
        context,
        BarSeam(bar_type.spec.nanos, last_open_ns, delivered, is_first_partial=is_first_partial),
        lambda start, end: host.fetch_bars(traded, bar_type, start, end, use_rth=use_rth),
        deliver,
        restored,
        host.bars_limit_ns,
    )
