"""Orders of which only a question can tell: one question to IB answers all doubts.

A doubt is raised by what the machine cannot explain, and by silence: a command that IB has not
answered in time is asked about, and now and then every working order is, for what was never told.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.orders import tracked as t
from posei_trader.errors import PoseiError
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.execution.inbox import OrderInbox
    from posei_trader.adapters.interactive_brokers.execution.truth import VenueTruth
    from posei_trader.adapters.interactive_brokers.orders.ledger import OrderLedger
    from posei_trader.adapters.interactive_brokers.orders.tracked import TrackedOrder
    from posei_trader.model.identifiers import ClientOrderId
    from posei_trader.protocols import Clock, OrderLookup, TimerHandle

_log = get_logger("InteractiveBrokersExecutionClient")

_SECOND: Final = 1_000_000_000

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
        inbox: Judges what happens to orders.
        truth: Asks.
        clock: Time.
        patience_s: How long a command may stay unanswered before IB is asked about it.
        audit_s: How often every working order is compared with IB's list, None for never.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        ledger: OrderLedger,
        lookup: OrderLookup,
        inbox: OrderInbox,
        truth: VenueTruth,
        clock: Clock,
        *,
        patience_s: float,
        audit_s: float | None,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._lookup = lookup
        self._inbox = inbox
        self._truth = truth
        self._clock = clock
        self._patience_ns = int(patience_s * _SECOND)
        self._audit_ns = None if audit_s is None else int(audit_s * _SECOND)
        self._waiting: set[ClientOrderId] = set()
        self._task: asyncio.Task[None] | None = None
        self._timers: dict[str, TimerHandle] = {}

    def start(self) -> None:
        """Begin to watch for what is not answered."""
        self._watch_in_flight()
        if self._audit_ns is not None:
            self._later("audit", self._audit_ns, self._audit)

    def raised(self, tracked: TrackedOrder) -> None:
        """Ask soon, unless that is on its way already."""
        if self._task is None and self._client.is_connected:
            _log.warning("asking IB about an order", order=tracked.identity.client_order_id)
            self._task = asyncio.get_running_loop().create_task(self._ask())

    async def close(self) -> None:
        """Ask no longer. Idempotent; never raises."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # -- silence --------------------------------------------------------------------------------

    def _later(self, name: str, delay_ns: int, callback: Callable[[], None]) -> None:
        when = self._clock.timestamp_ns() + delay_ns
        self._timers[name] = self._clock.call_at(when, callback)

    def _watch_in_flight(self) -> None:
        """Doubt what was waiting a whole interval ago and still is."""
        self._later("in flight", self._patience_ns, self._watch_in_flight)
        waiting = {one.identity.client_order_id for one in self._ledger.live() if one.is_waiting}
        overdue, self._waiting = waiting & self._waiting, waiting
        if not self._client.is_connected:
            return
        for name in overdue:
            tracked = self._ledger.get(name)
            if tracked is not None and not tracked.is_in_doubt:
                _log.warning("IB has not answered in time", order=name)
                self._inbox.happened(tracked, t.AnswerOverdue())

    def _audit(self) -> None:
        if self._audit_ns is not None:
            self._later("audit", self._audit_ns, self._audit)
        if self._task is None and self._client.is_connected and self._ledger.has_live:
            self._task = asyncio.get_running_loop().create_task(self._ask(is_audit=True))

    # -- asking ---------------------------------------------------------------------------------

    async def _ask(self, *, is_audit: bool = False) -> None:
        pause = FIRST_PAUSE_S
        try:
            for number in range(QUESTIONS):
                is_wanted = is_audit and number == 0
                if not is_wanted:
                    await self._pause(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_S)
                if not self._client.is_connected or not (is_wanted or self._open()):
                    return
                try:
                    await self._truth.refresh(is_audit=is_wanted)
                except PoseiError as error:
                    _log.warning("IB did not tell what became of orders", error=str(error))
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

    async def _pause(self, seconds: float) -> None:
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._later(
            "question",
            int(seconds * _SECOND),
            lambda: None if over.done() else over.set_result(None),
        )
        await over

    def _open(self) -> list[TrackedOrder]:
        """Return the orders in doubt that the node has not settled."""
        doubtful = []
        for tracked in self._ledger:
            if tracked.is_in_doubt or tracked.misses_fills:
                order = self._lookup.order(tracked.identity.client_order_id)
                if order is None or not order.is_closed:
                    doubtful.append(tracked)
        return doubtful
