"""Orders out: checked, sent, announced. Plain calls; nothing here waits."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Final, final

from msgspec.structs import replace

from posei_trader.adapters.interactive_brokers.orders import tracked as t
from posei_trader.adapters.interactive_brokers.orders.encoding import WorkingTerms, encode_order
from posei_trader.adapters.interactive_brokers.orders.ledger import identity_of
from posei_trader.adapters.interactive_brokers.orders.leg_prices import put_leg_prices
from posei_trader.adapters.interactive_brokers.orders.refusals import check_supported, is_plain
from posei_trader.adapters.interactive_brokers.orders.tags import read_tags
from posei_trader.adapters.interactive_brokers.wire_values import price_to_wire
from posei_trader.errors import InvalidRequest, NotConnected, PoseiError
from posei_trader.logs import get_logger
from posei_trader.model import events as ev

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ibapi.order import Order as IBOrder

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.client.messages import OpenOrder
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.execution.contracts import ContractBook
    from posei_trader.adapters.interactive_brokers.execution.desk import Desk
    from posei_trader.adapters.interactive_brokers.execution.inbox import OrderInbox
    from posei_trader.adapters.interactive_brokers.orders.ledger import OrderLedger
    from posei_trader.model.identifiers import ClientOrderId
    from posei_trader.model.orders import Order
    from posei_trader.model.requests import ModifyOrder
    from posei_trader.protocols import Clock, ExecSink

_log = get_logger("InteractiveBrokersExecutionClient")

_EXCHANGE: Final = "exchange"
_PARAMS: Final = frozenset({_EXCHANGE})

_NOT_OURS: Final = (
    "the order has no order id of this API client: it was placed under another client id, or by "
    "hand"
)


@final
class OrderCommands:
    """Sends orders, changes and cancels.

    Args:
        client: The connection.
        desk: Whose orders.
        ledger: Our orders.
        inbox: Judges what happens to them.
        contracts: What is traded.
        sink: Where to publish.
        clock: Time.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        desk: Desk,
        ledger: OrderLedger,
        inbox: OrderInbox,
        contracts: ContractBook,
        sink: ExecSink,
        clock: Clock,
    ) -> None:
        self._client = client
        self._desk = desk
        self._is_advisor = desk.is_advisor
        self._ledger = ledger
        self._inbox = inbox
        self._contracts = contracts
        self._sink = sink
        self._clock = clock

    # -- submit ---------------------------------------------------------------------------------

    def submit(self, orders: Sequence[Order]) -> None:
        """Send orders that belong together: all, or all are denied before anything is sent.

        A parent stands before its children; IB holds the group until its last order has arrived.

        Raises:
            NotConnected: nothing was emitted and nothing was sent.
        """
        self._need_connection()
        try:
            prepared = [self.encode(order, WorkingTerms.of(order)) for order in orders]
            parents = {} if _is_alone(orders) else self._check_parents(orders)
        except PoseiError as error:
            _log.warning("orders denied", orders=[str(order) for order in orders], error=str(error))
            self._deny(orders, _reason(error))
            return
        if parents:
            self._send_group(orders, prepared, parents)
            return
        for order, (contract, ib_order) in zip(orders, prepared, strict=True):
            self._send(order, contract, ib_order)

    def _send(self, order: Order, contract: IBContract, ib_order: IBOrder) -> None:
        """Write an order to the wire, and announce it.

        In this sequence: what comes back comes in a later turn of the loop, and until then the
        order is on its way instead of waiting for whoever listens.
        """
        order_id = self._client.next_order_id()
        failure: PoseiError | None = None
        try:
            self._client.place_order(order_id, contract, ib_order)
        except PoseiError as error:
            failure = error
        finally:  # whatever else was raised, it may be on the wire
            self._announce(order, order_id, 0)
        if failure is not None:
            self._not_placed(order, t.ProblemKind.NOT_SENT, failure)

    def _send_group(
        self,
        orders: Sequence[Order],
        prepared: Sequence[tuple[IBContract, IBOrder]],
        parents: Mapping[ClientOrderId, ClientOrderId],
    ) -> None:
        """Write orders to the wire that IB holds back until the last has come: all or none."""
        ids = {order.client_order_id: self._client.next_order_id() for order in orders}
        group: list[tuple[int, IBContract, IBOrder]] = []
        for order, (contract, ib_order) in zip(orders, prepared, strict=True):
            parent = parents.get(order.client_order_id)
            ib_order.parentId = 0 if parent is None else ids.get(parent, self._known_id(parent))
            ib_order.transmit = order is orders[-1]
            group.append((ids[order.client_order_id], contract, ib_order))
        failure: PoseiError | None = None
        try:
            self._client.place_orders(group)
        except PoseiError as error:
            failure = error
        finally:
            for order, (order_id, _, ib_order) in zip(orders, group, strict=True):
                self._announce(order, order_id, ib_order.parentId)
        if failure is not None:
            for order in orders:
                self._not_placed(order, t.ProblemKind.NOT_SENT, failure)

    def encode(self, order: Order, working: WorkingTerms) -> tuple[IBContract, IBOrder]:
        """Return IB's contract and order for ours, every term checked.

        Raises:
            FixRequest: a term cannot be honoured.
        """
        terms = order.terms
        traded = self._contracts.need(terms.instrument_id)
        if not is_plain(terms, traded.instrument):
            check_supported(
                terms,
                traded.instrument,
                sec_type=traded.sec_type,
                now_ns=self._clock.timestamp_ns(),
            )
        unknown = sorted(set(terms.params) - _PARAMS) if terms.params else ()
        if unknown:
            raise InvalidRequest(
                "Interactive Brokers knows no such order parameter",
                field=f"order {terms.client_order_id} params",
                value=unknown[0],
                remedy=f"give one of {', '.join(_PARAMS)}, or use IBOrderTags",
            )
        contract = traded.contract
        if _EXCHANGE in terms.params:
            contract = replace(contract, exchange=terms.params[_EXCHANGE])
        ib_order = encode_order(
            terms,
            working,
            traded.instrument,
            account=self._desk.number,
            magnifier=traded.magnifier,
        )
        if self._is_advisor:
            self._desk.address(ib_order)
        leg_prices = read_tags(terms.tags).orderComboLegs if terms.tags else ()
        if leg_prices:
            put_leg_prices(ib_order, leg_prices, contract.comboLegs, traded.magnifier)
        return contract, ib_order

    def _check_parents(self, orders: Sequence[Order]) -> dict[ClientOrderId, ClientOrderId]:
        """Return the parent of each child.

        Raises:
            InvalidRequest: a parent is neither in the list nor at IB.
        """
        parents: dict[ClientOrderId, ClientOrderId] = {}
        seen: set[ClientOrderId] = set()
        for order in orders:
            parent = order.terms.parent_order_id
            if parent is not None:
                if parent not in seen and self._ledger.order_id(parent) is None:
                    raise InvalidRequest(
                        "the parent of an order is not at Interactive Brokers",
                        field=f"order {order.client_order_id} parent_order_id",
                        value=parent,
                        remedy="submit both in one order list, the parent first",
                    )
                parents[order.client_order_id] = parent
            seen.add(order.client_order_id)
        return parents

    def _known_id(self, name: ClientOrderId) -> int:
        return self._ledger.order_id(name) or 0

    def _announce(self, order: Order, order_id: int, parent_id: int) -> None:
        identity = identity_of(order, self._desk.account_id)
        self._ledger.add(t.TrackedOrder(identity, WorkingTerms.of(order)), order_id)
        self._ledger.learn_parent(order.client_order_id, parent_id)
        now = self._clock.timestamp_ns()
        self._sink.order_event(
            ev.OrderSubmitted(
                trader_id=identity.trader_id,
                strategy_id=identity.strategy_id,
                instrument_id=identity.instrument_id,
                client_order_id=identity.client_order_id,
                ts_event=now,
                ts_init=now,
                account_id=self._desk.account_id,
            )
        )

    def _not_placed(self, order: Order, kind: t.ProblemKind, error: PoseiError) -> None:
        tracked = self._ledger.get(order.client_order_id)
        if tracked is not None:
            self._inbox.happened(tracked, t.ProblemSeen(kind, error.code or 0, _reason(error)))

    def _deny(self, orders: Sequence[Order], reason: str) -> None:
        for order in orders:
            self._refuse(ev.OrderDenied, order, reason)

    def _refuse(
        self,
        kind: type[ev.OrderDenied | ev.OrderModifyRejected | ev.OrderCancelRejected],
        order: Order,
        reason: str,
    ) -> None:
        terms, now = order.terms, self._clock.timestamp_ns()
        self._sink.order_event(
            kind(
                trader_id=terms.trader_id,
                strategy_id=terms.strategy_id,
                instrument_id=terms.instrument_id,
                client_order_id=terms.client_order_id,
                ts_event=now,
                ts_init=now,
                reason=reason,
            )
        )

    # -- modify ---------------------------------------------------------------------------------

    def modify(self, command: ModifyOrder) -> None:
        """Send other terms for a working order. What cannot be is a refused change.

        Raises:
            NotConnected: nothing was emitted and nothing was sent.
        """
        self._need_connection()
        order = command.order
        tracked = self._tracked(order)
        order_id = self._ledger.order_id(order.client_order_id)
        now = WorkingTerms.of(order)
        wanted = WorkingTerms(
            command.quantity or now.quantity,
            command.price if command.price is not None else now.price,
            command.trigger_price if command.trigger_price is not None else now.trigger_price,
        )
        reason = _not_changeable(order, tracked, order_id, now, wanted)
        if reason is None:
            try:
                contract, ib_order = self._changed(order, wanted)
            except PoseiError as error:
                reason = _reason(error)
        if reason is not None or tracked is None or order_id is None:
            self._refuse(ev.OrderModifyRejected, order, reason or "the order is not at IB")
            return
        ib_order.parentId = self._ledger.parent_id(order.client_order_id)
        after = self._inbox.happened(tracked, t.ChangeAsked(wanted))
        if after.asked == wanted:
            try:
                self._client.place_order(order_id, contract, ib_order, is_change=True)
            except PoseiError as error:
                self._not_placed(order, t.ProblemKind.CHANGE_NOT_SENT, error)

    # -- cancel ---------------------------------------------------------------------------------

    def cancel(self, order: Order) -> None:
        """Ask IB to cancel an order. What cannot be is a refused cancel.

        Raises:
            NotConnected: nothing was emitted and nothing was sent.
        """
        self._need_connection()
        tracked = self._tracked(order)
        order_id = self._ledger.order_id(order.client_order_id)
        if order.is_closed or (tracked is not None and tracked.phase.is_done):
            self._refuse(ev.OrderCancelRejected, order, f"the order is {order.status} already")
            return
        if tracked is None or order_id is None:
            self._refuse(
                ev.OrderCancelRejected,
                order,
                f"{_NOT_OURS}; cancel it there or in TWS, or connect with ibg_client_id=0",
            )
            return
        self._inbox.happened(tracked, t.CancelAsked())
        try:
            self._client.cancel_order(order_id)
        except PoseiError as error:
            kind = t.ProblemKind.CANCEL_NOT_SENT
            problem = t.ProblemSeen(kind, error.code or 0, _reason(error))
            self._inbox.happened(self._ledger.get(order.client_order_id) or tracked, problem)

    # -- inside ---------------------------------------------------------------------------------

    def _tracked(self, order: Order) -> t.TrackedOrder | None:
        known = self._ledger.get(order.client_order_id)
        if known is None and order.account_id is not None:
            known = self._ledger.adopt(order, order.account_id)
        row = self._placed_elsewhere(order)
        if known is not None and row is not None:
            # Client id 0 is given ids for what is entered by hand: those it can change.
            name = order.client_order_id
            self._ledger.learn(name, row.order.clientId, row.order_id, row.order.permId)
        return known

    def _placed_elsewhere(self, order: Order) -> OpenOrder | None:
        perm_id = order.venue_order_id
        if perm_id is None or not perm_id.isdecimal():
            return None
        return self._inbox.others.get(int(perm_id))

    def _changed(self, order: Order, wanted: WorkingTerms) -> tuple[IBContract, IBOrder]:
        """Return IB's order with other terms.

        One that was placed elsewhere is IB's own with only those terms changed: it may have terms
        that ours cannot express.

        Raises:
            FixRequest: a term cannot be honoured.
        """
        row = self._placed_elsewhere(order)
        if row is None:
            return self.encode(order, wanted)
        traded = self._contracts.need(order.instrument_id)
        ib_order = copy(row.order)
        ib_order.totalQuantity = wanted.quantity.as_decimal()
        if wanted.price is not None:
            ib_order.lmtPrice = price_to_wire(wanted.price, traded.magnifier)
        if wanted.trigger_price is not None:
            ib_order.auxPrice = price_to_wire(wanted.trigger_price, traded.magnifier)
        return traded.contract, ib_order

    def _need_connection(self) -> None:
        if not self._client.is_connected:
            raise NotConnected(
                "there is no connection to TWS or IB Gateway",
                field="client",
                remedy="wait until the client is connected again",
            )


