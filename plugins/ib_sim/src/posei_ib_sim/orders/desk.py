"""The order desk: takes orders from clients, works them on the market, reports what happens."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.accounts.advisor import Advisor
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.orders.booking import Booker
from posei_ib_sim.orders.conditions import ConditionChecker
from posei_ib_sim.orders.corrections import Corrections
from posei_ib_sim.orders.followers import Followers
from posei_ib_sim.orders.funds import OrderPreview, preview
from posei_ib_sim.orders.hedges import HedgeSizer
from posei_ib_sim.orders.lifecycle import Lifecycle
from posei_ib_sim.orders.pricing import arm
from posei_ib_sim.orders.references import ReferencePricer
from posei_ib_sim.orders.registry import OrderRegistry
from posei_ib_sim.orders.rules import ShareLocator, TradingRules
from posei_ib_sim.orders.scales import Ladder, is_scale
from posei_ib_sim.orders.state import Fill, OrderKey, SimOrder, Status
from posei_ib_sim.orders.validation import check_cash, check_order
from posei_ib_sim.orders.venue import Venue
from posei_ib_sim.wire import Order

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from posei_ib_sim.accounts.account import Account
    from posei_ib_sim.accounts.book import AccountBook
    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.contracts.database import ContractDatabase
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.market.feed import MarketFeed
    from posei_ib_sim.orders.reporting import OrderSink


__all__ = ["OrderDesk"]

_NO_RULES: Final = TradingRules()


@final
class OrderDesk:
    """Places, changes, cancels and fills orders.

    Args:
        clock: The simulated clock.
        feed: Market events and boards; the desk observes it.
        accounts: Where fills are booked.
        contracts: Finds underlyings and what conditions are about.
        sink: Receives reports.
        seed: Makes ids repeatable.
        zone: Zone of order times that name none.
        fill_on: "next_tick": an order meets only later events. "standing_quote": it also meets
            the quote that stands when it arrives.
        rules: What may be traded and borrowed.
        repeat_status: Send the first pair of open order and status twice, as gateways often do.
        executions_first: Report fills at once before the first open order, as they sometimes do.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        feed: MarketFeed,
        accounts: AccountBook,
        contracts: ContractDatabase,
        sink: OrderSink,
        *,
        seed: int,
        zone: ZoneInfo,
        fill_on: str = "next_tick",
        rules: TradingRules = _NO_RULES,
        repeat_status: bool = True,
        executions_first: bool = False,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._feed = feed
        self._accounts = accounts
        self._contracts = contracts
        self._sink = sink
        self.registry: Final = OrderRegistry(seed)
        self.advisor: Final = Advisor(accounts)
        self.booker: Final = Booker(
            clock,
            accounts,
            self.registry,
            sink,
            self.advisor,
            lambda contract: feed.board(contract).quote,
        )
        self._corrections = Corrections(accounts, self.registry, sink)
        conditions = ConditionChecker(clock, zone, feed, contracts, accounts, self.registry)
        self.locator: Final = ShareLocator(rules.shortable, accounts)
        self._lifecycle = Lifecycle(
            clock,
            zone,
            feed,
            accounts,
            self.registry,
            conditions,
            self.locator,
            self.advisor,
            rules,
            sink,
            repeat_status=repeat_status,
            executions_first=executions_first,
        )
        self._hedges = HedgeSizer(clock, feed, contracts)
        self._references = ReferencePricer(clock, feed, contracts)
        self._venue = Venue(
            clock,
            feed,
            self.registry,
            self.booker,
            self._lifecycle,
            self._references,
            Followers(clock, self.registry, self._lifecycle, self._hedges, contracts),
            fill_on=fill_on,
        )

    def place(self, key: OrderKey, contract: SimContract, request: Order) -> None:
        """Place a new order or, when the id is that of a live order, modify it.

        Raises:
            RequestRefused: The order is not taken; it leaves no trace but, for code 201, an
                inactive order.
        """
        existing = self.registry.get(key)
        if existing is not None and not existing.is_final:
            self._modify(existing, contract, request)
            return
        if existing is not None and _same_intent(existing, contract, request):
            raise RequestRefused(104, "Cannot modify a filled order.")
        if not self.registry.is_fresh(key):
            raise RequestRefused(103, "Duplicate order id")
        unsaid = not request.tif
        request = self._completed(contract, request)
        self._check(contract, request)
        parent = self.registry.get((key[0], request.parentId)) if request.parentId else None
        _check_parent(request, parent)
        self._hedges.check(contract, request, parent)
        if request.hedgeType:
            # The fills of the parent decide, not what the client says.
            request = msgspec.structs.replace(request, totalQuantity=Decimal(0))
        order = SimOrder(
            client_id=key[0],
            order_id=key[1],
            perm_id=self.registry.next_perm_id(),
            account_id=request.account,
            contract=contract,
            request=request,
            now_ns=self._clock.now_ns,
        )
        self._lifecycle.check_times(order, request)
        self._lifecycle.prepare_conditions(order)
        self.registry.use_id(key)
        self.registry.add(order)
        order.grows = bool(request.hedgeType)
        order.ladder = Ladder(request) if is_scale(request) else None
        arm(order, self._feed.board(contract))
        if unsaid and self._rules.order_presets:
            text = "Order TIF was set to DAY based on order preset."
            self._sink.order_error(*key, 10349, text)
        if not request.transmit:
            order.held = "transmit"
            return
        self._lifecycle.transmit(order)

    def preview(self, contract: SimContract, request: Order) -> OrderPreview:
        """Return what an order would cost and need, without placing it.

        Raises:
            RequestRefused: The order could not be placed.
        """
        request = self._completed(contract, request)
        self._check(contract, request)
        return preview(self._accounts, request, contract)

    def cancel(self, key: OrderKey) -> None:
        """Cancel an order.

        Raises:
            RequestRefused: 10147 unknown order, 135 an order of another client, 10148 an order
                that is finished.
        """
        order = self.registry.get(key)
        if order is None and any(one.order_id == key[1] for one in self.registry.orders):
            raise RequestRefused(135, f"Can't find order with id ={key[1]}")
        if order is None:
            raise RequestRefused(
                10147, f"OrderId {key[1]} that needs to be cancelled is not found."
            )
        if order.is_final:
            raise RequestRefused(
                10148,
                f"OrderId {key[1]} that needs to be cancelled cannot be cancelled, "
                f"state: {order.status}.",
            )
        order.status = Status.PENDING_CANCEL
        self._sink.order_status(order)
        self._lifecycle.end(order, "")

    def cancel_all(self) -> int:
        """Cancel every open order of every client and return how many there were."""
        orders = [order for order in self.registry.orders if not order.is_final]
        for order in orders:
            if not order.is_final:
                self._lifecycle.end(order, "")
        return len(orders)

    def exercise(
        self,
        key: OrderKey,
        account: Account,
        contract: SimContract,
        quantity: Decimal,
        *,
        lapse: bool,
    ) -> None:
        """Exercise or lapse a long option: it leaves at zero, the underlying comes at the strike.

        Index options settle in cash. No commission is charged, as IB charges none.
        """
        now = self._clock.now_ns
        order = SimOrder(
            client_id=key[0],
            order_id=key[1],
            perm_id=self.registry.next_perm_id(),
            account_id=account.account_id,
            contract=contract,
            request=Order(
                action="SELL", totalQuantity=quantity, orderType="MKT", account=account.account_id
            ),
            now_ns=now,
        )
        self.registry.use_id(key)
        self.registry.add(order)
        delivered = Decimal(0)
        if not lapse:
            delivered = quantity * Decimal(contract.multiplier or "1")
        self.booker.book_exercise(order, delivered, self._contracts)

    def lend(self, symbol: str, shares: Decimal | None) -> None:
        """Set how many shares can be borrowed; orders that waited for them begin to work."""
        self.locator.supply(symbol, shares)
        for order in self.registry.orders:
            if order.held == "locate" and order.contract.symbol == symbol:
                self._lifecycle.resume(order)

    def correct(self, fill: Fill, price: Decimal, quantity: Decimal | None = None) -> Fill:
        """Correct a fill, as a venue does afterwards; see `Corrections.correct`."""
        return self._corrections.correct(fill, price, quantity)

    def bust(self, fill: Fill) -> Fill:
        """Take a fill back, as a venue does with an erroneous trade; see `Corrections.bust`."""
        return self._corrections.bust(fill)

    # ------------------------------------------------------------------ life cycle

    def _check(self, contract: SimContract, request: Order) -> None:
        self._rules.check(contract)
        check_order(contract, request)
        self._references.check(contract, request)

    def _completed(self, contract: SimContract, request: Order) -> Order:
        """Fill in what a client may leave out: account, time in force, quantity from cash."""
        self.advisor.check_allocation(request)
        self.advisor.check(request)
        account = request.account or self._accounts.default.account_id
        if account not in self._accounts.accounts:
            raise RequestRefused(
                321, f"Error validating request.-'bI' : cause - Invalid account code {account!r}"
            )
        check_cash(contract, request)
        changes: dict[str, object] = {"account": account, "tif": request.tif or "DAY"}
        if request.cashQty and not request.totalQuantity:
            changes["totalQuantity"] = self._size_of(contract, request)
        shared = self.advisor.size(request, contract)
        if shared is not None:
            changes["totalQuantity"] = shared
        elif request.faGroup and (request.totalQuantity or 0) % contract.whole_unit:
            raise RequestRefused(10251, "Fractional shares are not supported for allocation orders")
        return msgspec.structs.replace(request, **changes)

    def _size_of(self, contract: SimContract, request: Order) -> Decimal:
        """Return what an amount of money buys at the limit, or at the present price."""
        board = self._feed.board(contract)
        price = request.lmtPrice
        if not price:
            quote = board.quote
            side = 0.0 if quote is None else (quote.ask if request.action == "BUY" else quote.bid)
            price = side if side > 0 else board.mark
        size = price_decimal(request.cashQty or 0.0) / price_decimal(price) / contract.money_factor
        steps = (size / contract.size_increment).to_integral_value(ROUND_FLOOR)
        return steps * contract.size_increment

    def _modify(self, order: SimOrder, contract: SimContract, request: Order) -> None:
        changed = contract.con_id != order.contract.con_id or request.action != order.request.action
        if changed:
            raise RequestRefused(105, "Order being modified does not match original order")
        if order.status == Status.PENDING_CANCEL:
            raise RequestRefused(10148, "The order is being cancelled")
        request = self._completed(contract, request)
        check_order(contract, request)
        self._references.check(contract, request)
        _check_change(order.request, request)
        self._lifecycle.check_times(order, request)
        if order.request.hedgeType:
            request = msgspec.structs.replace(request, totalQuantity=order.quantity)
        before, order.request = order.request, request
        try:
            self._lifecycle.prepare_conditions(order)
        except RequestRefused:
            order.request = before
            raise
        order.active_ns = self._clock.now_ns
        order.triggered = False
        order.limit_price = order.reference_start = None
        arm(order, self._feed.board(contract))
        if order.ladder is not None:
            ladder = Ladder(request)
            ladder.take_over(order.ladder)
            order.ladder = ladder
        self._venue.queue(order)
        if order.held == "transmit" and request.transmit:
            order.held = ""
            self._lifecycle.transmit(order)
            return
        if order.remaining <= 0 and not order.grows:
            order.status = Status.FILLED
            order.completed_ns = self._clock.now_ns
        elif order.held == "stopped":
            self._lifecycle.resume(order)
        self._lifecycle.schedule_expiry(order)
        self._lifecycle.report(order)
        self._venue.meet_standing(order)


