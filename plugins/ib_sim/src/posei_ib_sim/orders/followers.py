"""What follows the fills of an order: hedges that grow, profit-takers, delta-neutral orders."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.orders.hedges import HedgeSizer, has_delta_neutral
from posei_ib_sim.orders.state import Fill, SimOrder, Status
from posei_ib_sim.wire import Order

if TYPE_CHECKING:
    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.contracts.database import ContractDatabase
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.orders.lifecycle import Lifecycle
    from posei_ib_sim.orders.registry import OrderRegistry
    from posei_ib_sim.orders.scales import Component

__all__ = ["Followers"]


@final
class Followers:
    """Lets orders follow the fills of others.

    Orders that it makes are attached: they have a permanent id and a parent, but no order id of
    the client's, and are reported to the client that placed the parent.

    Args:
        clock: Times.
        registry: The orders.
        lifecycle: Releases and ends orders.
        sizer: Says how large a hedge has to be.
        contracts: Finds underlyings.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        registry: OrderRegistry,
        lifecycle: Lifecycle,
        sizer: HedgeSizer,
        contracts: ContractDatabase,
    ) -> None:
        self._clock = clock
        self._registry = registry
        self._lifecycle = lifecycle
        self._sizer = sizer
        self._contracts = contracts
        self._profits: Final[dict[int, tuple[SimOrder, Component]]] = {}

    def after_fill(self, order: SimOrder, fill: Fill) -> None:
        """Let hedges grow, attach what a fill calls for, and restore what a profit completes."""
        for child in list(self._registry.children(order)):
            if child.request.hedgeType:
                self._grow(child, order, fill)
        if has_delta_neutral(order.request):
            self._neutralize(order, fill)
        if order.ladder is not None:
            self._climb(order, fill)
        if order.is_final:
            self.after_end(order)
            self._restore(order)

    def after_end(self, order: SimOrder) -> None:
        """Finish the hedges of an order that is final: they have nothing to wait for any more."""
        for child in list(self._registry.children(order)):
            if not child.grows:
                continue
            child.grows = False
            if child.remaining > 0:
                continue
            if not child.fills:
                self._lifecycle.end(child, "")
                continue
            child.status = Status.FILLED
            child.completed_ns = self._clock.now_ns
            child.completed_status = f"Filled Size: {child.filled.normalize():f}"
            self._lifecycle.report(child)

    def _grow(self, hedge: SimOrder, parent: SimOrder, fill: Fill) -> None:
        more = self._sizer.size(hedge, parent, fill)
        total = hedge.quantity + more
        if hedge.request.hedgeMaxSize:
            total = min(total, Decimal(hedge.request.hedgeMaxSize))
        if total == hedge.quantity:
            return
        hedge.request = msgspec.structs.replace(hedge.request, totalQuantity=total)
        if hedge.held == "hedge":
            self._lifecycle.resume(hedge)
        else:
            hedge.active_ns = self._clock.now_ns
            self._lifecycle.report(hedge)

    def _neutralize(self, order: SimOrder, fill: Fill) -> None:
        request = order.request
        con_id = request.deltaNeutralConId or order.contract.under_con_id
        underlying = self._contracts.get(con_id)
        unit = underlying.whole_unit
        shares = self._sizer.shares_of(order.contract, fill) / unit
        shares = shares.to_integral_value(ROUND_HALF_UP) * unit
        if shares <= 0:
            return
        sells = order.is_buy == (order.contract.right == "C")
        kind = request.deltaNeutralOrderType.upper()
        price = request.deltaNeutralAuxPrice
        hedge = Order(
            action="SELL" if sells else "BUY",
            totalQuantity=shares,
            orderType=kind,
            lmtPrice=price if kind == "LMT" else None,
            auxPrice=price if kind == "REL" else None,
        )
        self._attach(order, underlying, hedge)

    def _climb(self, order: SimOrder, fill: Fill) -> None:
        ladder = order.ladder
        completed = ladder.fill(fill.quantity) if ladder is not None else None
        if ladder is None or completed is None:
            return
        price = ladder.profit_price(completed)
        if price is None:
            return
        taker = Order(
            action="SELL" if order.is_buy else "BUY",
            totalQuantity=completed.size,
            orderType="LMT",
            lmtPrice=float(price),
            outsideRth=order.request.outsideRth,
        )
        made = self._attach(order, order.contract, taker)
        self._profits[made.perm_id] = (order, completed)

    def _restore(self, taker: SimOrder) -> None:
        order, component = self._profits.pop(taker.perm_id, (None, None))
        if order is None or component is None or taker.status != Status.FILLED:
            return
        if order.is_final or order.ladder is None or not order.request.scaleAutoReset:
            return
        order.ladder.restore(component)
        total = order.quantity + component.size
        order.request = msgspec.structs.replace(order.request, totalQuantity=total)
        self._lifecycle.report(order)

    def _attach(self, parent: SimOrder, contract: SimContract, request: Order) -> SimOrder:
        request = msgspec.structs.replace(
            request,
            tif="GTC" if parent.request.tif == "GTC" else "DAY",
            account=parent.account_id,
            parentId=parent.order_id,
            orderRef=parent.request.orderRef,
            transmit=True,
        )
        made = SimOrder(
            client_id=parent.client_id,
            order_id=self._registry.next_attached_id(),
            perm_id=self._registry.next_perm_id(),
            account_id=parent.account_id,
            contract=contract,
            request=request,
            now_ns=self._clock.now_ns,
        )
        made.attached = True
        self._registry.add(made)
        self._lifecycle.transmit(made)
        return made
