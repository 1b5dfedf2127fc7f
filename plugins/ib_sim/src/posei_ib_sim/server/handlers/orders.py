"""Orders, executions and completed orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from posei_ib_sim import wire
from posei_ib_sim.errors import RequestRefused, UnknownContract
from posei_ib_sim.history import format_time, parse_moment
from posei_ib_sim.orders.leg_limits import with_leg_limits
from posei_ib_sim.orders.manual import MANUAL_CLIENT
from posei_ib_sim.server.translate import (
    commission_report,
    completed_order,
    execution_details,
    open_order,
    order_status,
    preview_order,
)
from posei_ib_sim.simulation import DAYS_KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_ib_sim.orders import Fill, SimOrder
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["OrderHandlers"]


@final
class OrderHandlers:
    """Serves orders."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.PlaceOrderRequest, self.place)
        routes.add(wire.CancelOrderRequest, self.cancel)
        routes.add(wire.GlobalCancelRequest, self.cancel_all)
        routes.add(wire.OpenOrdersRequest, self.own_open_orders)
        routes.add(wire.AllOpenOrdersRequest, self.all_open_orders)
        routes.add(wire.AutoOpenOrdersRequest, self.auto_open_orders)
        routes.add(wire.CompletedOrdersRequest, self.completed_orders)
        routes.add(wire.ExecutionRequest, self.executions)

    def place(self, session: Session, message: wire.PlaceOrderRequest) -> None:
        """Place, modify or preview an order."""
        self._check_writable()
        order_id = message.orderId or 0
        if order_id < 0:
            raise RequestRefused(103, "Duplicate order id")
        simulation = self._server.simulation
        contract = simulation.contract_of(message.contract)
        if contract.sec_type == "CONTFUT":
            raise UnknownContract("No security definition has been found for the request")
        if simulation.contracts.is_expired(contract):
            raise RequestRefused(392, "Invalid order: contract expired.")
        attached = message.attachedOrders
        if attached.slOrderId or attached.ptOrderId:
            # Their prices come from presets of the user's, which are nowhere to be seen here.
            raise RequestRefused(
                10340, "The following order attribute is not supported: attachedOrders"
            )
        order = with_leg_limits(message.contract, message.order)
        if order.whatIf:
            preview = simulation.desk.preview(contract, order)
            session.send(preview_order(order_id, contract, order, preview))
            return
        self._server.activity("order")
        simulation.desk.place((session.client_id or 0, order_id), contract, order)

    def cancel(self, session: Session, message: wire.CancelOrderRequest) -> None:
        """Cancel an order."""
        self._check_writable()
        self._server.simulation.desk.cancel((session.client_id or 0, message.orderId or 0))

    def cancel_all(self, session: Session, _: wire.GlobalCancelRequest) -> None:
        """Cancel all open orders of all clients."""
        self._check_writable()
        if self._server.simulation.desk.cancel_all() == 0:
            session.error(
                -1, 161, "Cancel attempted when order is not in a cancellable state. No open orders"
            )

    def own_open_orders(self, session: Session, _: wire.OpenOrdersRequest) -> None:
        """Report this client's open orders; client 0 also gets those that were entered by hand."""
        if session.client_id == MANUAL_CLIENT:
            self._server.reports.bind_manual_orders(session)
        registry = self._server.simulation.desk.registry
        self._report(session, registry.open_orders(session.client_id))

    def all_open_orders(self, session: Session, _: wire.AllOpenOrdersRequest) -> None:
        """Report the open orders of all clients."""
        self._report(session, self._server.simulation.desk.registry.open_orders())

    def auto_open_orders(self, session: Session, message: wire.AutoOpenOrdersRequest) -> None:
        """Tell client 0 of orders entered by hand from now on, and bind them if it wishes."""
        if session.client_id != 0:
            raise RequestRefused(
                321,
                "Error validating request.-'bS' : cause - Only the default client (i.e 0) can auto "
                "bind orders",
            )
        session.sees_manual = True
        session.auto_bind = message.autoBind

    def completed_orders(self, session: Session, message: wire.CompletedOrdersRequest) -> None:
        """Report the orders that were finished today, on request without those entered by hand."""
        simulation = self._server.simulation
        with self._server.mischief.answering():
            for order in simulation.desk.registry.completed(simulation.midnight_ns()):
                if order.is_bound or not message.apiOnly:
                    session.send(completed_order(order, simulation.zone))
            session.send(wire.CompletedOrdersEnd())

    def executions(self, session: Session, message: wire.ExecutionRequest) -> None:
        """Report the fills that pass a filter, each with its commission.

        They are those since midnight, unless the filter names more days: up to a week.
        """
        req_id = message.reqId if message.reqId is not None else -1
        zone = self._server.simulation.zone
        with self._server.mischief.answering():
            for fill in self._filtered(message.executionFilter):
                session.send(execution_details(fill, req_id, zone))
                session.send(commission_report(fill))
            session.send(wire.ExecutionDetailsEnd(reqId=req_id))

    def _filtered(self, wanted: wire.ExecutionFilter) -> Iterable[Fill]:
        simulation = self._server.simulation
        since = parse_moment(wanted.time, simulation.zone) or 0
        days = self._days(wanted)
        for fill in simulation.desk.registry.fills:
            contract = fill.contract
            checks = (
                not wanted.clientId or fill.client_id == wanted.clientId,
                not wanted.acctCode or fill.account_id == wanted.acctCode,
                fill.ts_ns >= since,
                any(begin <= fill.ts_ns < end for begin, end in days),
                not wanted.symbol or contract.symbol == wanted.symbol,
                not wanted.secType or contract.sec_type == wanted.secType,
                not wanted.exchange or wanted.exchange in {fill.exchange, contract.exchange},
                not wanted.side or fill.side == _side(wanted.side),
            )
            if all(checks):
                yield fill

    def _days(self, wanted: wire.ExecutionFilter) -> list[tuple[int, int]]:
        """Return begin and end of the days that a filter is about."""
        midnight = self._server.simulation.midnight_ns
        if not wanted.specificDates:
            return [(midnight(1 - min(wanted.lastNDays or 1, DAYS_KEPT + 1)), midnight(1))]
        week = [(midnight(day), midnight(day + 1)) for day in range(-DAYS_KEPT, 1)]
        zone = self._server.simulation.zone
        return [
            (begin, end)
            for begin, end in week
            if int(format_time(begin, zone)[:8]) in wanted.specificDates
        ]

    def _report(self, session: Session, orders: Iterable[SimOrder]) -> None:
        with self._server.mischief.answering():
            for order in orders:
                session.send(open_order(order))
                session.send(order_status(order))
            session.send(wire.OpenOrdersEnd())

    def _check_writable(self) -> None:
        if self._server.config.read_only:
            raise RequestRefused(
                321,
                "Error validating request.-'bI' : cause - The API interface is currently in "
                "Read-Only mode.",
            )


def _side(text: str) -> str:
    return {"BUY": "BOT", "SELL": "SLD"}.get(text.upper(), text.upper())