def _is_alone(orders: Sequence[Order]) -> bool:
    return len(orders) == 1 and orders[0].terms.parent_order_id is None


def _not_changeable(
    order: Order,
    tracked: t.TrackedOrder | None,
    order_id: int | None,
    now: WorkingTerms,
    wanted: WorkingTerms,
) -> str | None:
    """Return why an order cannot be changed so, None when it can."""
    if order.is_closed or (tracked is not None and tracked.phase.is_done):
        return f"the order is {order.status} already"
    if tracked is None or order_id is None:
        return f"{_NOT_OURS}; change it there or in TWS, or connect with ibg_client_id=0"
    if (now.price is None) != (wanted.price is None):
        return f"a {order.order_type} order has no limit price to change"
    if (now.trigger_price is None) != (wanted.trigger_price is None):
        return f"a {order.order_type} order has no trigger price to change"
    if wanted.quantity.raw <= order.filled_qty.raw:
        return f"{order.filled_qty} traded already: the quantity must be larger"
    return None


def _reason(error: PoseiError) -> str:
    """Return an error as one line for an event."""
    parts = [error.message]
    if error.field:
        parts.append(f"({error.field}: {error.value!r})" if error.has_value else f"({error.field})")
    if error.remedy:
        parts.append(f"- {error.remedy}")
    return " ".join(parts)
