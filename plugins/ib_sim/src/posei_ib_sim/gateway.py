"""The simulated gateway as an object: start it, point any IB client at its port, look inside."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Self, final

from posei_ib_sim.config import SimulatedIBGatewayConfig
from posei_ib_sim.logs import get_logger
from posei_ib_sim.market.replay import ReplayFile
from posei_ib_sim.orders.manual import ManualOrders
from posei_ib_sim.server.control import ControlServer
from posei_ib_sim.server.driver import Driver
from posei_ib_sim.server.faults import Faults
from posei_ib_sim.server.scenario import ScenarioRunner, scenario_of
from posei_ib_sim.server.server import Server
from posei_ib_sim.simulation import Simulation
from posei_ib_sim.truth import Truth

if TYPE_CHECKING:
    from types import TracebackType

    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.orders import SimOrder
    from posei_ib_sim.wire import Order

__all__ = ["ReplayFile", "SimulatedIBGateway", "SimulatedIBGatewayConfig"]

_log = get_logger(__name__)


@final
class SimulatedIBGateway:
    """A simulated IB Gateway in the caller's event loop.

    Use it as an async context manager, or call `start` and `stop`. A gateway can be started again
    after it was stopped; each start begins with fresh accounts and no orders.

    Args:
        config: What to simulate; the default is real-time synthetic prices on a free port.
    """

    def __init__(self, config: SimulatedIBGatewayConfig | None = None) -> None:
        self.config: Final = config if config is not None else SimulatedIBGatewayConfig()
        self.replay_finished: Final = asyncio.Event()
        self._host = self.config.host
        self._port = self.config.port
        self._server: Server | None = None
        self._simulation: Simulation | None = None
        self._driver: Driver | None = None
        self._task: asyncio.Task[None] | None = None
        self._control: ControlServer | None = None
        self._manual: Final = ManualOrders()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Read the data, then listen. Does nothing when already started.

        Data files are read and checked in a worker thread before anything listens.

        Raises:
            ConfigurationError: A setting or data file cannot be used, or the port is taken; then
                nothing is left running.
        """
        if self._server is not None:
            return
        self.replay_finished.clear()
        server = Server(self.config)
        try:
            simulation = await asyncio.to_thread(Simulation, self.config, server.reports)
            server.attach(simulation)
            driver = Driver(simulation.clock, server, self.config)
            simulation.on_replay_end = lambda: self._replay_ended(driver)
            server.on_activity = driver.activity
            scenario = scenario_of(self.config.scenario, self.config.faults)
            if scenario.steps:
                runner = ScenarioRunner(scenario, Faults(server), simulation.clock)
                server.on_event = runner.happened
            self._host, self._port = await server.listen()
            if self.config.control_port is not None:
                self._control = ControlServer(self, self.config.control_port)
                await self._control.start()
        except BaseException:
            self._control = None
            await server.close()
            raise
        self._server, self._simulation, self._driver = server, simulation, driver
        self._task = asyncio.create_task(driver.run(), name="simulated clock")
        self._task.add_done_callback(self._clock_ended)
        _log.info("simulated gateway listens", host=self._host, port=self._port)

    async def stop(self) -> None:
        """Close all connections and stop; does nothing when not started.

        Raises:
            Exception: What made the simulation fail, if it did.
            ConfigurationError: After a restart, the port stayed taken.
        """
        server, task, control = self._server, self._task, self._control
        self._server = self._task = self._control = None
        if control is not None:
            await control.stop()
        lost_port = None
        if server is not None:
            lost_port = server.failure
            await server.close()
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if lost_port is not None:
            raise lost_port

    async def start_async(self) -> None:
        """Start; the name under which PoseiTrader starts any gateway."""
        await self.start()

    async def stop_async(self) -> None:
        """Stop; the name under which PoseiTrader stops any gateway."""
        await self.stop()

    @property
    def failure(self) -> BaseException | None:
        """What made the gateway fail, `None` while it has not; `stop` raises it."""
        task = self._task
        if task is not None and task.done() and not task.cancelled() and task.exception():
            return task.exception()
        return self._server.failure if self._server is not None else None

    def is_ready(self) -> bool:
        """Tell whether clients can connect."""
        return self._server is not None and self._server.is_listening

    @property
    def host(self) -> str:
        """Address that the gateway listens on."""
        return self._host

    @property
    def port(self) -> int:
        """Port that the gateway listens on; the chosen one after the start, if it was 0."""
        return self._port

    @property
    def control_port(self) -> int:
        """Port for control by another process."""
        if self._control is None:
            raise RuntimeError("there is no control port; set control_port in the configuration")
        return self._control.port

    @property
    def clock(self) -> SimulatedClock:
        """The simulated clock."""
        return self._started.clock

    @property
    def truth(self) -> Truth:
        """What really happened: orders, executions, positions, cash."""
        return Truth(self._started)

    @property
    def faults(self) -> Faults:
        """What can be made to go wrong."""
        if self._server is None:
            raise RuntimeError("the gateway is not started; call start() first")
        return Faults(self._server)

    @property
    def simulation(self) -> Simulation:
        """The simulation behind the sockets."""
        return self._started

    @property
    def server(self) -> Server:
        """The serving side: sessions and counters."""
        if self._server is None:
            raise RuntimeError("the gateway is not started; call start() first")
        return self._server

    def place_by_hand(self, contract: str, order: Order) -> SimOrder:
        """Place an order as a person at TWS does, beside the API; no client owns it.

        Client 0 can bind it. The contract is a short name, such as "AAPL" or "EUR.USD".

        Raises:
            RequestRefused: The order is not taken.
        """
        simulation = self._started
        return self._manual.place(simulation.desk, simulation.contracts.named(contract), order)

    def resume(self) -> None:
        """Let simulated time pass, whatever the start was to wait for."""
        self._driving.resume()

    def pause(self) -> None:
        """Hold simulated time; clients stay connected and are answered."""
        self._driving.pause()

    async def advance(self, seconds: float) -> None:
        """Move a stepped clock (speed "step") on by simulated seconds, running what is due.

        Between moments, what was sent leaves for the clients, and clients in this event loop get
        their turns.
        """
        await self._driving.advance(int(seconds * 1_000_000_000))

    @property
    def _started(self) -> Simulation:
        if self._simulation is None:
            raise RuntimeError("the gateway is not started; call start() first")
        return self._simulation

    @property
    def _driving(self) -> Driver:
        if self._driver is None:
            raise RuntimeError("the gateway is not started; call start() first")
        return self._driver

    def _clock_ended(self, task: asyncio.Task[None]) -> None:
        """Hang up when the simulation has failed: a dead clock must not look like a quiet market.

        The error itself is raised by `stop`.
        """
        if task.cancelled() or task.exception() is None:
            return
        _log.critical("the simulated clock failed", exc_info=task.exception())
        if self._server is not None:
            self._server.hang_up()

    def _replay_ended(self, driver: Driver) -> None:
        self.replay_finished.set()
        driver.replay_ended()
        _log.info("replay finished")
