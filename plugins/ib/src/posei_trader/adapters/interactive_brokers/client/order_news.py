"""What IB says about orders, to everybody who wants to hear it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, final

from posei_trader.adapters.interactive_brokers.client.base import ClientPart
from posei_trader.adapters.interactive_brokers.client.handlers import GlancesAtOrders
from posei_trader.adapters.interactive_brokers.client.messages import (
    CommissionReport,
    CompletedOrder,
    ExecutionRecord,
    OpenOrder,
    OrderGlance,
    OrderProblem,
    OrderStatusUpdate,
)
from posei_trader.adapters.interactive_brokers.client.order_protobuf import (
    known_number,
    quantity_or_zero,
)
from posei_trader.adapters.interactive_brokers.contract_conversion import contract_from_ibapi

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from posei_trader.adapters.interactive_brokers.client.handlers import OrderHandler
    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.adapters.interactive_brokers.error_codes import ErrorRule

__all__ = ["COMPLETED_ORDERS", "OPEN_ORDERS", "OrderNews"]

OPEN_ORDERS: Final = "open orders"
"""Where the answers of IB to a question about them meet."""
COMPLETED_ORDERS: Final = "completed orders"
_UNSOLICITED: Final = -1


@final
@dataclass(slots=True)
class _OrderState:
    """The order part's state."""

    handlers: list[OrderHandler] = field(default_factory=list)
    glances: list[Callable[[OrderGlance], bool]] | None = None
    """Who a part of an open order is enough for, when that is every handler."""
    commissions: dict[str, CommissionReport] = field(default_factory=dict)
    """Reports that came while executions were being asked for."""
    executions_asked: int = 0
    undelivered: int = 0


