"""Reports of orders, executions and accounts to the clients they concern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.server.translate import (
    commission_report,
    execution_details,
    open_order,
    order_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_ib_sim.orders import Fill, SimOrder
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["OrderReports"]


@final
class OrderReports:
    """The `OrderSink` of a simulation: what happens to an order goes to its client, and to others.

    Attributes:
        is_muted: Whether order reports are withheld from everybody (a fault).
        untold: Clients from which order reports are withheld (a fault).
        extra_executions: Extra reports of each execution (a fault).
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._listeners: list[Callable[[str], None]] = []
        self.is_muted = False
        self.untold: Final[set[int]] = set()
        self.extra_executions = 0

    def on_account_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the account id whenever cash or positions change."""
        self._listeners.append(listener)

    def open_order(self, order: SimOrder) -> None:
        """Report an order to its client and the master client."""
        if self.is_muted:
            return
        default = self._server.client(order.client_id)
        if not order.is_bound and default is not None and default.auto_bind:
            self._bind(default, order)
        for session in self._interested(order.client_id, is_bound=order.is_bound):
            session.send(open_order(order))

    def bind_manual_orders(self, session: Session) -> None:
        """Bind every order that was entered by hand to client 0."""
        for order in self._server.simulation.desk.registry.open_orders(session.client_id):
            if not order.is_bound:
                self._bind(session, order)

    def _bind(self, session: Session, order: SimOrder) -> None:
        order_id = self._server.simulation.desk.registry.bind(order)
        session.send(
            wire.OrderBound(permId=order.perm_id, clientId=order.client_id, orderId=order_id)
        )

    def order_status(self, order: SimOrder) -> None:
        """Report the state of an order likewise."""
        if self.is_muted:
            return
        for session in self._interested(order.client_id, is_bound=order.is_bound):
            session.send(order_status(order))

    def execution(self, fill: Fill) -> None:
        """Report a fill likewise."""
        for session in self._interested(fill.client_id, is_bound=fill.is_bound):
            for _ in range(1 + self.extra_executions):
                session.send(execution_details(fill, -1, self._server.simulation.zone))

    def commission(self, fill: Fill) -> None:
        """Report the cost of a fill likewise."""
        for session in self._interested(fill.client_id, is_bound=fill.is_bound):
            session.send(commission_report(fill))
        self._server.happened("fill")

    def order_error(
        self, client_id: int, order_id: int, code: int, text: str, reject_json: str = ""
    ) -> None:
        """Report an error about an order to its client."""
        if self.is_muted or order_id < 0:
            return
        session = self._server.client(client_id)
        if session is not None and client_id not in self.untold:
            session.error(order_id, code, text, reject_json)

    def account_changed(self, account_id: str) -> None:
        """Tell whoever follows accounts."""
        for listener in self._listeners:
            listener(account_id)

    def _interested(self, client_id: int, *, is_bound: bool) -> list[Session]:
        own = self._server.client(client_id)
        wanted = {client_id} if is_bound or (own is not None and own.sees_manual) else set()
        if self._server.config.master_client_id is not None:
            wanted.add(self._server.config.master_client_id)
        found = (self._server.client(one) for one in sorted(wanted - self.untold))
        return [session for session in found if session is not None]
