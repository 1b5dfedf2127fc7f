"""Tell others how a node is: a file every few seconds, and metrics where they are wanted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from posei_trader.live.health import HealthGatherer
from posei_trader.live.health_file import SUFFIX, write_health
from posei_trader.live.metrics import MetricsServer
from posei_trader.logs import get_logger
from posei_trader.state_directory import state_directory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from posei_trader.config import HealthConfig
    from posei_trader.model.health import NodeHealth
    from posei_trader.trading.wiring import Wiring

__all__ = ["HealthWatch", "health_path"]

_log = get_logger("Health")


def health_path(trader_id: str, config: HealthConfig) -> Path:
    """Return where a node writes its health."""
    return config.file or state_directory() / f"{trader_id}{SUFFIX}"


@final
class HealthWatch:
    """Write a node's health, from its start to its end.

    Args:
        config: Where and how often.
        wiring: The node's parts.
        state: Tells where the node is in its life.

    Raises:
        ConfigError: metrics are wanted, and what serves them is not installed.
    """

    def __init__(self, config: HealthConfig, wiring: Wiring, state: Callable[[], str]) -> None:
        self.path = health_path(str(wiring.trader_id), config)
        self._interval = config.interval
        self._state = state
        self._gatherer = HealthGatherer(wiring, config.interval)
        self._task: asyncio.Task[None] | None = None
        self._is_failing = False
        self._metrics: MetricsServer | None = None
        if config.metrics_port is not None:
            self._metrics = MetricsServer(config.metrics_host, config.metrics_port)

    def now(self) -> NodeHealth:
        """Return how the node is now."""
        return self._gatherer.gather(self._state())

    @property
    def metrics_port(self) -> int | None:
        """The port on which metrics are served, None where they are not."""
        return None if self._metrics is None else self._metrics.port

    def start(self) -> None:
        """Begin; needs a running event loop.

        Raises:
            ConfigError: the port of the metrics is taken.
        """
        self.tell()
        if self._metrics is not None:
            self._metrics.start()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="node health")

    async def stop(self) -> None:
        """Write a last word and end. Idempotent; never raises."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))
        self.tell()
        if self._metrics is not None:
            await self._metrics.stop()

    def tell(self) -> None:
        """Write now. A file that cannot be written is logged once, and stops nothing."""
        try:
            health = self.now()
            if self._metrics is not None:
                self._metrics.update(health)
            write_health(self.path, health)
        except Exception as error:  # noqa: BLE001  who watches must not harm who works
            if not self._is_failing:
                _log.error("the health cannot be told", file=str(self.path), error=str(error))
            self._is_failing = True
        else:
            self._is_failing = False

    def entered(self) -> None:
        """Take note that the node has come to another stage of its life."""
        if self._task is not None:
            self.tell()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            self.tell()
