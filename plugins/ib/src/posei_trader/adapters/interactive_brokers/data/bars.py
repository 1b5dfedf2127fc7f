"""Live bars: IB's 5-second bars, bars that IB keeps up to date, and seconds made of ticks.

A bar goes out exactly once, when it is complete: by the clock, or earlier when the next one begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from msgspec.structs import replace

from posei_trader.adapters.interactive_brokers.data.streams import Stream
from posei_trader.adapters.interactive_brokers.historical.bar_times import close_ns, open_ns
from posei_trader.adapters.interactive_brokers.historical.conversion import Discarded, convert_bars
from posei_trader.model.bars import NANOS_PER_SECOND, Bar
from posei_trader.model.enums import PriceType

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client.messages import BarRecord, HistoricalBars
    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
    from posei_trader.model.bars import BarType
    from posei_trader.protocols import TimerHandle

GRACE_NS: Final = NANOS_PER_SECOND
"""How long after its end a bar waits for IB's last word on it."""


_NEAR_NS: Final = 14 * 86_400 * NANOS_PER_SECOND
"""No market is closed for so long: a bar that ended longer ago is from a replay."""


def is_near(moment_ns: int, now_ns: int) -> bool:
    """Return whether a moment of the venue can be compared with our clock."""
    return abs(now_ns - moment_ns) < _NEAR_NS


@final
class RealTimeBars(Stream):
    """Publishes IB's 5-second bars, which come complete."""

    __slots__ = ("_bar_type",)

    def __init__(self, context: StreamContext, bar_type: BarType) -> None:
        super().__init__(context)
        self._bar_type = bar_type

    def realtime_bar(
        self,
        time_s: int,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: int | None,
        wap: float | None,
        count: int,
    ) -> None:
        """Take a bar of IB's, stamped when it opened."""
        del wap, count
        scale = self.scale
        factor = scale.factor
        o, h, lo, c = (
            round(open_ * factor),
            round(high * factor),
            round(low * factor),
            round(close * factor),
        )
        if not lo <= o <= h or not lo <= c <= h:
            self.context.count("bars that contradict themselves left out")
            return
        traded = volume if volume is not None and volume > 0 else 0
        self.sink.bar(
            Bar(
                self._bar_type,
                o,
                h,
                lo,
                c,
                traded,
                scale.price_precision(o, h, lo, c),
                scale.volume_precision(traded),
                time_s * NANOS_PER_SECOND,
                self.clock.timestamp_ns(),
            )
        )


