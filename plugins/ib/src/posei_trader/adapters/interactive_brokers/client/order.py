"""Orders: placing, cancelling, and asking about them."""

# ruff: noqa: ASYNC109 - a timeout here starts when IB's pacing lets the request go: no caller's scope
# can know that moment

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from ibapi.client import EClient
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel

from posei_trader.adapters.interactive_brokers.client.messages import (
    CompletedOrder,
    ExecutionRecord,
    OpenOrder,
    OrderProblem,
    OrderStatusUpdate,
    ReportedExecution,
)
from posei_trader.adapters.interactive_brokers.client.order_news import (
    COMPLETED_ORDERS,
    OPEN_ORDERS,
    OrderNews,
)
from posei_trader.adapters.interactive_brokers.client.requests import Question
from posei_trader.adapters.interactive_brokers.client.scheduler import Command, Lane
from posei_trader.adapters.interactive_brokers.contract_conversion import (
    contract_to_ibapi,
)
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.error_codes import Action
from posei_trader.adapters.interactive_brokers.wire.place_order import (
    PLACE_ORDERS_FROM,
    PlaceOrderEncoder,
    SparseOrder,
)
from posei_trader.adapters.interactive_brokers.wire.place_order_text import PlaceOrderTextEncoder
from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibapi.contract import Contract

    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.errors import PoseiError

__all__ = ["InteractiveBrokersClientOrderMixin"]

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


class InteractiveBrokersClientOrderMixin(OrderNews):
    """Place and cancel orders, ask about them, and deliver what IB says to the order handlers."""

    _order_encoder: PlaceOrderEncoder | PlaceOrderTextEncoder | None

    def _init_order(self, session: Session) -> None:
        self._init_news(session)
        self._order_encoder = None

    # --- commands ---------------------------------------------------------------------------------

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

    def prepare_order(self, contract: IBContract) -> None:
        """Do for a contract what the first order for it would wait for; nothing is sent.

        Raises:
            NotConnected: there is no connection.
            Unsupported: the gateway's version does not know a field of the contract.
            InvalidRequest: the contract cannot be written on the wire.
        """
        self._frame(0, contract, SparseOrder())

    def _frame(self, order_id: int, contract: IBContract | Contract, order: Order) -> bytes:
        data = self._encoded(order_id, contract, order)
        return self._whole(order_id, contract, order) if data is None else data

    def _whole(self, order_id: int, contract: IBContract | Contract, order: Order) -> bytes:
        """Return the frame of an order as `ibapi` writes it."""
        target = contract_to_ibapi(contract) if isinstance(contract, IBContract) else contract
        return self._session.encode(lambda ib: ib.placeOrder(order_id, target, order))

    def _encoded(
        self, order_id: int, contract: IBContract | Contract, order: Order
    ) -> bytes | None:
        """Return the frame of an order of the usual kind, None for what `ibapi` has to write."""
        encoder = self._order_encoder
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
        if server_version >= PLACE_ORDERS_FROM:
            self._order_encoder = PlaceOrderEncoder(
                lambda contract: self._whole(0, contract, Order())
            )
        else:
            self._order_encoder = PlaceOrderTextEncoder(self._whole)

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
        scheduler = self._session.scheduler
        if scheduler.send_order(data, len(order_ids)):
            return

        def dropped(error: PoseiError) -> None:
            for order_id in order_ids:
                problem = OrderProblem(order_id, _NOT_CONNECTED, error.message, "", if_dropped)
                self._deliver_order("order_problem", problem)

        scheduler.submit(Command(data, Lane.ORDER, on_dropped=dropped, messages=len(order_ids)))

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
                key=(OPEN_ORDERS, all_clients),
                subject="open orders of all clients" if all_clients else "open orders",
                ask=lambda ib, _req_id: (
                    ib.reqAllOpenOrders() if all_clients else ib.reqOpenOrders()
                ),
                channel=OPEN_ORDERS,
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
                key=(COMPLETED_ORDERS, api_only),
                subject="completed orders",
                ask=lambda ib, _req_id: ib.reqCompletedOrders(api_only),
                channel=COMPLETED_ORDERS,
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
