"""What a venue adapter is: four protocols, and one for what must be up before it can connect.

    DataClient          streams and history
    ExecClient          orders, executions, account
    InstrumentProvider  what can be traded
    Symbology           the venue's names <-> ours, without I/O
    Gateway             a process or container that must run first

Rules that hold for every method here, unless it says otherwise:

- **One thread.** Everything is called on, and delivers on, the node's event loop.
- **Blocking.** A plain method returns at once and does no I/O but writing to a connected transport.
  A coroutine may wait; cancelling it leaves no task, socket or subscription behind.
- **Delivery.** Clients deliver by calling the sink they were given, in the order of the venue.
  They never reach into an engine.
- **Unknown is never empty.** A request returns the complete answer or raises. A timeout or a lost
  connection raises a :class:`~posei_trader.errors.RetryLater`; it never looks like "nothing there".
- **Errors** are of the tree in :mod:`posei_trader.errors`; a venue's own codes travel in `code`.

Implementations need not inherit: these are structural types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from posei_trader.config import (
        InstrumentProviderConfig,
        LiveDataClientConfig,
        LiveExecClientConfig,
    )
    from posei_trader.model.accounts import AccountState
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.book import OrderBookDeltas
    from posei_trader.model.events import OrderEvent
    from posei_trader.model.identifiers import (
        AccountId,
        ClientId,
        InstrumentId,
        TraderId,
        Venue,
    )
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.model.reports import (
        ExecutionMassStatus,
        FillReport,
        OrderStatusReport,
        PositionStatusReport,
    )
    from posei_trader.model.requests import (
        CancelAllOrders,
        CancelOrder,
        HistoryRequest,
        ModifyOrder,
        QueryOrder,
        SubmitOrder,
        SubmitOrderList,
        Subscription,
    )
    from posei_trader.model.ticks import (
        IndexPriceUpdate,
        InstrumentStatus,
        QuoteTick,
        TradeTick,
    )

ContractT = TypeVar("ContractT")


# -- what a node gives to a client --


class TimerHandle(Protocol):
    """A timer that can be stopped."""

    def cancel(self) -> None:
        """Stop it. Idempotent; never raises."""


class Clock(Protocol):
    """Time, real or simulated. Never :func:`time.time` in a client."""

    def timestamp_ns(self) -> int:
        """Return now, UNIX ns UTC. Never goes backwards."""

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> TimerHandle:
        """Call back once at a moment, or as soon as possible when it has passed."""


class InstrumentStore(Protocol):
    """Where instruments are kept: the node's cache."""

    def instrument(self, instrument_id: InstrumentId) -> Instrument | None:
        """Return an instrument, or None when it is not loaded."""

    def instruments(self, venue: Venue | None = None) -> list[Instrument]:
        """Return the loaded instruments, of one venue or of all."""

    def add_instrument(self, instrument: Instrument) -> None:
        """Add or replace an instrument."""


class OrderLookup(Protocol):
    """What an execution client may ask about our own orders: the node's cache."""

    def order(self, client_order_id: str) -> Order | None:
        """Return an order of ours, or None when there is none of that name."""

    def orders_open(self) -> list[Order]:
        """Return the orders that the venue works, as far as we know."""

    def orders_in_flight(self) -> list[Order]:
        """Return the orders that wait for the venue's answer."""


class ClientCache(InstrumentStore, OrderLookup, Protocol):
    """Both views of the node's cache."""


class DataSink(Protocol):
    """Where a data client delivers. Plain calls; none of them raises or blocks."""

    def quote_tick(self, tick: QuoteTick) -> None:
        """Deliver a quote."""

    def trade_tick(self, tick: TradeTick) -> None:
        """Deliver a trade."""

    def bar(self, bar: Bar) -> None:
        """Deliver a complete bar, or a revision of one that is marked so."""

    def order_book_deltas(self, deltas: OrderBookDeltas) -> None:
        """Deliver the changes of one event."""

    def instrument(self, instrument: Instrument) -> None:
        """Deliver a new or changed definition."""

    def instrument_status(self, status: InstrumentStatus) -> None:
        """Deliver a change of market state."""

    def index_price(self, update: IndexPriceUpdate) -> None:
        """Deliver an index value."""

    def subscription_failed(self, subscription: Subscription, error: Exception) -> None:
        """Say that a stream that was open has ended or cannot be opened, and why."""

    def connection_changed(self, client_id: ClientId, *, connected: bool, reason: str) -> None:
        """Say that the client lost or regained the venue."""


