"""Reconciliation: our orders and positions made equal to the venue's, line by line.

Whatever differs becomes an event with ``is_reconciliation=True`` that goes the way of every other
event, so the store, the positions and the strategies learn of it like of anything else.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_trader.engine.adoption import (
    EXTERNAL,
    Adopter,
    external_name,
    order_of_fill,
    order_of_position,
    order_of_report,
)
from posei_trader.engine.order_facts import facts_of
from posei_trader.engine.position_gap import gap_price
from posei_trader.errors import ConfigError, InstrumentNotFound, ReconciliationFailed
from posei_trader.model import events as ev
from posei_trader.model import order_state as fsm
from posei_trader.model.enums import OrderSide, OrderStatus
from posei_trader.model.identifiers import (
    ClientId,
    TradeId,
    VenueOrderId,
)
from posei_trader.model.requests import QueryOrder
from posei_trader.model.values import Price, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from posei_trader.engine.cache import Cache
    from posei_trader.engine.execution import ExecutionEngine
    from posei_trader.engine.order_facts import OrderFacts
    from posei_trader.model.identifiers import (
        AccountId,
        ClientOrderId,
        InstrumentId,
        StrategyId,
    )
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.model.reports import (
        ExecutionMassStatus,
        FillReport,
        OrderStatusReport,
        PositionStatusReport,
    )
    from posei_trader.protocols import Clock, ExecClient

__all__ = ["EXTERNAL", "Reconciler", "Reconciliation"]

_log: Final = logging.getLogger("posei.Reconciliation")

_NANOS_PER_MINUTE: Final = 60 * 1_000_000_000
_ATTEMPTS: Final = 5

_S = OrderStatus


class Reconciliation(msgspec.Struct, frozen=True):
    """What a reconciliation changed.

    Attributes:
        client_id: Whose.
        lines: One for each change, for people; empty when everything agreed.
    """

    client_id: ClientId
    lines: tuple[str, ...]


@final
class Reconciler:
    """Compare with the venue, and emit what is missing.

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
        self._adopt = adopt_external
        self._claims: dict[InstrumentId, StrategyId] = {}
        self._lines: list[str] = []

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

    async def run(self, client: ExecClient, lookback_mins: int | None) -> Reconciliation:
        """Fetch the venue's truth and take it over.

        Raises:
            RetryLater: a part did not come; nothing was changed.
            ReconciliationFailed: what came cannot be understood.
        """
        since = 0
        if lookback_mins is not None:
            since = max(0, self._clock.timestamp_ns() - lookback_mins * _NANOS_PER_MINUTE)
        status = await self._consistent(client, since)
        await self._load_instruments(client, status)
        missing = await self._ask_for_missing(client, status)
        self._lines = []
        orders = {report.venue_order_id: report for report in status.orders}
        fills: dict[object, list[FillReport]] = {}
        for fill in status.fills:
            fills.setdefault(fill.venue_order_id, []).append(fill)
        for venue_order_id, report in orders.items():
            self.take_order(report, fills.pop(venue_order_id, ()), client.client_id)
        for group in fills.values():
            for fill in sorted(group, key=_when):
                self.take_fill(fill, client.client_id)
        for order, found in missing:
            self._settle_missing(order, found, client.client_id)
        self._take_positions(status, client.client_id)
        lines, self._lines = tuple(self._lines), []
        for line in lines:
            _log.warning("%s: %s", client.client_id, line)
        _log.info("%s agrees with us after %d changes", client.client_id, len(lines))
        return Reconciliation(client.client_id, lines)

    # -- asking ---------------------------------------------------------------------------------

    async def _consistent(self, client: ExecClient, since: int) -> ExecutionMassStatus:
        """Ask until no execution came in between: orders and positions are of one moment then."""
        for _ in range(_ATTEMPTS):
            before = self._engine.fills_seen
            status = await client.generate_mass_status(since)
            if self._engine.fills_seen == before:
                return status
        raise ReconciliationFailed(
            "executions keep coming while the venue is asked",
            field=client.client_id,
            value=f"{_ATTEMPTS} attempts",
            remedy="find out who trades in this account, then start again",
        )

    async def _load_instruments(self, client: ExecClient, status: ExecutionMassStatus) -> None:
        wanted: set[InstrumentId] = {report.instrument_id for report in status.orders}
        wanted.update(fill.instrument_id for fill in status.fills)
        wanted.update(held.instrument_id for held in status.positions)
        unknown = sorted(name for name in wanted if self._cache.instrument(name) is None)
        if not unknown:
            return
        try:
            loaded = await client.instrument_provider.load_ids(unknown)
        except InstrumentNotFound as error:
            raise ReconciliationFailed(
                "the venue holds orders or positions of instruments that it cannot define",
                field=client.client_id,
                value=[str(name) for name in unknown],
                remedy="add them to load_ids in a form that the provider knows",
            ) from error
        for instrument in loaded:
            self._cache.add_instrument(instrument)
            self._engine.instrument_loaded(instrument.id)

    async def _ask_for_missing(
        self, client: ExecClient, status: ExecutionMassStatus
    ) -> list[tuple[Order, OrderStatusReport | None]]:
        """Ask for every live order of ours that the venue did not mention."""
        told = {report.client_order_id for report in status.orders}
        told_ids = {report.venue_order_id for report in status.orders}
        missing: list[tuple[Order, OrderStatusReport | None]] = []
        for order in self._cache.orders():
            if (
                order.is_closed
                or self._cache.client_of_order(order.client_order_id) != client.client_id
                or order.client_order_id in told
                or order.venue_order_id in told_ids
            ):
                continue
            query = QueryOrder(order.client_order_id, order.instrument_id)
            missing.append((order, await client.query_order(query)))
        return missing

    # -- orders ---------------------------------------------------------------------------------

    def take_order(
        self,
        report: OrderStatusReport,
        fills: Sequence[FillReport] = (),
        client_id: ClientId | None = None,
    ) -> Order | None:
        """Take over what the venue says of one order; returns it, None when it is left alone.

        Raises:
            ReconciliationFailed: it says that something traded, and no price can be found.
        """
        order = self._find(report.client_order_id, report)
        if order is None:
            if not self._adopt:
                self._engine.counters.add("external_orders_ignored", report)
                return None
            order = self._adopt_order(order_of_report(self._owner(report), report), client_id)
        never_took = report.order_status in {_S.INITIALIZED, _S.DENIED, _S.SUBMITTED, _S.REJECTED}
        if not never_took and order.status in {_S.INITIALIZED, _S.SUBMITTED}:
            self._emit(
                order,
                ev.OrderAccepted(
                    **self._facts(order, report.ts_accepted),
                    venue_order_id=report.venue_order_id,
                    account_id=report.account_id,
                ),
            )
        for fill in sorted(fills, key=_when):
            self._take_known_fill(order, fill)
        self._infer_fill(order, report)
        self._take_terms(order, report)
        self._take_status(order, report)
        return order

    def take_fill(self, fill: FillReport, client_id: ClientId | None = None) -> None:
        """Take over an execution whose order was not told with it."""
        order = self._find(fill.client_order_id, fill)
        if order is None:
            if not self._adopt:
                self._engine.counters.add("external_fills_ignored", fill)
                return
            order = self._adopt_order(order_of_fill(self._owner(fill), fill), client_id)
        self._take_known_fill(order, fill)

    def _settle_missing(
        self, order: Order, found: OrderStatusReport | None, client_id: ClientId
    ) -> None:
        if order.is_closed:
            return
        if found is not None:
            self.take_order(found, (), client_id)
            return
        reason = "reconciliation: the venue knows nothing of it"
        facts = self._facts(order, 0)
        if order.status is _S.INITIALIZED:
            self._emit(order, ev.OrderDenied(**facts, reason=reason))
        elif order.venue_order_id is None:
            self._emit(order, ev.OrderRejected(**facts, reason=reason))
        else:
            self._emit(order, ev.OrderCanceled(**facts, reason=reason))

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

    def _owner(self, report: OrderStatusReport | FillReport) -> Adopter:
        return Adopter(
            self._engine.trader_id,
            self._claims.get(report.instrument_id, EXTERNAL),
            self._clock.timestamp_ns(),
        )

    def _adopt_order(self, order: Order, client_id: ClientId | None) -> Order:
        self._engine.adopt(order, client_id or self._only_client(order))
        self._lines.append(f"adopted {order}")
        return order

    def _only_client(self, order: Order) -> ClientId:
        return self._engine.client_for(order.instrument_id).client_id

    def _take_known_fill(self, order: Order, fill: FillReport) -> None:
        if self._engine.is_known_trade(order, fill.trade_id):
            known = next((one for one in order.fills if one.trade_id == fill.trade_id), None)
            if known is not None and known.commission is None and fill.commission is not None:
                amended = ev.OrderFillAmended(
                    **self._facts(order, fill.ts_event),
                    trade_id=fill.trade_id,
                    commission=fill.commission,
                )
                self._emit(order, amended)
            return
        facts = self._facts(order, fill.ts_event)
        facts["instrument_id"] = fill.instrument_id  # a leg of a spread has its own
        self._emit(
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

    def _infer_fill(self, order: Order, report: OrderStatusReport) -> None:
        """Make up for executions that the venue no longer lists one by one."""
        missing = report.filled_qty.raw - order.filled_qty.raw
        if missing < 0:
            self._lines.append(
                f"{order.client_order_id}: the venue says {report.filled_qty} traded, we know of "
                f"{order.filled_qty}; ours stands, the executions are known one by one"
            )
        if missing <= 0:
            return
        quantity = Quantity.from_raw(missing, report.filled_qty.precision)
        price = self._inferred_price(order, report, quantity)
        self._emit(
            order,
            ev.OrderFilled(
                **self._facts(order, report.ts_last),
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
        self._emit(
            order,
            ev.OrderUpdated(
                **self._facts(order, report.ts_last),
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
        facts = self._facts(order, report.ts_last)
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
            self._emit(order, event)

    # -- positions ------------------------------------------------------------------------------

    def _take_positions(self, status: ExecutionMassStatus, client_id: ClientId) -> None:
        venue = {report.instrument_id: report for report in status.positions}
        held = {
            position.instrument_id
            for position in self._cache.positions_open()
            if position.account_id == status.account_id
        }
        for instrument_id in sorted({*venue, *held}):
            self._take_position(instrument_id, venue.get(instrument_id), status, client_id)

    def _take_position(
        self,
        instrument_id: InstrumentId,
        report: PositionStatusReport | None,
        status: ExecutionMassStatus,
        client_id: ClientId,
    ) -> None:
        ours = [
            position
            for position in self._cache.positions_open(instrument_id)
            if position.account_id == status.account_id
        ]
        held = sum((position.signed_qty for position in ours), Decimal(0))
        told = Decimal(0) if report is None else report.signed_qty
        if held == told:
            return
        if not self._adopt and not ours:
            self._engine.counters.add("external_positions_ignored", report)
            return
        instrument = self._instrument(instrument_id)
        cost = sum((position.signed_qty * position.avg_px_open for position in ours), Decimal(0))
        mark = self._cache.mark_price(instrument_id)
        price = gap_price(
            held,
            cost,
            told,
            None if report is None else report.avg_px_open,
            None if mark is None else mark.as_decimal(),
        )
        if price is None:
            raise ReconciliationFailed(
                f"the venue holds {told}, we know of {held}, and no price is known",
                field=instrument_id,
                value=report,
                remedy="subscribe to its quotes before the start, or flatten it at the venue",
            )
        self._lines.append(f"{instrument_id}: the venue holds {told}, we knew of {held}")
        self._book_gap(instrument, status.account_id, told - held, price, client_id)

    def _book_gap(
        self,
        instrument: Instrument,
        account_id: AccountId,
        gap: Decimal,
        price: Decimal,
        client_id: ClientId,
    ) -> None:
        strategy_id = self._claims.get(instrument.id, EXTERNAL)
        adopter = Adopter(self._engine.trader_id, strategy_id, self._clock.timestamp_ns())
        order = order_of_position(adopter, instrument, account_id, gap)
        self._adopt_order(order, client_id)
        self._emit(
            order,
            ev.OrderFilled(
                **self._facts(order, 0),
                venue_order_id=VenueOrderId(order.client_order_id),
                account_id=account_id,
                trade_id=TradeId(order.client_order_id),
                order_side=OrderSide.BUY if gap > 0 else OrderSide.SELL,
                last_qty=order.quantity,
                last_px=Price(price, 9),
            ),
        )

    def _instrument(self, instrument_id: InstrumentId) -> Instrument:
        instrument = self._cache.instrument(instrument_id)
        if instrument is None:
            raise ReconciliationFailed(
                "a position's instrument is not defined",
                field="instrument_id",
                value=instrument_id,
                remedy="add it to load_ids",
            )
        return instrument

    # -- inside ---------------------------------------------------------------------------------

    def _facts(self, order: Order, ts_event: int) -> OrderFacts:
        return facts_of(
            order, self._clock.timestamp_ns(), ts_event=ts_event, is_reconciliation=True
        )

    def _emit(self, order: Order, event: ev.OrderEvent) -> None:
        before = order.status
        self._engine.order_event(event)
        self._lines.append(
            f"{order.client_order_id}: {type(event).__name__}, {before} -> {order.status}"
        )


def _when(fill: FillReport) -> int:
    return fill.ts_event
