"""The hot path's last step: from a request id to the handler of its stream, or to the request."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.wire.records import HistoricalBars

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.requests import RequestTable
    from posei_trader.adapters.interactive_brokers.client.stream_records import Stream
    from posei_trader.adapters.interactive_brokers.client.streams import StreamRegistry
    from posei_trader.adapters.interactive_brokers.wire.records import (
        BarRecord,
        HistoricalMidpoint,
        HistoricalQuote,
        HistoricalTrade,
    )
    from posei_trader.adapters.interactive_brokers.wire.tick_columns import (
        LevelOneRow,
        QuoteColumns,
        TradeColumns,
    )

__all__ = ["Router"]

_req_id_of: Final = itemgetter(0)
_tick_type_of: Final = itemgetter(1)


@final
class Router:
    """Implements `wire.sink.FastSink` on the tables of streams and requests.

    What comes for an id that nobody has any more is counted as late. A handler's exception is
    logged and counted, and stops nothing.
    """

    def __init__(self, streams: StreamRegistry, requests: RequestTable) -> None:
        self._streams = streams
        self._requests = requests
        self._by_id = streams.by_id
        self._parts: dict[int, HistoricalBars] = {}

    # --- tick by tick -----------------------------------------------------------------------------

    def tick_quote(
        self,
        req_id: int,
        time_s: int,
        bid: float,
        ask: float,
        bid_size: int | None,
        ask_size: int | None,
        mask: int,
    ) -> None:
        """Route a quote."""
        stream = self._by_id.get(req_id)
        if stream is None:
            self._streams.late += 1
            return
        stream.received += 1
        try:
            stream.target.quote(time_s, bid, ask, bid_size, ask_size, mask)
        except Exception:  # noqa: BLE001 - a listener's fault must not stop the connection
            self._streams.handler_failed(stream.plan.subject)

    def tick_trade(
        self,
        req_id: int,
        time_s: int,
        price: float,
        size: int | None,
        mask: int,
        exchange: str,
        conditions: str,
    ) -> None:
        """Route a trade."""
        stream = self._by_id.get(req_id)
        if stream is None:
            self._streams.late += 1
            return
        stream.received += 1
        try:
            stream.target.trade(time_s, price, size, mask, exchange, conditions)
        except Exception:  # noqa: BLE001 - a listener's fault must not stop the connection
            self._streams.handler_failed(stream.plan.subject)

    def tick_quotes(self, run: QuoteColumns) -> None:
        """Route quotes that came together: at once where all are of one stream."""
        if not self._is_taken_whole(run, "quotes"):
            for row in zip(*run, strict=True):
                self.tick_quote(*row)

    def tick_trades(self, run: TradeColumns) -> None:
        """Route trades that came together: at once where all are of one stream."""
        if not self._is_taken_whole(run, "trades"):
            for row in zip(*run, strict=True):
                self.tick_trade(*row)

    def _is_taken_whole(self, run: QuoteColumns | TradeColumns, name: str) -> bool:
        req_ids = run.req_ids
        stream = self._by_id.get(req_ids[0])
        if stream is None or req_ids.count(req_ids[0]) != len(req_ids):
            return False
        # Of the class, because a listener may answer to any name.
        take = getattr(type(stream.target), name, None)
        if take is None:
            return False
        stream.received += len(req_ids)
        try:
            take(stream.target, run)
        except Exception:  # noqa: BLE001 - a listener's fault must not stop the connection
            self._streams.handler_failed(stream.plan.subject)
        return True

    def tick_midpoint(self, req_id: int, time_s: int, price: float) -> None:
        """Route a midpoint."""
        stream = self._stream(req_id)
        if stream is not None:
            self._streams.guarded(stream.target.midpoint, time_s, price)

    # --- level one --------------------------------------------------------------------------------

    def tick_price(
        self, req_id: int, tick_type: int, price: float, size: int | None, attributes: int
    ) -> None:
        """Route a price."""
        stream = self._by_id.get(req_id)
        if stream is None:
            self._streams.late += 1
            return
        stream.received += 1
        stream.rows[tick_type] = (req_id, tick_type, price, size, attributes)
        try:
            stream.target.tick_price(tick_type, price, size, attributes)
        except Exception:  # noqa: BLE001 - a listener's fault must not stop the connection
            self._streams.handler_failed(stream.plan.subject)

    def tick_size(self, req_id: int, tick_type: int, size: int | None) -> None:
        """Route a size."""
        stream = self._by_id.get(req_id)
        if stream is None:
            self._streams.late += 1
            return
        stream.received += 1
        stream.rows[tick_type] = (req_id, tick_type, None, size, 0)
        try:
            stream.target.tick_size(tick_type, size)
        except Exception:  # noqa: BLE001 - a listener's fault must not stop the connection
            self._streams.handler_failed(stream.plan.subject)

    def level_one(self, rows: list[LevelOneRow]) -> None:
        """Route prices and sizes that came together, in their order."""
        for req_id, of_stream in groupby(rows, _req_id_of):
            stream = self._by_id.get(req_id)
            if stream is None:
                self._streams.late += len(list(of_stream))
                continue
            take = getattr(type(stream.target), "level_one", None)
            if take is None:
                for row in of_stream:
                    self._level_one_row(*row)
                continue
            found = list(of_stream)
            stream.received += len(found)
            stream.rows.update(zip(map(_tick_type_of, found), found, strict=True))
            try:
                take(stream.target, found)
            except Exception:  # noqa: BLE001 - a listener's fault must not stop the connection
                self._streams.handler_failed(stream.plan.subject)

    def _level_one_row(
        self, req_id: int, tick_type: int, price: float | None, size: int | None, attributes: int
    ) -> None:
        if price is None:
            self.tick_size(req_id, tick_type, size)
        else:
            self.tick_price(req_id, tick_type, price, size, attributes)

    def tick_string(self, req_id: int, tick_type: int, value: str) -> None:
        """Route a text."""
        stream = self._stream(req_id)
        if stream is not None:
            stream.latest["tick_string", tick_type] = (tick_type, value)
            self._streams.guarded(stream.target.tick_string, tick_type, value)

    def tick_generic(self, req_id: int, tick_type: int, value: float) -> None:
        """Route a number."""
        stream = self._stream(req_id)
        if stream is not None:
            stream.latest["tick_generic", tick_type] = (tick_type, value)
            self._streams.guarded(stream.target.tick_generic, tick_type, value)

    # --- bars and books ---------------------------------------------------------------------------

    def realtime_bar(
        self,
        req_id: int,
        time_s: int,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: int | None,
        wap: float | None,
        count: int,
    ) -> None:
        """Route a 5-second bar."""
        stream = self._stream(req_id)
        if stream is not None:
            self._streams.guarded(
                stream.target.realtime_bar, time_s, open_, high, low, close, volume, wap, count
            )

    def depth(
        self,
        req_id: int,
        position: int,
        market_maker: str,
        operation: int,
        side: int,
        price: float,
        size: int | None,
        is_smart: bool,
    ) -> None:
        """Route a change of a book row."""
        stream = self._stream(req_id)
        if stream is not None:
            self._streams.guarded(
                stream.target.depth,
                position,
                market_maker,
                operation,
                side,
                price,
                size,
                is_smart,
            )

    # --- history ----------------------------------------------------------------------------------

    def historical_bars(self, req_id: int, bars: HistoricalBars, is_complete: bool) -> None:
        """Route bars; without their end they wait for it."""
        request = self._requests.find(req_id)
        if request is not None:
            request.add(bars)
            if is_complete:
                self._requests.complete(request)
            return
        if self._stream(req_id) is None:
            return
        before = self._parts.pop(req_id, None)
        whole = bars if before is None else before.joined(bars)
        self._parts[req_id] = whole
        if is_complete:
            self.historical_end(req_id, bars.start, bars.end)

    def historical_end(self, req_id: int, start: str, end: str) -> None:
        """Route the end of the bars."""
        tail = HistoricalBars([], [], [], [], [], [], [], [], start, end)
        request = self._requests.find(req_id)
        if request is not None:
            request.add(tail)
            self._requests.complete(request)
            return
        bars = self._parts.pop(req_id, HistoricalBars.empty()).joined(tail)
        stream = self._by_id.get(req_id)
        if stream is not None:
            self._streams.history_arrived(stream)
            self._streams.guarded(stream.target.bars, bars)

    def historical_update(self, req_id: int, bar: BarRecord) -> None:
        """Route the current bar."""
        stream = self._stream(req_id)
        if stream is not None:
            self._streams.guarded(stream.target.bar_update, bar)

    def historical_trades(self, req_id: int, ticks: list[HistoricalTrade], is_done: bool) -> None:
        """Route trades of the past."""
        self._ticks(req_id, ticks, is_done)

    def historical_quotes(self, req_id: int, ticks: list[HistoricalQuote], is_done: bool) -> None:
        """Route quotes of the past."""
        self._ticks(req_id, ticks, is_done)

    def historical_midpoints(
        self, req_id: int, ticks: list[HistoricalMidpoint], is_done: bool
    ) -> None:
        """Route midpoints of the past."""
        self._ticks(req_id, ticks, is_done)

    # --- how it is done ---------------------------------------------------------------------------

    def forget(self) -> None:
        """Drop the parts of answers that will not be completed: the connection went."""
        self._parts.clear()

    def _ticks(
        self,
        req_id: int,
        ticks: list[HistoricalTrade] | list[HistoricalQuote] | list[HistoricalMidpoint],
        is_done: bool,
    ) -> None:
        request = self._requests.find(req_id)
        if request is None:
            self._streams.late += 1
            return
        request.rows.extend(ticks)
        if is_done:
            self._requests.complete(request)

    def _stream(self, req_id: int) -> Stream | None:
        stream = self._by_id.get(req_id)
        if stream is None:
            self._streams.late += 1
            return None
        stream.received += 1
        return stream
