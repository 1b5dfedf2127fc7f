"""What the order desk tells the outside, and to whom it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from posei_ib_sim.orders.state import Fill, SimOrder

__all__ = ["OrderSink"]


class OrderSink(Protocol):
    """Receives order events on the simulated clock, in the order in which they happen.

    Calls never block and never raise. An order's final events come last: after a fill that
    completes it, open order and status say Filled, and the commission follows.
    """

    def open_order(self, order: SimOrder) -> None:
        """Report an order with its present attributes and state."""
        ...

    def order_status(self, order: SimOrder) -> None:
        """Report the state of an order."""
        ...

    def execution(self, fill: Fill) -> None:
        """Report a fill."""
        ...

    def commission(self, fill: Fill) -> None:
        """Report what a fill cost; follows the execution, possibly much later."""
        ...

    def order_error(
        self, client_id: int, order_id: int, code: int, text: str, reject_json: str = ""
    ) -> None:
        """Report an error about an order to its client, with IB's advancedOrderRejectJson."""
        ...

    def account_changed(self, account_id: str) -> None:
        """Say that cash or positions of an account changed."""
        ...
