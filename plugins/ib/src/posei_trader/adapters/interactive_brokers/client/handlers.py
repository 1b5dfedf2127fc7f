"""What a caller gives to the client: objects whose methods are called with what IB sends.

All calls come on the client's event loop, in IB's order, after the subscribing call returned. A
handler must not block; an exception in one is logged with its traceback, counted, and stops
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.adapters.interactive_brokers.client.messages import (
        AccountSnapshot,
        AccountValue,
        BarRecord,
        CommissionReport,
        ExecutionRecord,
        HistoricalBars,
        MarketDataParameters,
        OpenOrder,
        OptionComputation,
        OrderGlance,
        OrderProblem,
        OrderStatusUpdate,
        PnL,
        PortfolioPosition,
        Position,
    )
    from posei_trader.adapters.interactive_brokers.wire.tick_columns import (
        LevelOneRow,
        QuoteColumns,
        TradeColumns,
    )
    from posei_trader.errors import PoseiError

__all__ = [
    "AccountSummaryHandler",
    "AccountUpdatesHandler",
    "DepthHandler",
    "GlancesAtOrders",
    "LevelOneRunHandler",
    "MarketDataHandler",
    "MidpointHandler",
    "OrderHandler",
    "PnLHandler",
    "PositionHandler",
    "QuoteHandler",
    "QuoteRunHandler",
    "RealtimeBarHandler",
    "StreamHandler",
    "TradeHandler",
    "TradeRunHandler",
    "UpToDateBarsHandler",
]


class StreamHandler(Protocol):
    """What every stream tells beside its data."""

    def stream_restarted(self, reason: str) -> None:
        """Say that the stream was opened anew: what came meanwhile is missing, state is void."""

    def stream_failed(self, error: PoseiError) -> None:
        """Say that the stream has ended for good, and why. Nothing follows."""


class QuoteHandler(StreamHandler, Protocol):
    """Receives tick-by-tick quotes (`TickKind.BID_ASK`)."""

    def quote(
        self,
        time_s: int,
        bid: float,
        ask: float,
        bid_size: int | None,
        ask_size: int | None,
        mask: int,
    ) -> None:
        """Take a quote; `mask` is a `QuoteMask`, sizes are in units of 10^-9."""


class QuoteRunHandler(QuoteHandler, Protocol):
    """Receives the quotes that came in one piece at once, if they are all of its stream."""

    def quotes(self, run: QuoteColumns) -> None:
        """Take quotes: each as `quote` would."""


class TradeHandler(StreamHandler, Protocol):
    """Receives tick-by-tick trades (`TickKind.LAST`, `TickKind.ALL_LAST`)."""

    def trade(
        self, time_s: int, price: float, size: int | None, mask: int, exchange: str, conditions: str
    ) -> None:
        """Take a trade; `mask` is a `TradeMask`, the size is in units of 10^-9."""


class TradeRunHandler(TradeHandler, Protocol):
    """Receives the trades that came in one piece at once, if they are all of its stream."""

    def trades(self, run: TradeColumns) -> None:
        """Take trades: each as `trade` would."""


class MidpointHandler(StreamHandler, Protocol):
    """Receives tick-by-tick midpoints (`TickKind.MID_POINT`)."""

    def midpoint(self, time_s: int, price: float) -> None:
        """Take a midpoint."""


class MarketDataHandler(StreamHandler, Protocol):
    """Receives level-one market data; tick types are IB's numbers."""

    def tick_price(self, tick_type: int, price: float, size: int | None, attributes: int) -> None:
        """Take a price and the size that came with it.

        -1.0 means that there is no quote. Attribute bits: 1 can auto-execute, 2 past limit, 4
        before the open. IB repeats the size by `tick_size`.
        """

    def tick_size(self, tick_type: int, size: int | None) -> None:
        """Take a size, in units of 10^-9."""

    def tick_string(self, tick_type: int, value: str) -> None:
        """Take a text, for example RT volume (48) or the last time (45)."""

    def tick_generic(self, tick_type: int, value: float) -> None:
        """Take a number, for example halted (49)."""

    def option_computation(self, computation: OptionComputation) -> None:
        """Take greeks."""

    def market_data_type(self, market_data_type: int) -> None:
        """Take the kind of data that follows: 1 live, 2 frozen, 3 delayed, 4 delayed frozen."""

    def parameters(self, parameters: MarketDataParameters) -> None:
        """Take the stream's parameters."""


