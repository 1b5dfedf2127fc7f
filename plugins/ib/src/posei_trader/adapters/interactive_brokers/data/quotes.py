"""Quotes from IB's two kinds of streams: tick by tick, and level one assembled from its parts.

Hot path: everything that a tick needs was resolved when the stream was opened.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.data.raws import IMPOSSIBLE, NO_PRICE, Raws
from posei_trader.adapters.interactive_brokers.data.repair import Repair
from posei_trader.adapters.interactive_brokers.data.seams import TickSeam, last_second, tail_of
from posei_trader.adapters.interactive_brokers.data.streams import Stream
from posei_trader.adapters.interactive_brokers.historical.conversion import is_absent
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.ticks import QuoteTick

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posei_trader.adapters.interactive_brokers.client.messages import (
        MarketDataParameters,
        OptionComputation,
    )
    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
    from posei_trader.adapters.interactive_brokers.wire.tick_columns import (
        LevelOneRow,
        QuoteColumns,
    )

BID: Final = frozenset({1, 66})
ASK: Final = frozenset({2, 67})
BID_SIZE: Final = frozenset({0, 69})
ASK_SIZE: Final = frozenset({3, 70})
LAST: Final = frozenset({4, 68})
"""IB's tick types, live and delayed."""

_SIDES: Final[dict[int, bool]] = {1: True, 66: True, 2: False, 67: False}
_SIZE_SIDES: Final[dict[int, bool]] = {0: True, 69: True, 3: False, 70: False}
"""Whether a tick type is one of the bid's."""


@final
class TickByTickQuotes(Stream):
    """Turns IB's `BidAsk` ticks into quotes."""

    __slots__ = (
        "_before",
        "_digits",
        "_out",
        "_raws",
        "_repair",
        "_second",
        "_size_digits",
        "_tail",
        "_ts_event",
    )

    def __init__(self, context: StreamContext) -> None:
        super().__init__(context)
        host, traded = context.host, context.traded
        self._out: Callable[[QuoteTick], None] = context.sink.quote_tick
        self._raws = Raws(self.scale)
        self._digits = self.scale.precision
        self._size_digits = self.scale.size_precision
        self._second = -1
        self._ts_event = -NANOS_PER_SECOND
        self._tail: list[QuoteTick] = []
        self._before: list[QuoteTick] = []
        self._repair = Repair(
            context,
            TickSeam(lambda: self._before, self._caught_up),
            lambda start, end: host.fetch_quotes(traded, start, end),
            context.sink.quote_tick,
            self._restored,
            host.ticks_limit_ns,
        )

    def quote(
        self,
        time_s: int,
        bid: float,
        ask: float,
        bid_size: int | None,
        ask_size: int | None,
        mask: int,
    ) -> None:
        """Take a quote of IB's."""
        del mask  # marks of the day's range, nothing that a quote could carry
        raws, prevailing = self._raws, self.prevailing
        try:
            bid_raw, ask_raw = raws[bid], raws[ask]
        except IMPOSSIBLE:
            prevailing.forget()
            self.context.count(NO_PRICE)
            return
        if not bid_size or not ask_size:
            bid_size, ask_size = bid_size or 0, ask_size or 0
            has_bid, has_ask = not is_absent(bid, bid_size), not is_absent(ask, ask_size)
            if not has_bid or not has_ask:
                prevailing.bid_raw = bid_raw if has_bid else None
                prevailing.ask_raw = ask_raw if has_ask else None
                self.context.count("one-sided quotes left out")
                return
        digits = self.scale.price_precision(bid_raw, ask_raw) if raws.has_odd else self._digits
        prevailing.bid_raw, prevailing.ask_raw = bid_raw, ask_raw
        if time_s != self._second:
            self._second = time_s
            self._ts_event = time_s * NANOS_PER_SECOND
            self._tail = []
        tick = QuoteTick(
            self.instrument_id,
            bid_raw,
            ask_raw,
            bid_size,
            ask_size,
            digits,
            self._size_digits,
            self._ts_event,
            self.clock.timestamp_ns(),
        )
        self._tail.append(tick)
        self._out(tick)

    def quotes(self, run: QuoteColumns) -> None:
        """Take quotes of IB's that came together."""
        raws, bid_sizes, ask_sizes = self._raws, run.bid_sizes, run.ask_sizes
        try:
            bids = list(map(raws.__getitem__, run.bids))
            asks = list(map(raws.__getitem__, run.asks))
        except IMPOSSIBLE:
            self._one_by_one(run)
            return
        is_usual = self._out == self.sink.quote_tick and not raws.has_odd
        if not (is_usual and all(bid_sizes) and all(ask_sizes)):
            self._one_by_one(run)
            return
        self.prevailing.bid_raw, self.prevailing.ask_raw = bids[-1], asks[-1]
        ticks = list(
            map(
                QuoteTick,
                repeat(self.instrument_id),
                bids,
                asks,
                bid_sizes,
                ask_sizes,
                repeat(self._digits),
                repeat(self._size_digits),
                [time_s * NANOS_PER_SECOND for time_s in run.times_s],
                repeat(self.clock.timestamp_ns()),
            )
        )
        self._second, self._tail = tail_of(ticks, run.times_s, self._second, self._tail)
        self._ts_event = self._second * NANOS_PER_SECOND
        self.sink.quote_ticks(ticks)

    def _one_by_one(self, run: QuoteColumns) -> None:
        for _, *quote in zip(*run, strict=True):
            self.quote(*quote)

    def interrupted(self, reason: str) -> None:
        """Let quotes wait until those that were missed are fetched."""
        if not self._repair.is_active:
            self._before = self._tail
        if self._repair.interrupted(reason):
            self._out = self._repair.hold

    def _restored(self) -> None:
        self._out = self.sink.quote_tick

    def _caught_up(self, quotes: list[QuoteTick]) -> None:
        self._second, self._tail = last_second(quotes, self._before)
        self._ts_event = self._second * NANOS_PER_SECOND

    def close(self) -> None:
        """Fetch nothing any more."""
        self._repair.close()


