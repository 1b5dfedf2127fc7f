"""A data client over a real socket to a simulated gateway, and a sink that remembers."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.client import (
    ConnectionOptions,
    InteractiveBrokersClient,
)
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.data import InteractiveBrokersDataClient
from posei_trader.adapters.interactive_brokers.data.prevailing import Prevailing
from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
)
from posei_trader.adapters.interactive_brokers.traded import Traded
from posei_trader.config import RoutingConfig
from posei_trader.engine.bus import MessageBus
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import LiveClock, SimulatedClock
from posei_trader.engine.context import DataContext
from posei_trader.engine.data import DataEngine
from posei_trader.engine.execution import ExecutionEngine
from posei_trader.engine.portfolio import Portfolio
from posei_trader.engine.risk import RiskEngine
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AssetClass
from posei_trader.model.identifiers import ClientId, InstrumentId, Symbol, TraderId
from posei_trader.model.instruments import Equity
from posei_trader.model.requests import DataKind, Subscription
from posei_trader.model.values import Price
from posei_trader.trading.trader import Trader
from posei_trader.trading.wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
    from posei_trader.config import LiveDataEngineConfig
    from posei_trader.model.bars import BarType
    from posei_trader.trading.actor import Actor


class Collector:
    """A data sink that keeps what it is given, in order."""

    def __init__(self) -> None:
        self.quotes: list[object] = []
        self.trades: list[object] = []
        self.bars: list[object] = []
        self.deltas: list[object] = []
        self.instruments: list[object] = []
        self.statuses: list[object] = []
        self.index_prices: list[object] = []
        self.failures: list[tuple[object, Exception]] = []
        self.connections: list[bool] = []
        self.quote_tick = self.quotes.append
        self.trade_tick = self.trades.append
        self.quote_ticks = self.quotes.extend
        self.trade_ticks = self.trades.extend
        self.bar = self.bars.append
        self.order_book_deltas = self.deltas.append
        self.instrument = self.instruments.append
        self.instrument_status = self.statuses.append
        self.index_price = self.index_prices.append
        self.greeks: list[object] = []
        self.interest: list[object] = []
        self.gaps: list[tuple[object, int, int, str]] = []
        self.silences: list[tuple[object, int, str]] = []
        self.option_greeks = self.greeks.append
        self.open_interest = self.interest.append

    def data_gap(self, subscription: object, start_ns: int, end_ns: int, reason: str) -> None:
        self.gaps.append((subscription, start_ns, end_ns, reason))

    def stream_silent(self, subscription: object, since_ns: int, reason: str) -> None:
        self.silences.append((subscription, since_ns, reason))

    def subscription_failed(self, subscription: object, error: Exception) -> None:
        self.failures.append((subscription, error))

    def connection_changed(self, client_id: object, *, connected: bool, reason: str) -> None:
        self.connections.append(connected)


class Host:
    """What a stream's handler asks of the data client: answers that the test lays ready."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.bars_limit_ns = 7 * 86_400 * 10**9
        self.ticks_limit_ns = 900 * 10**9
        self.lost: int | None = None
        self.is_out = False
        self.is_doubtful = False
        self.ahead_ns = 0
        self.is_opened = True
        self.failures: list[object] = []
        self.asked: list[tuple[int, int]] = []
        self.answer: list[object] | Exception = []
        self.tasks: list[asyncio.Task[None]] = []

    def stream_failed(self, subscription: object, error: Exception) -> None:
        self.failures.append((subscription, error))

    def is_open(self, subscription: object) -> bool:
        return self.is_opened

    def is_interrupted(self, subscription: object) -> bool:
        return self.is_out

    def is_in_doubt(self, subscription: object) -> bool:
        return self.is_doubtful

    def clock_ahead_ns(self) -> int:
        return self.ahead_ns

    def lost_ns(self, subscription: object) -> int:
        return self.clock.timestamp_ns() if self.lost is None else self.lost

    def spawn(self, work: object) -> asyncio.Task[None]:
        self.tasks.append(asyncio.get_running_loop().create_task(work))
        return self.tasks[-1]

    async def settled(self) -> None:
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _answer(self, start_ns: int, end_ns: int) -> list[object]:
        self.asked.append((start_ns, end_ns))
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return [item for item in self.answer if start_ns <= item.ts_event < end_ns]

    async def fetch_bars(self, traded, bar_type, start_ns, end_ns, *, use_rth):
        return await self._answer(start_ns, end_ns)

    async def fetch_quotes(self, traded, start_ns, end_ns):
        return await self._answer(start_ns, end_ns)

    async def fetch_trades(self, traded, start_ns, end_ns):
        return await self._answer(start_ns, end_ns)


