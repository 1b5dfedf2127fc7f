"""Long work for one client, done in small steps between the turns of everybody else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar, final

from posei_ib_sim.server.answers import refusals_answered

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from posei_ib_sim.server.session import Session

    Steps = Generator[None, None, "Result"]

__all__ = ["Jobs"]

Result = TypeVar("Result")

# Steps take a millisecond or some. So many are done at once: answers that are not too long leave in
# the turn of their request, in its order.
_AT_ONCE: Final = 8


@final
class Jobs:
    """The work that is going on, over all sessions."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], tuple[int, str, int]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is going on."""
        return not self._tasks

    async def finished(self) -> None:
        """Return once nothing is going on."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def run(
        self,
        session: Session,
        key: tuple[str, int],
        steps: Steps[Result],
        done: Callable[[Result], None],
    ) -> None:
        """Do all steps, then call `done` with their result.

        Work that does not end at once lives as a subscription of the session under `key`:
        cancelling that, or losing the connection, ends it. What it raises then is answered as an
        error about the request of that id.
        """
        for _ in range(_AT_ONCE):
            try:
                next(steps)
            except StopIteration as stop:
                done(stop.value)
                return
        work = self._go_on(session, key, steps, done)
        task = asyncio.get_running_loop().create_task(work, name=f"{key[0]} {key[1]}")
        self._tasks[task] = (session.number, *key)
        task.add_done_callback(self._tasks.pop)

        def cancel() -> None:
            task.cancel()

        session.subscribe(*key, cancel)

    def is_running(self, session: Session, key: tuple[str, int]) -> bool:
        """Tell whether what a session has under a key is work."""
        return (session.number, *key) in self._tasks.values()

    async def _go_on(
        self,
        session: Session,
        key: tuple[str, int],
        steps: Steps[Result],
        done: Callable[[Result], None],
    ) -> None:
        with refusals_answered(session, key[1], key[0]):
            try:
                while True:
                    await asyncio.sleep(0)
                    next(steps)
            except StopIteration as stop:
                session.release(*key)
                done(stop.value)
            except asyncio.CancelledError:
                raise  # whoever cancelled it has released the key
            except BaseException:
                session.release(*key)
                raise
