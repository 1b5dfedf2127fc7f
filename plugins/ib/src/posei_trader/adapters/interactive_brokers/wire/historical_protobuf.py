"""Decoders for history in protobuf form; see :mod:`.fast_protobuf`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.wire.bar_dates import dates_of
from posei_trader.adapters.interactive_brokers.wire.deferred import Deferred
from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.number_columns import column
from posei_trader.adapters.interactive_brokers.wire.protobuf_columns import (
    RepeatedBars,
    bar_columns,
)
from posei_trader.adapters.interactive_brokers.wire.protobuf_fields import (
    average,
    generated,
    quote_mask,
    trade_mask,
)
from posei_trader.adapters.interactive_brokers.wire.records import (
    BarRecord,
    HistoricalBars,
    HistoricalMidpoint,
    HistoricalQuote,
    HistoricalTrade,
)
from posei_trader.adapters.interactive_brokers.wire.size_columns import SizeColumn
from posei_trader.adapters.interactive_brokers.wire.sizes import TextSizes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posei_trader.adapters.interactive_brokers.wire.sink import FastSink

__all__ = ["HistoricalProtobuf"]

HistoricalData: Final = generated("HistoricalData")
HistoricalDataUpdate: Final = generated("HistoricalDataUpdate")
HistoricalTicks: Final = generated("HistoricalTicks")
HistoricalTicksBidAsk: Final = generated("HistoricalTicksBidAsk")
HistoricalTicksLast: Final = generated("HistoricalTicksLast")


class HistoricalProtobuf:
    """Decode history and deliver it to a sink."""

    def __init__(self, sink: FastSink) -> None:
        self._sink = sink
        self._sizes = TextSizes()

    def table(self) -> dict[int, Callable[[bytes], None]]:
        """Return the decoders by message id on the wire."""
        return {
            217: self._bars,
            290: self._update,
            296: self._midpoints,
            297: self._quotes,
            298: self._trades,
        }

    def _bars(self, payload: bytes) -> None:
        found = bar_columns(payload)
        if found is None:
            self._bars_one_by_one(payload)
            return
        opens, highs, lows, closes = found.prices
        columns = HistoricalBars(
            _dates(found),
            opens,
            highs,
            lows,
            closes,
            self._volumes(found.texts("volume")),
            Deferred(found.length, lambda: _averages(found.texts("WAP"))),
            Deferred(found.length, found.counts),
        )
        self._sink.historical_bars(found.req_id, columns, False)

    def _bars_one_by_one(self, payload: bytes) -> None:
        message = HistoricalData.FromString(payload)
        bars = list(message.historicalDataBars)
        columns = HistoricalBars(
            [bar.date for bar in bars],
            [bar.open for bar in bars],
            [bar.high for bar in bars],
            [bar.low for bar in bars],
            [bar.close for bar in bars],
            [self._sizes[bar.volume] for bar in bars],
            [average(bar.WAP) for bar in bars],
            [bar.barCount for bar in bars],
        )
        self._sink.historical_bars(message.reqId, columns, False)

    def _volumes(self, texts: list[bytes]) -> Sequence[int | None]:
        found = column(b",".join(texts), len(texts))
        sizes = None if found is None else SizeColumn.of(found)
        return [self._sizes[text.decode()] for text in texts] if sizes is None else sizes

    def _update(self, payload: bytes) -> None:
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
            average(bar.WAP),
            bar.barCount,
        )
        self._sink.historical_update(message.reqId, record)

    def _midpoints(self, payload: bytes) -> None:
        message = HistoricalTicks.FromString(payload)
        sizes = self._sizes
        ticks = [
            HistoricalMidpoint(tick.time, tick.price, sizes[tick.size])
            for tick in message.historicalTicks
        ]
        self._sink.historical_midpoints(message.reqId, ticks, message.isDone)

    def _quotes(self, payload: bytes) -> None:
        message = HistoricalTicksBidAsk.FromString(payload)
        sizes = self._sizes
        ticks = [
            HistoricalQuote(
                tick.time,
                tick.priceBid,
                tick.priceAsk,
                sizes[tick.sizeBid],
                sizes[tick.sizeAsk],
                quote_mask(tick),
            )
            for tick in message.historicalTicksBidAsk
        ]
        self._sink.historical_quotes(message.reqId, ticks, message.isDone)

    def _trades(self, payload: bytes) -> None:
        message = HistoricalTicksLast.FromString(payload)
        sizes = self._sizes
        ticks = [
            HistoricalTrade(
                tick.time,
                tick.price,
                sizes[tick.size],
                trade_mask(tick),
                tick.exchange,
                tick.specialConditions,
            )
            for tick in message.historicalTicksLast
        ]
        self._sink.historical_trades(message.reqId, ticks, message.isDone)


def _dates(bars: RepeatedBars) -> Sequence[float | str]:
    numbers = column(bars.dates, bars.length)
    dates = None if numbers is None else dates_of(numbers)
    return list(map(bytes.decode, bars.texts("date"))) if dates is None else dates


def _averages(texts: list[bytes]) -> Sequence[float | None]:
    found = column(b",".join(texts), len(texts))
    return [average(text.decode()) for text in texts] if found is None else found
