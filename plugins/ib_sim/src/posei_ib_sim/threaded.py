"""A simulated gateway in a thread of its own, for programs without an event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, final

from posei_ib_sim.gateway import SimulatedIBGateway

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from posei_ib_sim.config import SimulatedIBGatewayConfig

__all__ = ["GatewayThread"]

Result = TypeVar("Result")


@final
class GatewayThread:
    """Runs a `SimulatedIBGateway` in a background thread.

    Everything that touches the gateway itself goes through `call` or `run`, which execute in its
    thread, so a caller never races with the simulation.

    Args:
        config: What to simulate.
    """

    def __init__(self, config: SimulatedIBGatewayConfig | None = None) -> None:
        self._config: Final = config
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gateway: SimulatedIBGateway | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Start the thread and the gateway; returns when clients can connect.

        Raises:
            ConfigurationError: As `SimulatedIBGateway.start`; then no thread is left.
        """
        if self._thread is not None:
            return
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="simulated gateway", daemon=True)
        thread.start()
        self._thread, self._loop = thread, loop
        try:
            self._gateway = self.run(_started(self._config))
        except BaseException:
            self._end_thread()
            raise

    def stop(self) -> None:
        """Stop the gateway and its thread; does nothing when not started."""
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            self.run(gateway.stop())
        self._end_thread()

    @property
    def host(self) -> str:
        """Address that the gateway listens on."""
        return self.gateway.host

    @property
    def port(self) -> int:
        """Port that the gateway listens on."""
        return self.gateway.port

    @property
    def gateway(self) -> SimulatedIBGateway:
        """The gateway; use it through `call` and `run`."""
        if self._gateway is None:
            raise RuntimeError("the gateway is not started; call start() first")
        return self._gateway

    def call(self, function: Callable[[SimulatedIBGateway], Result]) -> Result:
        """Call a function with the gateway, in its thread, and return the result."""
        gateway = self.gateway

        async def calling() -> Result:
            return function(gateway)

        return self.run(calling())

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the gateway's loop and return its result.

        Raises:
            RuntimeError: The thread does not run.
        """
        if self._loop is None:
            coroutine.close()
            raise RuntimeError("the gateway is not started; call start() first")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _end_thread(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _started(config: SimulatedIBGatewayConfig | None) -> SimulatedIBGateway:
    gateway = SimulatedIBGateway(config)
    await gateway.start()
    return gateway
