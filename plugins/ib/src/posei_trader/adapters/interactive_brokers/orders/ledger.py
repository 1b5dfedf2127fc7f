"""Our orders at IB and all the names they go by.

An order is known by our client order id, which travels in `orderRef`. IB adds two names: the order
id, which belongs to one API client id, and the permId, which may change when an order is modified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.orders.encoding import WorkingTerms
from posei_trader.adapters.interactive_brokers.orders.executions import Executions, Known, split
from posei_trader.adapters.interactive_brokers.orders.tracked import (
    LIVE,
    Identity,
    Phase,
    TrackedOrder,
)
from posei_trader.model.enums import OrderStatus
from posei_trader.model.events import (
    OrderFillAmended,
    OrderModifyRejected,
    OrderPendingUpdate,
    OrderUpdated,
)
from posei_trader.model.identifiers import AccountId, ClientOrderId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_trader.model.identifiers import OrderListId
    from posei_trader.model.orders import Order
    from posei_trader.protocols import OrderLookup

DONE_AT_MOST: Final = 10_000
"""How many finished orders are remembered, for late fills and repeated messages."""

_PHASES: Final[dict[OrderStatus, Phase]] = {
    OrderStatus.FILLED: Phase.FILLED,
    OrderStatus.CANCELED: Phase.CANCELED,
    OrderStatus.EXPIRED: Phase.EXPIRED,
    OrderStatus.REJECTED: Phase.REJECTED,
    OrderStatus.DENIED: Phase.REJECTED,
    OrderStatus.INITIALIZED: Phase.SENT,
    OrderStatus.SUBMITTED: Phase.SENT,
}


class OrderLedger:
    """A bounded map of our orders by all their names. Not thread-safe.

    Args:
        lookup: The node's orders.
        executions: The executions that are known.
        client_id: The API client id of this connection; its order ids are those we can use.
        account_id: The account whose orders these are.
        done_at_most: How many finished orders to remember.
    """

    def __init__(
        self,
        lookup: OrderLookup,
        executions: Executions,
        client_id: int,
        account_id: AccountId,
        done_at_most: int = DONE_AT_MOST,
    ) -> None:
        self.client_id = client_id
        self._account_id = account_id
        self._lookup = lookup
        self._executions = executions
        self._done_at_most = done_at_most
        self._orders: dict[ClientOrderId, TrackedOrder] = {}
        self._live: dict[ClientOrderId, None] = {}
        self._done: dict[ClientOrderId, None] = {}
        self._aliases: dict[object, ClientOrderId] = {}
        self._names: dict[ClientOrderId, set[object]] = {}
        self._order_ids: dict[ClientOrderId, int] = {}
        self._parents: dict[ClientOrderId, int] = {}
        self._sent: set[ClientOrderId] = set()

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[TrackedOrder]:
        return iter(tuple(self._orders.values()))

    @property
    def has_live(self) -> bool:
        """Return whether any order is not done."""
        return bool(self._live)

    def live(self) -> Iterator[TrackedOrder]:
        """Return the orders that are not done."""
        return iter([self._orders[name] for name in self._live])

    def add(self, tracked: TrackedOrder, order_id: int) -> None:
        """Add an order that is about to be sent under an order id."""
        self.put(tracked)
        self._sent.add(tracked.identity.client_order_id)
        self.learn(tracked.identity.client_order_id, self.client_id, order_id, 0)

    def put(self, tracked: TrackedOrder) -> None:
        """Store the new state of an order."""
        name = tracked.identity.client_order_id
        self._orders[name] = tracked
        if tracked.phase in LIVE:
            self._done.pop(name, None)
            self._live[name] = None
        elif name not in self._done:
            self._live.pop(name, None)
            self._done[name] = None
            if len(self._done) > self._done_at_most:
                self._forget(next(iter(self._done)))

    def _forget(self, name: ClientOrderId) -> None:
        del self._done[name]
        del self._orders[name]
        self._order_ids.pop(name, None)
        self._parents.pop(name, None)
        self._sent.discard(name)
        for alias in self._names.pop(name, ()):
            del self._aliases[alias]

    def learn(self, name: ClientOrderId, client_id: int, order_id: int, perm_id: int) -> None:
        """Remember names of an order; 0 stands for "no such name"."""
        if order_id:
            self._alias(name, (client_id, order_id))
            if client_id == self.client_id:
                self._order_ids[name] = order_id
        if perm_id:
            self._alias(name, perm_id)

    def _alias(self, name: ClientOrderId, alias: object) -> None:
        if alias not in self._aliases:
            self._aliases[alias] = name
            self._names.setdefault(name, set()).add(alias)

    def get(self, name: ClientOrderId) -> TrackedOrder | None:
        """Return an order by our name of it."""
        return self._orders.get(name)

    def order_id(self, name: ClientOrderId) -> int | None:
        """Return IB's order id for our client id, or None where there is none."""
        return self._order_ids.get(name)

    def learn_parent(self, name: ClientOrderId, parent_id: int) -> None:
        """Remember IB's order id of an order's parent; a change of the order repeats it."""
        if parent_id:
            self._parents[name] = parent_id

    def parent_id(self, name: ClientOrderId) -> int:
        """Return IB's order id of an order's parent, 0 where it has none."""
        return self._parents.get(name, 0)

    def list_of(self, tracked: TrackedOrder) -> OrderListId | None:
        """Return the list that an order was submitted with, None when it was submitted alone."""
        order = self._lookup.order(tracked.identity.client_order_id)
        return None if order is None else order.terms.order_list_id

    def find(
        self,
        *,
        order_ref: str | None = None,
        client_id: int = 0,
        order_id: int = 0,
        perm_id: int = 0,
    ) -> TrackedOrder | None:
        """Return our order by any of its names, and remember the others; None if it is not ours.

        An `orderRef` that the node's cache knows makes an order ours: so orders of an earlier run
        are found again. An order that was sent from here carries it, so an order without it is
        another one, whatever its number: a gateway may give the same to one entered by hand.

        Args:
            order_ref: What IB told, None where it does not tell it.
            client_id: The API client id that the order id belongs to.
            order_id: IB's order id, 0 for none.
            perm_id: IB's permanent id, 0 for none.
        """
        name = (
            (self._by_ref(order_ref) if order_ref else None)
            or (self._aliases.get(perm_id) if perm_id else None)
            or (self._aliases.get((client_id, order_id)) if order_id else None)
        )
        if name is None or (order_ref is not None and name in self._sent and order_ref != name):
            return None
        aliases = self._aliases
        if (perm_id and aliases.get(perm_id) != name) or (
            order_id and aliases.get((client_id, order_id)) != name
        ):
            self.learn(name, client_id, order_id, perm_id)
        return self._orders[name]

    def _by_ref(self, order_ref: str) -> ClientOrderId | None:
        if not order_ref or order_ref != order_ref.strip():
            return None
        tracked: TrackedOrder | None = self._orders.get(order_ref)  # type: ignore[call-overload]  # equal texts
        if tracked is not None:
            return tracked.identity.client_order_id
        name = ClientOrderId(order_ref)
        order = self._lookup.order(name)
        if order is None:
            return None
        # A process that died at once after sending may have kept nothing but the order itself.
        self.adopt(order, order.account_id or self._account_id)
        return name

    def adopt(self, order: Order, account_id: AccountId) -> TrackedOrder:
        """Track an order of an earlier run as the store knows it, its executions included."""
        tracked = TrackedOrder(
            identity=identity_of(order, account_id),
            terms=WorkingTerms.of(order),
            phase=_PHASES.get(order.status, Phase.WORKING),
            asked=_unanswered(order),
            is_cancel_asked=order.status is OrderStatus.PENDING_CANCEL,
            filled_raw=order.filled_qty.raw,
            venue_order_id=order.venue_order_id,
            is_triggered=order.status is OrderStatus.TRIGGERED,
            is_in_doubt=order.is_in_flight,
        )
        self.put(tracked)
        if order.venue_order_id is not None and order.venue_order_id.isdecimal():
            self.learn(order.client_order_id, 0, 0, int(order.venue_order_id))
        newest = {
            event.trade_id: split(event.new_trade_id)[1]
            for event in order.events
            if isinstance(event, OrderFillAmended) and event.new_trade_id is not None
        }
        self._executions.recall(
            order.client_order_id,
            (
                Known(
                    fill.trade_id,
                    newest.get(fill.trade_id, 0),
                    order.client_order_id,
                    fill.quantity,
                    fill.price,
                    fill.commission,
                )
                for fill in order.fills
            ),
        )
        return tracked


def identity_of(order: Order, account_id: AccountId) -> Identity:
    """Return whose order it is and what it was asked to be."""
    terms = order.terms
    return Identity(
        trader_id=terms.trader_id,
        strategy_id=terms.strategy_id,
        instrument_id=terms.instrument_id,
        client_order_id=terms.client_order_id,
        account_id=account_id,
        order_side=terms.order_side,
        order_type=terms.order_type,
        time_in_force=terms.time_in_force,
        expire_time_ns=terms.expire_time_ns,
        is_quote_quantity=terms.quote_quantity,
    )


def _unanswered(order: Order) -> WorkingTerms | None:
    """Return the terms of a change that the venue has not answered, as far as the store knows."""
    if order.is_closed:
        return None
    for event in reversed(order.events):
        if isinstance(event, OrderUpdated | OrderModifyRejected):
            return None
        if isinstance(event, OrderPendingUpdate):
            return WorkingTerms(
                event.quantity or order.quantity,
                order.price if event.price is None else event.price,
                order.trigger_price if event.trigger_price is None else event.trigger_price,
            )
    return None