def _check_parent(request: Order, parent: SimOrder | None) -> None:
    if not request.parentId:
        return
    if parent is None:
        raise RequestRefused(10006, f"Missing parent order {request.parentId}.")
    if parent.request.allOrNone and not (request.allOrNone or request.hedgeType):
        raise RequestRefused(10236, "Child has to be AON if parent order is AON")


def _check_change(before: Order, after: Order) -> None:
    """Refuse a change of what cannot be changed."""
    if (after.parentId or 0) != (before.parentId or 0):
        raise RequestRefused(10341, "Parent order id cannot be modified")
    if after.algoStrategy.upper() != before.algoStrategy.upper():
        raise RequestRefused(440, "Order modify failed. Algorithm cannot be modified.")
    if after.hedgeType.upper() != before.hedgeType.upper() or is_scale(after) != is_scale(before):
        raise RequestRefused(105, "Order being modified does not match original order")
    if before.ocaGroup and after.ocaGroup != before.ocaGroup:
        raise RequestRefused(10326, "OCA group revision is not allowed")
    if before.ocaGroup and (after.ocaType or 0) != (before.ocaType or 0):
        raise RequestRefused(10327, "OCA group type revision is not allowed")


def _same_intent(order: SimOrder, contract: SimContract, request: Order) -> bool:
    return (
        order.status == Status.FILLED
        and order.contract.con_id == contract.con_id
        and order.request.action == request.action
    )