class ExecSink(Protocol):
    """Where an execution client delivers. Plain calls; none of them raises or blocks."""

    def order_event(self, event: OrderEvent) -> None:
        """Deliver what happened to an order of ours."""

    def order_report(self, report: OrderStatusReport) -> None:
        """Deliver a change of an order that is not ours."""

    def fill_report(self, report: FillReport) -> None:
        """Deliver an execution of an order that is not ours."""

    def account_state(self, state: AccountState) -> None:
        """Deliver a consistent snapshot of the account."""

    def connection_changed(self, client_id: ClientId, *, connected: bool, reason: str) -> None:
        """Say that the client lost or regained the venue."""


class DataClientContext(Protocol):
    """What a data client is given when it is made."""

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""

    @property
    def trader_id(self) -> TraderId:
        """The node it works for."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def cache(self) -> ClientCache:
        """Instruments and orders."""

    @property
    def sink(self) -> DataSink:
        """Where to deliver."""


class ExecClientContext(Protocol):
    """What an execution client is given when it is made."""

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""

    @property
    def trader_id(self) -> TraderId:
        """The node it works for."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def cache(self) -> ClientCache:
        """Instruments and orders."""

    @property
    def sink(self) -> ExecSink:
        """Where to deliver."""


# -- what a venue provides --


@runtime_checkable
class InstrumentProvider(Protocol):
    """What can be traded at a venue."""

    async def initialize(self) -> None:
        """Load what the configuration asks for. Idempotent; concurrent calls share one run.

        What cannot be found is logged once with candidates and does not stop the rest.

        Raises:
            RetryLater: the venue could not be asked.
        """

    async def load_ids(self, instrument_ids: Iterable[InstrumentId]) -> list[Instrument]:
        """Load several; concurrent, each at most once.

        Raises:
            InstrumentNotFound: some do not exist; names them all. The others are loaded.
            RetryLater: the venue could not be asked.
        """

    async def load(self, instrument_id: InstrumentId) -> Instrument:
        """Load one, or return it when it is loaded.

        Raises:
            InstrumentNotFound: it does not exist; names candidates.
            InstrumentAmbiguous: several fit; names them.
            RetryLater: the venue could not be asked.
        """

    async def load_all(self) -> list[Instrument]:
        """Load everything the venue has.

        Raises:
            Unsupported: the venue has no end of instruments.
        """

    def find(self, instrument_id: InstrumentId) -> Instrument | None:
        """Return a loaded instrument, or None."""

    def list_all(self) -> list[Instrument]:
        """Return the loaded instruments."""


