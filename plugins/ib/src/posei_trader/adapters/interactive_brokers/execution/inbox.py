"""Everything that IB says about orders, on its way to the node.

For an order of ours: find it by any of its names, let the machine judge, publish the events. For
any other order of the account: a report. What belongs to other accounts of the login is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.error_codes import Action
from posei_trader.adapters.interactive_brokers.execution.accounts import masked
from posei_trader.adapters.interactive_brokers.execution.contracts import ContractBook, is_leg
from posei_trader.adapters.interactive_brokers.execution.other_fills import OtherFills
from posei_trader.adapters.interactive_brokers.execution.others import OtherOrders
from posei_trader.adapters.interactive_brokers.execution.previews import preview_of
from posei_trader.adapters.interactive_brokers.execution.problems import problem_kind
from posei_trader.adapters.interactive_brokers.orders import tracked as t
from posei_trader.adapters.interactive_brokers.orders.decoding import (
    decode_terms,
    liquidity_of,
    money_of,
    venue_order_id,
)
from posei_trader.adapters.interactive_brokers.orders.machine import advance, is_known
from posei_trader.adapters.interactive_brokers.venue_time import parse_time
from posei_trader.adapters.interactive_brokers.wire_values import is_set, quantity_from_wire
from posei_trader.logs import get_logger
from posei_trader.model.fixed_point import FIXED_SCALAR

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from ibapi.order import Order

    from posei_trader.adapters.interactive_brokers.client.messages import (
        CommissionReport,
        CompletedOrder,
        ExecutionRecord,
        OpenOrder,
        OrderGlance,
        OrderProblem,
        OrderStatusUpdate,
    )
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.execution.desk import Desk
    from posei_trader.adapters.interactive_brokers.orders.executions import Executions
    from posei_trader.adapters.interactive_brokers.orders.ledger import OrderLedger
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.identifiers import VenueOrderId
    from posei_trader.protocols import Clock, ExecSink

    Answer = OpenOrder | OrderStatusUpdate | OrderProblem

_log = get_logger("InteractiveBrokersExecutionClient")


@final
class OrderInbox:
    """Receives what the connection delivers about orders. Satisfies `OrderHandler`.

    Args:
        desk: Whose orders.
        ledger: Our orders.
        executions: The executions that are known.
        contracts: What is traded.
        sink: Where to publish.
        clock: Time.
        on_doubt: Called when only a query can tell what became of an order.
        load: Loads the instrument of an order that is not ours, then calls back.
    """

    def __init__(
        self,
        desk: Desk,
        ledger: OrderLedger,
        executions: Executions,
        contracts: ContractBook,
        sink: ExecSink,
        clock: Clock,
        on_doubt: Callable[[t.TrackedOrder], None],
        load: Callable[[IBContract, Callable[[Traded], None]], None],
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._executions = executions
        self._contracts = contracts
        self._sink = sink
        self._clock = clock
        self._on_doubt = on_doubt
        self.others: Final = OtherOrders(desk.account_id, sink, clock, load)
        self.other_fills: Final = OtherFills(
            desk.account_id, ledger, executions, contracts, sink, clock, load
        )
        self._expected: dict[int, Callable[[Answer], None]] = {}
        self._instructions: dict[object, None] = {}

    # -- what IB delivers -----------------------------------------------------------------------

    def open_order(self, row: OpenOrder) -> None:
        """Take an order as IB has it, ours or not."""
        order = row.order
        if order.whatIf:
            self._previewed(row)
            return
        if not self._desk.concerns(order.account):
            return
        if self._is_instruction(order.clientId, row.order_id, order.permId):
            self._answered(row)
            return
        tracked = self._ledger.find(
            order_ref=order.orderRef,
            client_id=order.clientId,
            order_id=row.order_id,
            perm_id=order.permId,
        )
        if tracked is None:
            self.others.order(row)
            self.other_fills.order(order.permId, row.contract)
            return
        reason = getattr(row.state, "rejectReason", "") or ""
        self._works(tracked, order, row.status or row.state.status, reason)

    def open_order_glance(self, glance: OrderGlance) -> bool:
        """Take the part of an open order that is enough for an order of ours."""
        if glance.whatIf or self._is_instruction(glance.clientId, glance.order_id, glance.permId):
            return False
        if not self._desk.concerns(glance.account):
            return True
        tracked = self._ledger.find(
            order_ref=glance.orderRef,
            client_id=glance.clientId,
            order_id=glance.order_id,
            perm_id=glance.permId,
        )
        if tracked is None:
            return False
        self._works(tracked, glance, glance.status, glance.reject_reason)
        return True

    def _works(
        self, tracked: t.TrackedOrder, order: OrderGlance | Order, status: str, reason: str
    ) -> None:
        """Take the state of an order of ours, from all that IB told of it or a part."""
        identity = tracked.identity
        if order.parentId:
            self._ledger.learn_parent(identity.client_order_id, order.parentId)
        traded = self._contracts.get(identity.instrument_id)
        terms = None
        if traded is not None:
            terms = decode_terms(
                order, traded, identity.order_type, is_quote_quantity=identity.is_quote_quantity
            )
        seen = t.StateSeen(status, _news_of_name(tracked, order.permId), terms, reason=reason)
        self.happened(tracked, seen)

    def order_status(self, row: OrderStatusUpdate) -> None:
        """Take an order's status."""
        if self._is_instruction(row.client_id, row.order_id, row.perm_id):
            self._answered(row)
            return
        if row.perm_id in self.others and self._ledger.find(perm_id=row.perm_id) is None:
            self.others.status(row)
            return
        tracked = self._ledger.find(
            client_id=row.client_id, order_id=row.order_id, perm_id=row.perm_id
        )
        if tracked is None:
            self.others.status(row)
            return
        filled_raw, why_held = _raw(row.filled), row.why_held or ""
        if is_known(tracked, row.status, filled_raw, why_held):
            return
        seen = t.StateSeen(
            row.status,
            _news_of_name(tracked, row.perm_id),
            filled_raw=filled_raw,
            why_held=why_held,
        )
        self.happened(tracked, seen)

    def execution(self, row: ExecutionRecord) -> None:
        """Take an execution, ours or not, new or known."""
        if row.account not in self._desk.accounts or not self._executions.is_news(row.exec_id):
            return
        tracked = self._ledger.find(
            order_ref=row.order_ref,
            client_id=row.client_id,
            order_id=row.order_id,
            perm_id=row.perm_id,
        )
        traded = self._contracts.get(tracked.identity.instrument_id) if tracked else None
        if self._is_instruction(row.client_id, row.order_id, row.perm_id):
            self._sink.reconciliation_wanted(self._desk.name, "options were exercised")
            return
        if tracked is None or traded is None or is_leg(row.contract, traded):
            self.other_fills.execution(row)
            return
        self._own_fill(row, tracked, traded)

    def _own_fill(self, row: ExecutionRecord, tracked: t.TrackedOrder, traded: Traded) -> None:
        quantity = quantity_from_wire(row.shares, traded.instrument.size_precision)
        price = traded.price(row.price)
        ts_event = parse_time(row.time)
        known = self._executions.find(row.exec_id)
        # Finding an order of an earlier run brought the executions that its store knows.
        if known is not None and not self._executions.is_news(row.exec_id):
            return
        if known is None:
            known = self._executions.add(
                row.exec_id, tracked.identity.client_order_id, quantity, price
            )
            fill = t.FillSeen(
                known.first_id,
                quantity,
                price,
                ts_event,
                liquidity_of(row.last_liquidity),
                known.commission,
                _news_of_name(tracked, row.perm_id),
            )
            self.happened(tracked, fill)
            return
        added = self._executions.correct(row.exec_id, quantity, price)
        new_id = type(known.first_id)(row.exec_id)
        _log.warning("IB corrected an execution", trade_id=known.first_id, by=row.exec_id)
        self.happened(
            tracked, t.FillCorrected(known.first_id, new_id, quantity, price, added, ts_event)
        )

    def commission(self, row: CommissionReport) -> None:
        """Take what an execution cost."""
        commission = money_of(row)
        if commission is None:
            return
        known = self._executions.charge(row.exec_id, commission)
        if known is None:
            return
        if known.owner is None:
            self.other_fills.cost(known, commission)
            return
        tracked = self._ledger.get(known.owner)
        if tracked is not None:
            self.happened(tracked, t.CommissionSeen(known.first_id, commission))

    def order_problem(self, row: OrderProblem) -> None:
        """Take a code that IB reported for an order id of ours."""
        if row.order_id in self._expected:
            self._answered(row)
            return
        tracked = self._ledger.find(client_id=self._desk.client_id, order_id=row.order_id)
        if tracked is None:
            # It may be about an order of another account on the same connection.
            _log.info(
                "IB reported a code for an order that is not known",
                account=masked(self._desk.number),
                order_id=row.order_id,
                code=row.code,
                message=row.message,
            )
            return
        _log.warning(
            "IB reported a code for an order",
            client_order_id=tracked.identity.client_order_id,
            code=row.code,
            message=row.message,
        )
        text = f"{row.message} {row.reject_json}".strip()
        self.happened(tracked, t.ProblemSeen(problem_kind(Action(row.action)), row.code, text))

    def order_bound(self, perm_id: int, client_id: int, order_id: int) -> None:
        """Take the order id that IB gave to an order that was placed elsewhere."""
        tracked = self._ledger.find(perm_id=perm_id)
        if tracked is not None:
            name = tracked.identity.client_order_id
            self._ledger.learn(name, client_id, order_id, perm_id)

    def completed(self, row: CompletedOrder) -> t.TrackedOrder | None:
        """Take an order that is done, from a listing; return it if it is ours."""
        tracked = self._ledger.find(order_ref=row.order.orderRef, perm_id=row.order.permId)
        if tracked is not None:
            filled = row.order.filledQuantity
            seen = t.StateSeen(
                row.status,
                venue_order_id(row.order.permId),
                filled_raw=_raw(filled),
                reason=row.completed_status,
                is_listed_done=is_set(filled),
            )
            self.happened(tracked, seen)
        return tracked

    # -- our orders -----------------------------------------------------------------------------

    def happened(self, tracked: t.TrackedOrder, happening: t.Happening) -> t.TrackedOrder:
        """Let the machine judge, keep what it says, publish."""
        after, events = advance(tracked, happening, self._clock.timestamp_ns())
        if after is not tracked:
            self._ledger.put(after)
        for event in events:
            self._sink.order_event(event)
        if after.is_in_doubt or after.misses_fills:
            self._on_doubt(after)
        return after

    # -- what is no order -----------------------------------------------------------------------

    def expect(
        self, order_id: int, receive: Callable[[Answer], None], *, is_instruction: bool = False
    ) -> None:
        """Call back with what IB says about an order id that nobody submitted as an order.

        Args:
            order_id: The id.
            receive: Called for each answer.
            is_instruction: Whether IB lists it among orders afterwards, though it is none: an
                exercise of options.
        """
        self._expected[order_id] = receive
        if is_instruction:
            self._instructions[self._desk.client_id, order_id] = None

    def expect_no_more(self, order_id: int) -> None:
        """Wait no longer for what IB says about an order id."""
        self._expected.pop(order_id, None)

    def _answered(self, row: Answer) -> None:
        receive = self._expected.get(row.order_id)
        if receive is not None:
            receive(row)

    def _is_instruction(self, client_id: int, order_id: int, perm_id: int) -> bool:
        if not self._instructions:
            return False
        if (client_id, order_id) in self._instructions:
            if perm_id:
                self._instructions[perm_id] = None
            return True
        return bool(perm_id) and perm_id in self._instructions

    def _previewed(self, row: OpenOrder) -> None:
        if row.order_id in self._expected:
            self._answered(row)
            return
        tracked = self._ledger.find(client_id=self._desk.client_id, order_id=row.order_id)
        if tracked is not None:
            # An order with the tag whatIf ends here: nothing rests, nothing trades.
            reason = preview_of(row.state).as_reason()
            self.happened(tracked, t.StateSeen("Inactive", reason=reason))


def _news_of_name(tracked: t.TrackedOrder, perm_id: int) -> VenueOrderId | None:
    """Return IB's name of an order; None once it is known, for it stays."""
    return venue_order_id(perm_id) if tracked.venue_order_id is None else None


def _raw(quantity: Decimal) -> int:
    """Return a quantity in units of 10^-9; what IB leaves unset counts as nothing."""
    if not quantity.is_finite() or abs(quantity) > 10**15:
        return 0
    return int(quantity * FIXED_SCALAR)
