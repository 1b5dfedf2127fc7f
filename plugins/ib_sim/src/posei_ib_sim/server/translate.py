"""From the simulation's records to wire messages and back."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from posei_ib_sim import wire
from posei_ib_sim.contracts.combos import COMBO_CON_ID
from posei_ib_sim.history.bar_sizes import format_time

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from posei_ib_sim.contracts import SimContract
    from posei_ib_sim.history import Bar
    from posei_ib_sim.orders import Fill, OrderPreview, SimOrder

__all__ = [
    "bar_message",
    "completed_order",
    "execution_details",
    "money",
    "open_order",
    "order_status",
    "size",
    "to_wire",
]

_DEFAULT_PRICE: Final = 0.0
_HALF_CENT: Final = Decimal("0.01")


def size(value: float) -> Decimal:
    """Return a size as the wire writes it: whole sizes without a fraction."""
    whole = int(value)
    return Decimal(whole) if whole == value else Decimal(repr(value))


def money(amount: Decimal) -> float:
    """Return an amount rounded to the cent, as IB reports values."""
    return float(amount.quantize(_HALF_CENT, ROUND_HALF_UP))


def to_wire(contract: SimContract, exchange: str | None = None) -> wire.Contract:
    """Return a contract as it stands in reports; the exchange may be that of a position."""
    if contract.legs:
        return _combo(contract)
    has_strike = contract.sec_type in {"OPT", "FOP", "WAR", "IOPT"}
    return wire.Contract(
        conId=contract.con_id,
        symbol=contract.symbol,
        secType=contract.sec_type,
        lastTradeDateOrContractMonth=contract.last_trade_date or contract.maturity,
        strike=float(contract.strike) if has_strike else 0.0,
        right=contract.right,
        multiplier=float(contract.multiplier) if _has_multiplier(contract) else None,
        exchange=contract.exchange if exchange is None else exchange,
        primaryExch=contract.primary_exchange,
        currency=contract.currency,
        localSymbol=contract.local_symbol,
        tradingClass=contract.trading_class,
    )


def _combo(contract: SimContract) -> wire.Contract:
    return wire.Contract(
        conId=COMBO_CON_ID,
        symbol=contract.symbol,
        secType="BAG",
        strike=0.0,
        exchange=contract.exchange,
        currency=contract.currency,
        localSymbol=contract.local_symbol,
        tradingClass=contract.trading_class,
        comboLegsDescrip=contract.long_name,
        comboLegs=tuple(
            wire.ComboLeg(
                conId=leg.contract.con_id,
                ratio=abs(leg.ratio),
                action="BUY" if leg.ratio > 0 else "SELL",
                exchange=leg.contract.exchange,
                openClose=0,
                shortSalesSlot=0,
                exemptCode=-1,
            )
            for leg in contract.legs
        ),
    )


def open_order(order: SimOrder) -> wire.OpenOrder:
    """Return the report of an order with its present state."""
    return wire.OpenOrder(
        orderId=order.api_id,
        contract=to_wire(order.contract),
        order=_reported(order),
        orderState=wire.OrderState(
            status=order.status,
            commissionAndFees=float(order.charged) if order.fills else None,
            commissionAndFeesCurrency=order.fills[-1].commission_currency if order.fills else "",
            rejectReason=order.reason if order.status == "Inactive" else "",
        ),
    )


def preview_order(
    order_id: int, contract: SimContract, request: wire.Order, preview: OrderPreview
) -> wire.OpenOrder:
    """Return the answer to a what-if order."""
    return wire.OpenOrder(
        orderId=order_id,
        contract=to_wire(contract),
        order=request,
        orderState=wire.OrderState(
            status="PreSubmitted",
            initMarginBefore=money(preview.initial_before),
            maintMarginBefore=money(preview.maintenance_before),
            equityWithLoanBefore=money(preview.equity_before),
            initMarginChange=money(preview.initial_after - preview.initial_before),
            maintMarginChange=money(preview.maintenance_after - preview.maintenance_before),
            equityWithLoanChange=money(preview.equity_after - preview.equity_before),
            initMarginAfter=money(preview.initial_after),
            maintMarginAfter=money(preview.maintenance_after),
            equityWithLoanAfter=money(preview.equity_after),
            commissionAndFees=float(preview.commission),
            commissionAndFeesCurrency=preview.commission_currency,
            marginCurrency=preview.base_currency,
        ),
    )


def order_status(order: SimOrder) -> wire.OrderStatus:
    """Return the status report of an order."""
    return wire.OrderStatus(
        orderId=order.api_id,
        status=order.status,
        filled=order.filled,
        remaining=order.remaining,
        avgFillPrice=float(order.average_price),
        permId=order.perm_id,
        parentId=order.request.parentId or 0,
        lastFillPrice=float(order.last_price),
        clientId=order.client_id,
        whyHeld=order.why_held,
        mktCapPrice=0.0,
    )


def completed_order(order: SimOrder, zone: ZoneInfo) -> wire.CompletedOrder:
    """Return the report of a finished order."""
    return wire.CompletedOrder(
        contract=to_wire(order.contract),
        order=replace(_reported(order), filledQuantity=order.filled, totalQuantity=order.quantity),
        orderState=wire.OrderState(
            status=order.status,
            completedTime=format_time(order.completed_ns, zone),
            completedStatus=order.completed_status,
        ),
    )


def execution_details(fill: Fill, req_id: int, zone: ZoneInfo) -> wire.ExecutionDetails:
    """Return the report of a fill; `req_id` is -1 for one that nobody asked for."""
    return wire.ExecutionDetails(
        reqId=req_id,
        contract=to_wire(fill.contract),
        execution=wire.Execution(
            orderId=fill.order_id,
            execId=fill.exec_id,
            time=format_time(fill.ts_ns, zone),
            acctNumber=fill.account_id,
            exchange=fill.exchange,
            side=fill.side,
            shares=fill.quantity,
            price=float(fill.price),
            permId=fill.perm_id,
            clientId=fill.client_id,
            isLiquidation=False,
            cumQty=fill.cumulative,
            avgPrice=float(fill.average_price),
            orderRef=fill.order_ref,
            evRule="",
            evMultiplier=0.0,
            modelCode="",
            lastLiquidity=fill.liquidity,
        ),
    )


def commission_report(fill: Fill) -> wire.CommissionAndFeesReport:
    """Return the report of what a fill cost; only closing fills carry realised profit."""
    return wire.CommissionAndFeesReport(
        execId=fill.exec_id,
        commissionAndFees=float(fill.commission),
        currency=fill.commission_currency,
        realizedPNL=None if fill.realized is None else float(fill.realized),
    )


def bar_message(bar: Bar, zone: ZoneInfo, *, intraday: bool, epoch: bool) -> wire.HistoricalDataBar:
    """Return a bar as history writes it."""
    if not intraday:
        date = f"{bar.date:%Y%m%d}"
    elif epoch:
        date = str(bar.start_ns // 1_000_000_000)
    else:
        date = format_time(bar.start_ns, zone)
    return wire.HistoricalDataBar(
        date=date,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=size(bar.volume),
        WAP=Decimal(repr(bar.wap)) if bar.count >= 0 else Decimal(-1),
        barCount=bar.count,
    )


def _reported(order: SimOrder) -> wire.Order:
    """Return the order as a gateway reports it: ids filled in, defaults spelled out."""
    request = order.request
    stop = order.stop_price if request.orderType.startswith("TRAIL") else None
    return replace(
        request,
        clientId=order.client_id,
        orderId=order.api_id,
        permId=order.perm_id,
        account=order.account_id,
        lmtPrice=request.lmtPrice if request.lmtPrice is not None else _DEFAULT_PRICE,
        auxPrice=request.auxPrice if request.auxPrice is not None else _DEFAULT_PRICE,
        ocaType=request.ocaType or 3,
        origin=request.origin or 0,
        exemptCode=-1,
        clearingIntent=request.clearingIntent or "IB",
        trailStopPrice=request.trailStopPrice if stop is None else float(stop),
    )


def _has_multiplier(contract: SimContract) -> bool:
    return bool(contract.multiplier) and contract.sec_type not in {"BOND", "STK", "CASH"}
