"""IB's orders, statuses and executions as ours: pure functions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from posei_trader.adapters.interactive_brokers.orders.encoding import WorkingTerms
from posei_trader.adapters.interactive_brokers.orders.executions import split
from posei_trader.adapters.interactive_brokers.orders.leg_prices import net_of_legs
from posei_trader.adapters.interactive_brokers.orders.tables import (
    EXECUTION_SIDES,
    LIQUIDITY,
    ORDER_STATUSES,
    ORDER_TYPES_OF_IB,
    TIMES_IN_FORCE_OF_IB,
)
from posei_trader.adapters.interactive_brokers.venue_time import parse_time
from posei_trader.adapters.interactive_brokers.wire_values import (
    decimal_from_wire,
    is_set,
    quantity_from_wire,
)
from posei_trader.errors import InvalidRequest
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
    ClientOrderId,
    StrategyId,
    TradeId,
    VenueOrderId,
)
from posei_trader.model.orders import NEEDS
from posei_trader.model.reports import FillReport, OrderStatusReport, PositionStatusReport
from posei_trader.model.values import Money

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.messages import (
        CommissionReport,
        ExecutionRecord,
        OrderStatusUpdate,
        Position,
    )
    from posei_trader.adapters.interactive_brokers.traded import Traded

_T = OrderType
_TRAILING: Final = frozenset({_T.TRAILING_STOP_MARKET, _T.TRAILING_STOP_LIMIT})
_BASIS_POINTS_PER_PERCENT: Final = 100


def order_type_of(order: Any) -> OrderType:
    """Return our name of the type of IB's order; the nearest one for types we do not have."""
    return ORDER_TYPES_OF_IB.get(str(order.orderType).upper(), _T.MARKET)


def time_in_force_of(order: Any) -> TimeInForce:
    """Return our name of the time in force of IB's order."""
    if order.orderType in {"MOC", "LOC"}:
        return TimeInForce.AT_THE_CLOSE
    return TIMES_IN_FORCE_OF_IB.get(order.tif, TimeInForce.DAY)


def decode_terms(
    order: Any, traded: Traded, order_type: OrderType, *, is_quote_quantity: bool = False
) -> WorkingTerms:
    """Return the terms that IB works of `ibapi`'s order; only those that its type has."""
    needs = NEEDS[order_type]
    size = order.cashQty if is_quote_quantity else order.totalQuantity
    quantity = quantity_from_wire(size, traded.instrument.size_precision)
    if order_type in _TRAILING:
        limit = order.lmtPrice if order_type is _T.TRAILING_STOP_LIMIT else 0.0
        return WorkingTerms(
            quantity,
            price=traded.price_if_set(limit) if limit else None,
            trigger_price=traded.price_if_set(order.trailStopPrice)
            if order.trailStopPrice
            else None,
        )
    limit = order.lmtPrice
    if order.orderComboLegs:
        net = net_of_legs(order, traded.contract.comboLegs)
        limit = limit if net is None else net
    return WorkingTerms(
        quantity,
        price=traded.price_if_set(limit) if "price" in needs else None,
        trigger_price=traded.price_if_set(order.auxPrice) if "trigger_price" in needs else None,
    )


def venue_order_id(perm_id: int, order_id: int = 0) -> VenueOrderId | None:
    """Return IB's name of an order: its permId, which is unique for the account."""
    if perm_id:
        return VenueOrderId(str(perm_id))
    return VenueOrderId(f"id-{order_id}") if order_id else None


def money_of(report: CommissionReport) -> Money | None:
    """Return what an execution cost, None where IB does not say."""
    if not is_set(report.commission) or not report.currency:
        return None
    return Money(decimal_from_wire(report.commission), report.currency)


def side_of(text: str) -> OrderSide:
    """Return the side of an order or execution.

    Raises:
        InvalidRequest: IB sent a side that nobody knows.
    """
    side = EXECUTION_SIDES.get(text.upper())
    if side is None:
        raise InvalidRequest(
            "unknown side", field="side", value=text, remedy="report this message of IB"
        )
    return side


def liquidity_of(value: int) -> LiquiditySide:
    """Return whether an execution added or took liquidity."""
    return LIQUIDITY.get(value, LiquiditySide.NO_LIQUIDITY_SIDE)


def fill_report(
    record: ExecutionRecord,
    traded: Traded,
    *,
    account_id: AccountId,
    client_order_id: ClientOrderId | None,
    commission: Money | None,
    ts_init: int,
) -> FillReport:
    """Return an execution as a report."""
    name = venue_order_id(record.perm_id, record.order_id)
    return FillReport(
        account_id=account_id,
        instrument_id=traded.instrument.id,
        venue_order_id=name or VenueOrderId(f"exec-{record.exec_id}"),
        client_order_id=client_order_id,
        trade_id=TradeId(record.exec_id),
        order_side=side_of(record.side),
        last_qty=quantity_from_wire(record.shares, traded.instrument.size_precision),
        last_px=traded.price(record.price),
        commission=commission,
        liquidity_side=liquidity_of(record.last_liquidity),
        corrects=earlier_ids(record.exec_id),
        ts_event=parse_time(record.time),
        ts_init=ts_init,
    )


