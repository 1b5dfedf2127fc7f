"""Trades from IB's tick-by-tick stream, and from level one's real-time volume as the fallback."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.data.raws import IMPOSSIBLE, NO_PRICE, Raws
from posei_trader.adapters.interactive_brokers.data.repair import Repair
from posei_trader.adapters.interactive_brokers.data.seams import TickSeam, last_second, tail_of
from posei_trader.adapters.interactive_brokers.data.streams import Stream
from posei_trader.adapters.interactive_brokers.historical.conversion import TRADE_FLAGS
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import AggressorSide, MarketStatus, TradeFlag
from posei_trader.model.fixed_point import FIXED_SCALAR
from posei_trader.model.identifiers import TradeId
from posei_trader.model.ticks import InstrumentStatus, TradeTick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from posei_trader.adapters.interactive_brokers.client.messages import (
        MarketDataParameters,
        OptionComputation,
    )
    from posei_trader.adapters.interactive_brokers.data.prevailing import Prevailing
    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
    from posei_trader.adapters.interactive_brokers.wire.tick_columns import TradeColumns

_PAST_LIMIT: Final = 1
_RT_VOLUME: Final = frozenset({48, 77})
_DELAYED_LAST: Final = 68
_DELAYED_LAST_SIZE: Final = 71
_DELAYED_LAST_TIME: Final = 88
"""IB's tick types. The last price and size of live data are told by real-time volume too."""

_DELAYED: Final = frozenset({3, 4})
"""Market data types."""

_NANOS_PER_MILLI: Final = 1_000_000

_BUYER: Final = AggressorSide.BUYER
_SELLER: Final = AggressorSide.SELLER
_NOBODY: Final = AggressorSide.NO_AGGRESSOR
_INFERRED_FLAGS: Final = tuple(flags | TradeFlag.AGGRESSOR_INFERRED for flags in TRADE_FLAGS)

_new_id = str.__new__


def aggressor_of(price_raw: int, prevailing: Prevailing) -> AggressorSide:
    """Infer who crossed the spread: at the ask or above a buyer, at the bid or below a seller."""
    ask, bid = prevailing.ask_raw, prevailing.bid_raw
    if ask is not None and price_raw >= ask and (bid is None or price_raw > bid):
        return _BUYER
    if bid is not None and price_raw <= bid and (ask is None or price_raw < ask):
        return _SELLER
    return _NOBODY


def _flags_of(side: AggressorSide, mask: int) -> TradeFlag:
    return (TRADE_FLAGS if side is _NOBODY else _INFERRED_FLAGS)[mask & 3]


class _Trades(Stream):
    """What both kinds share: unique ids and the inferred aggressor."""

    __slots__ = (
        "_digits",
        "_number",
        "_out",
        "_prefix",
        "_raws",
        "_second",
        "_size_digits",
        "_tail",
    )

    def __init__(self, context: StreamContext) -> None:
        super().__init__(context)
        self._out: Callable[[TradeTick], None] = context.sink.trade_tick
        self._raws = Raws(self.scale)
        self._digits = self.scale.precision
        self._size_digits = self.scale.size_precision
        self._second = -1
        self._tail: list[TradeTick] = []
        # The moment of subscribing tells this run's ids from those of any other run.
        self._prefix = f"{context.clock.timestamp_ns():x}"
        self._number = 0

    def _deliver(self, price: float, size: int, ts_event: int, mask: int) -> None:
        raws = self._raws
        try:
            raw = raws[price]
        except IMPOSSIBLE:
            self.context.count(NO_PRICE)
            return
        digits = self.scale.price_precision(raw) if raws.has_odd else self._digits
        side = aggressor_of(raw, self.prevailing)
        number = self._number = self._number + 1
        if ts_event != self._second:
            self._second = ts_event
            self._tail = []
        tick = TradeTick(
            self.instrument_id,
            raw,
            size,
            digits,
            self._size_digits,
            side,
            _new_id(TradeId, f"{self._prefix}-{number}"),
            ts_event,
            self.clock.timestamp_ns(),
            _flags_of(side, mask),
        )
        self._tail.append(tick)
        self._out(tick)


