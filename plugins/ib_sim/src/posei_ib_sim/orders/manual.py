"""Orders entered by hand in TWS, beside any API client.

Until it is bound, such an order has no API order id: clients that may see it are told 0. Client 0
binds orders by asking for its open orders, or for new ones as they come (`reqAutoOpenOrders`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

if TYPE_CHECKING:
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.orders.desk import OrderDesk
    from posei_ib_sim.orders.state import SimOrder
    from posei_ib_sim.wire import Order

__all__ = ["MANUAL_CLIENT", "ManualOrders"]

MANUAL_CLIENT: Final = 0
"""Manual orders count as those of client 0."""


@final
class ManualOrders:
    """Places orders as a person at TWS does, under ids that no client can use."""

    def __init__(self) -> None:
        self._placed = 0

    def place(self, desk: OrderDesk, contract: SimContract, request: Order) -> SimOrder:
        """Place an order by hand; it is bound when client 0 asks for that.

        Raises:
            RequestRefused: The order is not taken.
        """
        self._placed += 1
        request = msgspec.structs.replace(request, transmit=True)
        desk.place((MANUAL_CLIENT, -self._placed), contract, request)
        return desk.registry.orders[-1]