@final
class UpToDateBars(Stream):
    """Publishes bars that IB keeps up to date.

    What IB says of a bar after it went out is a revision: published, marked, when they are wanted,
    else counted. After an interruption the bars that were missed are published from the new
    history, and none twice.

    Where our clock and the venue's disagree by weeks (a replay), only the next bar closes one.

    Args:
        context: The subscription.
        bar_type: The bars.
        handle_revised_bars: Whether revisions are wanted.
        backfill: Fetches bars from a moment to a moment, when an interruption was longer than the
            history that IB sends; what is published meanwhile waits for :meth:`backfilled`.
    """

    __slots__ = (
        "_bar_type",
        "_candidate",
        "_current",
        "_held",
        "_last_open",
        "_last_published",
        "_timer",
        "backfill",
        "handle_revised_bars",
    )

    def __init__(
        self,
        context: StreamContext,
        bar_type: BarType,
        *,
        handle_revised_bars: bool,
        backfill: Callable[[UpToDateBars, int, int], None] | None = None,
    ) -> None:
        super().__init__(context)
        self._bar_type = bar_type
        self.handle_revised_bars = handle_revised_bars
        self.backfill = backfill
        self._held: list[Bar] | None = None
        self._current: Bar | None = None
        self._candidate: Bar | None = None
        self._last_open = -1
        self._last_published: Bar | None = None
        self._timer: TimerHandle | None = None

    @property
    def last_open_ns(self) -> int:
        """Return when the newest published bar opened, -1 before the first."""
        return self._last_open

    def bars(self, bars: HistoricalBars) -> None:
        """Take the history up to now: it tells which bar is current, and which were missed."""
        discarded = Discarded()
        known = convert_bars(bars, self._bar_type, self.scale, discarded)
        if discarded:
            self.context.count("bars that contradict themselves left out")
        if not known:
            return
        is_first = self._last_open < 0
        if not is_first and known[0].ts_event > self._last_open and self.backfill is not None:
            self._held = []
            self.backfill(self, self._last_open + 1, known[0].ts_event)
        last = known.pop()
        for bar in known:
            self._take_complete(bar, is_first=is_first)
        if last.ts_event <= self._last_open:
            return
        if not is_near(last.ts_init, self.clock.timestamp_ns()):
            self._candidate = last
        elif last.ts_init > self.clock.timestamp_ns():
            self._begin(last, last.ts_init)
        else:
            self._take_complete(last, is_first=is_first)
        self._last_open = max(self._last_open, 0)

    def _take_complete(self, bar: Bar, *, is_first: bool) -> None:
        if is_first:
            self._last_open = bar.ts_event
        elif bar.ts_event > self._last_open:
            self._publish(bar)

    def bar_update(self, bar: BarRecord) -> None:
        """Take the current bar as it is now."""
        converted = self._converted(bar)
        if converted is None:
            return
        opened = converted.ts_event
        candidate, self._candidate = self._candidate, None
        if candidate is not None and opened > candidate.ts_event:
            # It was complete when we got it: news only if others went out before.
            if self._last_published is not None:
                self._publish(candidate)
            self._last_open = candidate.ts_event
        if opened <= self._last_open:
            self._revise(converted)
            return
        current = self._current
        if current is not None and opened < current.ts_event:
            self.context.count("updates of old bars left out")
            return
        if current is not None and opened > current.ts_event:
            self._publish(current)
        if self._current is None:
            self._begin(converted, close_ns(bar.date, self._bar_type.spec))
        else:
            self._current = converted

    def _converted(self, bar: BarRecord) -> Bar | None:
        factor = self.scale.factor
        o, h, lo, c = (
            round(bar.open * factor),
            round(bar.high * factor),
            round(bar.low * factor),
            round(bar.close * factor),
        )
        if not lo <= o <= h or not lo <= c <= h:
            self.context.count("bars that contradict themselves left out")
            return None
        volume = bar.volume if bar.volume is not None and bar.volume > 0 else 0
        return Bar(
            self._bar_type,
            o,
            h,
            lo,
            c,
            volume,
            self.scale.price_precision(o, h, lo, c),
            self.scale.volume_precision(volume),
            open_ns(bar.date, self._bar_type.spec),
            self.clock.timestamp_ns(),
        )

    def _begin(self, bar: Bar, ends: int) -> None:
        self._current = bar
        self._stop_timer()
        if is_near(ends, self.clock.timestamp_ns()):
            self._timer = self.clock.call_at(ends + GRACE_NS, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self._current is not None:
            self._publish(self._current)

    def _publish(self, bar: Bar) -> None:
        if bar is self._current:
            self._current = None
            self._stop_timer()
        self._last_open = bar.ts_event
        self._last_published = bar
        self._deliver(replace(bar, ts_init=self.clock.timestamp_ns()))

    def _deliver(self, bar: Bar) -> None:
        if self._held is not None:
            self._held.append(bar)
        else:
            self.sink.bar(bar)

    def backfilled(self, bars: list[Bar]) -> None:
        """Publish bars that were fetched for a gap, and then what has waited for them."""
        held, self._held = self._held, None
        if held is None:
            return
        for bar in (*bars, *held):
            self.sink.bar(bar)

    def _revise(self, bar: Bar) -> None:
        published = self._last_published
        if published is None or bar.ts_event != published.ts_event:
            self.context.count("updates of old bars left out")
            return
        if _same(bar, published):
            return
        self._last_published = bar
        if self.handle_revised_bars:
            self._deliver(replace(bar, is_revision=True))
        else:
            self.context.count("bar revisions left out, as configured")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def stream_restarted(self, reason: str) -> None:
        """Forget the unfinished bar: the new history has it, complete."""
        self._current = self._candidate = None
        self._stop_timer()
        super().stream_restarted(reason)

    def close(self) -> None:
        """Stop the clock."""
        self._current = self._candidate = self._held = None
        self._stop_timer()


def _same(one: Bar, other: Bar) -> bool:
    return (one.open_raw, one.high_raw, one.low_raw, one.close_raw, one.volume_raw) == (
        other.open_raw,
        other.high_raw,
        other.low_raw,
        other.close_raw,
        other.volume_raw,
    )


@final
class SecondBars(Stream):
    """Makes bars of one second from ticks, which IB does not stream as bars.

    A bar goes out when a tick of a later second comes, or by the clock; a second without a tick
    has no bar.
    """

    __slots__ = (
        "_bar_type",
        "_close",
        "_high",
        "_is_open",
        "_low",
        "_open",
        "_second",
        "_timer",
        "_volume",
    )

    def __init__(self, context: StreamContext, bar_type: BarType) -> None:
        super().__init__(context)
        self._bar_type = bar_type
        self._is_open = False
        self._second = -1
        self._open = self._high = self._low = self._close = self._volume = 0
        self._timer: TimerHandle | None = None

    def trade(
        self, time_s: int, price: float, size: int | None, mask: int, exchange: str, conditions: str
    ) -> None:
        """Take a trade; those that the tape does not count make no bar."""
        del exchange, conditions
        if size and not mask:
            self._add(time_s, round(price * self.scale.factor), size)

    def quote(
        self,
        time_s: int,
        bid: float,
        ask: float,
        bid_size: int | None,
        ask_size: int | None,
        mask: int,
    ) -> None:
        """Take a quote."""
        del mask
        kind = self._bar_type.spec.price_type
        factor = self.scale.factor
        if kind is PriceType.BID and bid_size:
            self._add(time_s, round(bid * factor), 0)
        elif kind is PriceType.ASK and ask_size:
            self._add(time_s, round(ask * factor), 0)
        elif kind is PriceType.MID and bid_size and ask_size:
            self._add(time_s, round((bid + ask) * factor / 2), 0)

    def _add(self, time_s: int, raw: int, size: int) -> None:
        if time_s > self._second:
            self._finish()
            self._second = time_s
            self._open = self._high = self._low = raw
            self._volume = 0
            self._is_open = True
            ends = (time_s + 1) * NANOS_PER_SECOND
            if is_near(ends, self.clock.timestamp_ns()):
                self._timer = self.clock.call_at(ends + GRACE_NS, self._finish)
        elif time_s < self._second or not self._is_open:
            self.context.count("ticks of a published second left out")
            return
        self._high = max(self._high, raw)
        self._low = min(self._low, raw)
        self._close = raw
        self._volume += size

    def _finish(self) -> None:
        if not self._is_open:
            return
        self.close()
        scale = self.scale
        prices = (self._open, self._high, self._low, self._close)
        self.sink.bar(
            Bar(
                self._bar_type,
                *prices,
                self._volume,
                scale.price_precision(*prices),
                scale.volume_precision(self._volume),
                self._second * NANOS_PER_SECOND,
                self.clock.timestamp_ns(),
            )
        )

    def stream_restarted(self, reason: str) -> None:
        """Publish what there was before the gap."""
        self._finish()
        super().stream_restarted(reason)

    def close(self) -> None:
        """Stop the clock; an unfinished bar is not published."""
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