@final
class TickByTickTrades(_Trades):
    """Turns IB's `AllLast` ticks into trades."""

    __slots__ = ("_before", "_is_halted", "_repair")

    def __init__(self, context: StreamContext) -> None:
        super().__init__(context)
        host, traded = context.host, context.traded
        self._is_halted = False
        self._before: list[TradeTick] = []
        self._repair = Repair(
            context,
            TickSeam(lambda: self._before, self._caught_up),
            lambda start, end: host.fetch_trades(traded, start, end),
            context.sink.trade_tick,
            self._restored,
            host.ticks_limit_ns,
        )

    def interrupted(self, reason: str) -> None:
        """Let trades wait until those that were missed are fetched."""
        if not self._repair.is_active:
            self._before = self._tail
        if self._repair.interrupted(reason):
            self._out = self._repair.hold

    def _restored(self) -> None:
        self._out = self.sink.trade_tick

    def _caught_up(self, trades: list[TradeTick]) -> None:
        second, self._tail = last_second(trades, self._before)
        self._second = second * NANOS_PER_SECOND

    def close(self) -> None:
        """Fetch nothing any more."""
        self._repair.close()

    def trade(
        self, time_s: int, price: float, size: int | None, mask: int, exchange: str, conditions: str
    ) -> None:
        """Take a trade of IB's."""
        del exchange, conditions
        ts_event = time_s * NANOS_PER_SECOND
        if not size:
            self._empty_print(price, mask, ts_event)
            return
        if self._is_halted:
            self._say(MarketStatus.OPEN, ts_event)
        self._deliver(price, size, ts_event, mask)

    def trades(self, run: TradeColumns) -> None:
        """Take trades of IB's that came together."""
        try:
            raws = list(map(self._raws.__getitem__, run.prices))
        except IMPOSSIBLE:
            self._one_by_one(run)
            return
        is_usual = self._out == self.sink.trade_tick and not self._raws.has_odd
        if not is_usual or self._is_halted or not all(run.sizes):
            self._one_by_one(run)
            return
        side_of = {raw: aggressor_of(raw, self.prevailing) for raw in set(raws)}
        flags_of = {raw: _flags_of(side, 0) for raw, side in side_of.items()}
        sides: Iterable[AggressorSide] = map(side_of.__getitem__, raws)
        flags: Iterable[TradeFlag] = map(flags_of.__getitem__, raws)
        if any(run.masks):
            flags = [
                _flags_of(side_of[raw], mask) for raw, mask in zip(raws, run.masks, strict=True)
            ]
        first, self._number = self._number + 1, self._number + len(raws)
        prefix = self._prefix
        ids = [f"{prefix}-{number}" for number in range(first, self._number + 1)]
        ticks = list(
            map(
                TradeTick,
                repeat(self.instrument_id),
                raws,
                run.sizes,
                repeat(self._digits),
                repeat(self._size_digits),
                sides,
                map(_new_id, repeat(TradeId), ids),
                [time_s * NANOS_PER_SECOND for time_s in run.times_s],
                repeat(self.clock.timestamp_ns()),
                flags,
            )
        )
        seconds = run.times_s
        second, self._tail = tail_of(ticks, seconds, self._second // NANOS_PER_SECOND, self._tail)
        self._second = second * NANOS_PER_SECOND
        self.sink.trade_ticks(ticks)

    def _one_by_one(self, run: TradeColumns) -> None:
        for _, *trade in zip(*run, strict=True):
            self.trade(*trade)

    def _empty_print(self, price: float, mask: int, ts_event: int) -> None:
        if mask & _PAST_LIMIT and not price:
            # This is how IB prints a halt.
            if not self._is_halted:
                self._say(MarketStatus.HALTED, ts_event)
            return
        self.context.count("trades without a size left out")

    def _say(self, status: MarketStatus, ts_event: int) -> None:
        self._is_halted = status is MarketStatus.HALTED
        self.sink.instrument_status(
            InstrumentStatus(self.instrument_id, status, ts_event, self.clock.timestamp_ns())
        )


@final
class LevelOneTrades(_Trades):
    """Makes trades of level one, where tick-by-tick data is not to be had.

    Live data brings real-time volume, in which IB joins trades that happen within a quarter of a
    second; delayed data brings only the last price and size, of which changes are seen. The first
    of these are no trade, but what was printed before.
    """

    __slots__ = ("_is_delayed", "_last", "_price", "_ts_event", "_volume")

    def __init__(self, context: StreamContext) -> None:
        super().__init__(context)
        self._volume = ""
        self._reset()

    def _reset(self) -> None:
        self._is_delayed = False
        self._price = 0.0
        self._last: tuple[float, int] | None = None
        self._ts_event: int | None = None

    def tick_string(self, tick_type: int, value: str) -> None:
        """Take real-time volume, or the second of the last delayed trade."""
        if tick_type == _DELAYED_LAST_TIME:
            self._ts_event = int(value) * NANOS_PER_SECOND
        elif tick_type in _RT_VOLUME and not self._is_delayed and value != self._volume:
            # It has the day's total, so that no two trades look the same.
            self._volume = value
            self._real_time_volume(value)

    def _real_time_volume(self, value: str) -> None:
        """Take ``price;size;milliseconds;total;vwap;single``."""
        parts = value.split(";")
        if len(parts) < 3 or not parts[0] or not parts[1]:
            # Odd lots come without a price.
            self.context.count("real-time volumes without a price left out")
            return
        size = round(float(parts[1]) * FIXED_SCALAR)
        if size <= 0:
            self.context.count("trades without a size left out")
            return
        self._deliver(float(parts[0]), size, int(parts[2]) * _NANOS_PER_MILLI, 0)

    def tick_price(self, tick_type: int, price: float, size: int | None, attributes: int) -> None:
        """Take the last delayed price and the size that came with it."""
        del attributes
        if tick_type == _DELAYED_LAST:
            self._price = price
            self._delayed(size)

    def tick_size(self, tick_type: int, size: int | None) -> None:
        """Take the last delayed size."""
        if tick_type == _DELAYED_LAST_SIZE:
            self._delayed(size)

    def _delayed(self, size: int | None) -> None:
        """Take the size of the last price; without one, its size follows."""
        price, before = self._price, self._last
        if not size or price <= 0 or (price, size) == before:
            return
        self._last = price, size
        if before is not None:
            now = self.clock.timestamp_ns()
            self._deliver(price, size, now if self._ts_event is None else self._ts_event, 0)

    def tick_generic(self, tick_type: int, value: float) -> None:
        """Take a number: nothing of a trade."""

    def option_computation(self, computation: OptionComputation) -> None:
        """Take greeks: nothing of a trade."""

    def market_data_type(self, market_data_type: int) -> None:
        """Take the kind of data that follows."""
        self._is_delayed = market_data_type in _DELAYED
        self.context.note_market_data_type(market_data_type)

    def parameters(self, parameters: MarketDataParameters) -> None:
        """Take the stream's parameters: the instrument has them already."""

    def stream_restarted(self, reason: str) -> None:
        """Forget the last delayed price: the next one may be from before."""
        self._reset()
        super().stream_restarted(reason)
