"""Live bars: IB's 5-second bars, and seconds made of ticks. The rest is in :mod:`.up_to_date`.

A bar goes out exactly once, when it is complete: by the clock, or earlier when the next one begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from msgspec.structs import replace

from posei_trader.adapters.interactive_brokers.data.closing import Closing, is_same
from posei_trader.adapters.interactive_brokers.data.seams import bar_repair
from posei_trader.adapters.interactive_brokers.data.streams import Stream
from posei_trader.model.bars import NANOS_PER_SECOND, Bar
from posei_trader.model.enums import PriceType

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
    from posei_trader.model.bars import BarType


@final
class RealTimeBars(Stream):
    """Publishes IB's 5-second bars, which come complete."""

    __slots__ = ("_bar_type", "_last_open", "_out", "_repair")

    def __init__(self, context: StreamContext, bar_type: BarType, *, use_rth: bool = False) -> None:
        super().__init__(context)
        self._bar_type = bar_type
        self._last_open: int | None = None
        self._out: Callable[[Bar], None] = context.sink.bar
        self._repair = bar_repair(
            context,
            bar_type,
            lambda: self._last_open,
            self._caught_up,
            context.sink.bar,
            self._restored,
            use_rth=use_rth,
        )

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
        opened = time_s * NANOS_PER_SECOND
        if self._last_open is not None and opened <= self._last_open:
            self.context.count("bars that came again left out")
            return
        if not self._repair.is_active:
            self._last_open = opened
        self._out(
            Bar(
                self._bar_type,
                o,
                h,
                lo,
                c,
                traded,
                scale.price_precision(o, h, lo, c),
                scale.volume_precision(traded),
                opened,
                self.clock.timestamp_ns(),
            )
        )

    def interrupted(self, reason: str) -> None:
        """Let bars wait until those that were missed are fetched."""
        if self._repair.interrupted(reason):
            self._out = self._repair.hold

    def _restored(self) -> None:
        self._out = self.sink.bar

    def _caught_up(self, bars: list[Bar]) -> None:
        if bars:
            self._last_open = bars[-1].ts_event

    def close(self) -> None:
        """Fetch nothing any more."""
        self._repair.close()


@final
class SecondBars(Stream):
    """Makes bars of one second from ticks, which IB does not stream as bars.

    A bar goes out when a tick of a later second comes, or by the clock; a second without a tick
    has no bar.
    """

    __slots__ = (
        "_bar_type",
        "_close",
        "_closing",
        "_high",
        "_is_open",
        "_last_open",
        "_low",
        "_open",
        "_out",
        "_repair",
        "_second",
        "_volume",
    )

    def __init__(self, context: StreamContext, bar_type: BarType) -> None:
        super().__init__(context)
        self._bar_type = bar_type
        self._out: Callable[[Bar], None] = context.sink.bar
        self._last_open: int | None = None
        self._repair = bar_repair(
            context,
            bar_type,
            lambda: self._last_open,
            self._caught_up,
            context.sink.bar,
            self._restored,
            use_rth=False,
        )
        self._is_open = False
        self._second = -1
        self._open = self._high = self._low = self._close = self._volume = 0
        self._closing = Closing(context, bar_type, self._finish, use_rth=False)

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
            opened = time_s * NANOS_PER_SECOND
            if self._last_open is None:
                # Of what comes after this nothing may be missed, this second included.
                self._last_open = opened - NANOS_PER_SECOND
            self._closing.begin(opened, opened + NANOS_PER_SECOND)
        elif time_s < self._second or not self._is_open:
            self.context.count("ticks of a published second left out")
            return
        self._high = max(self._high, raw)
        self._low = min(self._low, raw)
        self._close = raw
        self._volume += size

    def _finish(self, known: Bar | None = None) -> None:
        """Publish the second; what history knows of it instead, where it knows more."""
        if not self._is_open:
            return
        self._stop()
        scale = self.scale
        prices = (self._open, self._high, self._low, self._close)
        opened = self._second * NANOS_PER_SECOND
        if not self._repair.is_active:
            self._last_open = opened
        now = self.clock.timestamp_ns()
        bar = Bar(
            self._bar_type,
            *prices,
            self._volume,
            scale.price_precision(*prices),
            scale.volume_precision(self._volume),
            opened,
            now,
        )
        if known is not None and not is_same(known, bar):
            bar = replace(known, ts_init=now, is_backfilled=True)
        self._out(bar)

    def interrupted(self, reason: str) -> None:
        """Let bars wait until those that were missed are fetched, the unfinished one with them."""
        if not self.context.host.bars_limit_ns:
            self._finish()
        self._stop()
        if self._repair.interrupted(reason):
            self._out = self._repair.hold

    def _restored(self) -> None:
        self._out = self.sink.bar

    def _caught_up(self, bars: list[Bar]) -> None:
        if bars:
            self._last_open = bars[-1].ts_event

    def _stop(self) -> None:
        self._is_open = False
        self._closing.stop()

    def close(self) -> None:
        """Stop the clock and fetch nothing any more; an unfinished bar is not published."""
        self._stop()
        self._repair.close()
