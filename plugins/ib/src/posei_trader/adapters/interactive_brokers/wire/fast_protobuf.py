"""Decoders for the hot messages in protobuf form (server versions from 201 on).

`ibapi` brings the generated message classes; their parser is written in C. What goes wrong shows as
an error of the parser or ValueError: the message is malformed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.historical_protobuf import HistoricalProtobuf
from posei_trader.adapters.interactive_brokers.wire.plain_quotes import plain_quote
from posei_trader.adapters.interactive_brokers.wire.protobuf_fields import (
    average,
    generated,
    quote_mask,
    trade_mask,
)
from posei_trader.adapters.interactive_brokers.wire.run_delivery import run_table
from posei_trader.adapters.interactive_brokers.wire.sizes import TextSizes
from posei_trader.adapters.interactive_brokers.wire.tick_columns_protobuf import ProtobufTickRuns

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.wire.sink import FastSink

__all__ = ["FastProtobuf"]

_NO_PRICE: Final = -1.0
_FIRST_ID: Final = 200
"""What ids are greater by than in text."""

MarketDepth: Final = generated("MarketDepth")
MarketDepthL2: Final = generated("MarketDepthL2")
RealTimeBarTick: Final = generated("RealTimeBarTick")
TickByTickData: Final = generated("TickByTickData")
TickGeneric: Final = generated("TickGeneric")
TickPrice: Final = generated("TickPrice")
TickSize: Final = generated("TickSize")
TickString: Final = generated("TickString")


class FastProtobuf:
    """Decode and deliver to a sink."""

    def __init__(self, sink: FastSink) -> None:
        self._sink = sink
        self._quote = sink.tick_quote
        self._sizes = TextSizes()
        self._runs = ProtobufTickRuns(self._sizes)
        self._history = HistoricalProtobuf(sink)

    def table(self) -> dict[int, Callable[[bytes], None]]:
        """Return the decoders by message id on the wire."""
        return {
            201: self._tick_price,
            202: self._tick_size,
            212: self._depth,
            213: self._depth_l2,
            245: self._tick_generic,
            246: self._tick_string,
            250: self._realtime_bar,
            299: self._tick_by_tick,
            **self._history.table(),
        }

    def runs(self) -> dict[int, Callable[[list[bytes]], bool]]:
        """Return the decoders of runs by the id they go by, see `run_table`."""
        return run_table(self._runs, self._sink, first_id=_FIRST_ID)

    # --- streams ----------------------------------------------------------------------------------

    def _tick_by_tick(self, payload: bytes) -> None:
        plain = plain_quote(payload)
        if plain is not None:
            req_id, time_s, bid, ask, bid_size, ask_size, mask = plain
            sizes = self._sizes
            self._quote(
                req_id, time_s, bid, ask, sizes[bid_size.decode()], sizes[ask_size.decode()], mask
            )
            return
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
                quote_mask(quote) if quote.HasField("tickAttribBidAsk") else 0,
            )
        elif kind in {1, 2} and message.HasField("historicalTickLast"):
            trade = message.historicalTickLast
            self._sink.tick_trade(
                message.reqId,
                trade.time,
                trade.price,
                self._sizes[trade.size],
                trade_mask(trade),
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
            average(message.WAP),
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
