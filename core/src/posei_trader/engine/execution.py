"""The execution engine: commands to clients, events to orders, fills to positions.

Order of things, for a command: checked (risk), stored, handed to the client, which emits
OrderSubmitted and writes to the wire. For an event: applied to the order, stored, counted in the
position, and only then told to the strategy, which thus never sees a cache that lags behind.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final, final

from posei_trader.config import LiveExecEngineConfig
from posei_trader.engine.counters import Counters
from posei_trader.engine.messages import ConnectionChange
from posei_trader.engine.order_facts import facts_of
from posei_trader.engine.outbox import Outbox
from posei_trader.engine.positions import PositionKeeper
from posei_trader.engine.reconciliation import Reconciler
from posei_trader.engine.recovery import Recovery
from posei_trader.engine.risk import Denial
from posei_trader.engine.routing import Router
from posei_trader.engine.store import NoStore
from posei_trader.errors import InvalidRequest, NotConnected, PoseiError
from posei_trader.model import events as ev
from posei_trader.model.enums import OmsType, OrderStatus, TradingState
from posei_trader.model.requests import (
    CancelAllOrders,
    CancelOrder,
    ModifyOrder,
    QueryOrder,
    SubmitOrder,
    SubmitOrderList,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from posei_trader.config import RoutingConfig
    from posei_trader.engine.bus import MessageBus, Topic
    from posei_trader.engine.cache import Cache
    from posei_trader.engine.reconciliation import Reconciliation
    from posei_trader.engine.risk import RiskEngine
    from posei_trader.engine.store import OrderStore
    from posei_trader.model.accounts import AccountState
    from posei_trader.model.enums import OrderSide
    from posei_trader.model.identifiers import (
        AccountId,
        ClientId,
        ClientOrderId,
        InstrumentId,
        PositionId,
        StrategyId,
        TradeId,
        TraderId,
        Venue,
    )
    from posei_trader.model.orders import Order, OrderList
    from posei_trader.model.positions import PositionEvent
    from posei_trader.model.reports import FillReport, OrderStatusReport
    from posei_trader.model.values import Price, Quantity
    from posei_trader.protocols import Clock, ExecClient

__all__ = ["ExecutionEngine"]

_log: Final = logging.getLogger("posei.ExecutionEngine")

_PARKED_LIMIT: Final = 10_000


@final
class ExecutionEngine:
    """Own the life of every order. Satisfies :class:`posei_trader.protocols.ExecSink`.

    Args:
        trader_id: The node.
        bus: Where events are published: ``events.order.STRATEGY``, ``events.position.STRATEGY``,
            ``events.account``.
        cache: Where orders, positions and accounts are kept.
        clock: Time.
        risk: Checks orders before they are stored.
        config: Settings.
        store: What survives a crash.
        adopt_external: Whether orders and positions that are not ours are taken into the cache, as
            those of the strategy ``EXTERNAL`` or of the one that claims the instrument.
    """

    def __init__(
        self,
        trader_id: TraderId,
        bus: MessageBus,
        cache: Cache,
        clock: Clock,
        risk: RiskEngine,
        config: LiveExecEngineConfig | None = None,
        store: OrderStore | None = None,
        *,
        adopt_external: bool = True,
    ) -> None:
        self.trader_id = trader_id
        self._bus = bus
        self._cache = cache
        self._clock = clock
        self._risk = risk
        self._config = config or LiveExecEngineConfig()
        self._store: OrderStore = store or NoStore()
        self._router: Router[ExecClient] = Router("exec")
        self._positions = PositionKeeper(cache, clock)
        self._outbox = Outbox(clock)
        self._account_topic = bus.topic("events.account")
        self._order_topics: dict[StrategyId, Topic] = {}
        self._position_topics: dict[StrategyId, Topic] = {}
        self._oms_types: dict[StrategyId, OmsType] = {}
        self._named_positions: dict[ClientOrderId, PositionId] = {}
        self._stored_instruments: set[InstrumentId] = set()
        self._aliases: dict[TradeId, TradeId] = {}
        self._parked_amendments: dict[TradeId, ev.OrderFillAmended] = {}
        self._parked_fills: dict[InstrumentId, list[ev.OrderFilled]] = {}
        self._fills_seen = 0
        self.unknown_events: deque[ev.OrderEvent] = deque(maxlen=1_000)
        self.counters = Counters("ExecutionEngine")
        self.reconciler = Reconciler(self, cache, clock, adopt_external=adopt_external)
        self._recovery = Recovery(self, self._config, self.reconciler)

    # -- clients and strategies -----------------------------------------------------------------

    def add_client(self, client: ExecClient, routing: RoutingConfig) -> None:
        """Add a client.

        Raises:
            ConfigError: another one has the same id, venue, or is the default already.
        """
        self._router.add(client, routing)

    @property
    def clients(self) -> list[ExecClient]:
        """Return every client."""
        return self._router.clients

    @property
    def fills_seen(self) -> int:
        """Return how many executions were applied so far."""
        return self._fills_seen

    def client_for(
        self, instrument_id: InstrumentId, client_id: ClientId | None = None
    ) -> ExecClient:
        """Return the client that trades an instrument.

        Raises:
            InvalidRequest: nobody serves it, or there is no client of that name.
        """
        return self._router.route(instrument_id, client_id)

    def is_connected(self) -> bool:
        """Return whether there are clients and every one is connected."""
        return self._router.all_connected()

    def account_of_venue(self, venue: Venue) -> AccountId | None:
        """Return the account that trades at a venue, None while it is not known."""
        client = self._router.venue_client(venue)
        if client is None:
            return None
        try:
            return client.account_id
        except NotConnected:
            return None

    def register_strategy(
        self,
        strategy_id: StrategyId,
        oms_type: OmsType = OmsType.NETTING,
        claims: Iterable[InstrumentId] = (),
    ) -> None:
        """Take note of a strategy.

        Args:
            strategy_id: Its name.
            oms_type: How its fills become positions.
            claims: The instruments whose external orders and positions are its own.

        Raises:
            ConfigError: another strategy claims an instrument already.
        """
        self._oms_types[strategy_id] = oms_type
        self.reconciler.claim(strategy_id, claims)

    # -- start and stop -------------------------------------------------------------------------

    def load(self) -> int:
        """Restore what the store kept, and return how many orders that were.

        Raises:
            StoreCorrupt: what is stored cannot be.
        """
        instruments, stored = self._store.load()
        for instrument in instruments:
            if self._cache.instrument(instrument.id) is None:
                self._cache.add_instrument(instrument)
            self._stored_instruments.add(instrument.id)
        history: list[ev.OrderEvent] = []
        for entry in stored:
            self._cache.add_order(entry.order, entry.client_id)
            if entry.position_id is not None:
                self._named_positions[entry.order.client_order_id] = entry.position_id
            history.extend(entry.order.events)
        history.sort(key=lambda event: event.ts_init)
        for event in history:
            self._count(event)
        if stored:
            working = len(self._cache.orders_open())
            _log.info("restored %d orders, %d of them working", len(stored), working)
        return len(stored)

    async def reconcile(self, client: ExecClient) -> Reconciliation:
        """Make our view equal to the venue's; then, and only then, orders may be sent.

        Raises:
            RetryLater: the venue did not tell; nothing is known, and nothing may be sent.
            ReconciliationFailed: what it told cannot be understood; names what.
        """
        return await self._recovery.reconcile(client)

    def may_trade(self, client_id: ClientId) -> bool:
        """Return whether orders may be sent through a client: it has been reconciled."""
        return self._recovery.is_ready(client_id)

    async def stop(self) -> None:
        """End background work. Events are still taken in and stored. Idempotent."""
        await self._recovery.stop()

    def close_store(self) -> None:
        """Release the store; nothing may come afterwards. Idempotent; never raises."""
        self._store.close()

    # -- commands -------------------------------------------------------------------------------

    def submit_order(
        self,
        order: Order,
        *,
        client_id: ClientId | None = None,
        position_id: PositionId | None = None,
    ) -> None:
        """Send an order. What cannot be sent becomes OrderDenied, with the rule's name.

        Args:
            order: The order, as the order factory made it.
            client_id: The client to use, None to route by venue.
            position_id: When hedging: the position that the fills belong to.

        Raises:
            InvalidRequest: the order was submitted before.
        """
        self._submit((order,), client_id, position_id, None)

    def submit_order_list(
        self, order_list: OrderList, *, client_id: ClientId | None = None
    ) -> None:
        """Send orders that belong together: all, or all are denied. Raises as `submit_order`."""
        self._submit(order_list.orders, client_id, None, order_list)

    def _submit(
        self,
        orders: Sequence[Order],
        client_id: ClientId | None,
        position_id: PositionId | None,
        order_list: OrderList | None,
    ) -> None:
        for order in orders:
            if order.status is not OrderStatus.INITIALIZED or self._cache.order(
                order.client_order_id
            ):
                raise InvalidRequest(
                    "the order was submitted before",
                    field="client_order_id",
                    value=order.client_order_id,
                    remedy="make a new order with the order factory",
                )
        client = self._route(orders[0].instrument_id, client_id)
        named = client if isinstance(client, Denial) else client.client_id
        for order in orders:
            self._cache.add_order(order, None if isinstance(named, Denial) else named)
            if position_id is not None:
                self._named_positions[order.client_order_id] = position_id
        if isinstance(client, Denial):
            self._deny(orders, client)
            return
        denial = self._check(orders, client) or self._guard(
            lambda: self._keep(orders, client.client_id, position_id)
        )
        if denial is not None:
            self._deny(orders, denial)
            return
        self._send(orders, client, order_list)

    def _route(
        self, instrument_id: InstrumentId, client_id: ClientId | None
    ) -> ExecClient | Denial:
        try:
            return self._router.route(instrument_id, client_id)
        except InvalidRequest as error:
            return Denial("NO_CLIENT", f"{error.message}; {error.remedy}")

    def _check(self, orders: Sequence[Order], client: ExecClient) -> Denial | None:
        if not client.is_connected:
            return Denial("NOT_CONNECTED", f"{client.client_id} is not connected")
        if not self.may_trade(client.client_id):
            return Denial(
                "NOT_RECONCILED",
                f"{client.client_id} has not told yet what it knows of our orders; try again later",
            )
        for order in orders:
            denial = self._risk.check_order(order)
            if denial is not None:
                return denial
        return None

    def _keep(
        self, orders: Sequence[Order], client_id: ClientId | None, position_id: PositionId | None
    ) -> None:
        for order in orders:
            instrument = self._cache.instrument(order.instrument_id)
            if instrument is not None and instrument.id not in self._stored_instruments:
                self._store.instrument(instrument)
                self._stored_instruments.add(instrument.id)
        self._store.submit(orders, client_id, position_id)

    def _send(
        self, orders: Sequence[Order], client: ExecClient, order_list: OrderList | None
    ) -> None:
        now = self._clock.timestamp_ns()
        try:
            if order_list is None:
                client.submit_order(SubmitOrder(orders[0], now))
            else:
                client.submit_order_list(SubmitOrderList(order_list, now))
        except Exception as error:  # noqa: BLE001  a client's failure may not stop the node
            # By contract OrderSubmitted comes before anything is on the wire.
            unsent = [order for order in orders if order.status is OrderStatus.INITIALIZED]
            if not isinstance(error, NotConnected) or len(unsent) != len(orders):
                _log.error("client %s failed on submit", client.client_id, exc_info=error)
            self._deny(unsent, Denial("CLIENT", _told(error)))

    def modify_order(
        self,
        order: Order,
        *,
        quantity: Quantity | None = None,
        price: Price | None = None,
        trigger_price: Price | None = None,
    ) -> None:
        """Change a working order; None leaves a term. What cannot be becomes OrderModifyRejected.

        Raises:
            InvalidRequest: the order was never submitted.
        """
        client = self._client_of(order)
        command = ModifyOrder(
            order=order,
            quantity=quantity,
            price=price,
            trigger_price=trigger_price,
            ts_init=self._clock.timestamp_ns(),
        )
        denial = self._check_open(order) or self._check_client(client)
        if denial is None and not self.may_trade(client.client_id):
            denial = Denial("NOT_RECONCILED", f"{client.client_id} is not reconciled yet")
        denial = denial or self._risk.check_change(order, quantity, price, trigger_price)
        denial = denial or self._guard(lambda: self._store.modify(command))
        denial = denial or self._attempt(client, lambda: client.modify_order(command))
        if denial is not None:
            facts = facts_of(order, self._clock.timestamp_ns())
            self.order_event(ev.OrderModifyRejected(**facts, reason=str(denial)))

    def cancel_order(self, order: Order) -> None:
        """Take an order off the market. What cannot be becomes OrderCancelRejected.

        Raises:
            InvalidRequest: the order was never submitted.
        """
        client = self._client_of(order)
        command = CancelOrder(order, self._clock.timestamp_ns())
        denial = self._check_open(order) or self._check_client(client)
        denial = denial or self._guard(lambda: self._store.cancel([command]))
        denial = denial or self._attempt(client, lambda: client.cancel_order(command))
        if denial is not None:
            self._reject_cancel(order, denial)

    def cancel_all_orders(
        self,
        strategy_id: StrategyId,
        instrument_id: InstrumentId,
        side: OrderSide | None = None,
    ) -> None:
        """Take a strategy's orders on an instrument off the market, those in flight too."""
        now = self._clock.timestamp_ns()
        working = {
            order.client_order_id: order
            for order in (
                *self._cache.orders_open(instrument_id, strategy_id, side),
                *self._cache.orders_in_flight(instrument_id, strategy_id, side),
            )
        }
        groups: dict[ClientId, list[Order]] = {}
        for order in working.values():
            groups.setdefault(self._client_of(order).client_id, []).append(order)
        for client_id, orders in groups.items():
            client = self._router.client(client_id)
            command = CancelAllOrders(
                strategy_id=strategy_id,
                instrument_id=instrument_id,
                orders=tuple(orders),
                order_side=side,
                ts_init=now,
            )
            stored = [CancelOrder(order, now) for order in orders]
            denial = (
                self._check_client(client)
                or self._guard(lambda: self._store.cancel(stored))  # noqa: B023  called at once
                or self._attempt(client, lambda: client.cancel_all_orders(command))  # noqa: B023
            )
            if denial is not None:
                for order in orders:
                    self._reject_cancel(order, denial)

    async def query_order(self, order: Order) -> OrderStatusReport | None:
        """Ask the venue about an order and take over what it says; None when it knows nothing.

        Raises:
            RetryLater: the answer did not come; nothing is known.
            InvalidRequest: the order was never submitted.
        """
        client = self._client_of(order)
        report = await client.query_order(QueryOrder(order.client_order_id, order.instrument_id))
        if report is not None:
            self.reconciler.take_order(report)
        return report

    def _client_of(self, order: Order) -> ExecClient:
        client_id = self._cache.client_of_order(order.client_order_id)
        if client_id is None:
            raise InvalidRequest(
                "no client handles this order",
                field="client_order_id",
                value=order.client_order_id,
                remedy="submit the order first",
            )
        return self._router.client(client_id)

    @staticmethod
    def _check_open(order: Order) -> Denial | None:
        if order.is_closed:
            return Denial("ORDER_CLOSED", f"the order is {order.status}")
        return None

    @staticmethod
    def _check_client(client: ExecClient) -> Denial | None:
        if client.is_connected:
            return None
        return Denial("NOT_CONNECTED", f"{client.client_id} is not connected")

    def _guard(self, keep: Callable[[], None]) -> Denial | None:
        """Store before the wire; what cannot be stored is not sent."""
        try:
            keep()
        except PoseiError as error:
            self._store_failed(error)
            return Denial("STORE", _told(error))
        return None

    @staticmethod
    def _attempt(client: ExecClient, send: Callable[[], None]) -> Denial | None:
        try:
            send()
        except Exception as error:  # noqa: BLE001  a client's failure may not stop the node
            if not isinstance(error, NotConnected):
                _log.error("client %s failed", client.client_id, exc_info=error)
            return Denial("CLIENT", _told(error))
        return None

    def _deny(self, orders: Iterable[Order], denial: Denial) -> None:
        for order in orders:
            _log.warning("denied %s: %s", order, denial)
            facts = facts_of(order, self._clock.timestamp_ns())
            self.order_event(ev.OrderDenied(**facts, reason=str(denial)))

    def _reject_cancel(self, order: Order, denial: Denial) -> None:
        _log.warning("cannot cancel %s: %s", order, denial)
        facts = facts_of(order, self._clock.timestamp_ns())
        self.order_event(ev.OrderCancelRejected(**facts, reason=str(denial)))

    # -- what clients deliver -------------------------------------------------------------------

    def order_event(self, event: ev.OrderEvent) -> None:
        """Deliver what happened to an order of ours."""
        order = self._cache.order(event.client_order_id)
        if order is None:
            self.unknown_events.append(event)
            self.counters.add("events_of_unknown_orders", event)
            return
        if isinstance(event, ev.OrderFilled) and self.is_known_trade(order, event.trade_id):
            self.counters.add("duplicate_executions_dropped", event.trade_id)
            return
        if isinstance(event, ev.OrderFillAmended) and not order.has_trade(event.trade_id):
            self._park_amendment(event)
            return
        try:
            order.apply(event)
        except InvalidRequest as error:
            self.counters.add("events_that_cannot_be", f"{order}: {error}")
            return
        self._cache.update_order(order)
        self._keep_event(event)
        position_events = self._count(event)
        self._tell(event, position_events)
        if isinstance(event, ev.OrderFilled) and self._parked_amendments:
            parked = self._parked_amendments.pop(event.trade_id, None)
            if parked is not None:
                self.order_event(parked)

    def order_report(self, report: OrderStatusReport) -> None:
        """Deliver a change of an order that is not ours."""
        self._understood(lambda: self.reconciler.take_order(report), report)

    def fill_report(self, report: FillReport) -> None:
        """Deliver an execution of an order that is not ours."""
        self._understood(lambda: self.reconciler.take_fill(report), report)

    def _understood(self, take: Callable[[], object], report: object) -> None:
        try:
            take()
        except PoseiError as error:
            self.counters.add("reports_not_understood", f"{report}: {error}")

    def account_state(self, state: AccountState) -> None:
        """Deliver a consistent snapshot of the account."""
        self._cache.set_account(state)
        self._outbox.publish(self._account_topic, state)

    def connection_changed(self, client_id: ClientId, *, connected: bool, reason: str) -> None:
        """Take note that a client lost or regained the venue: orders wait until it has told."""
        change = ConnectionChange(client_id, connected, reason, self._clock.timestamp_ns())
        if connected:
            _log.info("exec client %s is connected: %s", client_id, reason)
            self._recovery.regained(self._router.client(client_id))
        else:
            _log.warning("exec client %s lost its connection: %s", client_id, reason)
            self._recovery.lost(client_id)
        self._bus.publish("exec.connection", change)

    def instrument_loaded(self, instrument_id: InstrumentId) -> None:
        """Count the fills that waited for an instrument's definition."""
        for fill in self._parked_fills.pop(instrument_id, []):
            self._tell_positions(self._count(fill))

    # -- inside ---------------------------------------------------------------------------------

    def is_known_trade(self, order: Order, trade_id: TradeId) -> bool:
        """Return whether an execution is counted, under its own id or that of a correction."""
        return order.has_trade(trade_id) or order.has_trade(self._aliases.get(trade_id, trade_id))

    def _park_amendment(self, event: ev.OrderFillAmended) -> None:
        """A commission may come before its execution; keep it until then."""
        if len(self._parked_amendments) >= _PARKED_LIMIT:
            oldest = next(iter(self._parked_amendments))
            self.counters.add("amendments_dropped", self._parked_amendments.pop(oldest))
        self._parked_amendments[event.trade_id] = event

    def _count(self, event: ev.OrderEvent) -> list[PositionEvent]:
        """Take an applied event into the positions."""
        if isinstance(event, ev.OrderFillAmended):
            if event.new_trade_id is not None:
                self._aliases[event.new_trade_id] = event.trade_id
            return self._positions.amend(event)
        if not isinstance(event, ev.OrderFilled):
            return []
        self._fills_seen += 1
        instrument = self._cache.instrument(event.instrument_id)
        if instrument is None:
            self.counters.add("fills_waiting_for_an_instrument", event)
            self._parked_fills.setdefault(event.instrument_id, []).append(event)
            return []
        oms_type = self._oms_types.get(event.strategy_id, OmsType.NETTING)
        named = self._named_positions.get(event.client_order_id)
        return self._positions.fill(event, instrument, oms_type, named)

    def _keep_event(self, event: ev.OrderEvent) -> None:
        try:
            self._store.event(event)
        except PoseiError as error:
            self._store_failed(error)

    def _store_failed(self, error: PoseiError) -> None:
        _log.critical("the order store failed; trading is halted: %s", error)
        self._risk.set_trading_state(TradingState.HALTED, "the order store failed")

    def _tell(self, event: ev.OrderEvent, position_events: list[PositionEvent]) -> None:
        topic = self._order_topics.get(event.strategy_id)
        if topic is None:
            topic = self._bus.topic(f"events.order.{event.strategy_id}")
            self._order_topics[event.strategy_id] = topic
        self._outbox.publish(topic, event)
        self._tell_positions(position_events)

    def _tell_positions(self, position_events: list[PositionEvent]) -> None:
        for event in position_events:
            topic = self._position_topics.get(event.strategy_id)
            if topic is None:
                topic = self._bus.topic(f"events.position.{event.strategy_id}")
                self._position_topics[event.strategy_id] = topic
            self._outbox.publish(topic, event)

    def adopt(self, order: Order, client_id: ClientId) -> None:
        """Take an order that is not ours into the cache and the store; for reconciliation."""
        self._cache.add_order(order, client_id)
        self._guard(lambda: self._keep((order,), client_id, None))
        _log.info("adopted %s for %s", order, order.strategy_id)


def _told(error: Exception) -> str:
    return error.message if isinstance(error, PoseiError) else f"{type(error).__name__}: {error}"