def as_leg(report: FillReport, con_id: int, strategy_id: StrategyId | None) -> FillReport:
    """Return the fill of a leg as one of its own: the combination's order has its own fill.

    Args:
        report: The execution.
        con_id: The leg's contract.
        strategy_id: Who ordered the combination, None when it was nobody of ours.
    """
    execution, _ = split(report.trade_id)
    return msgspec.structs.replace(
        report,
        client_order_id=None,
        strategy_id=strategy_id,
        venue_order_id=VenueOrderId(f"{report.venue_order_id}-{con_id}-{execution}"),
    )


def earlier_ids(exec_id: str) -> tuple[TradeId, ...]:
    """Return the ids under which an execution was reported before it was corrected."""
    base, revision = split(exec_id)
    return tuple(TradeId(f"{base}.{number:02d}") for number in range(1, revision))


def order_report(
    order: Any,
    status: str,
    traded: Traded,
    *,
    account_id: AccountId,
    client_order_id: ClientOrderId | None,
    progress: OrderStatusUpdate | None,
    reason: str = "",
    ts_last: int = 0,
    ts_init: int = 0,
    order_id: int = 0,
) -> OrderStatusReport:
    """Return an order of IB's as a report.

    Args:
        order: The `ibapi` order.
        status: IB's status text.
        traded: What it trades.
        account_id: The account.
        client_order_id: Our name of it, None when it is not ours.
        progress: The newest `orderStatus`, for what is filled.
        reason: IB's words about its end.
        ts_last: When it last changed, 0 if unknown.
        ts_init: Now.
        order_id: IB's order id, its name while it has no permId.
    """
    kind = order_type_of(order)
    is_money = is_set(order.cashQty) and order.cashQty > 0 and not order.totalQuantity
    terms = decode_terms(order, traded, kind, is_quote_quantity=is_money)
    filled = _filled(order, progress)
    average = progress.avg_fill_price if progress is not None and filled else 0.0
    return OrderStatusReport(
        account_id=account_id,
        instrument_id=traded.instrument.id,
        venue_order_id=venue_order_id(order.permId, order_id)
        or VenueOrderId(f"ref-{order.orderRef or 'none'}"),
        client_order_id=client_order_id,
        order_side=side_of(order.action),
        order_type=kind,
        time_in_force=time_in_force_of(order),
        order_status=report_status(status, is_part_filled=filled > 0, reason=reason),
        quantity=terms.quantity,
        filled_qty=quantity_from_wire(filled, traded.instrument.size_precision),
        avg_px=decimal_from_wire(average, traded.magnifier) if average else None,
        price=terms.price,
        trigger_price=terms.trigger_price,
        trailing_offset=_trailing_offset(order, kind, traded.magnifier),
        trailing_offset_type=_trailing_type(order, kind),
        expire_time_ns=parse_time(order.goodTillDate) if order.goodTillDate else 0,
        reason=reason,
        ts_last=ts_last,
        ts_init=ts_init,
    )


def report_status(status: str, *, is_part_filled: bool, reason: str = "") -> OrderStatus:
    """Return our name of IB's status; a partly filled order that works is PARTIALLY_FILLED."""
    ours = ORDER_STATUSES.get(status, OrderStatus.SUBMITTED)
    if ours is OrderStatus.ACCEPTED and is_part_filled:
        return OrderStatus.PARTIALLY_FILLED
    if ours is OrderStatus.CANCELED and "expired" in reason.lower():
        return OrderStatus.EXPIRED
    if ours is OrderStatus.REJECTED and is_part_filled:
        return OrderStatus.CANCELED
    return ours


def _filled(order: Any, progress: OrderStatusUpdate | None) -> Decimal:
    if progress is not None and is_set(progress.filled):
        return progress.filled
    known = order.filledQuantity
    return known if isinstance(known, Decimal) and is_set(known) else Decimal(0)


def _trailing_offset(order: Any, kind: OrderType, magnifier: int) -> Decimal | None:
    if kind not in _TRAILING:
        return None
    if is_set(order.trailingPercent):
        return decimal_from_wire(order.trailingPercent) * _BASIS_POINTS_PER_PERCENT
    return decimal_from_wire(order.auxPrice, magnifier) if is_set(order.auxPrice) else None


def _trailing_type(order: Any, kind: OrderType) -> TrailingOffsetType:
    if kind in _TRAILING and is_set(order.trailingPercent):
        return TrailingOffsetType.BASIS_POINTS
    return TrailingOffsetType.PRICE


def position_report(
    position: Position, traded: Traded, *, account_id: AccountId, ts_init: int
) -> PositionStatusReport:
    """Return a position as a report.

    IB's `avgCost` is money for one unit, in the contract's currency whatever unit its prices are
    quoted in: our price times the multiplier, commissions included.
    """
    multiplier = traded.instrument.multiplier.as_decimal()
    average = None
    if position.quantity and is_set(position.avg_cost):
        average = decimal_from_wire(position.avg_cost) / multiplier
    return PositionStatusReport(
        account_id=account_id,
        instrument_id=traded.instrument.id,
        signed_qty=position.quantity,
        avg_px_open=average,
        ts_init=ts_init,
    )