class VenueClock:
    """The simulated venue's clock, as a node's: whoever steps the venue moves both.

    It may be ahead of the venue's by some seconds.
    """

    def __init__(self, gateway: SimulatedIBGateway, ahead: float = 0.0) -> None:
        self._clock = gateway.clock
        self._ahead_ns = int(ahead * 10**9)

    def timestamp_ns(self) -> int:
        return self._clock.now_ns + self._ahead_ns

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> object:
        return self._clock.call_at(when_ns - self._ahead_ns, callback)


class Feed:
    """Everything between the simulated venue's prices and the sink."""

    def __init__(
        self,
        gateway: SimulatedIBGateway,
        *,
        sink: object = None,
        cache: Cache | None = None,
        limits: PacingLimits | None = None,
        **settings: object,
    ) -> None:
        self.gateway = gateway
        self.sink = sink or Collector()
        # As in a node, the connection and the data client then have one clock.
        ahead = settings.pop("ahead", None)
        skewed = None if ahead is None else VenueClock(gateway, ahead)
        self.connection = InteractiveBrokersClient(
            gateway.host,
            gateway.port,
            1,
            clock=skewed,
            request_timeout=30,
            limits=limits,
            options=ConnectionOptions(connection_timeout=30, first_pause=0.02, longest_pause=0.05),
        )
        is_on_venue_time = settings.pop("is_on_venue_time", False)
        clock = skewed or (VenueClock(gateway) if is_on_venue_time else LiveClock())
        load = settings.pop("load_ids", frozenset({"AAPL.NASDAQ", "EUR/USD.IDEALPRO"}))
        provider_config = InteractiveBrokersInstrumentProviderConfig(load_ids=load)
        config = InteractiveBrokersDataClientConfig(
            **{
                "ibg_port": gateway.port,
                "instrument_provider": provider_config,
                "request_timeout": 30,
                **settings,
            }
        )
        cache = cache or Cache()
        self.provider = InteractiveBrokersInstrumentProvider(
            self.connection, provider_config, store=cache
        )
        context = DataContext(
            client_id=ClientId("IB"),
            trader_id=TraderId("TRADER-001"),
            clock=clock,
            cache=cache,
            sink=self.sink,
        )
        self.client = InteractiveBrokersDataClient(self.connection, self.provider, config, context)

    async def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Let the loop run until a condition holds; the venue answers over a real socket."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  what is waited for comes from several parts
                await asyncio.sleep(0.001)

    async def synced(self) -> None:
        """Return when the venue has read everything that was sent: it answers in order."""
        await self.connection.get_matching_contracts("A")

    async def subscribe(self, subscription: Subscription) -> None:
        await self.client.subscribe(subscription)
        await self.synced()

    async def run(self, seconds: float) -> None:
        """Move the simulated time on, and let everything that was sent arrive."""
        await self.gateway.advance(seconds)
        await self.synced()

    def check(self) -> None:
        """Fail if a handler failed or a message did not decode."""
        assert self.connection.health().handler_errors == 0
        assert self.connection.health().malformed == 0


