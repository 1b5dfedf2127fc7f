"""The execution engine: events to orders, fills to positions, and who may trade when.

Order of things, for an event: applied to the order, counted in the position, and only then told to
the strategy, which thus never sees a cache that lags behind. It is stored a turn of the event loop
later at most, and before any command that the strategy answers with is stored and sent. Commands go
the other way: see :mod:`posei_trader.engine.commands`.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final, final

from posei_trader.config import LiveExecEngineConfig
from posei_trader.engine.bulk import collector_paused
from posei_trader.engine.commands import OrderCommands
from posei_trader.engine.counters import Counters
from posei_trader.engine.keeping import Keeper
from posei_trader.engine.messages import ConnectionChange
from posei_trader.engine.order_facts import facts_of
from posei_trader.engine.outbox import Outbox
from posei_trader.engine.positions import PositionKeeper
from posei_trader.engine.reconciliation import Reconciler
from posei_trader.engine.recovery import Recovery
from posei_trader.engine.routing import Router
from posei_trader.engine.store import NoStore
from posei_trader.engine.takeover import Takeover
from posei_trader.errors import InvalidRequest, NotConnected, PoseiError, StoreCorrupt
from posei_trader.model import events as ev
from posei_trader.model import order_state as fsm
from posei_trader.model.enums import OmsType
from posei_trader.model.orders import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from posei_trader.config import RoutingConfig
    from posei_trader.engine.bus import MessageBus, Topic
    from posei_trader.engine.cache import Cache
    from posei_trader.engine.reconciliation import Reconciliation
    from posei_trader.engine.risk import RiskEngine
    from posei_trader.engine.store import OrderStore, StoredChange
    from posei_trader.model.accounts import AccountPnl, AccountState
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
    from posei_trader.model.positions import PositionEvent
    from posei_trader.model.reports import FillReport, OrderStatusReport
    from posei_trader.protocols import Clock, ExecClient

__all__ = ["ExecutionEngine"]

_log: Final = logging.getLogger("posei.ExecutionEngine")

_PARKED_LIMIT: Final = 10_000
_OF_CHANGES: Final = (ev.OrderPendingUpdate, ev.OrderUpdated, ev.OrderModifyRejected)


@final
class ExecutionEngine:
    """Own the life of every order. Satisfies :class:`posei_trader.protocols.ExecSink`.

    Args:
        trader_id: The node.
        bus: Where events are published: ``events.order.STRATEGY``, ``events.position.STRATEGY``,
            ``events.account``, ``events.account_pnl``.
        cache: Where orders, positions and accounts are kept.
        clock: Time.
        risk: Checks orders before they are stored.
        config: Settings.
        store: What survives a crash; None keeps nothing.
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
    ) -> None:
        config = config or LiveExecEngineConfig()
        self.trader_id = trader_id
        self._bus = bus
        self._cache = cache
        self._clock = clock
        self._keeper = Keeper(store or NoStore(), cache, risk, clock)
        self._router: Router[ExecClient] = Router("exec")
        self._positions = PositionKeeper(cache, clock)
        self._outbox = Outbox(clock)
        self._account_topic = bus.topic("events.account")
        self._pnl_topic = bus.topic("events.account_pnl")
        self._order_topics: dict[StrategyId, Topic] = {}
        self._position_topics: dict[StrategyId, Topic] = {}
        self._oms_types: dict[StrategyId, OmsType] = {}
        self._named_positions: dict[ClientOrderId, PositionId] = {}
        self._aliases: dict[TradeId, TradeId] = {}
        self._parked_amendments: dict[TradeId, ev.OrderFillAmended] = {}
        self._parked_fills: dict[InstrumentId, list[ev.OrderFilled]] = {}
        self._accounts: dict[ClientId, AccountId] = {}
        self._is_stopping = False
        self._fills_seen = 0
        self.unknown_events: deque[ev.OrderEvent] = deque(maxlen=1_000)
        self.counters = Counters("ExecutionEngine")
        self._takeover = Takeover(
            self, cache, clock, adopt_external=config.external_orders == "adopt"
        )
        self.commands = OrderCommands(self, self._router, cache, clock, risk, self._keeper)
        self._recovery = Recovery(config, Reconciler(self, cache, clock, self._takeover))

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
        return None if client is None else self.account_of(client)

    def account_of(self, client: ExecClient) -> AccountId | None:
        """Return a client's account: what was known once is not forgotten with the connection.

        None while the client has never been connected: then no account is known, by contract.
        """
        try:
            account_id = client.account_id
        except NotConnected:
            return self._accounts.get(client.client_id)
        self._accounts[client.client_id] = account_id
        return account_id

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
        self._takeover.claim(strategy_id, claims)

    # -- start and stop -------------------------------------------------------------------------

    @collector_paused()
    def load(self) -> int:
        """Restore what the store kept, and return how many orders that were.

        Raises:
            StoreCorrupt: what is stored cannot be.
        """
        state = self._keeper.load()
        for instrument in state.instruments:
            if self._cache.instrument(instrument.id) is None:
                self._cache.add_instrument(instrument)
        for stored in state.orders:
            self._cache.add_order(Order(stored.terms), stored.client_id)
            if stored.position_id is not None:
                self.name_position(stored.terms.client_order_id, stored.position_id)
        for event in state.events:
            self._replay(event)
        for change in state.changes:
            self._imply(change)
        if state.orders:
            working = len(self._cache.orders_open())
            _log.info("restored %d orders, %d of them working", len(state.orders), working)
        return len(state.orders)

    def _replay(self, event: ev.OrderEvent) -> None:
        order = self._cache.order(event.client_order_id)
        if order is None:
            raise _contradiction(event, "an event of an order that is not there")
        try:
            order.apply(event)
        except InvalidRequest as error:
            raise _contradiction(event, error.message) from error
        self._cache.update_order(order)
        self._count(event)

    def _imply(self, change: StoredChange) -> None:
        """Count a change as sent: it may have been, though the process died before its event."""
        order = self._cache.order(change.client_order_id)
        if order is None or fsm.transition(order.status, ev.OrderPendingUpdate) is None:
            return
        if any(
            one.ts_init >= change.ts_init and isinstance(one, _OF_CHANGES) for one in order.events
        ):
            return
        terms = change.terms
        order.apply(
            ev.OrderPendingUpdate(
                **facts_of(order, change.ts_init),
                quantity=terms.quantity,
                price=terms.price,
                trigger_price=terms.trigger_price,
            )
        )
        self._cache.update_order(order)

    async def reconcile(self, client: ExecClient) -> Reconciliation:
        """Make our view equal to the venue's; then, and only then, orders may be sent.

        Raises:
            RetryLater: the venue did not tell; nothing is known, and nothing may be sent.
            ReconciliationFailed: what it told cannot be understood; names what.
        """
        result = await self._recovery.reconcile(client)
        self._keeper.prepare()
        return result

    def may_trade(self, client_id: ClientId) -> bool:
        """Return whether orders may be sent through a client: it has been reconciled."""
        return self._recovery.is_ready(client_id)

    async def stop(self) -> None:
        """End background work. Events are still taken in and stored. Idempotent."""
        self._is_stopping = True
        await self._recovery.stop()

    def close_store(self) -> None:
        """Release the store; nothing may come afterwards. Idempotent; never raises."""
        self._keeper.close()

    # -- what clients deliver -------------------------------------------------------------------

    def order_event(self, event: ev.OrderEvent) -> None:
        """Deliver what happened to an order of ours."""
        order = self._cache.order(event.client_order_id)
        if order is None:
            self.unknown_events.append(event)
            self.counters.add("events_of_unknown_orders", event)
            return
        if isinstance(event, ev.OrderFilled):
            if self.is_known_trade(order, event.trade_id):
                self.counters.add("duplicate_executions_dropped", event.trade_id)
                return
        elif isinstance(event, ev.OrderFillAmended) and not order.has_trade(event.trade_id):
            self._park_amendment(event)
            return
        try:
            order.apply(event)
        except InvalidRequest as error:
            self.counters.add("events_that_cannot_be", f"{order}: {error}")
            return
        self._cache.update_order(order)
        must_flush = self._keeper.event(event)
        self._tell(event, self._count(event))
        if must_flush:
            self._keeper.flush_soon()
        if isinstance(event, ev.OrderFilled) and self._parked_amendments:
            parked = self._parked_amendments.pop(event.trade_id, None)
            if parked is not None:
                self.order_event(parked)

    def order_report(self, report: OrderStatusReport) -> None:
        """Deliver a change of an order that is not ours."""
        self._understood(lambda: self._takeover.take_order(report), report)

    def fill_report(self, report: FillReport) -> None:
        """Deliver an execution of an order that is not ours."""
        self._understood(lambda: self._takeover.take_fill(report), report)

    def _understood(self, take: Callable[[], object], report: object) -> None:
        try:
            take()
        except PoseiError as error:
            self.counters.add("reports_not_understood", f"{report}: {error}")
        for line in self._takeover.collect():
            _log.info("%s", line)

    def account_state(self, state: AccountState) -> None:
        """Deliver a consistent snapshot of the account."""
        for client in self._router.clients:
            self.account_of(client)
        self._cache.set_account(state)
        self._outbox.publish((self._account_topic, state))

    def account_pnl(self, pnl: AccountPnl) -> None:
        """Deliver the account's profit as the venue counts it."""
        self._cache.set_account_pnl(pnl)
        self._outbox.publish((self._pnl_topic, pnl))

    def reconciliation_wanted(self, client_id: ClientId, reason: str) -> None:
        """Compare with the venue again: something happened that no order explains."""
        _log.info("exec client %s is reconciled again: %s", client_id, reason)
        self._recovery.again(self._router.client(client_id))

    def connection_changed(self, client_id: ClientId, *, connected: bool, reason: str) -> None:
        """Take note that a client lost or regained the venue: orders wait until it has told."""
        change = ConnectionChange(client_id, connected, reason, self._clock.timestamp_ns())
        if connected:
            _log.info("exec client %s is connected: %s", client_id, reason)
            self._recovery.regained(self._router.client(client_id))
        else:
            level = logging.INFO if self._is_stopping else logging.WARNING
            _log.log(level, "exec client %s lost its connection: %s", client_id, reason)
            self._recovery.lost(client_id)
        self._bus.publish("exec.connection", change)

    def instrument_loaded(self, instrument_id: InstrumentId) -> None:
        """Count the fills that waited for an instrument's definition."""
        for fill in self._parked_fills.pop(instrument_id, []):
            self._outbox.publish(*map(self._addressed, self._count(fill)))

    # -- inside ---------------------------------------------------------------------------------

    def is_known_trade(self, order: Order, trade_id: TradeId) -> bool:
        """Return whether an execution is counted, under its own id or that of a correction."""
        if order.has_trade(trade_id):
            return True
        first_id = self._aliases.get(trade_id)
        return first_id is not None and order.has_trade(first_id)

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
        if instrument.is_combination:
            return []  # what is held of a combination are its legs, which have fills of their own
        oms_type = self._oms_types.get(event.strategy_id, OmsType.NETTING)
        named = self._named_positions.get(event.client_order_id)
        return self._positions.fill(event, instrument, oms_type, named)

    def _tell(self, event: ev.OrderEvent, position_events: list[PositionEvent]) -> None:
        topic = self._order_topics.get(event.strategy_id)
        if topic is None:
            topic = self._bus.topic(f"events.order.{event.strategy_id}")
            self._order_topics[event.strategy_id] = topic
        if position_events:
            self._outbox.publish((topic, event), *map(self._addressed, position_events))
        else:
            self._outbox.publish((topic, event))

    def _addressed(self, event: PositionEvent) -> tuple[Topic, PositionEvent]:
        topic = self._position_topics.get(event.strategy_id)
        if topic is None:
            topic = self._bus.topic(f"events.position.{event.strategy_id}")
            self._position_topics[event.strategy_id] = topic
        return topic, event

    def adopt(self, order: Order, client_id: ClientId) -> None:
        """Take an order that is not ours into the cache and the store; for reconciliation."""
        self._cache.add_order(order, client_id)
        self._keeper.adopted(order, client_id)

    def name_position(self, client_order_id: ClientOrderId, position_id: PositionId) -> None:
        """Let an order's fills count in a position of its own; for commands."""
        self._named_positions[client_order_id] = position_id


def _contradiction(event: ev.OrderEvent, what: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"the order store contradicts itself: {what}",
        field="client_order_id",
        value=event.client_order_id,
        remedy="restore the file from a backup, or move it away and reconcile by hand",
    )
