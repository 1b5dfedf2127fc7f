"""An execution client on a real engine, over a real socket to a simulated gateway."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.client import (
    ConnectionOptions,
    InteractiveBrokersClient,
)
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.execution import InteractiveBrokersExecutionClient
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
)
from posei_trader.config import RoutingConfig
from posei_trader.engine.bus import MessageBus
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import LiveClock
from posei_trader.engine.context import ExecContext
from posei_trader.engine.execution import ExecutionEngine
from posei_trader.engine.risk import RiskEngine
from posei_trader.model.identifiers import ClientId, InstrumentId, StrategyId, TraderId
from posei_trader.trading.factory import OrderFactory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from posei_trader.model.events import OrderEvent
    from posei_trader.model.orders import Order

# Lets the tests of this folder import the kit that stands beside them.
sys.path.insert(0, str(Path(__file__).parent))

START = "2024-03-05T15:00:00Z"
STRATEGY = StrategyId("Tester-001")


class Desk:
    """Everything between a strategy's order and the simulated venue's books."""

    def __init__(
        self,
        gateway: SimulatedIBGateway,
        client_id: int = 1,
        *,
        connection: InteractiveBrokersClient | None = None,
        **settings: object,
    ) -> None:
        self.gateway = gateway
        self.clock = LiveClock()
        self.bus = MessageBus()
        self.cache = Cache()
        trader_id = TraderId("TRADER-001")
        self.risk = RiskEngine(self.cache, self.clock)
        self.engine = ExecutionEngine(trader_id, self.bus, self.cache, self.clock, self.risk)
        self.connection = connection or InteractiveBrokersClient(
            gateway.host,
            gateway.port,
            client_id,
            request_timeout=30,
            options=ConnectionOptions(connection_timeout=30, first_pause=0.02, longest_pause=0.05),
        )
        provider_config = InteractiveBrokersInstrumentProviderConfig(
            load_ids=frozenset({"AAPL.NASDAQ", "EUR/USD.IDEALPRO"})
        )
        config = InteractiveBrokersExecClientConfig(
            ibg_port=gateway.port,
            instrument_provider=provider_config,
            routing=RoutingConfig(default=True),
            request_timeout=30,
            **settings,
        )
        provider = InteractiveBrokersInstrumentProvider(
            self.connection, provider_config, store=self.cache
        )
        context = ExecContext(
            client_id=ClientId("IB"),
            trader_id=trader_id,
            clock=self.clock,
            cache=self.cache,
            sink=self.engine,
        )
        self.client = InteractiveBrokersExecutionClient(self.connection, provider, config, context)
        self.engine.add_client(self.client, config.routing)
        self.engine.register_strategy(STRATEGY)
        self.commands = self.engine.commands
        self.factory = OrderFactory(
            trader_id, STRATEGY, "001", self.clock, lambda name: self.cache.order(name) is not None
        )
        self.events: list[OrderEvent] = []
        self.bus.topic(f"events.order.{STRATEGY}")
        self.bus.subscribe(f"events.order.{STRATEGY}", self.events.append)

    async def connect(self) -> None:
        await self.client.connect()
        await self.engine.reconcile(self.client)

    async def lose_connection(self) -> None:
        """Cut the socket and wait until the client has noticed."""
        self.gateway.faults.drop()
        await self.until(lambda: not self.client.is_connected)

    async def reconciled(self) -> None:
        """Wait until the connection is back and the engine may trade again."""
        await self.until(lambda: self.engine.may_trade(self.client.client_id))

    async def close(self) -> None:
        await self.engine.stop()
        await self.client.disconnect()

    def names(self, order: Order) -> list[str]:
        return [
            type(event).__name__.removeprefix("Order")
            for event in order.events
            if type(event).__name__ != "OrderInitialized"
        ]

    async def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Let the loop run until a condition holds; the venue answers over a real socket."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  what is waited for comes from several parts
                await asyncio.sleep(0.001)

    async def done(self, order: Order) -> None:
        await self.until(lambda: order.is_closed)

    def check(self) -> None:
        """Fail if the engine met an event that cannot be."""
        bad = {
            name: count
            for name, count in self.engine.counters.snapshot().items()
            if name
            in {"events_that_cannot_be", "events_of_unknown_orders", "reports_not_understood"}
        }
        assert not bad
        assert self.connection.health().handler_errors == 0
        assert self.connection.health().malformed == 0


@pytest.fixture
def aapl() -> InstrumentId:
    return InstrumentId("AAPL.NASDAQ")


@pytest.fixture
async def start_gateway() -> AsyncIterator[Callable[..., object]]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: object) -> SimulatedIBGateway:
            settings = {
                "speed": 1.0,
                "start": START,
                "fill_on": "standing_quote",
                "pacing": False,
                **settings,
            }
            return await stack.enter_async_context(
                SimulatedIBGateway(SimulatedIBGatewayConfig(**settings))
            )

        yield start


@pytest.fixture
async def open_desk(start_gateway) -> AsyncIterator[Callable[..., object]]:
    desks: list[Desk] = []

    async def open_(
        gateway: SimulatedIBGateway | None = None, *, connect: bool = True, **settings: object
    ) -> Desk:
        desk = Desk(gateway or await start_gateway(), **settings)
        desks.append(desk)
        if connect:
            await desk.connect()
        return desk

    yield open_
    for desk in desks:
        await desk.close()


@pytest.fixture
async def desk(open_desk) -> Desk:
    return await open_desk()
