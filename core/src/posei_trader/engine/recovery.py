"""When orders may be sent: never before the venue has told what it knows of ours."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, final

from posei_trader.engine.tasks import BackgroundTasks
from posei_trader.errors import PoseiError, RetryLater

if TYPE_CHECKING:
    from posei_trader.config import LiveExecEngineConfig
    from posei_trader.engine.reconciliation import Reconciler, Reconciliation
    from posei_trader.model.identifiers import ClientId
    from posei_trader.protocols import ExecClient

__all__ = ["Recovery"]

_log: Final = logging.getLogger("posei.ExecutionEngine")

_LONGEST_PAUSE_S: Final = 30.0


@final
class Recovery:
    """Reconcile clients at start and after every reconnect, and say which may trade.

    Args:
        config: Whether to reconcile at all.
        reconciler: Does it.
    """

    def __init__(self, config: LiveExecEngineConfig, reconciler: Reconciler) -> None:
        self._is_wanted = config.reconciliation
        self._lookback_mins = config.reconciliation_lookback_mins
        self._reconciler = reconciler
        self._ready: set[ClientId] = set()
        self._started: set[ClientId] = set()
        self._running: dict[ClientId, asyncio.Task[Reconciliation]] = {}
        self._tasks = BackgroundTasks("ExecutionEngine")

    def is_ready(self, client_id: ClientId) -> bool:
        """Return whether a client may trade."""
        return client_id in self._ready or not self._is_wanted

    def lost(self, client_id: ClientId) -> None:
        """Stop trading through a client until it is reconciled again."""
        self._ready.discard(client_id)

    def regained(self, client: ExecClient) -> None:
        """Reconcile a client again, until it succeeds or is lost again.

        The first reconciliation is the node's, which wants to know how it ended.
        """
        if self._is_wanted and client.client_id in self._started:
            self._tasks.start(self._insist(client), f"reconciliation of {client.client_id}")

    def again(self, client: ExecClient) -> None:
        """Reconcile once more what was reconciled before; trading waits for it."""
        if self._is_wanted and client.client_id in self._started and client.is_connected:
            self._tasks.start(self._insist(client), f"reconciliation of {client.client_id}")

    async def reconcile(self, client: ExecClient) -> Reconciliation:
        """Reconcile now; calls at the same time share one run."""
        client_id = client.client_id
        running = self._running.get(client_id)
        if running is None:
            self._ready.discard(client_id)
            work = self._reconciler.run(client, self._lookback_mins)
            running = asyncio.ensure_future(work)
            self._running[client_id] = running
            running.add_done_callback(lambda task: self._ended(client_id, task))
        result = await asyncio.shield(running)
        self._started.add(client_id)
        if client.is_connected:
            self._ready.add(client_id)
        return result

    async def stop(self) -> None:
        """End what runs. Idempotent."""
        await self._tasks.cancel_all()
        for running in list(self._running.values()):
            running.cancel()
            await asyncio.wait([running])

    def _ended(self, client_id: ClientId, task: asyncio.Task[Reconciliation]) -> None:
        self._running.pop(client_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s was not reconciled: %s", client_id, error)

    async def _insist(self, client: ExecClient) -> None:
        pause = 1.0
        while client.is_connected:
            try:
                await self.reconcile(client)
            except RetryLater as error:
                _log.warning("%s cannot be reconciled yet: %s", client.client_id, error)
            except PoseiError as error:
                _log.critical("%s may not trade: %s", client.client_id, error)
                return
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
