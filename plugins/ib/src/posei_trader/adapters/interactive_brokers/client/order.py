"""Orders: placing, cancelling, and everything that IB says about them."""

# ruff: noqa: ASYNC109 - a timeout here starts when IB's pacing lets the request go: no caller's scope
# can know that moment

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from ibapi.client import EClient
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel

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
    ReportedExecution,
)
from posei_trader.adapters.interactive_brokers.client.order_protobuf import (
    known_number,
    quantity_or_zero,
)
from posei_trader.adapters.interactive_brokers.client.requests import Question
from posei_trader.adapters.interactive_brokers.client.scheduler import Command, Lane
from posei_trader.adapters.interactive_brokers.contract_conversion import (
    contract_from_ibapi,
    contract_to_ibapi,
)
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.error_codes import Action, ErrorRule
from posei_trader.adapters.interactive_brokers.wire.place_order import (
    PLACE_ORDERS_FROM,
    PlaceOrderEncoder,
)
from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from ibapi.contract import Contract

    from posei_trader.adapters.interactive_brokers.client.handlers import OrderHandler
    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.errors import PoseiError

__all__ = ["InteractiveBrokersClientOrderMixin"]

_OPEN_ORDERS: Final = "open orders"
_COMPLETED_ORDERS: Final = "completed orders"
_UNSOLICITED: Final = -1
_EXECUTION_DAYS_FROM: Final = 200
_EXECUTION_DAYS: Final = 7
"""As many as the trade log of TWS goes back."""
_WRITTEN_TOGETHER: Final = 40
"""Less than IB takes in a second."""
_EXERCISE: Final = 1
_LAPSE: Final = 2
# Newer releases of ibapi take more terms: manual order time, customer account, professional.
_EXERCISE_EXTRAS: Final = ("", "", False)[
    : len(inspect.signature(EClient.exerciseOptions).parameters) - 7
]
_NOT_CONNECTED: Final = 504


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
    encoder: PlaceOrderEncoder | None = None