class LevelOneRunHandler(MarketDataHandler, Protocol):
    """Receives the prices and sizes of its stream that came in one piece at once."""

    def level_one(self, rows: Sequence[LevelOneRow]) -> None:
        """Take prices and sizes: each as `tick_price` or `tick_size` would."""


class RealtimeBarHandler(StreamHandler, Protocol):
    """Receives 5-second bars."""

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
        """Take a bar, stamped when it opened."""


class UpToDateBarsHandler(StreamHandler, Protocol):
    """Receives bars that IB keeps up to date."""

    def bars(self, bars: HistoricalBars) -> None:
        """Take the history up to now; comes again in full after a restart of the stream."""

    def bar_update(self, bar: BarRecord) -> None:
        """Take the current bar as it is now; a later `date` means that the one before is done."""


class DepthHandler(StreamHandler, Protocol):
    """Receives the rows of an order book."""

    def depth(
        self,
        position: int,
        market_maker: str,
        operation: int,
        side: int,
        price: float,
        size: int | None,
        is_smart: bool,
    ) -> None:
        """Take a change: operation 0 insert (shifts the rows below), 1 update, 2 delete.

        Side is 0 for asks and 1 for bids. `market_maker` is empty for books without one.
        """

    def depth_reset(self) -> None:
        """Empty the book; its rows follow anew."""


class OrderHandler(Protocol):
    """Receives everything about orders. IB repeats itself: be idempotent."""

    def open_order(self, order: OpenOrder) -> None:
        """Take an order as IB has it, ours or not."""

    def order_status(self, status: OrderStatusUpdate) -> None:
        """Take an order's status."""

    def execution(self, execution: ExecutionRecord) -> None:
        """Take an execution as it happens, ours or not."""

    def commission(self, report: CommissionReport) -> None:
        """Take what an execution cost."""

    def order_problem(self, problem: OrderProblem) -> None:
        """Take a code that IB reported for an order id of ours."""

    def order_bound(self, perm_id: int, client_id: int, order_id: int) -> None:
        """Take the order id that IB gave to an order that was placed elsewhere."""


@runtime_checkable
class GlancesAtOrders(Protocol):
    """An `OrderHandler` for which a part of most open orders is enough: decoding all costs more."""

    def open_order_glance(self, glance: OrderGlance) -> bool:
        """Take the part, and return True; or False to be told all by `open_order`."""


class AccountSummaryHandler(StreamHandler, Protocol):
    """Receives consistent snapshots of the asked values."""

    def account_summary(self, snapshot: AccountSnapshot) -> None:
        """Take all values: first when IB said that they are complete, then after each change."""


class AccountUpdatesHandler(StreamHandler, Protocol):
    """Receives the values and the portfolio of one account."""

    def account_value(self, value: AccountValue) -> None:
        """Take one value."""

    def portfolio_position(self, position: PortfolioPosition) -> None:
        """Take one position."""

    def account_download_end(self, account: str) -> None:
        """Say that everything has been sent once; changes follow."""


class PositionHandler(StreamHandler, Protocol):
    """Receives positions of all accounts as they change."""

    def position(self, position: Position) -> None:
        """Take one position; zero when it was closed."""

    def positions_end(self) -> None:
        """Say that everything has been sent once; changes follow."""


class PnLHandler(StreamHandler, Protocol):
    """Receives profit and loss about once a second."""

    def pnl(self, pnl: PnL) -> None:
        """Take the current numbers."""
