"""One life of a node: engine, durable store and execution client, until it is killed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chaos_kit.mortal import MortalStore
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
from posei_trader.config import LiveRiskEngineConfig, RoutingConfig
from posei_trader.engine.bus import MessageBus
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import LiveClock
from posei_trader.engine.context import ExecContext
from posei_trader.engine.execution import ExecutionEngine
from posei_trader.engine.risk import RiskEngine
from posei_trader.errors import PoseiError
from posei_trader.model.identifiers import ClientId, StrategyId, TraderId
from posei_trader.trading.factory import OrderFactory

if TYPE_CHECKING:
    from pathlib import Path

    from chaos_kit.victim import Address
    from posei_ib_sim.gateway import SimulatedIBGateway

STRATEGY = StrategyId("Chaos-001")
INSTRUMENTS = ("AAPL.NASDAQ", "EUR/USD.IDEALPRO")
CLIENT = 1
_TRADER = TraderId("TRADER-001")


class Node:
    """A node that trades until it is killed or stopped.

    Args:
        gateway: The gateway, or where it listens when it is in another process.
        store: The file of its store.
        clock: Time; None for that of a loop whose time jumps.
    """

    def __init__(
        self, gateway: SimulatedIBGateway | Address, store: Path, clock: LiveClock | None = None
    ) -> None:
        self.gateway = gateway
        self.store = MortalStore(store)
        if clock is None:
            loop = asyncio.get_running_loop()
            clock = LiveClock(loop.wall_ns, loop.wall_ns)
        self.cache = Cache()
        risk = RiskEngine(self.cache, clock, LiveRiskEngineConfig(max_orders_per_second=1_000_000))
        self.engine = ExecutionEngine(
            _TRADER, MessageBus(), self.cache, clock, risk, store=self.store
        )
        provider_config = InteractiveBrokersInstrumentProviderConfig(
            load_ids=frozenset(INSTRUMENTS)
        )
        config = InteractiveBrokersExecClientConfig(
            ibg_port=gateway.port,
            ibg_client_id=CLIENT,
            fetch_all_open_orders=True,
            instrument_provider=provider_config,
            routing=RoutingConfig(default=True),
        )
        self.connection = InteractiveBrokersClient(
            gateway.host,
            gateway.port,
            CLIENT,
            clock=clock,
            options=ConnectionOptions(first_pause=0.2, longest_pause=2.0),
        )
        provider = InteractiveBrokersInstrumentProvider(
            self.connection, provider_config, clock=clock, store=self.cache
        )
        context = ExecContext(
            client_id=ClientId("IB"),
            trader_id=_TRADER,
            clock=clock,
            cache=self.cache,
            sink=self.engine,
        )
        self.client = InteractiveBrokersExecutionClient(self.connection, provider, config, context)
        self.engine.add_client(self.client, config.routing)
        self.engine.register_strategy(STRATEGY)
        self.factory = OrderFactory(
            _TRADER, STRATEGY, "001", clock, lambda name: self.cache.order(name) is not None
        )
        self.commands = self.engine.commands
        self.is_dead = False
        self._burial: asyncio.Task[None] | None = None

    @property
    def may_trade(self) -> bool:
        return self.client.is_connected and self.engine.may_trade(self.client.client_id)

    async def live(self) -> None:
        """Restore, connect and reconcile, however often the venue fails meanwhile."""
        self.engine.load()
        while not self.may_trade:
            try:
                await self.client.connect()
                await self.engine.reconcile(self.client)
            except PoseiError:
                await asyncio.sleep(0.5)

    def kill(self, remains: Path) -> None:
        """Die now: the files stay as they are, the socket is cut, nothing else is sent."""
        if self.is_dead:
            return
        self.is_dead = True
        self.store.remains(remains)
        self.gateway.faults.drop()
        self._burial = asyncio.get_running_loop().create_task(self.stop())

    async def buried(self) -> None:
        """Wait until nothing is left of it in this process."""
        if self._burial is not None:
            await self._burial

    async def stop(self) -> None:
        await self.engine.stop()
        await self.client.disconnect()
        self.engine.close_store()
