"""Orders of which only a question can tell: one question to IB answers all doubts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from posei_trader.errors import PoseiError
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.execution.truth import VenueTruth
    from posei_trader.adapters.interactive_brokers.orders.ledger import OrderLedger
    from posei_trader.adapters.interactive_brokers.orders.tracked import TrackedOrder
    from posei_trader.protocols import OrderLookup

_log = get_logger("InteractiveBrokersExecutionClient")

FIRST_PAUSE_S: Final = 1.0
"""How long after a doubt IB is asked: executions and statuses often follow by themselves."""

LONGEST_PAUSE_S: Final = 30.0

QUESTIONS: Final = 8
"""How often IB is asked, over two minutes or so, before a human is called."""


@final
class Doubts:
    """Asks IB what became of orders, while the connection is up.

    After a lost connection the node reconciles, which answers the same questions.

    Args:
        client: The connection.
        ledger: Our orders.
        lookup: The node's orders.
        truth: Asks.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        ledger: OrderLedger,
        lookup: OrderLookup,
        truth: VenueTruth,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._lookup = lookup
        self._truth = truth
        self._task: asyncio.Task[None] | None = None

    def raised(self, tracked: TrackedOrder) -> None:
        """Ask soon, unless that is on its way already."""
        if self._task is None and self._client.is_connected:
            _log.warning("asking IB about an order", order=tracked.identity.client_order_id)
            self._task = asyncio.get_running_loop().create_task(self._ask())

    async def close(self) -> None:
        """Ask no longer. Idempotent; never raises."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _ask(self) -> None:
        pause = FIRST_PAUSE_S
        try:
            for _ in range(QUESTIONS):
                await asyncio.sleep(pause)
                if not self._client.is_connected or not self._open():
                    return
                try:
                    await self._truth.refresh()
                except PoseiError as error:
                    _log.warning("IB did not tell what became of orders", error=str(error))
                pause = min(2 * pause, LONGEST_PAUSE_S)
            left = self._open()
            if left:
                _log.critical(
                    "IB does not tell what became of orders: look at them in TWS",
                    orders=[str(one.identity.client_order_id) for one in left],
                )
        except Exception:  # noqa: BLE001  nobody awaits this work: its failure must be seen here
            _log.exception("asking IB about orders failed")
        finally:
            self._task = None

    def _open(self) -> list[TrackedOrder]:
        """Return the orders in doubt that the node has not settled."""
        doubtful = []
        for tracked in self._ledger:
            if tracked.is_in_doubt or tracked.misses_fills:
                order = self._lookup.order(tracked.identity.client_order_id)
                if order is None or not order.is_closed:
                    doubtful.append(tracked)
        return doubtful