@runtime_checkable
class DataClient(Protocol):
    """Streams and history of a venue."""

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""

    @property
    def is_connected(self) -> bool:
        """Whether the venue can be asked now."""

    @property
    def instrument_provider(self) -> InstrumentProvider:
        """Where its instruments come from."""

    async def connect(self) -> None:
        """Connect, and load the configured instruments. Idempotent.

        Returns when requests can be made. Later losses are healed by the client itself, which
        re-opens every subscription exactly once and says so through `connection_changed`.

        Raises:
            RetryLater: the venue did not answer in the configured time.
            CallHuman: the venue refuses us.
        """

    async def disconnect(self) -> None:
        """Disconnect and end every stream. Idempotent; never raises."""

    async def subscribe(self, subscription: Subscription) -> None:
        """Open a stream; returns when it was asked for. Idempotent.

        Ticks come through the sink, after this returns, in the venue's order. A later failure
        comes through `subscription_failed`.

        Raises:
            Unsupported: the venue has no such stream.
            InstrumentNotFound: the instrument does not exist.
            NotConnected: there is no connection.
        """

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a stream: nothing of it is delivered after this returns. Idempotent.

        Raises:
            Nothing: an unknown subscription is ended already.
        """

    async def request_bars(self, bar_type: BarType, request: HistoryRequest) -> list[Bar]:
        """Fetch bars, ascending, each once.

        Raises:
            Unsupported: the venue has no such bars.
            MarketDataNotPermitted: the account lacks the subscription.
            RetryLater: the answer did not come; nothing is known.
        """

    async def request_quote_ticks(self, request: HistoryRequest) -> list[QuoteTick]:
        """Fetch quotes, ascending, each once. Raises as :meth:`request_bars`."""

    async def request_trade_ticks(self, request: HistoryRequest) -> list[TradeTick]:
        """Fetch trades, ascending, each once. Raises as :meth:`request_bars`."""


@runtime_checkable
class ExecClient(Protocol):
    """Orders, executions and the account at a venue.

    The command methods are plain: they check, emit `OrderSubmitted` (or `OrderDenied`), write to
    the transport and return. What the venue makes of it comes through the sink. An ambiguous
    failure (timeout, lost connection) leaves the order in flight: it is never a rejection.
    """

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""

    @property
    def account_id(self) -> AccountId:
        """The account it trades for; known once connected.

        Raises:
            NotConnected: it is not known yet.
        """

    @property
    def is_connected(self) -> bool:
        """Whether the venue can be asked now."""

    @property
    def instrument_provider(self) -> InstrumentProvider:
        """Where its instruments come from."""

    async def connect(self) -> None:
        """Connect, check the account, and deliver a first account state. Idempotent.

        Raises:
            RetryLater: the venue did not answer in the configured time.
            AccountMismatch: the venue does not manage the configured account.
            LiveTradingRefused: a live account without the explicit guard.
        """

    async def disconnect(self) -> None:
        """Disconnect. Working orders stay at the venue. Idempotent; never raises."""

    def submit_order(self, command: SubmitOrder) -> None:
        """Send an order.

        Emits OrderDenied when a term cannot be honoured at this venue (nothing is dropped in
        silence), else OrderSubmitted before the order is on the wire.

        Raises:
            NotConnected: nothing was emitted and nothing was sent.
        """

    def submit_order_list(self, command: SubmitOrderList) -> None:
        """Send orders that belong together: all or none. Emits and raises as `submit_order`."""

    def modify_order(self, command: ModifyOrder) -> None:
        """Change a working order. Emits OrderPendingUpdate, or OrderModifyRejected.

        Raises:
            NotConnected: nothing was emitted and nothing was sent.
        """

    def cancel_order(self, command: CancelOrder) -> None:
        """Cancel an order. Emits OrderPendingCancel, or OrderCancelRejected.

        Raises:
            NotConnected: nothing was emitted and nothing was sent.
        """

    def cancel_all_orders(self, command: CancelAllOrders) -> None:
        """Cancel exactly the orders of the command. Emits and raises as `cancel_order`."""

    async def query_order(self, command: QueryOrder) -> OrderStatusReport | None:
        """Ask what the venue knows of an order; None when it definitely knows nothing of it.

        Raises:
            RetryLater: the answer did not come; nothing is known.
        """

    async def generate_mass_status(self, since_ns: int = 0) -> ExecutionMassStatus:
        """Fetch all orders, executions since a moment, and positions: complete, or it raises.

        Raises:
            RetryLater: a part did not come; nothing is known.
        """

    async def generate_position_reports(self) -> Sequence[PositionStatusReport]:
        """Fetch the positions: complete, or it raises.

        Raises:
            RetryLater: the answer did not come; nothing is known.
        """


@runtime_checkable
class Symbology(Protocol[ContractT]):
    """The venue's names and ours, both ways, by rules alone: no I/O, no state, no clock.

    For what identifies a contract, ``to_contract(to_instrument_id(c))`` names `c` again.
    """

    def to_instrument_id(self, contract: ContractT) -> InstrumentId:
        """Return our name of a contract.

        Raises:
            InvalidRequest: no rule fits; names the rules that were tried.
        """

    def to_contract(self, instrument_id: InstrumentId) -> ContractT:
        """Return the venue's name of an instrument.

        Raises:
            InvalidRequest: no rule fits; names the rules that were tried.
        """


@runtime_checkable
class Gateway(Protocol):
    """Something that must be up before a client can connect: a process, a container, a simulator.

    `host` and `port` are known once it is started.
    """

    @property
    def host(self) -> str:
        """Where to connect to."""

    @property
    def port(self) -> int:
        """The port to connect to."""

    async def start_async(self) -> None:
        """Start it, or adopt it when it runs; returns when clients can connect. Idempotent.

        Raises:
            GatewayNotReady: it did not become ready in the configured time.
            AuthenticationFailed: it was refused; starting it again could lock the login.
            MissingDependency: what it runs on is absent; says what to install.
        """

    async def stop_async(self) -> None:
        """Stop it. Idempotent; never raises."""

    def is_ready(self) -> bool:
        """Whether clients can connect now."""


# -- how a node makes clients --


class DataClientFactory(Protocol):
    """Makes a data client: what `TradingNode.add_data_client_factory` takes."""

    @staticmethod
    def create(config: LiveDataClientConfig, context: DataClientContext) -> DataClient:
        """Make a client. Does no I/O.

        Raises:
            ConfigError: the configuration cannot work; names the setting.
        """


class ExecClientFactory(Protocol):
    """Makes an execution client: what `TradingNode.add_exec_client_factory` takes."""

    @staticmethod
    def create(config: LiveExecClientConfig, context: ExecClientContext) -> ExecClient:
        """Make a client. Does no I/O.

        Raises:
            ConfigError: the configuration cannot work; names the setting.
        """


class InstrumentProviderFactory(Protocol):
    """Makes an instrument provider outside a node, for research."""

    @staticmethod
    def create(config: InstrumentProviderConfig, store: InstrumentStore) -> InstrumentProvider:
        """Make a provider. Does no I/O."""
