"""What a node asks of a data client and of an execution client."""

from __future__ import annotations

from enum import StrEnum, unique

import msgspec

from posei_trader.model.bars import BarType
from posei_trader.model.enums import OrderSide
from posei_trader.model.identifiers import ClientId, ClientOrderId, InstrumentId, StrategyId
from posei_trader.model.orders import Order, OrderList
from posei_trader.model.values import Price, Quantity


@unique
class DataKind(StrEnum):
    """A kind of stream."""

    QUOTE_TICKS = "QUOTE_TICKS"
    TRADE_TICKS = "TRADE_TICKS"
    BARS = "BARS"
    ORDER_BOOK_DELTAS = "ORDER_BOOK_DELTAS"
    INSTRUMENT_STATUS = "INSTRUMENT_STATUS"
    INDEX_PRICES = "INDEX_PRICES"
    OPTION_GREEKS = "OPTION_GREEKS"
    OPEN_INTEREST = "OPEN_INTEREST"


class Subscription(msgspec.Struct, frozen=True, cache_hash=True):
    """A stream to be opened: two equal subscriptions are one stream.

    Attributes:
        kind: What is streamed.
        instrument_id: Of which instrument.
        bar_type: For bars: which.
        params: Terms for the venue's adapter, as sorted pairs, for example ``(("depth", "20"),)``.
        client_id: The client to use, None to route by venue.
    """

    kind: DataKind
    instrument_id: InstrumentId
    bar_type: BarType | None = None
    params: tuple[tuple[str, str], ...] = ()
    client_id: ClientId | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.bar_type or self.instrument_id}"


class HistoryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A span of history, half open: start <= ts_event < end.

    Attributes:
        instrument_id: Of which instrument.
        start_ns: First moment, UNIX ns UTC; 0 for as far back as `limit` reaches.
        end_ns: End, UNIX ns UTC; 0 for now.
        limit: The newest so many records only; 0 for all.
        params: Terms for the venue's adapter.
        client_id: The client to use, None to route by venue.
    """

    instrument_id: InstrumentId
    start_ns: int = 0
    end_ns: int = 0
    limit: int = 0
    params: dict[str, str] = {}
    client_id: ClientId | None = None


class SubmitOrder(msgspec.Struct, frozen=True):
    """Send an order.

    Attributes:
        order: The order, INITIALIZED until the client emits OrderSubmitted.
        ts_init: When it was asked for, UNIX ns UTC.
    """

    order: Order
    ts_init: int


class SubmitOrderList(msgspec.Struct, frozen=True):
    """Send orders that belong together.

    Attributes:
        order_list: The orders.
        ts_init: When it was asked for, UNIX ns UTC.
    """

    order_list: OrderList
    ts_init: int


class ModifyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Change a working order. None leaves a term as it is.

    Attributes:
        order: The order.
        quantity: The new total quantity.
        price: The new limit price.
        trigger_price: The new trigger price.
        ts_init: When it was asked for, UNIX ns UTC.
    """

    order: Order
    quantity: Quantity | None = None
    price: Price | None = None
    trigger_price: Price | None = None
    ts_init: int = 0


class CancelOrder(msgspec.Struct, frozen=True):
    """Take an order off the market.

    Attributes:
        order: The order.
        ts_init: When it was asked for, UNIX ns UTC.
    """

    order: Order
    ts_init: int


class CancelAllOrders(msgspec.Struct, frozen=True, kw_only=True):
    """Take all orders of one strategy and instrument off the market, never anybody else's.

    Attributes:
        strategy_id: Whose orders.
        instrument_id: On what.
        orders: The orders that the cache knows to be open, already scoped.
        order_side: Only this side, None for both.
        ts_init: When it was asked for, UNIX ns UTC.
    """

    strategy_id: StrategyId
    instrument_id: InstrumentId
    orders: tuple[Order, ...]
    order_side: OrderSide | None = None
    ts_init: int = 0


class ExerciseOption(msgspec.Struct, frozen=True, kw_only=True):
    """Exercise options that are held, or let them lapse.

    Attributes:
        instrument_id: The option.
        quantity: How many contracts.
        is_lapse: Let them lapse instead of exercising them.
        is_override: Do so against what the clearing house would do by itself: exercise what is out
            of the money, let lapse what is in it.
        ts_init: When it was asked for, UNIX ns UTC.
    """

    instrument_id: InstrumentId
    quantity: Quantity
    is_lapse: bool = False
    is_override: bool = False
    ts_init: int = 0


class QueryOrder(msgspec.Struct, frozen=True):
    """Ask the venue what it knows of an order.

    Attributes:
        client_order_id: The order.
        instrument_id: What it trades.
    """

    client_order_id: ClientOrderId
    instrument_id: InstrumentId
