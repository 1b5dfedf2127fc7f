"""Where the fast decoders deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.wire.records import (
        BarRecord,
        HistoricalBars,
        HistoricalMidpoint,
        HistoricalQuote,
        HistoricalTrade,
    )
    from posei_trader.adapters.interactive_brokers.wire.tick_columns import (
        LevelOneRow,
        QuoteColumns,
        TradeColumns,
    )

__all__ = ["FastSink"]


class FastSink(Protocol):
    """Takes decoded market data and history, by request id. Never raises.

    Sizes are in units of 10^-9 and None where unset; see :mod:`.records` for the other units.
    """

    def tick_price(
        self, req_id: int, tick_type: int, price: float, size: int | None, attributes: int
    ) -> None:
        """Take a level-one price; -1.0 means none."""

    def tick_size(self, req_id: int, tick_type: int, size: int | None) -> None:
        """Take a level-one size."""

    def tick_string(self, req_id: int, tick_type: int, value: str) -> None:
        """Take a level-one text."""

    def tick_generic(self, req_id: int, tick_type: int, value: float) -> None:
        """Take a level-one number."""

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
        """Take a tick-by-tick trade."""

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
        """Take a tick-by-tick quote."""

    def tick_quotes(self, run: QuoteColumns) -> None:
        """Take tick-by-tick quotes that came together."""

    def tick_trades(self, run: TradeColumns) -> None:
        """Take tick-by-tick trades that came together."""

    def level_one(self, rows: list[LevelOneRow]) -> None:
        """Take level-one prices and sizes that came together."""

    def tick_midpoint(self, req_id: int, time_s: int, price: float) -> None:
        """Take a tick-by-tick midpoint."""

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
        """Take a 5-second bar."""

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
        """Take a change of a book row."""

    def historical_bars(self, req_id: int, bars: HistoricalBars, is_complete: bool) -> None:
        """Take bars; not complete: more, or the end, will follow."""

    def historical_update(self, req_id: int, bar: BarRecord) -> None:
        """Take the current bar of a request that is kept up to date."""

    def historical_trades(self, req_id: int, ticks: list[HistoricalTrade], is_done: bool) -> None:
        """Take trades of the past."""

    def historical_quotes(self, req_id: int, ticks: list[HistoricalQuote], is_done: bool) -> None:
        """Take quotes of the past."""

    def historical_midpoints(
        self, req_id: int, ticks: list[HistoricalMidpoint], is_done: bool
    ) -> None:
        """Take midpoints of the past."""
