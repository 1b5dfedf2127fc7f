"""Live bars of IB's other sizes: those that IB keeps up to date.

A bar goes out exactly once, when it is complete: by the clock, or earlier when the next one begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from msgspec.structs import replace

from posei_trader.adapters.interactive_brokers.data.closing import GRACE_NS, Closing, is_same
from posei_trader.adapters.interactive_brokers.data.nearness import is_near
from posei_trader.adapters.interactive_brokers.data.seams import bar_repair
from posei_trader.adapters.interactive_brokers.data.streams import Stream
from posei_trader.adapters.interactive_brokers.historical.bar_times import close_ns, open_ns
from posei_trader.adapters.interactive_brokers.historical.columns import BarColumns
from posei_trader.adapters.interactive_brokers.historical.conversion import Discarded, convert_bars
from posei_trader.logs import get_logger
from posei_trader.model.bars import NANOS_PER_SECOND, Bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client.messages import BarRecord, HistoricalBars
    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
    from posei_trader.model.bars import BarType
    from posei_trader.protocols import TimerHandle

__all__ = ["UpToDateBars"]

_log = get_logger("InteractiveBrokersDataClient")

_DAY_NS: Final = 86_400 * NANOS_PER_SECOND


@final
class UpToDateBars(Stream):
    """Publishes bars that IB keeps up to date.

    What IB says of a bar after it went out is a revision: published, marked, when they are wanted,
    else counted. After an interruption the bars that were missed are published from the new
    history, marked as back-filled, and none twice; what that history does not reach is fetched.

    Where our clock and the venue's disagree by weeks (a replay), only the next bar closes one.

    Args:
        context: The subscription.
        bar_type: The bars.
        handle_revised_bars: Whether revisions are wanted.
        use_rth: Whether only regular trading hours count.
    """

    __slots__ = (
        "_audit",
        "_bar_type",
        "_candidate",
        "_closing",
        "_current",
        "_delivered_open",
        "_is_suspicious",
        "_last_open",
        "_last_published",
        "_out",
        "_repair",
        "handle_revised_bars",
    )

    def __init__(
        self,
        context: StreamContext,
        bar_type: BarType,
        *,
        handle_revised_bars: bool,
        use_rth: bool = False,
    ) -> None:
        super().__init__(context)
        self._bar_type = bar_type
        self.handle_revised_bars = handle_revised_bars
        self._out: Callable[[Bar], None] = self._send
        self._repair = bar_repair(
            context,
            bar_type,
            lambda: self._delivered_open if self._delivered_open > 0 else None,
            self._caught_up,
            self._send,
            self._restored,
            use_rth=use_rth,
            is_first_partial=False,
        )
        self._current: Bar | None = None
        self._candidate: Bar | None = None
        self._last_open = self._delivered_open = -1
        self._is_suspicious = False
        self._last_published: Bar | None = None
        self._closing = Closing(context, bar_type, self._on_time, use_rth=use_rth)
        self._audit: TimerHandle | None = None

    @property
    def last_open_ns(self) -> int:
        """Return when the newest published bar opened, -1 before the first."""
        return self._last_open

    def bars(self, bars: HistoricalBars) -> None:
        """Take the history up to now: it tells which bar is current, and which were missed."""
        discarded = Discarded()
        columns = BarColumns.of(bars, self._bar_type.spec)
        known = convert_bars(columns, self._bar_type, self.scale, discarded)
        if discarded:
            self.context.count("bars that contradict themselves left out")
        if not known:
            return
        is_first = self._last_open < 0
        last_open = self._last_open
        if not is_first:
            self._bridge_to(known[0].ts_event)
        last = known.pop()
        for bar in known:
            self._take_complete(bar, is_first=is_first)
            if bar.ts_event == last_open:
                self._revise(bar)
        if last.ts_event <= self._last_open:
            return
        now = self.context.venue_ns()
        if not is_near(last.ts_init, now):
            self._candidate = last
        elif is_first and last.ts_init <= now - GRACE_NS:
            self._take_complete(last, is_first=True)
        else:
            # It may have ended while the answer was on its way: IB has a last word on it yet.
            is_missed = not is_first and last.ts_init <= now
            self._begin(replace(last, is_backfilled=is_missed), max(last.ts_init, now))
        self._follow_on(last)

    def _follow_on(self, first: Bar) -> None:
        """Count what is before the first bar as delivered: from this bar on none may be missed."""
        if self._last_open < 0:
            self._last_open = self._delivered_open = first.ts_event - (
                self._bar_type.spec.nanos or 1
            )

    def _bridge_to(self, oldest: int) -> None:
        """Fetch what an interruption took, up to a bar that we have; what follows waits."""
        begin = self._last_open + (self._bar_type.spec.nanos or 1)
        if self._last_open > 0 and oldest > begin and self.context.host.bars_limit_ns:
            self._out = self._repair.hold
            self._repair.bridge(begin, oldest)

    def _take_complete(self, bar: Bar, *, is_first: bool) -> None:
        if is_first:
            self._last_open = self._delivered_open = bar.ts_event
        elif bar.ts_event <= self._last_open:
            return
        elif self.context.host.bars_limit_ns:
            self._publish(replace(bar, is_backfilled=True))
        else:
            self._last_open = self._delivered_open = bar.ts_event
            self.context.gap(bar.ts_event, bar.ts_init, "back-filling is switched off")

    def bar_update(self, bar: BarRecord) -> None:
        """Take the current bar as it is now."""
        converted = self._converted(bar)
        if converted is None:
            return
        opened = converted.ts_event
        if self._is_suspicious:
            self._is_suspicious = False
            if not self._repair.is_active:
                self._bridge_to(opened)
        self._close_candidate(opened)
        if opened <= self._last_open:
            self._revise(converted)
            return
        current = self._current
        if current is not None and opened < current.ts_event:
            self.context.count("updates of old bars left out")
            return
        if current is not None and opened > current.ts_event:
            self._publish(current)
        self._follow_on(converted)
        if self._current is None:
            self._begin(converted, close_ns(bar.date, self._bar_type.spec))
        elif self._current.is_backfilled:
            self._current = replace(converted, is_backfilled=True)
        else:
            self._current = converted

    def _close_candidate(self, opened: int) -> None:
        candidate, self._candidate = self._candidate, None
        if candidate is not None and opened > candidate.ts_event:
            # It was complete when we got it: news only if others went out before.
            if self._last_published is not None:
                self._publish(candidate)
            self._last_open = candidate.ts_event

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
        self._closing.begin(bar.ts_event, ends)

    def _on_time(self, known: Bar | None) -> None:
        if self._current is None:
            return
        if known is not None and not is_same(known, self._current):
            self._current = replace(known, is_backfilled=True)
        self._publish(self._current)

    def _publish(self, bar: Bar) -> None:
        if bar is self._current:
            self._current = None
            self._closing.stop()
        self._last_open = bar.ts_event
        self._last_published = bar
        self._out(replace(bar, ts_init=self.clock.timestamp_ns()))

    def _revise(self, bar: Bar) -> None:
        published = self._last_published
        if published is None or bar.ts_event != published.ts_event:
            self.context.count("updates of old bars left out")
            return
        if is_same(bar, published):
            return
        self._last_published = bar
        if self.handle_revised_bars:
            # Of a bar that waits, the revision waits too, behind it.
            out = self.sink.bar if bar.ts_event <= self._delivered_open else self._out
            out(replace(bar, is_revision=True))
        else:
            self.context.count("bar revisions left out, as configured")

    def stream_restarted(self, reason: str) -> None:
        """Forget the unfinished bar: the new history has it, complete, and what was missed."""
        self._current = self._candidate = None
        self._closing.stop()
        if self._repair.is_active:
            # What waits comes with the new history, which reaches back to what was delivered.
            self._repair.close()
            self._restored()
            self._last_open = self._delivered_open
        self.prevailing.bid_raw = self.prevailing.ask_raw = None
        _log.info("stream reopened", subscription=str(self.context.subscription), reason=reason)

    def interrupted(self, reason: str) -> None:
        """Fetch what was missed while the stream stayed open and brought nothing."""
        self._current = self._candidate = None
        self._is_suspicious = True
        self._closing.stop()
        if self._repair.interrupted(reason):
            self._out = self._repair.hold
            self._audit_in(self._bar_type.spec.nanos or _DAY_NS)

    def _audit_in(self, nanos: int) -> None:
        if self._audit is not None:
            self._audit.cancel()
        now = self.clock.timestamp_ns()
        self._audit = self.clock.call_at(now + nanos + GRACE_NS, self._look_back)

    def _look_back(self) -> None:
        """Fetch the bar in which the stream went on, if nothing was heard of it since."""
        self._audit = None
        if self._repair.is_active or self.context.is_interrupted():
            self._audit_in(GRACE_NS)
        elif self._current is None or self._current.ts_event > self._last_open:
            until = self._current.ts_event if self._current else self.clock.timestamp_ns()
            self._bridge_to(until)

    def _restored(self) -> None:
        self._out = self._send

    def _send(self, bar: Bar) -> None:
        self._delivered_open = max(self._delivered_open, bar.ts_event)
        self.sink.bar(bar)

    def _caught_up(self, bars: list[Bar]) -> None:
        if bars:
            self._last_open = max(self._last_open, bars[-1].ts_event)
            self._last_published = bars[-1]
        if self._current is not None and self._current.ts_event <= self._last_open:
            # It ended while it was being fetched, and has gone out from there.
            self._current = None
            self._closing.stop()

    def close(self) -> None:
        """Stop the clock, and fetch nothing any more."""
        self._current = self._candidate = None
        self._closing.stop()
        if self._audit is not None:
            self._audit.cancel()
            self._audit = None
        self._repair.close()