class OrderNews(ClientPart):
    """Hear what IB says about orders, and deliver it to the order handlers."""

    _orders: _OrderState

    def _init_news(self, session: Session) -> None:
        self._orders = _OrderState()
        session.on_order_code = self._order_code
        session.callbacks.update(
            nextValidId=self._next_valid_id,
            openOrder=self._open_order,
            openOrderEnd=self._open_order_end,
            orderStatus=self._order_status,
            execDetails=self._exec_details,
            execDetailsEnd=self._exec_details_end,
            commissionAndFeesReport=self._commission,
            completedOrder=self._completed_order,
            completedOrdersEnd=self._completed_orders_end,
            orderBound=self._order_bound,
        )

    def set_order_handler(self, handler: OrderHandler | None) -> None:
        """Set who alone receives everything about orders; None for nobody."""
        self._set_handlers([] if handler is None else [handler])

    def add_order_handler(self, handler: OrderHandler) -> Callable[[], None]:
        """Add somebody who receives everything about orders; return what ends that.

        Every handler is told everything: each account of a login has one of its own, and leaves
        alone what is not its own.
        """
        self._set_handlers([*self._orders.handlers, handler])

        def remove() -> None:
            self._set_handlers([one for one in self._orders.handlers if one is not handler])

        return remove

    def _set_handlers(self, handlers: list[OrderHandler]) -> None:
        self._orders.handlers = handlers
        glances: list[Callable[[OrderGlance], bool]] = [
            one.open_order_glance for one in handlers if isinstance(one, GlancesAtOrders)
        ]
        self._orders.glances = glances if len(glances) == len(handlers) else None

    # --- what IB says -----------------------------------------------------------------------------

    def take_glance(self, glance: OrderGlance) -> bool:
        """Take a part of an open order; False when somebody needs all of it. For the decoder."""
        state, session = self._orders, self._session
        if state.glances is None or session.requests.on_channel(OPEN_ORDERS) is not None:
            return False
        if glance.order_id > 0 and glance.clientId == session.client_id:
            session.ids.order_id_seen(glance.order_id)
        is_enough = bool(state.glances)
        for take in state.glances:
            try:
                is_enough = take(glance) and is_enough
            except Exception:  # noqa: BLE001 - a listener's fault must not stop the connection
                session.streams.handler_failed("open_order_glance")
        return is_enough

    def take_status(self, row: OrderStatusUpdate) -> None:
        """Take an order's status. For the decoder."""
        request = self._session.requests.on_channel(OPEN_ORDERS)
        if request is not None:
            request.add(row)
        self._deliver_order("order_status", row)

    def take_execution(self, req_id: int, row: ExecutionRecord) -> None:
        """Take an execution, asked for or not. For the decoder."""
        request = None if req_id == _UNSOLICITED else self._session.requests.find(req_id)
        if request is not None:
            request.add(row)
        else:
            self._deliver_order("execution", row)

    def take_commission(self, row: CommissionReport) -> None:
        """Take what an execution cost. For the decoder."""
        if self._orders.executions_asked:
            self._orders.commissions[row.exec_id] = row
        self._deliver_order("commission", row)

    def _next_valid_id(self, order_id: int) -> None:
        self._session.ids.order_ids_from(order_id)
        if self._session.handshake is not None:
            self._session.handshake.got("next order id")

    def _open_order(self, order_id: int, contract: Any, order: Any, state: Any) -> None:
        if order_id > 0 and order.clientId == self._session.client_id:
            self._session.ids.order_id_seen(order_id)
        row = OpenOrder(order_id, contract_from_ibapi(contract), order, state, state.status)
        request = self._session.requests.on_channel(OPEN_ORDERS)
        if request is not None:
            request.add(row)
        self._deliver_order("open_order", row)

    def _order_status(
        self,
        order_id: int,
        status: str,
        filled: Decimal,
        remaining: Decimal,
        avg_fill_price: float,
        perm_id: int,
        parent_id: int,
        last_fill_price: float,
        client_id: int,
        why_held: str,
        mkt_cap_price: float | None,
    ) -> None:
        self.take_status(
            OrderStatusUpdate(
                order_id,
                status,
                quantity_or_zero(filled),
                quantity_or_zero(remaining),
                _price(avg_fill_price),
                perm_id,
                parent_id,
                _price(last_fill_price),
                client_id,
                why_held,
                _price(mkt_cap_price),
            )
        )

    def _open_order_end(self) -> None:
        request = self._session.requests.on_channel(OPEN_ORDERS)
        if request is not None:
            self._session.requests.complete(request)

    def _exec_details(self, req_id: int, contract: Any, execution: Any) -> None:
        self.take_execution(req_id, _execution(contract, execution))

    def _exec_details_end(self, req_id: int) -> None:
        request = self._session.requests.find(req_id)
        if request is not None:
            self._session.requests.complete(request)

    def _commission(self, report: Any) -> None:
        cost = getattr(report, "commissionAndFees", None)
        self.take_commission(
            CommissionReport(
                report.execId,
                report.commission if cost is None else cost,
                report.currency,
                known_number(report.realizedPNL),
            )
        )

    def _completed_order(self, contract: Any, order: Any, state: Any) -> None:
        request = self._session.requests.on_channel(COMPLETED_ORDERS)
        if request is not None:
            request.add(
                CompletedOrder(
                    contract_from_ibapi(contract),
                    order,
                    state,
                    state.status,
                    state.completedTime,
                    state.completedStatus,
                )
            )

    def _completed_orders_end(self) -> None:
        request = self._session.requests.on_channel(COMPLETED_ORDERS)
        if request is not None:
            self._session.requests.complete(request)

    def _order_bound(self, perm_id: int, client_id: int, order_id: int) -> None:
        self._deliver_order("order_bound", perm_id, client_id, order_id)

    def _order_code(
        self, order_id: int, code: int, message: str, reject_json: str, rule: ErrorRule
    ) -> bool:
        if order_id <= 0 or self._session.ids.is_retired(order_id):
            return False
        self._deliver_order(
            "order_problem", OrderProblem(order_id, code, message, reject_json, rule.order)
        )
        return True

    def _deliver_order(self, method: str, *arguments: Any) -> None:
        handlers = self._orders.handlers
        if not handlers:
            self._orders.undelivered += 1
            return
        for handler in handlers:
            self._session.streams.guarded(getattr(handler, method), *arguments)


def _execution(contract: Any, execution: Any) -> ExecutionRecord:
    return ExecutionRecord(
        contract_from_ibapi(contract),
        execution.execId,
        execution.time,
        execution.acctNumber,
        execution.exchange,
        execution.side,
        quantity_or_zero(execution.shares),
        execution.price,
        execution.permId,
        execution.clientId,
        execution.orderId,
        bool(execution.liquidation),
        quantity_or_zero(execution.cumQty),
        execution.avgPrice,
        execution.orderRef,
        execution.lastLiquidity,
        bool(getattr(execution, "pendingPriceRevision", False)),
        execution.modelCode,
        execution.evRule,
        execution.evMultiplier,
    )


def _price(value: float | None) -> float:
    return known_number(value) or 0.0