@final
class LevelOneQuotes(Stream):
    """Assembles quotes from level-one prices and sizes, live, frozen or delayed.

    IB sends a price with its size, and then the same size again: a quote goes out when something is
    new, never for a repetition, and never with a price and the size of another price: a side whose
    price came without a size waits for it. A side without a quote ends quoting until it is back.
    """

    __slots__ = (
        "_ask",
        "_ask_size",
        "_bid",
        "_bid_size",
        "_digits",
        "_pending",
        "_raws",
        "_size_digits",
        "ignore_size_updates",
    )

    def __init__(self, context: StreamContext, *, ignore_size_updates: bool) -> None:
        super().__init__(context)
        self.ignore_size_updates = ignore_size_updates
        self._raws = Raws(self.scale)
        self._digits = self.scale.precision
        self._size_digits = self.scale.size_precision
        self._reset()

    def _reset(self) -> None:
        self._bid: int | None = None
        self._ask: int | None = None
        self._bid_size: int | None = None
        self._ask_size: int | None = None
        self._pending = False

    def tick_price(self, tick_type: int, price: float, size: int | None, attributes: int) -> None:
        """Take a price and the size that came with it."""
        self.level_one(((0, tick_type, price, size, attributes),))

    def tick_size(self, tick_type: int, size: int | None) -> None:
        """Take a size."""
        self.level_one(((0, tick_type, None, size, 0),))

    def level_one(self, rows: Sequence[LevelOneRow]) -> None:
        """Take prices and sizes that came together."""
        raws, ignores_sizes, is_pending = self._raws, self.ignore_size_updates, self._pending
        bid, ask, bid_size, ask_size = self._bid, self._ask, self._bid_size, self._ask_size
        instrument_id, digits, size_digits = self.instrument_id, self._digits, self._size_digits
        quotes: list[QuoteTick] = []
        is_new = False
        now = self.clock.timestamp_ns()
        for _, tick_type, price, size, _ in rows:
            is_bid = (_SIZE_SIDES if price is None else _SIDES).get(tick_type)
            if is_bid is None:
                continue
            is_due = is_pending
            if price is not None:
                try:
                    raw = raws[price] if size or not is_absent(price, 0) else None
                except IMPOSSIBLE:
                    raw = None
                    self.context.count(NO_PRICE)
                if raw != (bid if is_bid else ask):
                    is_due = is_new = True
                    # Without a size, its own follows: that of the old price would be wrong.
                    is_pending = is_pending or size is None
                    if is_bid:
                        bid, bid_size = raw, size
                    else:
                        ask, ask_size = raw, size
            if size is not None and size != (bid_size if is_bid else ask_size):
                is_due = is_due or not ignores_sizes
                if is_bid:
                    bid_size = size
                else:
                    ask_size = size
            if not is_due or bid is None or ask is None or bid_size is None or ask_size is None:
                continue
            is_new, is_pending = True, False
            digits = self.scale.price_precision(bid, ask) if raws.has_odd else digits
            quotes.append(
                QuoteTick(
                    instrument_id, bid, ask, bid_size, ask_size, digits, size_digits, now, now
                )
            )
        self._bid, self._ask, self._bid_size, self._ask_size = bid, ask, bid_size, ask_size
        self._pending = is_pending
        self._publish(quotes, is_new=is_new)

    def _publish(self, quotes: list[QuoteTick], *, is_new: bool) -> None:
        if not is_new:
            return
        self.prevailing.bid_raw, self.prevailing.ask_raw = self._bid, self._ask
        if len(quotes) == 1:
            self.sink.quote_tick(quotes[0])
        elif quotes:
            self.sink.quote_ticks(quotes)

    def tick_string(self, tick_type: int, value: str) -> None:
        """Take a text: nothing of a quote."""

    def tick_generic(self, tick_type: int, value: float) -> None:
        """Take a number: nothing of a quote."""

    def option_computation(self, computation: OptionComputation) -> None:
        """Take greeks: nothing of a quote."""

    def market_data_type(self, market_data_type: int) -> None:
        """Take the kind of data that follows."""
        self.context.note_market_data_type(market_data_type)

    def parameters(self, parameters: MarketDataParameters) -> None:
        """Take the stream's parameters: the instrument has them already."""

    def stream_restarted(self, reason: str) -> None:
        """Forget everything: sizes and prices of before the gap prove nothing."""
        self._reset()
        super().stream_restarted(reason)