class InteractiveBrokersClientOrderMixin(ClientPart):
    """Place and cancel orders; deliver what IB says to one order handler."""

    _orders: _OrderState

    def _init_order(self, session: Session) -> None:
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

    # --- commands ---------------------------------------------------------------------------------

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

    def next_order_id(self) -> int:
        """Return a new order id: above every id that IB or we have used. No round trip."""
        return self._session.ids.order_id()

    def place_order(
        self,
        order_id: int,
        contract: IBContract | Contract,
        order: Order,
        *,
        is_change: bool = False,
    ) -> None:
        """Send an order, or change the working order that has this id.

        Plain: it is written at once unless IB's message rate is used up; then as soon as it allows,
        before anything else. If the connection goes first, the handler gets an `OrderProblem` with
        `Action.ORDER_NOT_SENT`, or `Action.CHANGE_NOT_SENT` for a change of what was sent before.

        Source: `placeOrder`.

        Raises:
            NotConnected: nothing was sent.
            Unsupported: the gateway's version does not know a term of the order; nothing was sent.
            InvalidRequest: a term cannot be written on the wire; nothing was sent.
        """
        data = self._frame(order_id, contract, order)
        self._command(
            (order_id,), data, Action.CHANGE_NOT_SENT if is_change else Action.ORDER_NOT_SENT
        )
        self._session.ids.order_id_seen(order_id)

    def place_orders(self, orders: Sequence[tuple[int, IBContract | Contract, Order]]) -> None:
        """Send orders that IB holds until the last of them has come, by a single write.

        So a process that dies leaves no part of them at TWS. Otherwise as `place_order`.

        Raises:
            NotConnected: nothing was sent.
            Unsupported: the gateway's version does not know a term; nothing was sent.
            InvalidRequest: a term cannot be written on the wire; nothing was sent.
        """
        frames = [(one[0], self._frame(*one)) for one in orders]
        for start in range(0, len(frames), _WRITTEN_TOGETHER):
            order_ids, parts = zip(*frames[start : start + _WRITTEN_TOGETHER], strict=True)
            self._command(order_ids, b"".join(parts), Action.ORDER_NOT_SENT)
            for order_id in order_ids:
                self._session.ids.order_id_seen(order_id)

    def _frame(self, order_id: int, contract: IBContract | Contract, order: Order) -> bytes:
        data = self._encoded(order_id, contract, order)
        if data is not None:
            return data
        target = contract_to_ibapi(contract) if isinstance(contract, IBContract) else contract
        return self._session.encode(lambda ib: ib.placeOrder(order_id, target, order))

    def _encoded(
        self, order_id: int, contract: IBContract | Contract, order: Order
    ) -> bytes | None:
        """Return the frame of an order of the usual kind, None for what `ibapi` has to write."""
        encoder = self._orders.encoder
        if encoder is None or not self._session.is_open or not isinstance(contract, IBContract):
            return None
        try:
            return encoder.encode(order_id, contract, order)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise InvalidRequest(
                "the request cannot be encoded", field="request", remedy=str(error)
            ) from error

    def _orders_opened(self, server_version: int) -> None:
        """Choose how orders are written on a new connection."""
        self._orders.encoder = None
        if server_version >= PLACE_ORDERS_FROM:
            self._orders.encoder = PlaceOrderEncoder(
                lambda contract: self._session.encode(
                    lambda ib: ib.placeOrder(0, contract_to_ibapi(contract), Order())
                )
            )

    def bind_manual_orders(self) -> None:
        """Have orders that are entered by hand told to this client and given order ids of its own.

        Only client id 0 may; then they can be changed and cancelled. What is there already is bound
        by `get_open_orders`.

        Source: `reqAutoOpenOrders`.

        Raises:
            NotConnected: nothing was sent.
        """
        data = self._session.encode(lambda ib: ib.reqAutoOpenOrders(True))
        self._session.scheduler.submit(Command(data, Lane.REQUEST))

    def cancel_order(self, order_id: int, *, manual_cancel_time: str = "") -> None:
        """Ask IB to cancel an order of this client id. Sent like `place_order`.

        If the connection goes first, the handler gets `Action.CANCEL_NOT_SENT`.

        Source: `cancelOrder`.

        Raises:
            NotConnected: nothing was sent.
        """
        terms = OrderCancel()
        terms.manualOrderCancelTime = manual_cancel_time
        data = self._session.encode(lambda ib: ib.cancelOrder(order_id, terms))
        self._command((order_id,), data, Action.CANCEL_NOT_SENT)

    def exercise_options(
        self,
        order_id: int,
        contract: IBContract,
        quantity: int,
        *,
        account: str,
        is_lapse: bool = False,
        is_override: bool = False,
    ) -> None:
        """Exercise options that an account holds, or let them lapse. Sent like `place_order`.

        IB answers as for an order of this id: by its state, or by a code.

        Source: `exerciseOptions`.

        Raises:
            NotConnected: nothing was sent.
        """
        terms = (contract_to_ibapi(contract), _LAPSE if is_lapse else _EXERCISE, quantity, account)
        exercise: Any = EClient.exerciseOptions  # its terms differ between releases
        data = self._session.encode(
            lambda ib: exercise(ib, order_id, *terms, int(is_override), *_EXERCISE_EXTRAS)
        )
        self._command((order_id,), data, Action.ORDER_NOT_SENT)
        self._session.ids.order_id_seen(order_id)

    def _command(self, order_ids: tuple[int, ...], data: bytes, if_dropped: Action) -> None:
        def dropped(error: PoseiError) -> None:
            for order_id in order_ids:
                problem = OrderProblem(order_id, _NOT_CONNECTED, error.message, "", if_dropped)
                self._deliver_order("order_problem", problem)

        self._session.scheduler.submit(
            Command(data, Lane.ORDER, on_dropped=dropped, messages=len(order_ids))
        )

    # --- questions --------------------------------------------------------------------------------

    async def get_open_orders(
        self, *, all_clients: bool = False, timeout: float | None = None
    ) -> list[OpenOrder]:
        """Return the working orders, each once, with the status that came with it.

        What comes is also delivered to the order handler, as IB does not say what is an answer.

        Source: `reqOpenOrders`, or `reqAllOpenOrders` for those of every client and of TWS.

        Raises:
            RetryLater: the answer did not come.
        """
        rows = await self._ask(
            Question[OpenOrder | OrderStatusUpdate](
                key=(_OPEN_ORDERS, all_clients),
                subject="open orders of all clients" if all_clients else "open orders",
                ask=lambda ib, _req_id: (
                    ib.reqAllOpenOrders() if all_clients else ib.reqOpenOrders()
                ),
                channel=_OPEN_ORDERS,
            ),
            timeout,
        )
        orders: dict[tuple[int, int, int], OpenOrder] = {}
        for row in rows:
            if isinstance(row, OpenOrder):
                orders[row.order.permId, row.order.clientId, row.order_id] = row
                continue
            key = (row.perm_id, row.client_id, row.order_id)
            if key in orders:
                orders[key] = msgspec.structs.replace(orders[key], last_status=row)
        return list(orders.values())

    async def get_completed_orders(
        self, *, api_only: bool = False, timeout: float | None = None
    ) -> list[CompletedOrder]:
        """Return today's orders that are done.

        Source: `reqCompletedOrders`.

        Raises:
            RetryLater: the answer did not come.
        """
        return await self._ask(
            Question[CompletedOrder](
                key=(_COMPLETED_ORDERS, api_only),
                subject="completed orders",
                ask=lambda ib, _req_id: ib.reqCompletedOrders(api_only),
                channel=_COMPLETED_ORDERS,
            ),
            timeout,
        )

    async def get_executions(
        self, *, since_ns: int = 0, account: str = "", timeout: float | None = None
    ) -> list[ReportedExecution]:
        """Return the executions that IB still has, of every client: a week's, or today's alone.

        IB tells of today's unless it is asked for more days, which gateways know from server
        version 200 on. They are not delivered to the order handler; commission reports are, as they
        come.

        Source: `reqExecutions`.

        Args:
            since_ns: Only from this moment on, UNIX ns UTC; 0 for all.
            account: Only of this account; empty for all.
            timeout: Seconds; None for the client's.

        Raises:
            RetryLater: the answer did not come.
        """
        wanted = ExecutionFilter()
        wanted.acctCode = account
        if self._session.server_version >= _EXECUTION_DAYS_FROM:
            wanted.lastNDays = (
                _EXECUTION_DAYS  # or what filled before midnight is lost at a restart
            )
        if since_ns:
            moment = datetime.fromtimestamp(since_ns // 1_000_000_000, UTC)
            wanted.time = moment.strftime("%Y%m%d-%H:%M:%S")
        state = self._orders
        state.executions_asked += 1
        try:
            rows = await self._ask(
                Question[ExecutionRecord](
                    key=("executions", since_ns, account),
                    subject="executions",
                    ask=lambda ib, req_id: ib.reqExecutions(req_id, wanted),
                ),
                timeout,
            )
            return [ReportedExecution(row, state.commissions.get(row.exec_id)) for row in rows]
        finally:
            state.executions_asked -= 1
            if state.executions_asked == 0:
                state.commissions.clear()

    # --- what IB says -----------------------------------------------------------------------------

    def take_glance(self, glance: OrderGlance) -> bool:
        """Take a part of an open order; False when somebody needs all of it. For the decoder."""
        state, session = self._orders, self._session
        if state.glances is None or session.requests.on_channel(_OPEN_ORDERS) is not None:
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
        request = self._session.requests.on_channel(_OPEN_ORDERS)
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
        request = self._session.requests.on_channel(_OPEN_ORDERS)
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
        request = self._session.requests.on_channel(_OPEN_ORDERS)
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
        request = self._session.requests.on_channel(_COMPLETED_ORDERS)
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
        request = self._session.requests.on_channel(_COMPLETED_ORDERS)
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
