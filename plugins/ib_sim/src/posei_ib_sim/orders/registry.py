"""Every order of the simulation, and the rules of order and permanent ids."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_ib_sim.orders.state import Fill, OrderKey, SimOrder

__all__ = ["OrderRegistry"]

_FIRST_PERM_ID: Final = 1_400_000_000
# Far below the ids of orders that are entered by hand.
_FIRST_ATTACHED_ID: Final = -1_000_000


@final
class OrderRegistry:
    """Orders by client and order id. Permanent and execution ids depend on the seed alone.

    Args:
        seed: The simulation's seed.
    """

    def __init__(self, seed: int) -> None:
        self._orders: dict[OrderKey, SimOrder] = {}
        self._highest: dict[int, int] = defaultdict(int)
        self._by_contract: dict[int, list[SimOrder]] = {}
        self._seed = seed
        self._perm_id = _FIRST_PERM_ID + seed % 1000 * 100_000
        self._attached = 0
        self._executions = 0
        self.fills: list[Fill] = []

    @property
    def orders(self) -> list[SimOrder]:
        """All orders in the order in which they were placed."""
        return list(self._orders.values())

    def get(self, key: OrderKey) -> SimOrder | None:
        """Return an order, `None` if there is none of that key."""
        return self._orders.get(key)

    def by_perm_id(self, perm_id: int) -> SimOrder | None:
        """Return an order by its permanent id."""
        return next((o for o in self._orders.values() if o.perm_id == perm_id), None)

    def next_order_id(self, client_id: int) -> int:
        """Return the lowest id that a client may use."""
        return self._highest[client_id] + 1

    def is_fresh(self, key: OrderKey) -> bool:
        """Tell whether an id exceeds every id its client has used, or is one of no client."""
        return key[1] < 0 or key[1] > self._highest[key[0]]

    def use_id(self, key: OrderKey) -> None:
        """Note that a client has used an id."""
        self._highest[key[0]] = max(self._highest[key[0]], key[1])

    def reset_ids(self, client_id: int, next_id: int = 1) -> None:
        """Restart a client's order ids, as a gateway's reset does."""
        self._highest[client_id] = next_id - 1

    def next_perm_id(self) -> int:
        """Return a new permanent id."""
        self._perm_id += 1
        return self._perm_id

    def next_attached_id(self) -> int:
        """Return a key for an order that the broker makes; no client can use it."""
        self._attached += 1
        return _FIRST_ATTACHED_ID - self._attached

    def next_exec_id(self) -> str:
        """Return a new execution id in IB's form."""
        self._executions += 1
        return f"{self._seed & 0xFFFFFFFF:08x}.{self._executions:08x}.01.01"

    def add(self, order: SimOrder) -> None:
        """Store a new order."""
        self._orders[order.key] = order
        self._by_contract.setdefault(order.contract.con_id, []).append(order)

    def bind(self, order: SimOrder) -> int:
        """Give an order that was entered by hand the next API order id; return it."""
        if not order.is_bound:
            del self._orders[order.key]
            order.order_id = self.next_order_id(order.client_id)
            self.use_id(order.key)
            self._orders[order.key] = order
        return order.order_id

    def working(self, con_id: int) -> list[SimOrder]:
        """Return the live orders of a contract, oldest first; forgets the finished ones."""
        orders = self._by_contract.get(con_id)
        if not orders:
            return []
        live = [order for order in orders if not order.is_final]
        self._by_contract[con_id] = live
        return live

    def open_orders(self, client_id: int | None = None) -> list[SimOrder]:
        """Return the orders that live at the broker, of one client or of all."""
        return [
            order
            for order in self._orders.values()
            if not order.is_final
            and order.held != "transmit"
            and (client_id is None or order.client_id == client_id)
        ]

    def completed(self, since_ns: int) -> list[SimOrder]:
        """Return the orders that were filled, cancelled or rejected from a moment on."""
        return [
            order
            for order in self._orders.values()
            if order.is_final and order.completed_ns >= since_ns
        ]

    def forget(self, before_ns: int) -> None:
        """Forget executions before a moment, and orders that were over then.

        Orders to which a live one is attached stay, and so do the executions of orders that stay.
        """
        parents = {order.parent_key for order in self._orders.values() if not order.is_final}
        self._orders = {
            key: order
            for key, order in self._orders.items()
            if not order.is_final or order.completed_ns >= before_ns or key in parents
        }
        kept = {order.perm_id for order in self._orders.values()}
        self.fills[:] = [
            fill for fill in self.fills if fill.ts_ns >= before_ns or fill.perm_id in kept
        ]
        self._by_contract = {
            con_id: live for con_id in self._by_contract if (live := self.working(con_id))
        }

    def children(self, parent: SimOrder) -> Iterator[SimOrder]:
        """Yield the live orders attached to an order."""
        for order in self.orders:
            if order.parent_key == parent.key and not order.is_final:
                yield order

    def siblings(self, order: SimOrder) -> Iterator[SimOrder]:
        """Yield the live orders that share a parent or an OCA group with an order.

        Hedges and what the broker attaches stand beside an order's exits, not against them.
        """
        parent, group = _exit_of(order), order.request.ocaGroup
        for other in self.orders:
            if other is order or other.is_final or other.account_id != order.account_id:
                continue
            if (parent is not None and _exit_of(other) == parent) or (
                group and other.request.ocaGroup == group
            ):
                yield other


def _exit_of(order: SimOrder) -> OrderKey | None:
    return None if order.attached or order.request.hedgeType else order.parent_key
