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
    StrategyId,
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
        corrects: The ids under which the same execution was reported before; a quantity of zero
            takes it back.
        strategy_id: Whose it is where the client knows, though the order has no name of ours: the
            leg of a combination.
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
    corrects: tuple[TradeId, ...] = ()
    strategy_id: StrategyId | None = None
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
        unattributed: A line, for people, for each thing that the venue told and that cannot be
            said of any instrument; positions do not depend on it.
    """

    client_id: ClientId
    account_id: AccountId
    orders: tuple[OrderStatusReport, ...]
    fills: tuple[FillReport, ...]
    positions: tuple[PositionStatusReport, ...]
    ts_init: int
    unattributed: tuple[str, ...] = ()


class OrderPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What an order would change, in the account's base currency; None where the venue is silent.

    Attributes:
        initial_margin: Initial margin before, the change, and after.
        maintenance_margin: The same for the maintenance margin.
        equity: The same for equity with loan value.
        commission: What it would cost.
        min_commission: The least it would cost, where that depends on the fill.
        max_commission: The most it would cost, where that depends on the fill.
        commission_currency: The currency of the three.
        warning: The venue's words, or empty.
    """

    initial_margin: tuple[Decimal | None, Decimal | None, Decimal | None]
    maintenance_margin: tuple[Decimal | None, Decimal | None, Decimal | None]
    equity: tuple[Decimal | None, Decimal | None, Decimal | None]
    commission: Decimal | None = None
    min_commission: Decimal | None = None
    max_commission: Decimal | None = None
    commission_currency: str = ""
    warning: str = ""

    def as_reason(self) -> str:
        """Return the preview as the reason of an order that was only asked about."""
        return f"what-if: {msgspec.json.encode(self).decode()}"
