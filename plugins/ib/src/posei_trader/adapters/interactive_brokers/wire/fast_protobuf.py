"""Decoders for the hot messages in protobuf form (server versions from 201 on).

`ibapi` brings the generated message classes; their parser is written in C. What goes wrong shows as
an error of the parser or ValueError: the message is malformed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.records import (
    BarRecord,
    HistoricalBars,
    HistoricalMidpoint,
    HistoricalQuote,
    HistoricalTrade,
)
from posei_trader.adapters.interactive_brokers.wire.sizes import TextSizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.wire.sink import FastSink

__all__ = ["FastProtobuf"]

_NO_PRICE: Final = -1.0


def _generated(name: str) -> Any:
    """Return a generated class; its attributes exist at run time only."""
    return getattr(import_module(f"ibapi.protobuf.{name}_pb2"), name)


HistoricalData: Final = _generated("HistoricalData")
HistoricalDataUpdate: Final = _generated("HistoricalDataUpdate")
HistoricalTicks: Final = _generated("HistoricalTicks")
HistoricalTicksBidAsk: Final = _generated("HistoricalTicksBidAsk")
HistoricalTicksLast: Final = _generated("HistoricalTicksLast")
MarketDepth: Final = _generated("MarketDepth")
MarketDepthL2: Final = _generated("MarketDepthL2")
RealTimeBarTick: Final = _generated("RealTimeBarTick")
TickByTickData: Final = _generated("TickByTickData")
TickGeneric: Final = _generated("TickGeneric")
TickPrice: Final = _generated("TickPrice")
TickSize: Final = _generated("TickSize")
TickString: Final = _generated("TickString")


class FastProtobuf:
    """Decode and deliver to a sink."""

    def __init__(self, sink: FastSink) -> None:
        self._sink = sink
        self._quote = sink.tick_quote
        self._sizes = TextSizes()

    def table(self) -> dict[int, Callable[[bytes], None]]:
        """Return the decoders by message id on the wire."""
        return {
            201: self._tick_price,
            202: self._tick_size,
            212: self._depth,
            213: self._depth_l2,
            217: self._historical_bars,
            245: self._tick_generic,
            246: self._tick_string,
            250: self._realtime_bar,
            290: self._historical_update,
            296: self._historical_midpoints,
            297: self._historical_quotes,
            298: self._historical_trades,
            299: self._tick_by_tick,
        }

    # --- streams ----------------------------------------------------------------------------------

    def _tick_by_tick(self, payload: bytes) -> None:
        message = TickByTickData.FromString(payload)
        kind = message.tickType
        if kind == 3:
            quote = message.historicalTickBidAsk
            time_s = quote.time
            if not time_s and not message.HasField("historicalTickBidAsk"):
                raise MalformedMessage("a quote is missing in its message")
            self._quote(
                message.reqId,
                time_s,
                quote.priceBid,
                quote.priceAsk,
                self._sizes[quote.sizeBid],
                self._sizes[quote.sizeAsk],
                _quote_mask(quote) if quote.HasField("tickAttribBidAsk") else 0,
            )
        elif kind in {1, 2} and message.HasField("historicalTickLast"):
            trade = message.historicalTickLast
            self._sink.tick_trade(
                message.reqId,
                trade.time,
                trade.price,
                self._sizes[trade.size],
                _trade_mask(trade),
                trade.exchange,
                trade.specialConditions,
            )
        elif kind == 4 and message.HasField("historicalTickMidPoint"):
            midpoint = message.historicalTickMidPoint
            self._sink.tick_midpoint(message.reqId, midpoint.time, midpoint.price)
        else:
            raise MalformedMessage(f"a tick-by-tick message of kind {kind} has no tick")

    def _tick_price(self, payload: bytes) -> None:
        message = TickPrice.FromString(payload)
        price = message.price
        if not price and not message.HasField("price"):
            price = _NO_PRICE
        self._sink.tick_price(
            message.reqId,
            message.tickType,
            price,
            self._sizes[message.size],
            message.attrMask & 7,
        )

    def _tick_size(self, payload: bytes) -> None:
        message = TickSize.FromString(payload)
        self._sink.tick_size(message.reqId, message.tickType, self._sizes[message.size])

    def _tick_generic(self, payload: bytes) -> None:
        message = TickGeneric.FromString(payload)
        self._sink.tick_generic(message.reqId, message.tickType, message.value)

    def _tick_string(self, payload: bytes) -> None:
        message = TickString.FromString(payload)
        self._sink.tick_string(message.reqId, message.tickType, message.value)

    def _realtime_bar(self, payload: bytes) -> None:
        message = RealTimeBarTick.FromString(payload)
        self._sink.realtime_bar(
            message.reqId,
            message.time,
            message.open,
            message.high,
            message.low,
            message.close,
            self._sizes[message.volume],
            _average(message.WAP),
            message.count,
        )

    def _depth(self, payload: bytes) -> None:
        self._row(MarketDepth.FromString(payload))

    def _depth_l2(self, payload: bytes) -> None:
        self._row(MarketDepthL2.FromString(payload))

    def _row(self, message: Any) -> None:
        if not message.HasField("marketDepthData"):
            raise MalformedMessage("a depth message has no row")
        row = message.marketDepthData
        self._sink.depth(
            message.reqId,
            row.position,
            row.marketMaker,
            row.operation,
            row.side,
            row.price,
            self._sizes[row.size],
            row.isSmartDepth,
        )

    # --- history ----------------------------------------------------------------------------------

    def _historical_bars(self, payload: bytes) -> None:
        message = HistoricalData.FromString(payload)
        bars = message.historicalDataBars
        sizes = self._sizes
        columns = HistoricalBars(
            [bar.date for bar in bars],
            [bar.open for bar in bars],
            [bar.high for bar in bars],
            [bar.low for bar in bars],
            [bar.close for bar in bars],
            [sizes[bar.volume] for bar in bars],
            [_average(bar.WAP) for bar in bars],
            [bar.barCount for bar in bars],
        )
        self._sink.historical_bars(message.reqId, columns, False)

    def _historical_update(self, payload: bytes) -> None:
        message = HistoricalDataUpdate.FromString(payload)
        if not message.HasField("historicalDataBar"):
            raise MalformedMessage("a bar update has no bar")
        bar = message.historicalDataBar
        record = BarRecord(
            bar.date,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            self._sizes[bar.volume],
            _average(bar.WAP),
            bar.barCount,
        )
        self._sink.historical_update(message.reqId, record)

    def _historical_midpoints(self, payload: bytes) -> None:
        message = HistoricalTicks.FromString(payload)
        sizes = self._sizes
        ticks = [
            HistoricalMidpoint(tick.time, tick.price, sizes[tick.size])
            for tick in message.historicalTicks
        ]
        self._sink.historical_midpoints(message.reqId, ticks, message.isDone)

    def _historical_quotes(self, payload: bytes) -> None:
        message = HistoricalTicksBidAsk.FromString(payload)
        sizes = self._sizes
        ticks = [
            HistoricalQuote(
                tick.time,
                tick.priceBid,
                tick.priceAsk,
                sizes[tick.sizeBid],
                sizes[tick.sizeAsk],
                _quote_mask(tick),
            )
            for tick in message.historicalTicksBidAsk
        ]
        self._sink.historical_quotes(message.reqId, ticks, message.isDone)

    def _historical_trades(self, payload: bytes) -> None:
        message = HistoricalTicksLast.FromString(payload)
        sizes = self._sizes
        ticks = [
            HistoricalTrade(
                tick.time,
                tick.price,
                sizes[tick.size],
                _trade_mask(tick),
                tick.exchange,
                tick.specialConditions,
            )
            for tick in message.historicalTicksLast
        ]
        self._sink.historical_trades(message.reqId, ticks, message.isDone)


def _average(text: str) -> float | None:
    return float(text) if text else None


def _quote_mask(quote: Any) -> int:
    if not quote.HasField("tickAttribBidAsk"):
        return 0
    marks = quote.tickAttribBidAsk
    return int(marks.bidPastLow) | int(marks.askPastHigh) << 1


def _trade_mask(trade: Any) -> int:
    if not trade.HasField("tickAttribLast"):
        return 0
    marks = trade.tickAttribLast
    return int(marks.pastLimit) | int(marks.unreported) << 1
