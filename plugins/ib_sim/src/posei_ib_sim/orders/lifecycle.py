"""The life of an order outside the matching: release, waiting, rejection, cancellation, expiry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.clock import NANOSECONDS
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history.bar_sizes import parse_moment
from posei_ib_sim.orders.admission import Objection, objection
from posei_ib_sim.orders.algos import algo_of
from posei_ib_sim.orders.expiry import OPENING_TIFS, Expiry
from posei_ib_sim.orders.funds import preview
from posei_ib_sim.orders.pricing import waits_for_trigger
from posei_ib_sim.orders.state import SimOrder, Status
from posei_ib_sim.orders.validation import normal_order_type

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from posei_ib_sim.accounts.advisor import Advisor
    from posei_ib_sim.accounts.book import AccountBook
    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.market.feed import MarketFeed
    from posei_ib_sim.orders.conditions import ConditionChecker
    from posei_ib_sim.orders.registry import OrderRegistry
    from posei_ib_sim.orders.reporting import OrderSink
    from posei_ib_sim.orders.rules import ShareLocator, TradingRules
    from posei_ib_sim.wire import Order

__all__ = ["Lifecycle"]

_Step = Callable[[SimOrder], None]


@final
class Lifecycle:
    """Moves orders from one state to the next and reports each move.

    Args:
        clock: Times and timers.
        zone: Zone of order times that name none.
        feed: Sessions of contracts.
        accounts: What can be afforded.
        registry: The orders.
        conditions: Evaluates conditions.
        locator: Knows which shares can be borrowed.
        advisor: Shares orders out among accounts.
        rules: What is refused for its price.
        sink: Is told.
        repeat_status: Send the first pair of open order and status twice.
        executions_first: Report what an order does at once before its first pair.

    Attributes:
        on_arrival: Called when an order reaches the market, before it is reported.
        on_working: Called when an order may trade, after it was reported.
        on_close: Called for a closing order when its session ends.
        on_end: Called for an order that was cancelled or has expired.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        zone: ZoneInfo,
        feed: MarketFeed,
        accounts: AccountBook,
        registry: OrderRegistry,
        conditions: ConditionChecker,
        locator: ShareLocator,
        advisor: Advisor,
        rules: TradingRules,
        sink: OrderSink,
        *,
        repeat_status: bool,
        executions_first: bool,
    ) -> None:
        self._clock = clock
        self._zone = zone
        self._feed = feed
        self._accounts = accounts
        self._registry = registry
        self._conditions = conditions
        self._locator = locator
        self._advisor = advisor
        self._rules = rules
        self._sink = sink
        self._repeat_status = repeat_status
        self._executions_first = executions_first
        self._conditional: Final[list[SimOrder]] = []
        self._met: Final[set[int]] = set()
        self._expiry: Final = Expiry(clock, zone, feed, self._expire, self._session_closes)
        self.on_arrival: _Step = _nothing
        self.on_working: _Step = _nothing
        self.on_close: _Step = _nothing
        self.on_end: _Step = _nothing

    def transmit(self, order: SimOrder) -> None:
        """Send an order to the market, and with it the family that waited for its last member."""
        family = [order]
        parent = self._registry.get(order.parent_key) if order.parent_key else None
        root = parent or order
        if root is not order and root.held == "transmit":
            family.insert(0, root)
        family += [
            child
            for child in self._registry.children(root)
            if child.held == "transmit" and child is not order
        ]
        for member in sorted(family, key=lambda one: one.order_id):
            member.held = ""
            self._release(member)

    def _release(self, order: SimOrder) -> None:
        shares = self._advisor.shares(order.request, order.contract)
        order.allocation = shares
        for account, quantity in shares.items():
            part = msgspec.structs.replace(order.request, account=account, totalQuantity=quantity)
            needed = preview(self._accounts, part, order.contract)
            if not needed.is_affordable:
                self._reject(order, Objection(needed.refusal))
                return
        against = objection(order, self._feed.board(order.contract), self._rules)
        if against is not None:
            self._reject(order, against)
            return
        order.active_ns = self._clock.now_ns
        self._start_algo(order)
        order.held = self._reason_to_wait(order)
        self.on_arrival(order)
        self._set_working_status(order)
        self.schedule_expiry(order)
        if self._executions_first and not order.held:
            self.on_working(order)
            self._clock.call_at(self._clock.now_ns, lambda: self._introduce(order))
            return
        self._introduce(order)
        self._announce_wait(order)
        self.on_working(order)

    def _introduce(self, order: SimOrder) -> None:
        self.report(order)
        if self._repeat_status:
            self.report(order)

    def check_times(self, order: SimOrder, request: Order) -> None:
        """Check the times of a request, for a new order or for a change of one.

        Raises:
            RequestRefused: 321 or 441 a time that cannot be read, 334 a date that has passed.
        """
        for text in (request.goodAfterTime, request.activeStartTime, request.activeStopTime):
            parse_moment(text, self._zone)
        until = parse_moment(request.goodTillDate, self._zone)
        if request.tif == "GTD" and until is not None and until <= self._clock.now_ns:
            raise RequestRefused(334, "Invalid Good Till Date order")
        algo_of(request, self._clock.now_ns, self._expiry.next_close(order), self._zone)

    def _start_algo(self, order: SimOrder) -> None:
        """Begin an order's algorithm, and arm its end."""
        now = self._clock.now_ns
        order.algo = algo = algo_of(order.request, now, self._expiry.next_close(order), self._zone)
        if algo is not None and algo.ends:
            self._clock.call_at(algo.end_ns, lambda: self._expire(order))
        self._schedule_adjustment(order)

    def _schedule_adjustment(self, order: SimOrder) -> None:
        """Move the limits of a scale order on, each time its interval has passed."""
        ladder, request = order.ladder, order.request
        if ladder is None or not request.scalePriceAdjustInterval:
            return

        def adjust() -> None:
            if not order.is_final and order.ladder is not None:
                order.ladder.adjust(price_decimal(order.request.scalePriceAdjustValue or 0.0))
                self._schedule_adjustment(order)

        self._clock.call_later(request.scalePriceAdjustInterval * NANOSECONDS, adjust)

    def _reason_to_wait(self, order: SimOrder) -> str:
        parent = self._registry.get(order.parent_key) if order.parent_key else None
        request = order.request
        if order.grows and order.remaining <= 0:
            return "hedge"
        follows = order.attached or bool(request.hedgeType)
        if parent is not None and not follows and not parent.is_final:
            return "parent"
        reason = self._time_to_wait(order)
        if reason:
            return reason
        if request.conditions and not self._conditions_allow(order):
            return "conditions"
        if self._locator.must_wait(order):
            return "locate"
        if request.tif in OPENING_TIFS and not order.at_opening:
            return "opening"
        return "" if self._is_open(order) else "session"

    def _time_to_wait(self, order: SimOrder) -> str:
        """Tell whether an order waits for a time, or has had its time, and arm both."""
        request, now = order.request, self._clock.now_ns
        begins = (request.goodAfterTime, request.activeStartTime)
        moments = [parse_moment(text, self._zone) for text in begins]
        after = max((moment for moment in moments if moment is not None), default=now)
        stop = parse_moment(request.activeStopTime, self._zone)
        if stop is not None and stop <= now:
            return "stopped"
        if after > now:
            self._clock.call_at(after, lambda: self.resume(order))
            return "time"
        if stop is not None:
            self._clock.call_at(stop, lambda: self._stop(order))
        return ""

    def _stop(self, order: SimOrder) -> None:
        """Take an order out of the market at the end of its active time; a change may revive it."""
        stop = parse_moment(order.request.activeStopTime, self._zone)
        if order.is_final or order.held == "stopped" or stop is None or stop > self._clock.now_ns:
            return
        order.held = "stopped"
        self._set_working_status(order)
        self.report(order)

    def _announce_wait(self, order: SimOrder) -> None:
        """Say why an order waits, where IB does, and arm what ends the wait."""
        if order.held in {"session", "opening"}:
            self._wait_for_session(order)
        elif order.held == "locate":
            self._sink.order_error(
                order.client_id,
                order.order_id,
                404,
                "Shares for this order are not immediately available for short sale. The order "
                "will be held while we attempt to locate the shares.",
            )

    def _conditions_allow(self, order: SimOrder) -> bool:
        """Tell whether conditions let an order work; those that would cancel it do not hold it."""
        if order not in self._conditional:
            self._conditional.append(order)
        return order.request.conditionsCancelOrder or self._conditions.are_met(order)

    def prepare_conditions(self, order: SimOrder) -> None:
        """Check an order's conditions and arm their times.

        Raises:
            RequestRefused: A condition cannot be evaluated.
        """
        self._conditions.prepare(order, lambda: self.check_conditions(order))

    def check_conditions(self, order: SimOrder) -> None:
        """Start, or cancel, an order whose conditions are met now."""
        if order.is_final:
            return
        if order.request.conditionsCancelOrder:
            if not order.held and self._conditions.are_met(order):
                self.end(order, "")
        elif order.held == "conditions" and self._conditions.are_met(order):
            self._conditional.remove(order)
            self.resume(order)

    def check_all_conditions(self) -> None:
        """Check all orders with conditions."""
        for order in list(self._conditional):
            if order.is_final:
                self._conditional.remove(order)
            else:
                self.check_conditions(order)

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
        if opens is not None and order.held == "opening":
            # The order is in the auction before its first print.
            self._clock.call_at(opens - 1, lambda: self._enter_auction(order))
        elif opens is not None:
            self._clock.call_at(opens, lambda: self.resume(order))

    def _enter_auction(self, order: SimOrder) -> None:
        if order.is_final or order.held != "opening":
            return
        order.at_opening = True
        order.held = ""
        order.active_ns = self._clock.now_ns
        self._set_working_status(order)
        self.schedule_expiry(order)
        self.report(order)

    def resume(self, order: SimOrder) -> None:
        """Let an order work that waited for its parent, its time or the session."""
        if order.is_final or not order.held or order.held == "transmit":
            return
        before, order.held = order.held, self._reason_to_wait(order)
        self._set_working_status(order)
        if order.held and order.held == before == "locate":
            return
        self._announce_wait(order)
        if order.held:
            return
        order.active_ns = self._clock.now_ns
        self._set_working_status(order)
        self.report(order)
        self.on_working(order)

    def _set_working_status(self, order: SimOrder) -> None:
        waits = order.held or waits_for_trigger(order)
        order.why_held = "locate" if order.held == "locate" else ""
        order.status = Status.PRE_SUBMITTED if waits else Status.SUBMITTED

    def report(self, order: SimOrder) -> None:
        """Report an order and its status."""
        self._sink.open_order(order)
        self._sink.order_status(order)

    def _reject(self, order: SimOrder, against: Objection) -> None:
        order.reason = against.reason
        order.status = Status.INACTIVE
        order.completed_ns = self._clock.now_ns
        order.completed_status = f"Rejected: {against.reason}"
        self._sink.order_error(
            order.client_id,
            order.order_id,
            201,
            f"Order rejected - reason:{against.reason}",
            against.as_json,
        )
        self._sink.order_status(order)

    def end(self, order: SimOrder, reason: str) -> None:
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
        self._end_family(order)
        self.on_end(order)

    def _end_family(self, order: SimOrder) -> None:
        for child in list(self._registry.children(order)):
            if child.grows:
                continue
            if order.filled == 0 or child.attached:
                self.end(child, "")
            elif child.held == "parent":
                # What the parent had filled is protected; the rest of the exits is not needed.
                size = min(child.quantity, order.filled)
                child.request = msgspec.structs.replace(child.request, totalQuantity=size)
                self.resume(child)
        parent = self._registry.get(order.parent_key) if order.parent_key else None
        if order.request.autoCancelParent and parent is not None and not parent.is_final:
            self.end(parent, "")

    def met(self, order: SimOrder) -> None:
        """Note that an order has met its market."""
        self._met.add(order.perm_id)

    def schedule_expiry(self, order: SimOrder) -> None:
        """Arm the end of an order's time in force."""
        self._expiry.schedule(order)

    def _session_closes(self, order: SimOrder) -> None:
        if order.is_final:
            return
        if order.perm_id not in self._met:
            # The market has not moved since the order came: it lives on to the next session.
            self.schedule_expiry(order)
            return
        if normal_order_type(order.request.orderType) in {"MOC", "LOC"} and not order.held:
            self.on_close(order)
        if order.request.tif == "DTC" and not order.is_final:
            self._deactivate(order)
        elif not order.is_final:
            self._expire(order)

    def _deactivate(self, order: SimOrder) -> None:
        order.status = Status.INACTIVE
        order.completed_ns = self._clock.now_ns
        order.completed_status = "Deactivated"
        self._sink.order_status(order)
        self._end_family(order)
        self.on_end(order)

    def _expire(self, order: SimOrder) -> None:
        if not order.is_final:
            self.end(order, "")


def _nothing(_: SimOrder) -> None:
    """Do nothing until a market is attached."""
