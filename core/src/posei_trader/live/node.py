"""The trading node: clients, engines and strategies, from build to dispose."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, final

from posei_trader.config import LiveDataClientConfig, LiveExecClientConfig, TradingNodeConfig
from posei_trader.engine.bus import MessageBus
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import LiveClock
from posei_trader.engine.context import DataContext, ExecContext
from posei_trader.engine.data import DataEngine
from posei_trader.engine.execution import ExecutionEngine
from posei_trader.engine.halting import HaltSwitch
from posei_trader.engine.portfolio import Portfolio
from posei_trader.engine.risk import RiskEngine
from posei_trader.errors import InvalidRequest
from posei_trader.live.clients import ClientBuilder
from posei_trader.live.halt_watch import HaltWatch
from posei_trader.live.health import HealthGatherer
from posei_trader.live.health_watch import HealthWatch
from posei_trader.live.imports import imported
from posei_trader.live.loop import run_to_end
from posei_trader.live.phases import Phases
from posei_trader.live.states import NodeState
from posei_trader.live.waiting import unless_hurried, until_asked
from posei_trader.logs import configure_logging
from posei_trader.model.identifiers import ClientId, TraderId
from posei_trader.plugins import LifecycleEvent, LifecycleStage, default_registry
from posei_trader.state_directory import state_directory
from posei_trader.trading.actor import Actor
from posei_trader.trading.strategy import Strategy
from posei_trader.trading.trader import Trader
from posei_trader.trading.wiring import Wiring

if TYPE_CHECKING:
    from pathlib import Path

    from posei_trader.engine.store import OrderStore
    from posei_trader.logs import LogSetup
    from posei_trader.model.health import NodeHealth
    from posei_trader.plugins import Registry
    from posei_trader.protocols import (
        DataClient,
        DataClientContext,
        DataClientFactory,
        ExecClient,
        ExecClientContext,
        ExecClientFactory,
    )

__all__ = ["NodeState", "TradingNode"]

_log: Final = logging.getLogger("posei.TradingNode")


@final
class TradingNode:
    """Trade live: make it, add factories and strategies, `build()`, `run()`, `dispose()`.

    Args:
        config: Settings.
        registry: Where factories that were not added are looked for; None is what is installed.

    Raises:
        ConfigError: the order store cannot be opened, or another process uses it.
        StoreCorrupt: the order store cannot be trusted.
    """

    def __init__(
        self, config: TradingNodeConfig | None = None, *, registry: Registry | None = None
    ) -> None:
        self._config = config or TradingNodeConfig()
        self._registry = (registry or default_registry()).with_pins(self._config.plugin_pins)
        self._trader_id = TraderId(self._config.trader_id)
        self._logs: LogSetup | None = None
        self._state = NodeState.CREATED
        self._stop_reason = ""
        self._stop_event = asyncio.Event()
        self._hurry = asyncio.Event()
        self._ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._phases: Phases | None = None
        self._health: HealthWatch | None = None
        self._data_builder: ClientBuilder[LiveDataClientConfig, DataClientContext, DataClient] = (
            ClientBuilder("data", self._config.data_clients)
        )
        self._exec_builder: ClientBuilder[LiveExecClientConfig, ExecClientContext, ExecClient] = (
            ClientBuilder("exec", self._config.exec_clients)
        )
        self._clock = LiveClock()
        self._cache = Cache()
        bus = MessageBus()
        risk_config = self._config.risk_engine
        halt = HaltSwitch(state_directory(), self._trader_id) if risk_config.obey_halt else None
        risk = RiskEngine(
            self._cache, self._clock, risk_config, None if halt is None else halt.state
        )
        store = _store(self._config.exec_engine.store_path)
        self._data = DataEngine(bus, self._cache, self._clock, self._config.data_engine)
        self._execution = ExecutionEngine(
            self._trader_id,
            bus,
            self._cache,
            self._clock,
            risk,
            self._config.exec_engine,
            store,
        )
        self._halt_watch = (
            None
            if halt is None
            else HaltWatch(
                self._trader_id, halt, self._clock, self._cache, self._execution.commands
            )
        )
        self._portfolio = Portfolio(self._cache, self._execution.account_of_venue)
        self._wiring = Wiring(
            trader_id=self._trader_id,
            clock=self._clock,
            bus=bus,
            cache=self._cache,
            data=self._data,
            execution=self._execution,
            risk=risk,
            portfolio=self._portfolio,
        )
        self._trader = Trader(self._wiring)

    # -- parts ----------------------------------------------------------------------------------

    @property
    def trader_id(self) -> TraderId:
        """Return the node's name."""
        return self._trader_id

    @property
    def state(self) -> NodeState:
        """Return where the node is in its life."""
        return self._state

    @property
    def is_built(self) -> bool:
        """Return whether the clients were made."""
        return self._state not in {NodeState.CREATED, NodeState.DISPOSED}

    @property
    def is_running(self) -> bool:
        """Return whether strategies run."""
        return self._state is NodeState.RUNNING

    @property
    def cache(self) -> Cache:
        """Return what the node knows."""
        return self._cache

    @property
    def portfolio(self) -> Portfolio:
        """Return balances, positions and profit."""
        return self._portfolio

    @property
    def trader(self) -> Trader:
        """Return the strategies and actors; add yours with `trader.add_strategy`."""
        return self._trader

    @property
    def wiring(self) -> Wiring:
        """Return every part of the node, for tests and tools."""
        return self._wiring

    def health(self) -> NodeHealth:
        """Return how the node is now; cheap enough to ask every second.

        The same is written to a file where the configuration has a `health` section.
        """
        if self._health is not None:
            return self._health.now()
        return HealthGatherer(self._wiring, 0.0).gather(self._state)

    # -- making ---------------------------------------------------------------------------------

    def add_data_client_factory(
        self, name: str, factory: DataClientFactory | type[DataClientFactory]
    ) -> None:
        """Add the factory that makes the data client of a name.

        Raises:
            ConfigError: one was added for this name already, or it has no `create`.
            InvalidRequest: the node is built already.
        """
        self._require(NodeState.CREATED, "add_data_client_factory")
        self._data_builder.add(name, factory)

    def add_exec_client_factory(
        self, name: str, factory: ExecClientFactory | type[ExecClientFactory]
    ) -> None:
        """Add the factory that makes the execution client of a name.

        Raises:
            ConfigError: one was added for this name already, or it has no `create`.
            InvalidRequest: the node is built already.
        """
        self._require(NodeState.CREATED, "add_exec_client_factory")
        self._exec_builder.add(name, factory)

    def build(self) -> None:
        """Make the clients, and the strategies and actors that the configuration names.

        Sets up logging; does no other I/O. A client without an added factory is made by the plugin
        whose provider its configuration names.

        Raises:
            ConfigError: a client cannot be made; names it, its configuration and the remedy.
            PluginError: the plugin that should make it cannot be had.
            InvalidRequest: the node is built already.
        """
        self._require(NodeState.CREATED, "build")
        if self._logs is None:
            self._logs = configure_logging(self._config.logging, trader_id=self._trader_id)
        self._data_builder.check()
        self._exec_builder.check()
        for name, data_config in self._config.data_clients.items():
            data_context = DataContext(
                client_id=ClientId(name),
                trader_id=self.trader_id,
                clock=self._clock,
                cache=self._cache,
                sink=self._data,
            )
            data_client = self._data_builder.build(name, data_context, self._registry)
            self._data.add_client(data_client, data_config.routing)
        for name, exec_config in self._config.exec_clients.items():
            exec_context = ExecContext(
                client_id=ClientId(name),
                trader_id=self.trader_id,
                clock=self._clock,
                cache=self._cache,
                sink=self._execution,
            )
            exec_client = self._exec_builder.build(name, exec_context, self._registry)
            self._execution.add_client(exec_client, exec_config.routing)
        for index, importable in enumerate(self._config.actors):
            self._trader.add_actor(imported(importable, Actor, f"actors.{index}"))
        for index, importable in enumerate(self._config.strategies):
            self._trader.add_strategy(imported(importable, Strategy, f"strategies.{index}"))
        self._phases = Phases(self._config, self._wiring, self._trader)
        if self._config.health is not None:
            self._health = HealthWatch(self._config.health, self._wiring, lambda: self._state)
        self._enter(NodeState.BUILT, LifecycleStage.BUILT)

    # -- running --------------------------------------------------------------------------------

    def run(self) -> None:
        """Run until SIGINT, SIGTERM, `stop()` or a failure. Blocks; returns when all is stopped.

        A signal ends it cleanly in every phase, also while it is still connecting; a second one
        cuts the farewell short.

        Raises:
            PoseiError: it could not be started; everything that was started is stopped again.
            InvalidRequest: the node is not built, or was run already.
        """
        self._require(NodeState.BUILT, "run")
        run_to_end(self._run(), self._on_signal, self._config.timeout_post_stop)

    async def run_async(self) -> None:
        """Run on the present event loop. As `run`, but signals are the caller's.

        Cancelling it stops the node cleanly before the cancellation goes on.
        """
        self._require(NodeState.BUILT, "run_async")
        await self._run()

    def stop(self) -> None:
        """Ask a running node to stop, and return at once. Idempotent; from any thread."""
        self._ask_to_stop("stop() was called")

    async def stop_async(self) -> None:
        """Ask a running node to stop, and wait until it has. Idempotent."""
        self._ask_to_stop("stop_async() was called")
        if self._loop is not None:
            await self._ended.wait()

    def dispose(self) -> None:
        """Release everything. Idempotent; a node that still runs is stopped first.

        Raises:
            InvalidRequest: it runs on this thread's event loop; await `stop_async` there first.
        """
        if self._state is NodeState.DISPOSED:
            return
        if self._state not in {NodeState.CREATED, NodeState.BUILT, NodeState.STOPPED}:
            raise InvalidRequest(
                "a running node cannot be disposed",
                field="state",
                value=self._state,
                remedy="call stop() and wait until run() returns, or await stop_async()",
            )
        self._execution.close_store()
        self._enter(NodeState.DISPOSED, LifecycleStage.DISPOSED)
        if self._logs is not None:
            self._logs.close()

    # -- inside ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        phases = self._phases
        if phases is None:
            raise InvalidRequest("the node is not built", field="state", remedy="call build()")
        self._loop = asyncio.get_running_loop()
        if self._stop_reason:
            self._stop_event.set()
        try:
            await until_asked(
                self._start(phases), self._stop_event, self._config.timeout_disconnection
            )
            if self._state is NodeState.RUNNING:
                await self._stop_event.wait()
        finally:
            await self._shut_down(phases)

    async def _start(self, phases: Phases) -> None:
        self._enter(NodeState.CONNECTING, LifecycleStage.STARTING)
        if self._health is not None:
            self._health.start()
        phases.restore()
        await phases.connect()
        self._enter(NodeState.RECONCILING)
        await phases.reconcile()
        await phases.await_accounts()
        if self._halt_watch is not None:
            self._halt_watch.start()
        self._enter(NodeState.RUNNING, LifecycleStage.RUNNING)
        self._trader.start()

    async def _shut_down(self, phases: Phases) -> None:
        """Stop all; nothing that happens here may keep another part from being stopped."""
        if self._stop_reason:
            _log.info("stopping: %s", self._stop_reason)
        self._enter(NodeState.STOPPING, LifecycleStage.STOPPING)
        self._hurry.clear()
        if self._halt_watch is not None:
            self._halt_watch.stop()
        phases.stop_trading()
        for step in (phases.settle(), phases.close()):
            await unless_hurried(step, self._hurry)
        self._enter(NodeState.STOPPED, LifecycleStage.STOPPED)
        if self._health is not None:
            await self._health.stop()
        self._ended.set()

    def _on_signal(self, name: str) -> None:
        if self._stop_reason:
            _log.warning("%s again: hurrying", name)
            self._hurry.set()
        self._ask_to_stop(name)

    def _ask_to_stop(self, reason: str) -> None:
        self._stop_reason = self._stop_reason or reason
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop_event.set)

    def _require(self, state: NodeState, what: str) -> None:
        if self._state is not state:
            raise InvalidRequest(
                f"{what} is for a node that is {state}",
                field="state",
                value=self._state,
                remedy="the order is: add factories, build(), run(), dispose(); a node runs once",
            )

    def _enter(self, state: NodeState, stage: LifecycleStage | None = None) -> None:
        _log.info("%s: %s -> %s", self.trader_id, self._state, state)
        self._state = state
        if self._health is not None:
            self._health.entered()
        if stage is not None:
            event = LifecycleEvent(stage, self.trader_id, self._clock.timestamp_ns())
            self._registry.announce(event)


def _store(path: Path | None) -> OrderStore | None:
    """Open the orders' store: a node that trades nothing need not load it."""
    if path is None:
        return None
    from posei_trader.engine.sqlite_store import (  # noqa: PLC0415 - as said above
        SqliteOrderStore,
    )

    return SqliteOrderStore(path)
