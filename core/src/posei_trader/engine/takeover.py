"""Taking over what a venue says of orders and executions, ours and others'.

Whatever differs becomes an event with ``is_reconciliation=True`` that goes the way of every other
event, so the store, the positions and the strategies learn of it like of anything else.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, final

from posei_trader.engine.adoption import (
    EXTERNAL,
    Adopter,
    external_name,
    order_of_fill,
    order_of_report,
)
from posei_trader.engine.order_facts import facts_of
from posei_trader.errors import ConfigError, ReconciliationFailed
from posei_trader.model import events as ev
from posei_trader.model import order_state as fsm
from posei_trader.model.enums import OrderStatus
from posei_trader.model.identifiers import TradeId
from posei_trader.model.values import Money, Price, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from posei_trader.engine.cache import Cache
    from posei_trader.engine.execution import ExecutionEngine
    from posei_trader.engine.order_facts import OrderFacts
    from posei_trader.model.identifiers import (
        ClientId,
        ClientOrderId,
        InstrumentId,
        StrategyId,
    )
    from posei_trader.model.orders import Order
    from posei_trader.model.reports import FillReport, OrderStatusReport
    from posei_trader.protocols import Clock

__all__ = ["Takeover"]

_S = OrderStatus


@final
class Takeover:
    """Emit what our orders lack of what the venue says.

    Args:
        engine: Applies the events.
        cache: What we know.
        clock: Time.
        adopt_external: Whether what is not ours is taken in, or left alone.
    """

    def __init__(
        self, engine: ExecutionEngine, cache: Cache, clock: Clock, *, adopt_external: bool
    ) -> None:
        self._engine = engine
        self._cache = cache
        self._clock = clock
        self.adopts = adopt_external
        self._claims: dict[InstrumentId, StrategyId] = {}
        self._lines: list[str] = []
        self._adopted: dict[ClientOrderId, Order] = {}

    def note(self, line: str) -> None:
        """Add a line to what was changed."""
        self._lines.append(line)

    def collect(self) -> tuple[str, ...]:
        """Return what was changed since the last call, one line for each change."""
        lines, self._lines = self._lines, []
        adopted, self._adopted = self._adopted, {}
        lines.extend(f"adopted {one} for {one.strategy_id}" for one in adopted.values())
        return tuple(lines)

    def claim(self, strategy_id: StrategyId, instrument_ids: Iterable[InstrumentId]) -> None:
        """Give a strategy the external orders and positions of some instruments.

        Raises:
            ConfigError: another strategy claims one of them.
        """
        for instrument_id in instrument_ids:
            known = self._claims.setdefault(instrument_id, strategy_id)
            if known != strategy_id:
                raise ConfigError(
                    "two strategies claim the external orders of one instrument",
                    field="external_order_claims",
                    value=f"{instrument_id}: {known} and {strategy_id}",
                    remedy="let one of them claim it",
                )

    def adopter(
        self, instrument_id: InstrumentId, strategy_id: StrategyId | None = None
    ) -> Adopter:
        """Return who takes in what is not ours of an instrument: a known owner, or its claimant."""
        owner = strategy_id or self._claims.get(instrument_id, EXTERNAL)
        return Adopter(self._engine.trader_id, owner, self._clock.timestamp_ns())

    def adopt(self, order: Order, client_id: ClientId | None) -> Order:
        """Take in an order that is not ours."""
        client_id = client_id or self._engine.client_for(order.instrument_id).client_id
        self._engine.adopt(order, client_id)
        self._adopted[order.client_order_id] = order
        return order

    def emit(self, order: Order, event: ev.OrderEvent) -> None:
        """Let an event happen, and note it; of an adopted order, what became of it is enough."""
        before = order.status
        self._engine.order_event(event)
        name = order.client_order_id
        if name not in self._adopted:
            self.note(f"{name}: {type(event).__name__}, {before} -> {order.status}")

    def facts(self, order: Order, ts_event: int = 0) -> OrderFacts:
        """Return the fields that every event of an order starts with."""
        return facts_of(
            order, self._clock.timestamp_ns(), ts_event=ts_event, is_reconciliation=True
        )

    def take_order(
        self,
        report: OrderStatusReport,
        fills: Sequence[FillReport] | None = None,
        client_id: ClientId | None = None,
    ) -> Order | None:
        """Take over what the venue says of one order; returns it, None when it is left alone.

        Args:
            report: What it says.
            fills: The executions of the order that the venue lists; None when it was not asked.
            client_id: Who asked.

        Raises:
            ReconciliationFailed: it says that something traded, and no price can be found.
        """
        order = self._find(report.client_order_id, report)
        if order is None:
            if not self.adopts:
                self._engine.counters.add("external_orders_ignored", report)
                return None
            if report.order_status is _S.FILLED and fills is not None and not fills:
                # It traded before what the venue still lists, or is no order at all, such as the
                # exercise of an option: the positions show what it did, and at which price.
                self._engine.counters.add("external_orders_of_the_past", report)
                return None
            order = self.adopt(
                order_of_report(self.adopter(report.instrument_id), report), client_id
            )
        never_took = report.order_status in {_S.INITIALIZED, _S.DENIED, _S.SUBMITTED, _S.REJECTED}
        if not never_took and order.status in {_S.INITIALIZED, _S.SUBMITTED}:
            self.emit(
                order,
                ev.OrderAccepted(
                    **self.facts(order, report.ts_accepted),
                    venue_order_id=report.venue_order_id,
                    account_id=report.account_id,
                ),
            )
        for fill in sorted(fills or (), key=_when):
            self._take_known_fill(order, fill)
        if fills is not None:
            self._take_back(order, report, fills)
        self._infer_fill(order, report)
        self._take_terms(order, report)
        self._take_status(order, report)
        return order

    def take_fill(self, fill: FillReport, client_id: ClientId | None = None) -> None:
        """Take over an execution whose order was not told with it."""
        order = self._find(fill.client_order_id, fill)
        if order is None:
            if not self.adopts and fill.strategy_id is None:
                self._engine.counters.add("external_fills_ignored", fill)
                return
            adopter = self.adopter(fill.instrument_id, fill.strategy_id)
            order = self.adopt(order_of_fill(adopter, fill), client_id)
        self._take_known_fill(order, fill)

    def settle_missing(
        self, order: Order, found: OrderStatusReport | None, client_id: ClientId
    ) -> None:
        """End a live order that the venue did not mention, unless it knows it when asked for it.

        Args:
            order: The order.
            found: What the venue said when it was asked; None that it knows nothing of it.
            client_id: Who asked.
        """
        if order.is_closed:
            return
        if found is not None:
            self.take_order(found, None, client_id)
            return
        reason = "reconciliation: the venue knows nothing of it"
        facts = self.facts(order)
        if order.status is _S.INITIALIZED:
            self.emit(order, ev.OrderDenied(**facts, reason=reason))
        elif order.venue_order_id is None:
            self.emit(order, ev.OrderRejected(**facts, reason=reason))
        else:
            self.emit(order, ev.OrderCanceled(**facts, reason=reason))

    def _find(
        self, client_order_id: ClientOrderId | None, report: OrderStatusReport | FillReport
    ) -> Order | None:
        if client_order_id is not None:
            order = self._cache.order(client_order_id)
            if order is not None:
                return order
        return self._cache.order_by_venue_id(
            report.venue_order_id, report.account_id
        ) or self._cache.order(external_name(report))

    def _take_known_fill(self, order: Order, fill: FillReport) -> None:
        if self._engine.is_known_trade(order, fill.trade_id):
            known = next((one for one in order.fills if one.trade_id == fill.trade_id), None)
            if known is not None and known.commission is None and fill.commission is not None:
                amended = ev.OrderFillAmended(
                    **self.facts(order, fill.ts_event),
                    trade_id=fill.trade_id,
                    commission=fill.commission,
                )
                self.emit(order, amended)
            return
        before = next((one for one in order.fills if one.trade_id in fill.corrects), None)
        if before is not None:
            corrected = ev.OrderFillAmended(
                **self.facts(order, fill.ts_event),
                trade_id=before.trade_id,
                new_trade_id=fill.trade_id,
                last_qty=fill.last_qty,
                last_px=fill.last_px,
                commission=fill.commission,
            )
            self.emit(order, corrected)
            return
        if fill.last_qty.raw == 0:
            return  # a trade that was taken back before it was known
        facts = self.facts(order, fill.ts_event)
        facts["instrument_id"] = fill.instrument_id  # a leg of a spread has its own
        self.emit(
            order,
            ev.OrderFilled(
                **facts,
                venue_order_id=fill.venue_order_id,
                account_id=fill.account_id,
                trade_id=fill.trade_id,
                order_side=fill.order_side,
                last_qty=fill.last_qty,
                last_px=fill.last_px,
                liquidity_side=fill.liquidity_side,
                commission=fill.commission,
            ),
        )

    def _take_back(
        self, order: Order, report: OrderStatusReport, fills: Sequence[FillReport]
    ) -> None:
        """Undo executions that the venue took back while nobody could hear it.

        They are gone from its list, and what it says traded is less by exactly what they were.
        """
        excess = order.filled_qty.raw - report.filled_qty.raw
        if excess <= 0:
            return
        listed = {fill.trade_id for fill in fills}.union(*(fill.corrects for fill in fills))
        gone = [fill for fill in order.fills if fill.quantity.raw and fill.trade_id not in listed]
        if sum(fill.quantity.raw for fill in gone) != excess:
            return
        for fill in gone:
            cost = fill.commission
            self.emit(
                order,
                ev.OrderFillAmended(
                    **self.facts(order, report.ts_last),
                    trade_id=fill.trade_id,
                    last_qty=Quantity.zero(fill.quantity.precision),
                    last_px=fill.price,
                    commission=None if cost is None else Money(0, cost.currency),
                ),
            )

    def _infer_fill(self, order: Order, report: OrderStatusReport) -> None:
        """Make up for executions that the venue no longer lists one by one."""
        missing = report.filled_qty.raw - order.filled_qty.raw
        if missing < 0:
            self.note(
                f"{order.client_order_id}: the venue says {report.filled_qty} traded, we know of "
                f"{order.filled_qty}; ours stands, the executions are known one by one"
            )
        if missing <= 0:
            return
        quantity = Quantity.from_raw(missing, report.filled_qty.precision)
        price = self._inferred_price(order, report, quantity)
        self.emit(
            order,
            ev.OrderFilled(
                **self.facts(order, report.ts_last),
                venue_order_id=report.venue_order_id,
                account_id=report.account_id,
                trade_id=TradeId(f"INFERRED-{report.venue_order_id}-{report.filled_qty}"),
                order_side=report.order_side,
                last_qty=quantity,
                last_px=price,
            ),
        )

    def _inferred_price(self, order: Order, report: OrderStatusReport, quantity: Quantity) -> Price:
        if report.avg_px is not None:
            known = (order.avg_px or Decimal(0)) * order.filled_qty.as_decimal()
            total = report.avg_px * report.filled_qty.as_decimal()
            return Price((total - known) / quantity.as_decimal(), 9)
        price = order.price or self._cache.mark_price(order.instrument_id)
        if price is None:
            raise ReconciliationFailed(
                f"{quantity} of an order traded, and the venue does not say at which price",
                field=order.client_order_id,
                value=report,
                remedy="look the executions up at the venue, and flatten or book them by hand",
            )
        return price

    def _take_terms(self, order: Order, report: OrderStatusReport) -> None:
        if order.is_closed or report.order_status in fsm.IN_FLIGHT:
            return
        same = (
            order.quantity == report.quantity
            and (report.price is None or order.price == report.price)
            and (report.trigger_price is None or order.trigger_price == report.trigger_price)
        )
        if same and order.status is not _S.PENDING_UPDATE:
            return
        if order.status is _S.INITIALIZED or report.order_status is _S.REJECTED:
            return
        self.emit(
            order,
            ev.OrderUpdated(
                **self.facts(order, report.ts_last),
                quantity=report.quantity,
                price=order.price if report.price is None else report.price,
                trigger_price=(
                    order.trigger_price if report.trigger_price is None else report.trigger_price
                ),
                venue_order_id=report.venue_order_id,
            ),
        )

    def _take_status(self, order: Order, report: OrderStatusReport) -> None:
        status = report.order_status
        if order.is_closed or status is order.status:
            return
        facts = self.facts(order, report.ts_last)
        event: ev.OrderEvent | None = None
        if status is _S.CANCELED:
            event = ev.OrderCanceled(**facts, reason=report.reason)
        elif status is _S.EXPIRED:
            event = ev.OrderExpired(**facts)
        elif status is _S.REJECTED:
            event = ev.OrderRejected(**facts, reason=report.reason or "rejected by the venue")
        elif status is _S.TRIGGERED and order.status is _S.ACCEPTED:
            event = ev.OrderTriggered(**facts, venue_order_id=report.venue_order_id)
        elif status not in fsm.IN_FLIGHT and order.status is _S.PENDING_CANCEL:
            event = ev.OrderCancelRejected(
                **facts, reason="reconciliation: the venue still works the order"
            )
        if event is not None:
            self.emit(order, event)


def _when(fill: FillReport) -> int:
    return fill.ts_event
