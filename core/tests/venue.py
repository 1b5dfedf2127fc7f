"""A small real venue in this process: it matches orders, keeps books of account, and can fail.

It implements the protocols that adapters implement, without importing the engines it tests. What a
client sends arrives, and what the venue answers comes back, in a later turn of the clock, as over a
wire. The venue's own ledger (`cash`, `holdings`) is kept independently of ours.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from posei_trader.config import LiveDataClientConfig, LiveExecClientConfig
from posei_trader.errors import (
    ConfigError,
    InstrumentNotFound,
    NotConnected,
    RequestTimeout,
    Unsupported,
)
from posei_trader.model import events as ev
from posei_trader.model.accounts import AccountBalance, AccountState
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import (
    AccountType,
    AggressorSide,
    AssetClass,
    LiquiditySide,
    OrderSide,
    OrderStatus,
)
from posei_trader.model.identifiers import (
    AccountId,
    InstrumentId,
    Symbol,
    TradeId,
    VenueOrderId,
)
from posei_trader.model.instruments import Equity, Instrument
from posei_trader.model.reports import (
    ExecutionMassStatus,
    FillReport,
    OrderStatusReport,
    PositionStatusReport,
)
from posei_trader.model.ticks import QuoteTick, TradeTick
from posei_trader.model.values import Money, Price, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.errors import PoseiError
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.identifiers import ClientId
    from posei_trader.model.orders import Order
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
    from posei_trader.protocols import DataClientContext, ExecClientContext

USD = Currency.of("USD")
AAPL = InstrumentId("AAPL.SIM")
MSFT = InstrumentId("MSFT.SIM")
SECOND = 1_000_000_000


def equity(instrument_id: InstrumentId, **terms: object) -> Equity:
    return Equity(
        **{
            "id": instrument_id,
            "raw_symbol": Symbol(instrument_id.symbol),
            "asset_class": AssetClass.EQUITY,
            "quote_currency": USD,
            "price_precision": 2,
            "price_increment": Price("0.01"),
            **terms,
        }
    )


def quote(
    instrument_id: InstrumentId, bid: str, ask: str, ts: int = 0, size: str = "100"
) -> QuoteTick:
    return QuoteTick(
        instrument_id,
        Price(bid).raw,
        Price(ask).raw,
        Quantity(size).raw,
        Quantity(size).raw,
        2,
        0,
        ts,
        ts,
    )


def trade(
    instrument_id: InstrumentId, price: str, size: str, ts: int, number: int = 0
) -> TradeTick:
    return TradeTick(
        instrument_id,
        Price(price).raw,
        Quantity(size).raw,
        2,
        0,
        AggressorSide.BUYER,
        TradeId(f"T{number or ts}"),
        ts,
        ts,
    )


@dataclass
class VenueOrder:
    """An order as the venue knows it."""

    order: Order
    venue_order_id: VenueOrderId
    quantity: Quantity
    price: Price | None
    trigger_price: Price | None
    filled: int = 0
    status: OrderStatus = OrderStatus.ACCEPTED
    is_triggered: bool = False

    @property
    def leaves(self) -> int:
        return self.quantity.raw - self.filled


@dataclass
class Venue:
    """The venue's truth."""

    name: str = "SIM"
    instruments: dict[InstrumentId, Instrument] = field(default_factory=dict)
    cash: Decimal = Decimal(100_000)
    holdings: dict[InstrumentId, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    orders: dict[str, VenueOrder] = field(default_factory=dict)
    executions: list[FillReport] = field(default_factory=list)
    unattributed: list[str] = field(default_factory=list)
    quotes: dict[InstrumentId, QuoteTick] = field(default_factory=dict)
    commission: Decimal | None = Decimal("1.00")
    fill_size: int | None = None
    """Units in one fill; None fills all at once."""
    gateway_delay: float = 0.0
    """How long what the clients connect to takes to start."""
    gateway_error: Exception | None = None
    connect_error: Exception | None = None
    connect_failure: PoseiError | None = None
    """What a client that goes on trying says about its last attempt."""
    connect_delay: float = 0.0
    disconnect_delay: float = 0.0
    is_silent: bool = False
    """Requests are never answered."""
    is_deaf: bool = False
    """What is sent to it is lost on the way."""
    extra_positions: dict[InstrumentId, tuple[Decimal, Decimal]] = field(default_factory=dict)
    data_client: VenueDataClient | None = None
    exec_client: VenueExecClient | None = None
    log: list[str] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        for instrument_id in (AAPL, MSFT):
            self.instruments.setdefault(instrument_id, equity(instrument_id))

    # -- market ---------------------------------------------------------------------------------

    def set_quote(self, tick: QuoteTick) -> None:
        """Move the market, tell listeners, match what crosses."""
        self.quotes[tick.instrument_id] = tick
        if self.data_client is not None:
            self.data_client.deliver_quote(tick)
        for resting in list(self.orders.values()):
            if resting.order.instrument_id == tick.instrument_id:
                self.match(resting)

    def match(self, resting: VenueOrder) -> None:
        tick = self.quotes.get(resting.order.instrument_id)
        if tick is None or resting.status in {OrderStatus.CANCELED, OrderStatus.FILLED}:
            return
        is_buy = resting.order.side is OrderSide.BUY
        market = tick.ask_raw if is_buy else tick.bid_raw
        if resting.trigger_price is not None and not resting.is_triggered:
            reached = (
                market >= resting.trigger_price.raw
                if is_buy
                else market <= resting.trigger_price.raw
            )
            if not reached:
                return
            resting.is_triggered = True
        if resting.price is not None:
            crosses = market <= resting.price.raw if is_buy else market >= resting.price.raw
            if not crosses:
                return
        while resting.leaves:
            size = resting.leaves
            if self.fill_size is not None:
                size = min(size, self.fill_size * SECOND)
            self.fill(resting, size, market)

    def fill(self, resting: VenueOrder, size: int, price: int) -> None:
        order = resting.order
        resting.filled += size
        resting.status = OrderStatus.PARTIALLY_FILLED if resting.leaves else OrderStatus.FILLED
        report = FillReport(
            account_id=self.account_id,
            instrument_id=order.instrument_id,
            venue_order_id=resting.venue_order_id,
            client_order_id=order.client_order_id,
            trade_id=TradeId(f"E{next(self.numbers)}"),
            order_side=order.side,
            last_qty=Quantity.from_raw(size, 0),
            last_px=Price.from_raw(price, 2),
            commission=None if self.commission is None else Money(self.commission, USD),
            liquidity_side=LiquiditySide.TAKER,
            ts_event=self.now(),
        )
        self.executions.append(report)
        signed = Decimal(size) / SECOND * order.side.sign
        self.holdings[order.instrument_id] += signed
        self.cash -= signed * Decimal(price) / SECOND
        self.cash -= self.commission or 0
        if self.exec_client is not None:
            self.exec_client.tell_fill(order, report)

    def now(self) -> int:
        client = self.exec_client or self.data_client
        return 0 if client is None else client.clock.timestamp_ns()

    @property
    def account_id(self) -> AccountId:
        return AccountId(f"{self.name}-001")

    def account_state(self) -> AccountState:
        total = Money(self.cash, USD)
        return AccountState(
            account_id=self.account_id,
            account_type=AccountType.CASH,
            base_currency=USD,
            balances=(AccountBalance(total, Money.zero(USD), total),),
            ts_event=self.now(),
            ts_init=self.now(),
        )

    # -- what arrives ---------------------------------------------------------------------------

    def receive_order(self, order: Order) -> None:
        if self.is_deaf:
            return
        self.log.append(f"order {order.client_order_id}")
        venue_order_id = VenueOrderId(str(1_000 + next(self.numbers)))
        resting = VenueOrder(
            order, venue_order_id, order.quantity, order.price, order.trigger_price
        )
        if "reject" in order.terms.tags:
            self.exec_client.tell(ev.OrderRejected, order, reason="not today", code=201)
            return
        self.orders[order.client_order_id] = resting
        self.exec_client.tell(
            ev.OrderAccepted, order, venue_order_id=venue_order_id, account_id=self.account_id
        )
        self.match(resting)

    def receive_change(self, command: ModifyOrder) -> None:
        if self.is_deaf:
            return
        resting = self.orders.get(command.order.client_order_id)
        if resting is None or resting.status in {OrderStatus.FILLED, OrderStatus.CANCELED}:
            self.exec_client.tell(
                ev.OrderModifyRejected, command.order, reason="not working", code=104
            )
            return
        resting.quantity = command.quantity or resting.quantity
        resting.price = command.price or resting.price
        resting.trigger_price = command.trigger_price or resting.trigger_price
        self.exec_client.tell(
            ev.OrderUpdated,
            command.order,
            quantity=resting.quantity,
            price=resting.price,
            trigger_price=resting.trigger_price,
            venue_order_id=resting.venue_order_id,
        )
        self.match(resting)

    def receive_cancel(self, order: Order) -> None:
        if self.is_deaf:
            return
        self.log.append(f"cancel {order.client_order_id}")
        resting = self.orders.get(order.client_order_id)
        if resting is None or resting.status in {OrderStatus.FILLED, OrderStatus.CANCELED}:
            self.exec_client.tell(ev.OrderCancelRejected, order, reason="not working", code=161)
            return
        resting.status = OrderStatus.CANCELED
        self.exec_client.tell(ev.OrderCanceled, order, venue_order_id=resting.venue_order_id)

    # -- what it says when asked ----------------------------------------------------------------

    def report(self, resting: VenueOrder) -> OrderStatusReport:
        order = resting.order
        return OrderStatusReport(
            account_id=self.account_id,
            instrument_id=order.instrument_id,
            venue_order_id=resting.venue_order_id,
            client_order_id=order.client_order_id,
            order_side=order.side,
            order_type=order.order_type,
            time_in_force=order.time_in_force,
            order_status=resting.status,
            quantity=resting.quantity,
            filled_qty=Quantity.from_raw(resting.filled, 0),
            price=resting.price,
            trigger_price=resting.trigger_price,
            ts_accepted=self.now(),
            ts_last=self.now(),
            ts_init=self.now(),
        )

    def positions(self) -> list[PositionStatusReport]:
        units: dict[InstrumentId, Decimal] = defaultdict(Decimal, self.holdings)
        average: dict[InstrumentId, Decimal] = {}
        for instrument_id, (held, price) in self.extra_positions.items():
            units[instrument_id] += held
            average[instrument_id] = price
        return [
            PositionStatusReport(
                account_id=self.account_id,
                instrument_id=instrument_id,
                signed_qty=held,
                avg_px_open=average.get(instrument_id),
            )
            for instrument_id, held in units.items()
            if held
        ]


class VenueProvider:
    """What can be traded."""

    def __init__(self, venue: Venue, context: DataClientContext | ExecClientContext) -> None:
        self._venue = venue
        self._cache = context.cache

    async def initialize(self) -> None:
        await self.load_all()

    async def load_ids(self, instrument_ids: Iterable[InstrumentId]) -> list[Instrument]:
        return [await self.load(instrument_id) for instrument_id in instrument_ids]

    async def load(self, instrument_id: InstrumentId) -> Instrument:
        found = self._venue.instruments.get(instrument_id)
        if found is None:
            raise InstrumentNotFound("no such instrument", field="id", value=instrument_id)
        self._cache.add_instrument(found)
        return found

    async def load_all(self) -> list[Instrument]:
        return await self.load_ids(list(self._venue.instruments))

    def find(self, instrument_id: InstrumentId) -> Instrument | None:
        return self._cache.instrument(instrument_id)

    def list_all(self) -> list[Instrument]:
        return self._cache.instruments()


class _Connection:
    """What both clients share: being connected, or not."""

    def __init__(self, venue: Venue, context: DataClientContext | ExecClientContext) -> None:
        self.venue = venue
        self.context = context
        self.clock = context.clock
        self.sink = context.sink
        self.instrument_provider = VenueProvider(venue, context)
        self.is_connected = False

    @property
    def client_id(self) -> ClientId:
        return self.context.client_id

    @property
    def last_failure(self) -> PoseiError | None:
        return self.venue.connect_failure

    async def start_gateway(self) -> None:
        await asyncio.sleep(self.venue.gateway_delay)
        if self.venue.gateway_error is not None:
            raise self.venue.gateway_error

    async def connect(self) -> None:
        await asyncio.sleep(self.venue.connect_delay)
        if self.venue.connect_error is not None:
            raise self.venue.connect_error
        await self.instrument_provider.initialize()
        self.is_connected = True

    async def disconnect(self) -> None:
        self.is_connected = False
        await asyncio.sleep(self.venue.disconnect_delay)

    def drop(self, reason: str = "the wire was cut") -> None:
        self.is_connected = False
        self.sink.connection_changed(self.client_id, connected=False, reason=reason)

    def restore(self, reason: str = "reconnected") -> None:
        self.is_connected = True
        self.sink.connection_changed(self.client_id, connected=True, reason=reason)

    def check(self) -> None:
        if not self.is_connected:
            raise NotConnected("the venue is not connected", field="client_id")

    def later(self, action, *arguments) -> None:
        self.clock.call_at(self.clock.timestamp_ns(), lambda: action(*arguments))


class VenueDataClient(_Connection):
    """Satisfies posei_trader.protocols.DataClient."""

    def __init__(self, venue: Venue, context: DataClientContext) -> None:
        super().__init__(venue, context)
        venue.data_client = self
        self.streams: set[Subscription] = set()
        self.opened: list[Subscription] = []
        self.closed: list[Subscription] = []
        self.bars: list[Bar] = []

    async def subscribe(self, subscription: Subscription) -> None:
        self.check()
        if ("refuse", "1") in subscription.params:
            raise Unsupported("no such stream", field="params", value=subscription.params)
        await asyncio.sleep(0)
        self.streams.add(subscription)
        self.opened.append(subscription)

    async def unsubscribe(self, subscription: Subscription) -> None:
        await asyncio.sleep(0)
        self.streams.discard(subscription)
        self.closed.append(subscription)

    def deliver_quote(self, tick: QuoteTick) -> None:
        if self.is_connected:
            self.sink.quote_tick(tick)

    async def request_bars(self, bar_type: BarType, request: HistoryRequest) -> list[Bar]:
        self.check()
        if self.venue.is_silent:
            raise RequestTimeout("the venue did not answer", field="request")
        end = request.end_ns or self.clock.timestamp_ns() + 1
        found = [
            bar
            for bar in self.bars
            if bar.bar_type == bar_type and request.start_ns <= bar.ts_event < end
        ]
        return found[-request.limit :] if request.limit else found

    async def request_quote_ticks(self, request: HistoryRequest) -> list[QuoteTick]:
        self.check()
        tick = self.venue.quotes.get(request.instrument_id)
        return [] if tick is None else [tick]

    async def request_trade_ticks(self, request: HistoryRequest) -> list[TradeTick]:
        self.check()
        return []


class VenueExecClient(_Connection):
    """Satisfies posei_trader.protocols.ExecClient."""

    def __init__(self, venue: Venue, context: ExecClientContext) -> None:
        super().__init__(venue, context)
        venue.exec_client = self
        self.is_late_with_commissions = False

    @property
    def account_id(self) -> AccountId:
        self.check()
        return self.venue.account_id

    async def connect(self) -> None:
        await super().connect()
        self.sink.account_state(self.venue.account_state())

    def submit_order(self, command: SubmitOrder) -> None:
        self.check()
        self._send(command.order)

    def submit_order_list(self, command: SubmitOrderList) -> None:
        self.check()
        for order in command.order_list.orders:
            self._send(order)

    def _send(self, order: Order) -> None:
        if "deny" in order.terms.tags:
            self.tell_now(ev.OrderDenied, order, reason="cannot be honoured here")
            return
        self.tell_now(ev.OrderSubmitted, order, account_id=self.venue.account_id)
        self.later(self.venue.receive_order, order)

    def modify_order(self, command: ModifyOrder) -> None:
        self.check()
        self.tell_now(ev.OrderPendingUpdate, command.order)
        self.later(self.venue.receive_change, command)

    def cancel_order(self, command: CancelOrder) -> None:
        self.check()
        self.tell_now(ev.OrderPendingCancel, command.order)
        self.later(self.venue.receive_cancel, command.order)

    def cancel_all_orders(self, command: CancelAllOrders) -> None:
        self.check()
        for order in command.orders:
            self.tell_now(ev.OrderPendingCancel, order)
            self.later(self.venue.receive_cancel, order)

    async def query_order(self, command: QueryOrder) -> OrderStatusReport | None:
        self.check()
        if self.venue.is_silent:
            raise RequestTimeout("the venue did not answer", field="query")
        resting = self.venue.orders.get(command.client_order_id)
        return None if resting is None else self.venue.report(resting)

    async def generate_mass_status(self, since_ns: int = 0) -> ExecutionMassStatus:
        self.check()
        if self.venue.is_silent:
            await asyncio.Event().wait()
        return ExecutionMassStatus(
            client_id=self.client_id,
            account_id=self.venue.account_id,
            orders=tuple(
                self.venue.report(resting)
                for resting in self.venue.orders.values()
                if resting.status not in {OrderStatus.CANCELED, OrderStatus.FILLED}
            ),
            fills=tuple(fill for fill in self.venue.executions if fill.ts_event >= since_ns),
            positions=tuple(self.venue.positions()),
            ts_init=self.clock.timestamp_ns(),
            unattributed=tuple(self.venue.unattributed),
        )

    async def generate_position_reports(self) -> list[PositionStatusReport]:
        self.check()
        return self.venue.positions()

    # -- what comes back ------------------------------------------------------------------------

    def tell_now(self, kind, order: Order, **terms) -> None:
        now = self.clock.timestamp_ns()
        self.sink.order_event(
            kind(
                trader_id=order.terms.trader_id,
                strategy_id=order.strategy_id,
                instrument_id=order.instrument_id,
                client_order_id=order.client_order_id,
                ts_event=now,
                ts_init=now,
                **terms,
            )
        )

    def tell(self, kind, order: Order, **terms) -> None:
        """Answer in a later turn; nothing arrives over a cut wire."""
        self.later(lambda: self.tell_now(kind, order, **terms) if self.is_connected else None)

    def tell_fill(self, order: Order, report: FillReport) -> None:
        late = self.is_late_with_commissions
        self.tell(
            ev.OrderFilled,
            order,
            venue_order_id=report.venue_order_id,
            account_id=report.account_id,
            trade_id=report.trade_id,
            order_side=report.order_side,
            last_qty=report.last_qty,
            last_px=report.last_px,
            liquidity_side=report.liquidity_side,
            commission=None if late else report.commission,
        )
        if late and report.commission is not None:
            self.tell(
                ev.OrderFillAmended, order, trade_id=report.trade_id, commission=report.commission
            )
        self.later(lambda: self.sink.account_state(self.venue.account_state()))


VENUES: dict[str, Venue] = {}
"""Where the factories find the venue that a configuration names: a test's stand-in for a wire."""


class VenueDataConfig(LiveDataClientConfig):
    """Names a venue of this process."""

    venue: str


class VenueExecConfig(LiveExecClientConfig):
    """Names a venue of this process."""

    venue: str


class VenueDataFactory:
    """Satisfies posei_trader.protocols.DataClientFactory."""

    @staticmethod
    def create(config: LiveDataClientConfig, context: DataClientContext) -> VenueDataClient:
        if not isinstance(config, VenueDataConfig):
            raise ConfigError(
                f"the data client {context.client_id!r} needs a VenueDataConfig",
                field=f"data_clients.{context.client_id}",
                value=type(config).__name__,
                remedy="use VenueDataConfig",
            )
        return VenueDataClient(VENUES[config.venue], context)


class VenueExecFactory:
    """Satisfies posei_trader.protocols.ExecClientFactory."""

    @staticmethod
    def create(config: LiveExecClientConfig, context: ExecClientContext) -> VenueExecClient:
        return VenueExecClient(VENUES[config.venue], context)
