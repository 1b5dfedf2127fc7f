"""Reports: the venue's truth at one moment, for reconciliation. Timestamps are UNIX ns UTC."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from posei_trader.model.enums import (
    LiquiditySide,
    OrderSide,
    OrderStatus,
    OrderType,
    TimeInForce,
    TrailingOffsetType,
)
from posei_trader.model.identifiers import (
    AccountId,
    ClientId,
    ClientOrderId,
    InstrumentId,
    TradeId,
    VenueOrderId,
)
from posei_trader.model.values import Money, Price, Quantity


class OrderStatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the venue knows it.

    Attributes:
        account_id: The account.
        instrument_id: What is traded.
        venue_order_id: The venue's name of the order.
        client_order_id: Our name of it, None for an order that is not ours.
        order_side: Buy or sell.
        order_type: How it is priced and triggered.
        time_in_force: How long it works.
        order_status: Where it is in its life.
        quantity: How much was asked for.
        filled_qty: How much traded.
        avg_px: Average price of what traded, None before that.
        price: The limit price.
        trigger_price: The trigger price.
        trailing_offset: The distance of a trailing stop.
        trailing_offset_type: Its unit.
        expire_time_ns: When a GTD order ends.
        reason: Why it was rejected or canceled.
        ts_accepted: When the venue took it, 0 when it does not say.
        ts_last: When it last changed, 0 when it does not say.
        ts_init: When the report was made.
    """

    account_id: AccountId
    instrument_id: InstrumentId
    venue_order_id: VenueOrderId
    order_side: OrderSide
    order_type: OrderType
    time_in_force: TimeInForce
    order_status: OrderStatus
    quantity: Quantity
    filled_qty: Quantity
    client_order_id: ClientOrderId | None = None
    avg_px: Decimal | None = None
    price: Price | None = None
    trigger_price: Price | None = None
    trailing_offset: Decimal | None = None
    trailing_offset_type: TrailingOffsetType = TrailingOffsetType.PRICE
    expire_time_ns: int = 0
    reason: str = ""
    ts_accepted: int = 0
    ts_last: int = 0
    ts_init: int = 0


class FillReport(msgspec.Struct, frozen=True, kw_only=True):
    """One execution as the venue knows it.

    Attributes:
        account_id: The account.
        instrument_id: What traded.
        venue_order_id: The venue's name of the order.
        client_order_id: Our name of it, None for an order that is not ours.
        trade_id: The venue's execution id.
        order_side: Buy or sell.
        last_qty: How much.
        last_px: At which price.
        commission: What it cost, None while unknown.
        liquidity_side: Whether it added or took liquidity.
        ts_event: When it happened.
        ts_init: When the report was made.
    """

    account_id: AccountId
    instrument_id: InstrumentId
    venue_order_id: VenueOrderId
    trade_id: TradeId
    order_side: OrderSide
    last_qty: Quantity
    last_px: Price
    client_order_id: ClientOrderId | None = None
    commission: Money | None = None
    liquidity_side: LiquiditySide = LiquiditySide.NO_LIQUIDITY_SIDE
    ts_event: int = 0
    ts_init: int = 0


class PositionStatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """One position as the venue knows it.

    Attributes:
        account_id: The account.
        instrument_id: What it is made of.
        signed_qty: Units held, negative when short, zero when flat.
        avg_px_open: Average price of the open units, None when the venue does not say it.
        ts_init: When the report was made.
    """

    account_id: AccountId
    instrument_id: InstrumentId
    signed_qty: Decimal
    avg_px_open: Decimal | None = None
    ts_init: int = 0


class ExecutionMassStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a venue knows of an account.

    Complete, or it is not made: a part that could not be fetched raises instead.

    Attributes:
        client_id: Who asked.
        account_id: The account.
        orders: Open orders, and completed ones where the venue tells.
        fills: Executions.
        positions: Positions.
        ts_init: When the report was made.
    """

    client_id: ClientId
    account_id: AccountId
    orders: tuple[OrderStatusReport, ...]
    fills: tuple[FillReport, ...]
    positions: tuple[PositionStatusReport, ...]
    ts_init: int
