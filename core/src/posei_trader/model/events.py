"""Events of an order's life. Every one names the order; timestamps are UNIX ns UTC."""

from __future__ import annotations

from typing import Final

import msgspec

from posei_trader.model.enums import LiquiditySide, OrderSide
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    PositionId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.values import Money, Price, Quantity


class OrderEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag=True):
    """What every event of an order says.

    Attributes:
        trader_id: The node.
        strategy_id: The strategy that owns the order.
        instrument_id: What is traded.
        client_order_id: Our name of the order.
        ts_event: When it happened at the venue.
        ts_init: When the object was made.
        is_reconciliation: Whether it was derived from a report, not seen as it happened.
    """

    trader_id: TraderId
    strategy_id: StrategyId
    instrument_id: InstrumentId
    client_order_id: ClientOrderId
    ts_event: int
    ts_init: int
    is_reconciliation: bool = False


class OrderInitialized(OrderEvent, frozen=True, kw_only=True, tag=True):
    """The order was made. What it asks for stands in :class:`posei_trader.model.orders.Order`."""


class OrderDenied(OrderEvent, frozen=True, kw_only=True, tag=True):
    """We refused the order; the venue never saw it.

    Attributes:
        reason: The rule and the remedy.
    """

    reason: str


class OrderSubmitted(OrderEvent, frozen=True, kw_only=True, tag=True):
    """The order was stored and is about to go on the wire.

    Attributes:
        account_id: The account it trades for.
    """

    account_id: AccountId


class OrderAccepted(OrderEvent, frozen=True, kw_only=True, tag=True):
    """The venue works the order.

    Attributes:
        venue_order_id: The venue's name of it.
        account_id: The account it trades for.
    """

    venue_order_id: VenueOrderId
    account_id: AccountId


class OrderRejected(OrderEvent, frozen=True, kw_only=True, tag=True):
    """The venue refused the order: definite, never a guess after a timeout.

    Attributes:
        reason: The venue's words.
        code: The venue's code, 0 where it has none.
    """

    reason: str
    code: int = 0


class OrderTriggered(OrderEvent, frozen=True, kw_only=True, tag=True):
    """A stop or touch price was reached; a limit works now.

    Attributes:
        venue_order_id: The venue's name of the order.
    """

    venue_order_id: VenueOrderId | None = None


class OrderPendingUpdate(OrderEvent, frozen=True, kw_only=True, tag=True):
    """A change was sent to the venue and is not confirmed.

    Attributes:
        quantity: The total quantity that is asked for, None where it stays.
        price: The limit price that is asked for, None where it stays.
        trigger_price: The trigger price that is asked for, None where it stays.
    """

    quantity: Quantity | None = None
    price: Price | None = None
    trigger_price: Price | None = None


class OrderPendingCancel(OrderEvent, frozen=True, kw_only=True, tag=True):
    """A cancel was sent to the venue and is not confirmed."""


class OrderUpdated(OrderEvent, frozen=True, kw_only=True, tag=True):
    """The venue works the order with other terms.

    Attributes:
        quantity: The total quantity now.
        price: The limit price now, None when it has none.
        trigger_price: The trigger price now, None when it has none.
        venue_order_id: The venue's name of the order.
    """

    quantity: Quantity
    price: Price | None = None
    trigger_price: Price | None = None
    venue_order_id: VenueOrderId | None = None


class OrderModifyRejected(OrderEvent, frozen=True, kw_only=True, tag=True):
    """The venue refused a change; the order works on as before.

    Attributes:
        reason: The venue's words.
        code: The venue's code, 0 where it has none.
    """

    reason: str
    code: int = 0


class OrderCancelRejected(OrderEvent, frozen=True, kw_only=True, tag=True):
    """The venue refused a cancel.

    Attributes:
        reason: The venue's words.
        code: The venue's code, 0 where it has none.
    """

    reason: str
    code: int = 0


class OrderCanceled(OrderEvent, frozen=True, kw_only=True, tag=True):
    """The order is off the market; fills that happened before stand.

    Attributes:
        reason: The venue's words, or empty.
        venue_order_id: The venue's name of the order.
    """

    reason: str = ""
    venue_order_id: VenueOrderId | None = None


class OrderExpired(OrderEvent, frozen=True, kw_only=True, tag=True):
    """The order's time ran out.

    Attributes:
        venue_order_id: The venue's name of the order.
    """

    venue_order_id: VenueOrderId | None = None


class OrderFilled(OrderEvent, frozen=True, kw_only=True, tag=True):
    """A part of the order, or all of it, traded.

    Attributes:
        venue_order_id: The venue's name of the order.
        account_id: The account that traded.
        trade_id: The venue's execution id: a second event with the same one is a duplicate.
        order_side: Which side.
        last_qty: What traded now.
        last_px: At which price.
        liquidity_side: Whether it added or took liquidity.
        commission: What it cost; None until the venue says it (see :class:`OrderFillAmended`).
        position_id: The position it belongs to, where known.
    """

    venue_order_id: VenueOrderId
    account_id: AccountId
    trade_id: TradeId
    order_side: OrderSide
    last_qty: Quantity
    last_px: Price
    liquidity_side: LiquiditySide = LiquiditySide.NO_LIQUIDITY_SIDE
    commission: Money | None = None
    position_id: PositionId | None = None


class OrderFillAmended(OrderEvent, frozen=True, kw_only=True, tag=True):
    """Something about an earlier fill became known or was corrected.

    Attributes:
        trade_id: The fill as it was reported first.
        commission: The commission now, None to leave it.
        last_qty: The corrected quantity, None to leave it; zero is a bust.
        last_px: The corrected price, None to leave it.
        new_trade_id: The venue's id of the correction, where it has one of its own.
    """

    trade_id: TradeId
    commission: Money | None = None
    last_qty: Quantity | None = None
    last_px: Price | None = None
    new_trade_id: TradeId | None = None


AnyOrderEvent = (
    OrderInitialized
    | OrderDenied
    | OrderSubmitted
    | OrderAccepted
    | OrderRejected
    | OrderTriggered
    | OrderPendingUpdate
    | OrderPendingCancel
    | OrderUpdated
    | OrderModifyRejected
    | OrderCancelRejected
    | OrderCanceled
    | OrderExpired
    | OrderFilled
    | OrderFillAmended
)
"""Every order event: the type to decode JSON to."""

ORDER_EVENT_TYPES: Final[tuple[type[OrderEvent], ...]] = AnyOrderEvent.__args__