class Desk(Feed):
    """A feed, a data engine and actors, wired as a node wires them, on the venue's time."""

    def __init__(
        self,
        gateway: SimulatedIBGateway,
        actors: list[Actor],
        engine: LiveDataEngineConfig | None = None,
        **settings: object,
    ) -> None:
        clock, bus, cache = VenueClock(gateway), MessageBus(), Cache()
        self.engine = DataEngine(bus, cache, clock, engine)
        settings.setdefault("is_on_venue_time", True)
        super().__init__(gateway, sink=self.engine, cache=cache, **settings)
        self.engine.add_client(self.client, RoutingConfig(default=True))
        risk = RiskEngine(cache, clock)
        execution = ExecutionEngine(TraderId("TRADER-001"), bus, cache, clock, risk)
        self.trader = Trader(
            Wiring(
                trader_id=TraderId("TRADER-001"),
                clock=clock,
                bus=bus,
                cache=cache,
                data=self.engine,
                execution=execution,
                risk=risk,
                portfolio=Portfolio(cache, execution.account_of_venue),
            )
        )
        for actor in actors:
            self.trader.add_actor(actor)

    async def settled(self) -> None:
        """Return when the venue has every subscription that is wanted, and no other."""
        await self.engine.settle()
        await self.synced()


@pytest.fixture
def sink() -> Collector:
    return Collector()


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(1_709_650_800 * 10**9)


@pytest.fixture
def host(clock) -> Host:
    return Host(clock)


@pytest.fixture
def make_context(sink, clock, host) -> Callable[..., StreamContext]:
    """Make what a stream's handler needs, for a share or for a future that IB quotes in cents."""

    def make(
        *,
        magnifier: int = 1,
        prevailing: Prevailing | None = None,
        bar_type: BarType | None = None,
        kind: DataKind = DataKind.QUOTE_TICKS,
        contract: IBContract | None = None,
    ) -> StreamContext:
        instrument = Equity(
            id=InstrumentId("AAPL.NASDAQ"),
            raw_symbol=Symbol("AAPL"),
            asset_class=AssetClass.EQUITY,
            quote_currency=Currency.of("USD"),
            price_precision=2,
            price_increment=Price("0.01"),
        )
        share = IBContract(secType="STK", symbol="AAPL", exchange="SMART", conId=265598)
        return StreamContext(
            Subscription(kind, instrument.id, bar_type),
            Traded(instrument, contract or share, magnifier),
            prevailing or Prevailing(),
            sink,
            clock,
            host,
        )

    return make


@pytest.fixture
def aapl() -> InstrumentId:
    return InstrumentId("AAPL.NASDAQ")


@pytest.fixture
async def start_gateway() -> AsyncIterator[Callable[..., object]]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: object) -> SimulatedIBGateway:
            settings = {
                "speed": "step",
                "start": "2024-03-05T15:00:00Z",
                "pacing": False,
                **settings,
            }
            return await stack.enter_async_context(
                SimulatedIBGateway(SimulatedIBGatewayConfig(**settings))
            )

        yield start


@pytest.fixture
async def open_feed(start_gateway) -> AsyncIterator[Callable[..., object]]:
    feeds: list[Feed] = []

    async def open_(gateway: SimulatedIBGateway | None = None, **settings: object) -> Feed:
        feed = Feed(gateway or await start_gateway(), **settings)
        feeds.append(feed)
        await feed.client.connect()
        return feed

    yield open_
    for feed in feeds:
        await feed.client.disconnect()


@pytest.fixture(scope="session")
def desk_type() -> type[Desk]:
    """Return what makes desks, for tests that bring a loop of their own."""
    return Desk


@pytest.fixture
async def open_desk(start_gateway) -> AsyncIterator[Callable[..., object]]:
    """Open a desk on a gateway; its actors run."""
    desks: list[Desk] = []

    async def open_(
        actors: list[Actor], gateway: SimulatedIBGateway | None = None, **settings: object
    ) -> Desk:
        desk = Desk(gateway or await start_gateway(), actors, **settings)
        desks.append(desk)
        await desk.client.connect()
        desk.trader.start()
        await desk.settled()
        return desk

    yield open_
    for desk in desks:
        await desk.trader.close()
        await desk.engine.stop()
        await desk.client.disconnect()


@pytest.fixture
def shared_data() -> Path:
    """Real market data beside the project."""
    path = Path(__file__).resolve().parents[5] / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"real market data is not at {path}")
    return path


@pytest.fixture
async def feed(open_feed) -> Feed:
    return await open_feed()
