"""Background work of an engine: held, named, its failures logged, and ended together."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["BackgroundTasks"]

T = TypeVar("T")


@final
class BackgroundTasks:
    """Start tasks and keep them until they end.

    Args:
        component: Whose tasks these are: the name in the log.
    """

    def __init__(self, component: str) -> None:
        self._log = logging.getLogger(f"posei.{component}")
        self._tasks: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[object, None, T], name: str) -> asyncio.Task[T]:
        """Start work on the running loop. Its failure is logged, also when somebody awaits it.

        Raises:
            RuntimeError: no event loop runs in this thread.
        """
        try:
            task = asyncio.get_running_loop().create_task(work, name=name)
        except RuntimeError:
            work.close()
            raise
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("%s failed", task.get_name(), exc_info=error)

    async def wait(self) -> None:
        """Wait until everything that was started has ended, also what was started meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel_all(self) -> None:
        """Cancel what still runs and wait for it. Idempotent; never raises."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
