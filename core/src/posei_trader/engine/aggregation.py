"""Bars made here from ticks: what an ``INTERNAL`` bar type asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.engine.bar_intervals import interval_at
from posei_trader.model.bars import NANOS_PER_SECOND, Bar
from posei_trader.model.enums import TradeFlag

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.engine.counters import Counters
    from posei_trader.model.bars import BarType
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.protocols import Clock, TimerHandle

__all__ = ["TimeBarAggregator"]

_FUTURE_NS: Final = 5 * NANOS_PER_SECOND
"""How far a venue's clock may be ahead of ours before its time stamps are not believed."""

_NOT_ON_TAPE: Final = TradeFlag.UNREPORTED | TradeFlag.PAST_LIMIT


@final
class TimeBarAggregator:
    """Make time bars of one type.

    A tick belongs to the interval that contains its `ts_event`. The clock closes an interval, also
    when no further tick comes; so does a tick of a later one, since a venue's clock may be ahead. A
    tick whose interval was published already counts in the open one (and is counted as late), so
    that no volume is lost; a back-filled one does not, nor does a print outside the tape.

    Bars of quotes have no volume. An interval without ticks repeats the last close if configured.

    Args:
        bar_type: What to make.
        clock: Closes the bars.
        emit: Called with each bar.
        counters: Where late and implausible ticks are counted.
        timestamp_on_close: Whether `ts_event` is the close of the interval, or its opening.
        build_with_no_updates: Whether an interval without ticks gives a bar.
        in_turn: Calls back with a moment after the ticks that wait; None calls at once.

    Raises:
        Unsupported: the clock does not close bars of this type.
    """

    def __init__(
        self,
        bar_type: BarType,
        clock: Clock,
        emit: Callable[[Bar], None],
        counters: Counters,
        *,
        timestamp_on_close: bool = True,
        build_with_no_updates: bool = True,
        in_turn: Callable[[Callable[[int], None], int], None] | None = None,
    ) -> None:
        self.bar_type = bar_type
        self._in_turn = in_turn
        self._clock = clock
        self._emit = emit
        self._counters = counters
        self._timestamp_on_close = timestamp_on_close
        self._build_with_no_updates = build_with_no_updates
        self._price_type = bar_type.spec.price_type
        self._begin, self._end = interval_at(bar_type.spec, clock.timestamp_ns())
        self._timer: TimerHandle | None = None
        self._is_stopped = False
        self._ticks = 0
        self._is_known = False
        self._open = self._high = self._low = self._close = self._volume = 0
        self._price_precision = self._size_precision = 0
        self._arm()

    def on_quote(self, tick: QuoteTick) -> None:
        """Count a quote."""
        if tick.is_backfilled and self._is_over(tick.ts_event):
            return
        self._update(tick.price_raw(self._price_type), 0, tick.ts_event, tick.price_precision, 0)

    def on_trade(self, tick: TradeTick) -> None:
        """Count a trade; prints outside the tape are left out."""
        if tick.flags:
            if tick.flags & _NOT_ON_TAPE:
                return
            if tick.flags & TradeFlag.BACKFILLED and self._is_over(tick.ts_event):
                return
        self._update(
            tick.price_raw, tick.size_raw, tick.ts_event, tick.price_precision, tick.size_precision
        )

    def stop(self) -> None:
        """Publish nothing more; the open interval is dropped. Idempotent."""
        self._is_stopped = True
        self._disarm()

    def _is_over(self, ts_event: int) -> bool:
        """Return whether a back-filled tick comes too late for its bar; count it then."""
        if ts_event >= self._begin:
            return False
        self._counters.add("backfilled_ticks_of_published_bars", self.bar_type)
        return True

    def _update(
        self, price: int, size: int, ts_event: int, price_precision: int, size_precision: int
    ) -> None:
        if ts_event >= self._end:
            now = self._clock.timestamp_ns()
            if ts_event > now + _FUTURE_NS:
                self._counters.add("ticks_from_the_future", self.bar_type)
                ts_event = now
            self._roll_to(ts_event)
        elif ts_event < self._begin and self._is_known:
            self._counters.add("late_ticks_in_bars", self.bar_type)
        if self._ticks == 0:
            self._open = self._high = self._low = price
        elif price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._ticks += 1
        self._close = price
        self._volume += size
        self._is_known = True
        self._price_precision = price_precision
        self._size_precision = size_precision

    def _roll_to(self, ts: int) -> None:
        while ts >= self._end:
            self._publish()
            self._begin, self._end = interval_at(self.bar_type.spec, self._end)
            if not (self._is_known and self._build_with_no_updates):
                self._begin, self._end = interval_at(self.bar_type.spec, max(ts, self._begin))
        self._arm()

    def _publish(self) -> None:
        if self._ticks == 0:
            if not (self._is_known and self._build_with_no_updates):
                return
            self._open = self._high = self._low = self._close
        bar = Bar(
            self.bar_type,
            self._open,
            self._high,
            self._low,
            self._close,
            self._volume,
            self._price_precision,
            self._size_precision,
            self._end if self._timestamp_on_close else self._begin,
            self._clock.timestamp_ns(),
        )
        self._ticks = 0
        self._volume = 0
        self._emit(bar)

    def _arm(self) -> None:
        self._disarm()
        if not self._is_stopped:  # a listener may have ended the stream while it got a bar
            self._timer = self._clock.call_at(self._end, self._on_time)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        self._timer = None
        moment = max(self._clock.timestamp_ns(), self._end)
        if self._in_turn is None:
            self._close_until(moment)
        else:
            self._in_turn(self._close_until, moment)

    def _close_until(self, moment: int) -> None:
        if not self._is_stopped:
            self._roll_to(moment)
