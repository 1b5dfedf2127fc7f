"""The gateway as users hold it in their hands, blocking or asynchronous."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self, TypeVar

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.container import GatewayContainer, HasLogs
from posei_trader.adapters.ib_docker.controller import GatewayController
from posei_trader.adapters.ib_docker.engine.docker_engine import DockerEngine
from posei_trader.adapters.ib_docker.handshake import HandshakeFailed, shake_hands
from posei_trader.adapters.ib_docker.plan import container_name
from posei_trader.adapters.ib_docker.states import GatewayState
from posei_trader.adapters.ib_docker.status import GatewayStatus, logged_in, look
from posei_trader.errors import InvalidRequest
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
    from posei_trader.adapters.ib_docker.engine.seam import ContainerEngine
    from posei_trader.adapters.ib_docker.states import Notice

_log = get_logger("DockerizedIBGateway")
_T = TypeVar("_T")


class DockerizedIBGateway:
    """Run the IB Gateway of one login in a container.

    Constructing does nothing. There are two ways to use it:

    - **Blocking**, as in a script: `start`, `stop`, `status`, or ``with gateway:``.
      Nothing runs in the background between the calls; each question is answered by looking.
    - **Asynchronous**, as a node does: `start_async`, `stop_async`, or ``async with gateway:``.
      A supervisor task then follows the gateway through daily restarts, second factors and
      crashes, and tells the `listener`.

    A running container of the same instance and settings is adopted, whoever started it, and is
    left running by `stop` and by leaving a ``with`` block; a container that this object created is
    removed. A process that ends without `stop` leaves the gateway up for the next one.

    Args:
        config: What to run.
        listener: Is told every notice (see `states`), on the event loop, in order; must not block.
        engine: Another engine than the one that the configuration names.
    """

    def __init__(
        self,
        config: DockerizedIBGatewayConfig,
        *,
        listener: Callable[[Notice], None] | None = None,
        engine: ContainerEngine | None = None,
    ) -> None:
        self.config = config
        self._engine: ContainerEngine = engine or DockerEngine(config.docker_url)
        self._controller = GatewayController(config, self._engine, listener)
        self._starting: asyncio.Task[None] | None = None
        self._waiting = 0

    # --- the Gateway protocol ----------------------------------------------------------------

    @property
    def host(self) -> str:
        """Where to connect to; before the start, what the configuration says."""
        return self._address()[0]

    @property
    def port(self) -> int:
        """The port to connect to; for ``trading_mode="both"`` the one of the live gateway.

        Before the start it is what the configuration says, and 0 when any free port will do.
        """
        return self._address()[1]

    def is_ready(self) -> bool:
        """Whether clients can connect now.

        Under a supervisor this is what it knows; otherwise a handshake is made, which needs a
        thread without a running event loop.
        """
        if self._controller.is_supervised:
            return self._controller.is_ready
        if self._controller.container is None or _inside_loop():
            return False
        return asyncio.run(self._all_answer())

    async def start_async(self) -> None:
        """Start or adopt the container; returns when the gateway serves. Idempotent.

        Concurrent calls share one start. Cancelling the last of them takes down what was created.

        Raises:
            GatewayError: The class says why; nothing is left behind unless it was asked for.
            MissingDependency: The `docker` package is not installed.
        """
        try:
            await self._start_shared(limit=None, force=False, adopt_any=False)
        finally:
            self._let_go()

    async def stop_async(self, *, adopted: bool = False) -> None:
        """Stop what this object started and stop watching. Idempotent; never raises.

        Args:
            adopted: Stop a container that was adopted, too.
        """
        try:
            await self._stop(adopted=adopted)
        except errors.GatewayError as error:
            _log.error("the gateway could not be stopped", reason=error.message)
        finally:
            self._let_go()

    # --- blocking ----------------------------------------------------------------------------

    def start(self, wait: float | None = None, *, force: bool = False) -> None:
        """Start or adopt the container and block until the gateway serves. Idempotent.

        Args:
            wait: Seconds to wait instead of the configured `timeout`.
            force: Try credentials that were refused a short while ago.

        Raises:
            GatewayError: The class says why; nothing is left behind unless it was asked for.
            MissingDependency: The `docker` package is not installed.
            InvalidRequest: An event loop runs in this thread.
        """
        self._block("start", self._start_and_leave(limit=wait, force=force, adopt_any=False))

    def safe_start(self, wait: float | None = None) -> None:
        """Start the gateway, or take a running instance as it is, whatever its settings.

        Raises:
            GatewayError: As `start`.
        """
        self._block("start", self._start_and_leave(limit=wait, force=False, adopt_any=True))

    def stop(self, *, adopted: bool = False) -> None:
        """Stop and remove what this object started. Idempotent.

        Args:
            adopted: Stop a container that was adopted, too.

        Raises:
            EngineUnavailable: The engine does not answer.
            InvalidRequest: An event loop runs in this thread.
        """
        self._block("stop", self._stop(adopted=adopted))

    def status(self) -> GatewayStatus:
        """Look at the instance, whoever started it: container, log, one handshake.

        Raises:
            EngineUnavailable: The engine does not answer.
            InvalidRequest: An event loop runs in this thread.
        """
        return self._block("status", self.status_async())

    # --- looking -----------------------------------------------------------------------------

    async def status_async(self) -> GatewayStatus:
        """Look at the instance, whoever started it: container, log, one handshake.

        Raises:
            EngineUnavailable: The engine does not answer.
        """
        try:
            return await look(self.config, self._engine)
        finally:
            self._let_go()

    @property
    def container(self) -> GatewayContainer:
        """The container.

        Raises:
            NotStarted: It has not been started.
        """
        facts = self._controller.container
        if facts is None:
            raise errors.NotStarted("the gateway has no container")
        return GatewayContainer(facts.id, facts.name, self._engine, self._controller.redact)

    @property
    def container_status(self) -> GatewayState:
        """Where the gateway stands; blocks for a look when no supervisor knows."""
        board = self._controller.board
        if board is not None and (self._controller.is_supervised or _inside_loop()):
            machines = board.machines.values()
            return next((one.state for one in machines if not one.is_ready), GatewayState.READY)
        return GatewayState(self.status().state)

    def is_logged_in(self, container: HasLogs) -> bool:
        """Return whether the last life of the program in this container completed its login.

        Only the log is read; `is_ready` also asks the API.
        """
        # In the log for people a marker could be hidden by a redacted word.
        raw = container.raw_logs if isinstance(container, GatewayContainer) else container.logs
        return logged_in(self.config, raw())

    @property
    def ports(self) -> Mapping[str, int]:
        """The port of each mode.

        Raises:
            NotStarted: It has not been started.
        """
        return {mode: self._controller.address(mode)[1] for mode in self.config.modes}

    @property
    def is_adopted(self) -> bool:
        """Whether the container ran before this object came."""
        return self._controller.adopted

    @property
    def vnc_password(self) -> str | None:
        """The VNC password, given or made up at the start; None without VNC."""
        return self._controller.vnc_password

    async def restart_async(self) -> None:
        """Replace the container; returns when the new one, logged in from scratch, serves.

        A live login will ask for its second factor.

        Raises:
            NotStarted: No supervisor is at work: use `start_async` first.
            GatewayError: As `start_async`.
        """
        await self._controller.restart()

    async def renew_async(self) -> None:
        """Replace the running container by a new one and leave that running.

        When none runs one is started, and that is all: it has just logged in.

        Raises:
            GatewayError: As `start_async`.
        """
        try:
            await self._controller.start(adopt_any=True)
            if self._controller.adopted:
                await self._controller.restart()
        finally:
            await self._controller.detach()
            self._let_go()

    # --- context managers --------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await self.start_async()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_async()

    def __repr__(self) -> str:
        return f"DockerizedIBGateway(instance={self.config.instance_name!r})"

    # --- inside ------------------------------------------------------------------------------

    def _address(self) -> tuple[str, int]:
        mode = self.config.modes[0]
        if self._controller.container is not None:
            return self._controller.address(mode)
        if self.config.network:
            return container_name(self.config), self.config.profile.api_port(mode)
        return self.config.bind_host, self.config.host_ports[mode]

    async def _start_shared(self, *, limit: float | None, force: bool, adopt_any: bool) -> None:
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(
                self._controller.start(limit=limit, force=force, adopt_any=adopt_any)
            )
            self._waiting = 0
        task = self._starting
        self._waiting += 1
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._waiting == 1 and not task.done():
                task.cancel()
                await asyncio.wait({task})
            raise
        finally:
            self._waiting -= 1

    async def _start_and_leave(self, *, limit: float | None, force: bool, adopt_any: bool) -> None:
        try:
            await self._controller.start(limit=limit, force=force, adopt_any=adopt_any)
        finally:
            # The loop ends with this call, and the supervisor must not be cut off by that.
            await self._controller.detach()

    async def _stop(self, *, adopted: bool) -> None:
        task, self._starting = self._starting, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task})
        if self._controller.adopted and not adopted:
            await self._controller.detach()
        elif self._controller.container is not None or adopted:
            await self._controller.stop()

    def _block(self, name: str, work: Coroutine[object, object, _T]) -> _T:
        if _inside_loop():
            work.close()
            raise InvalidRequest(
                f"{name}() would block the event loop of this thread",
                remedy=f"use 'await gateway.{name}_async()' (notebooks have a running loop, too)",
            )
        try:
            return asyncio.run(work)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Close the connections to the engine unless the supervisor needs them."""
        if not self._controller.is_supervised:
            self._engine.close()

    async def _all_answer(self) -> bool:
        for mode in self.config.modes:
            try:
                await shake_hands(*self._controller.address(mode))
            except (HandshakeFailed, errors.NotStarted):
                return False
        return True


def _inside_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
