"""The order desk: takes orders from clients, works them on the market, reports what happens."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.accounts.account import Account, price_decimal
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history.bar_sizes import parse_moment
from posei_ib_sim.orders.booking import Booker
from posei_ib_sim.orders.conditions import ConditionChecker
from posei_ib_sim.orders.funds import OrderPreview, preview
from posei_ib_sim.orders.matching import Liquidity, Match, queue_at
from posei_ib_sim.orders.pricing import arm, is_triggered, terms, waits_for_trigger
from posei_ib_sim.orders.registry import OrderRegistry
from posei_ib_sim.orders.state import Fill, OrderKey, SimOrder, Status
from posei_ib_sim.orders.validation import check_order, normal_order_type
from posei_ib_sim.wire import Order

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from posei_ib_sim.accounts.book import AccountBook
    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.contracts.database import ContractDatabase
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.market.board import Board
    from posei_ib_sim.market.events import MarketEvent
    from posei_ib_sim.market.feed import MarketFeed
    from posei_ib_sim.orders.reporting import OrderSink


__all__ = ["OrderDesk"]

_LIMIT_TYPES: Final = frozenset({"LMT", "STP LMT", "LIT", "LOC"})


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
        repeat_status: Send the first pair of open order and status twice, as gateways often do.
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
        repeat_status: bool = True,
    ) -> None:
        self._clock = clock
        self._feed = feed
        self._accounts = accounts
        self._contracts = contracts
        self._sink = sink
        self._zone = zone
        self._fill_on = fill_on
        self._repeat_status = repeat_status
        self.registry: Final = OrderRegistry(seed)
        self.booker: Final = Booker(clock, accounts, self.registry, sink)
        self._liquidity: dict[int, Liquidity] = {}
        self._met: set[int] = set()
        self._expiry: dict[int, Callable[[], None]] = {}
        self._conditions = ConditionChecker(clock, zone, feed, contracts, accounts, self.registry)
        self._conditional: list[SimOrder] = []
        feed.observe(self._on_event)

    # ------------------------------------------------------------------ commands

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
        request = self._completed(request)
        check_order(contract, request)
        if request.parentId and self.registry.get((key[0], request.parentId)) is None:
            raise RequestRefused(10006, f"Missing parent order {request.parentId}.")
        order = SimOrder(
            client_id=key[0],
            order_id=key[1],
            perm_id=self.registry.next_perm_id(),
            account_id=request.account,
            contract=contract,
            request=request,
            now_ns=self._clock.now_ns,
        )
        self._conditions.prepare(order, lambda: self._check_conditions(order))
        self.registry.use_id(key)
        self.registry.add(order)
        arm(order, self._feed.board(contract))
        if not request.transmit:
            order.held = "transmit"
            return
        self._transmit(order)

    def preview(self, contract: SimContract, request: Order) -> OrderPreview:
        """Return what an order would cost and need, without placing it.

        Raises:
            RequestRefused: The order could not be placed.
        """
        request = self._completed(request)
        check_order(contract, request)
        return preview(self._accounts, request, contract)

    def cancel(self, key: OrderKey) -> None:
        """Cancel an order.

        Raises:
            RequestRefused: 10147 unknown order, 10148 an order that is finished.
        """
        order = self.registry.get(key)
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
        self._end(order, "")

    def cancel_all(self) -> int:
        """Cancel every open order of every client and return how many there were."""
        orders = [order for order in self.registry.orders if not order.is_final]
        for order in orders:
            if not order.is_final:
                self._end(order, "")
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

    def correct(self, fill: Fill, price: Decimal) -> Fill:
        """Report a fill again with a corrected price; its execution id counts up.

        The correction is a report only: money is booked once, at the first price.
        """
        stem, _, revision = fill.exec_id.rpartition(".")
        corrected = msgspec.structs.replace(
            fill, exec_id=f"{stem}.{int(revision) + 1:02d}", price=price
        )
        self._sink.execution(corrected)
        return corrected

    # ------------------------------------------------------------------ life cycle

    def _completed(self, request: Order) -> Order:
        """Fill in what a client may leave out: account, time in force, quantity from cash."""
        account = request.account or self._accounts.default.account_id
        if account not in self._accounts.accounts:
            raise RequestRefused(
                321, f"Error validating request.-'bI' : cause - Invalid account code {account!r}"
            )
        return msgspec.structs.replace(request, account=account, tif=request.tif or "DAY")

    def _modify(self, order: SimOrder, contract: SimContract, request: Order) -> None:
        changed = contract.con_id != order.contract.con_id or request.action != order.request.action
        if changed:
            raise RequestRefused(105, "Order being modified does not match original order")
        if order.status == Status.PENDING_CANCEL:
            raise RequestRefused(10148, "The order is being cancelled")
        request = self._completed(request)
        check_order(contract, request)
        before, order.request = order.request, request
        try:
            self._conditions.prepare(order, lambda: self._check_conditions(order))
        except RequestRefused:
            order.request = before
            raise
        order.active_ns = self._clock.now_ns
        order.triggered = False
        order.limit_price = None
        arm(order, self._feed.board(contract))
        self._queue(order)
        if order.held == "transmit" and request.transmit:
            order.held = ""
            self._transmit(order)
            return
        if order.remaining <= 0:
            order.status = Status.FILLED
            order.completed_ns = self._clock.now_ns
        self._schedule_expiry(order)
        self._report(order)
        self._meet_standing(order)

    def _transmit(self, order: SimOrder) -> None:
        """Send an order to the market, and with it the family that waited for its last member."""
        family = [order]
        parent = self.registry.get(order.parent_key) if order.parent_key else None
        root = parent or order
        if root is not order and root.held == "transmit":
            family.insert(0, root)
        family += [
            child
            for child in self.registry.children(root)
            if child.held == "transmit" and child is not order
        ]
        for member in sorted(family, key=lambda one: one.order_id):
            member.held = ""
            self._release(member)

    def _release(self, order: SimOrder) -> None:
        needed = preview(self._accounts, order.request, order.contract)
        if not needed.is_affordable:
            self._reject(order, needed.refusal)
            return
        order.active_ns = self._clock.now_ns
        order.held = self._reason_to_wait(order)
        self._queue(order)
        self._set_working_status(order)
        self._schedule_expiry(order)
        self._report(order)
        if self._repeat_status:
            self._report(order)
        if order.held == "session":
            self._wait_for_session(order)
        self._meet_standing(order)

    def _reason_to_wait(self, order: SimOrder) -> str:
        parent = self.registry.get(order.parent_key) if order.parent_key else None
        if parent is not None and parent.status != Status.FILLED:
            return "parent"
        request = order.request
        after = parse_moment(request.goodAfterTime, self._zone)
        if after is not None and after > self._clock.now_ns:
            self._clock.call_at(after, lambda: self._resume(order))
            return "time"
        if request.conditions and not self._conditions_allow(order):
            return "conditions"
        return "" if self._is_open(order) else "session"

    def _conditions_allow(self, order: SimOrder) -> bool:
        """Tell whether conditions let an order work; those that would cancel it do not hold it."""
        if order not in self._conditional:
            self._conditional.append(order)
        return order.request.conditionsCancelOrder or self._conditions.are_met(order)

    def _check_conditions(self, order: SimOrder) -> None:
        if order.is_final:
            return
        if order.request.conditionsCancelOrder:
            if not order.held and self._conditions.are_met(order):
                self._end(order, "")
        elif order.held == "conditions" and self._conditions.are_met(order):
            self._conditional.remove(order)
            self._resume(order)

    def _check_all_conditions(self) -> None:
        for order in list(self._conditional):
            if order.is_final:
                self._conditional.remove(order)
            else:
                self._check_conditions(order)

    def _is_open(self, order: SimOrder) -> bool:
        contract = order.contract
        liquid = contract.sec_type == "STK" and not order.request.outsideRth
        board = self._feed.board(contract)
        return board.hours.is_open(contract.hours, self._clock.now_ns, liquid=liquid)

    def _wait_for_session(self, order: SimOrder) -> None:
        contract = order.contract
        hours = self._feed.board(contract).hours
        liquid = contract.sec_type == "STK" and not order.request.outsideRth
        opens = hours.next_open(contract.hours, self._clock.now_ns, liquid=liquid)
        when = "the next session" if opens is None else hours.stamp(contract.hours, opens)
        self._sink.order_error(
            order.client_id,
            order.order_id,
            399,
            f"Order Message:\n{order.request.action} {order.quantity:f} {contract.symbol} "
            f"{contract.exchange}\nWarning: Your order will not be placed at the exchange until "
            f"{when}",
        )
        if opens is not None:
            self._clock.call_at(opens, lambda: self._resume(order))

    def _resume(self, order: SimOrder) -> None:
        """Let an order work that waited for its parent, its time or the session."""
        if order.is_final or not order.held or order.held == "transmit":
            return
        order.held = self._reason_to_wait(order)
        if order.held == "session":
            self._wait_for_session(order)
        if order.held:
            return
        order.active_ns = self._clock.now_ns
        self._set_working_status(order)
        self._report(order)
        self._meet_standing(order)

    def _set_working_status(self, order: SimOrder) -> None:
        waits = order.held or waits_for_trigger(order)
        order.status = Status.PRE_SUBMITTED if waits else Status.SUBMITTED

    def _report(self, order: SimOrder) -> None:
        self._sink.open_order(order)
        self._sink.order_status(order)

    def _reject(self, order: SimOrder, reason: str) -> None:
        order.reason = reason
        order.status = Status.INACTIVE
        order.completed_ns = self._clock.now_ns
        order.completed_status = f"Rejected: {reason}"
        self._sink.order_error(
            order.client_id, order.order_id, 201, f"Order rejected - reason:{reason}"
        )
        self._sink.order_status(order)

    def _end(self, order: SimOrder, reason: str) -> None:
        """Cancel an order and the children that depend on it."""
        never_sent = order.held == "transmit"
        order.status = Status.API_CANCELLED if never_sent else Status.CANCELLED
        order.completed_ns = self._clock.now_ns
        order.completed_status = "Cancelled by Trader" if not reason else f"Cancelled: {reason}"
        order.reason = reason
        self._sink.order_status(order)
        self._sink.order_error(
            order.client_id, order.order_id, 202, f"Order Canceled - reason:{reason}"
        )
        for child in list(self.registry.children(order)):
            if order.filled == 0:
                self._end(child, "")

    # ------------------------------------------------------------------ the market

    def _queue(self, order: SimOrder) -> None:
        limit = order.request.lmtPrice
        if limit is not None and normal_order_type(order.request.orderType) in _LIMIT_TYPES:
            board = self._feed.board(order.contract)
            order.queue_ahead = queue_at(board, price_decimal(limit), buy=order.is_buy)

    def _on_event(self, board: Board, event: MarketEvent) -> None:
        if self._conditional:
            self._check_all_conditions()
        orders = self.registry.working(board.contract.con_id)
        if not orders:
            self._liquidity.pop(board.contract.con_id, None)
            return
        liquidity = self._liquidity.get(board.contract.con_id)
        if liquidity is None:
            liquidity = self._liquidity[board.contract.con_id] = Liquidity()
        liquidity.renew(board, event)
        for order in orders:
            if order.held or order.is_final or event.ts_ns <= order.active_ns:
                continue
            self._met.add(order.perm_id)
            if waits_for_trigger(order):
                if not is_triggered(order, board, event):
                    continue
                order.triggered = True
                order.status = Status.SUBMITTED
                self._report(order)
            self._work(order, board, liquidity)

    def _meet_standing(self, order: SimOrder) -> None:
        """Let an order meet the standing quote where nothing newer will come, or by setting."""
        ended = self._feed.has_ended(order.contract.con_id)
        if not (ended or self._fill_on == "standing_quote"):
            return

        def meet() -> None:
            if order.is_final or order.held or waits_for_trigger(order):
                return
            board = self._feed.board(order.contract)
            liquidity = Liquidity()
            liquidity.stand(board)
            self._met.add(order.perm_id)
            self._work(order, board, liquidity)

        self._clock.call_at(self._clock.now_ns, meet)

    def _work(self, order: SimOrder, board: Board, liquidity: Liquidity) -> None:
        willing, limit = terms(order, liquidity, board)
        if not willing:
            return
        request = order.request
        whole = request.allOrNone or request.tif == "FOK"
        if not whole or liquidity.available(buy=order.is_buy) >= order.remaining:
            match = liquidity.take(order, limit)
            if match is None and limit is not None:
                match = liquidity.rest(order, limit)
            if match is not None:
                self._fill(order, match)
        if request.tif in {"IOC", "FOK"} and not order.is_final:
            self._end(order, "")

    def _fill(self, order: SimOrder, match: Match) -> None:
        fill = self.booker.book(order, match)
        if normal_order_type(order.request.orderType) == "MTL":
            order.limit_price = fill.price
        self._after_fill(order, fill)

    def _after_fill(self, order: SimOrder, fill: Fill) -> None:
        if order.is_final:
            for child in list(self.registry.children(order)):
                if child.held == "parent":
                    self._resume(child)
        for other in list(self.registry.siblings(order)):
            if other.held == "transmit":
                continue
            if order.is_final or order.request.ocaType == 1:
                self._end(other, "")
            else:
                self._reduce(other, fill.quantity)

    def _reduce(self, order: SimOrder, quantity: Decimal) -> None:
        left = order.quantity - quantity
        if left <= order.filled:
            self._end(order, "")
            return
        order.request = msgspec.structs.replace(order.request, totalQuantity=left)
        self._report(order)

    # ------------------------------------------------------------------ expiry

    def _schedule_expiry(self, order: SimOrder) -> None:
        old = self._expiry.pop(order.perm_id, None)
        if old is not None:
            old()
        request = order.request
        if request.tif == "GTD":
            moment = parse_moment(request.goodTillDate, self._zone)
            if moment is not None:
                timer = self._clock.call_at(moment, lambda: self._expire(order))
                self._expiry[order.perm_id] = timer.cancel
        elif request.tif in {"DAY", "", "OPG", "DTC"}:
            close = self._next_close(order)
            timer = self._clock.call_at(close, lambda: self._session_closes(order))
            self._expiry[order.perm_id] = timer.cancel

    def _next_close(self, order: SimOrder) -> int:
        contract = order.contract
        liquid = contract.sec_type == "STK" and not order.request.outsideRth
        hours = self._feed.board(contract).hours
        return hours.next_close(contract.hours, self._clock.now_ns, liquid=liquid)

    def _session_closes(self, order: SimOrder) -> None:
        if order.is_final:
            return
        if order.perm_id not in self._met:
            # The market has not moved since the order came: it lives on to the next session.
            self._schedule_expiry(order)
            return
        if normal_order_type(order.request.orderType) in {"MOC", "LOC"} and not order.held:
            self._fill_at_close(order)
        if not order.is_final:
            self._expire(order)

    def _fill_at_close(self, order: SimOrder) -> None:
        price = price_decimal(self._feed.board(order.contract).mark)
        limit = order.request.lmtPrice
        if normal_order_type(order.request.orderType) == "LOC" and limit is not None:
            bound = price_decimal(limit)
            if price > bound if order.is_buy else price < bound:
                return
        self._fill(order, Match(order.remaining, price, 2))

    def _expire(self, order: SimOrder) -> None:
        if not order.is_final:
            self._end(order, "")


def _same_intent(order: SimOrder, contract: SimContract, request: Order) -> bool:
    return (
        order.status == Status.FILLED
        and order.contract.con_id == contract.con_id
        and order.request.action == request.action
    )
