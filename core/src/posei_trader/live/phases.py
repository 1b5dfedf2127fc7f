"""What a node does on its way up and down, each step within its own time."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, final

from posei_trader.errors import NotConnected, PoseiError, RequestTimeout
from posei_trader.protocols import StartsGateway, TellsFailures

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from posei_trader.config import TradingNodeConfig
    from posei_trader.protocols import DataClient, ExecClient
    from posei_trader.trading.trader import Trader
    from posei_trader.trading.wiring import Wiring

__all__ = ["Phases"]

_log: Final = logging.getLogger("posei.TradingNode")


@final
class Phases:
    """The steps of starting and stopping.

    Args:
        config: The time that each step may take.
        wiring: The engines.
        trader: The strategies and actors.
    """

    def __init__(self, config: TradingNodeConfig, wiring: Wiring, trader: Trader) -> None:
        self._config = config
        self._wiring = wiring
        self._trader = trader

    # -- up -------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Take in what the order store kept.

        Raises:
            StoreCorrupt: what is stored cannot be.
        """
        self._wiring.execution.load()

    async def connect(self) -> None:
        """Start the gateways, then connect every client, all at once.

        Raises:
            RequestTimeout: some did not connect within `timeout_connection`; names them, and what
                the first of them says about it (see `TellsFailures`), chained as the cause.
            PoseiError: what the first one that failed raised.
        """
        clients = self._clients()
        # A gateway has limits of its own: it may be fetched first, or wait for a person's phone.
        starts = [
            (_title(one), one.start_gateway()) for one in clients if isinstance(one, StartsGateway)
        ]
        await _all(starts, None)
        seconds = self._config.timeout_connection
        pending = await _all([(_title(one), one.connect()) for one in clients], seconds)
        if not pending:
            return
        for client in clients:
            if _title(client) in pending and (failure := _failure_of(client)) is not None:
                raise RequestTimeout(
                    f"{_title(client)} did not connect within timeout_connection ({seconds:g} s): "
                    f"{failure.message}",
                    field=failure.field,
                    value=failure.value,
                    remedy=failure.remedy,
                    code=failure.code,
                ) from failure
        raise _silence(
            pending,
            "timeout_connection",
            seconds,
            "check that the gateway runs, the address is right and somebody is logged in",
        )

    async def reconcile(self) -> None:
        """Compare orders and positions with every venue.

        Raises:
            RequestTimeout: some did not tell within `timeout_reconciliation`; names them.
            PoseiError: what the first one that failed raised.
        """
        if not self._config.exec_engine.reconciliation:
            return
        execution = self._wiring.execution
        seconds = self._config.timeout_reconciliation
        pending = await _all(
            [(_title(client), execution.reconcile(client)) for client in execution.clients], seconds
        )
        if pending:
            raise _silence(
                pending,
                "timeout_reconciliation",
                seconds,
                "give it more time; a node may not trade on what it does not know",
            )

    async def await_accounts(self) -> None:
        """Wait for the first state of every account.

        Raises:
            RequestTimeout: some did not come within `timeout_portfolio`; names the clients.
        """
        changed = asyncio.Event()
        bus = self._wiring.bus

        def note(_: object) -> None:
            changed.set()

        bus.subscribe("events.account", note)
        try:
            async with asyncio.timeout(self._config.timeout_portfolio):
                while self._without_account():
                    changed.clear()
                    await changed.wait()
        except TimeoutError as error:
            raise RequestTimeout(
                f"no account state came from {', '.join(self._without_account())}",
                field="timeout_portfolio",
                value=self._config.timeout_portfolio,
                remedy="check that the account exists and may be read; or give it more time",
            ) from error
        finally:
            bus.unsubscribe("events.account", note)

    def _without_account(self) -> list[str]:
        lacking = []
        for client in self._wiring.execution.clients:
            try:
                known = self._wiring.cache.account(client.account_id)
            except NotConnected:
                known = None
            if known is None:
                lacking.append(_title(client))
        return lacking

    # -- down -----------------------------------------------------------------------------------

    def stop_trading(self) -> None:
        """Stop strategies and actors: their `on_stop` may send cancels and closing orders."""
        self._trader.stop()

    async def settle(self) -> None:
        """Let the venue answer what is in flight, no longer than `timeout_post_stop`."""
        execution, cache = self._wiring.execution, self._wiring.cache
        if not execution.is_connected() or not cache.orders_in_flight():
            return
        changed = asyncio.Event()
        bus = self._wiring.bus

        def note(_: object) -> None:
            changed.set()

        bus.subscribe("events.order.*", note)
        try:
            async with asyncio.timeout(self._config.timeout_post_stop):
                while cache.orders_in_flight():
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            for order in cache.orders_in_flight():
                _log.warning("the venue has not answered yet: %s", order)
        finally:
            bus.unsubscribe("events.order.*", note)

    async def close(self) -> None:
        """End background work and disconnect, no longer than `timeout_disconnection`."""
        await self._trader.close()
        await self._wiring.data.stop()
        await self._wiring.execution.stop()
        steps = [(_title(client), client.disconnect()) for client in self._clients()]
        tasks = [asyncio.create_task(step, name=f"disconnect {name}") for name, step in steps]
        if tasks:
            done, pending = await asyncio.wait(tasks, timeout=self._config.timeout_disconnection)
            for task in pending:
                task.cancel()
                _log.error("%s did not finish in time and is abandoned", task.get_name())
            for task in done:
                if not task.cancelled() and (error := task.exception()) is not None:
                    _log.error("%s failed", task.get_name(), exc_info=error)

    def _clients(self) -> list[DataClient | ExecClient]:
        return [*self._wiring.data.clients, *self._wiring.execution.clients]


async def _all(
    steps: Sequence[tuple[str, Coroutine[object, None, object]]], seconds: float | None
) -> list[str]:
    """Do several things at once, and return the names of those that did not end in time.

    Without a time they end when they end.

    The first failure ends the others and is raised.
    """
    tasks = [asyncio.create_task(step, name=name) for name, step in steps]
    if not tasks:
        return []
    try:
        done, pending = await asyncio.wait(
            tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION
        )
    finally:
        for task in tasks:
            task.cancel()
    for task in (one for one in tasks if one in done):
        error = task.exception()
        if isinstance(error, PoseiError):
            _log.error("%s: %s", task.get_name(), error.message)
        if error is not None:
            raise error
    return sorted(task.get_name() for task in pending)


def _silence(names: Sequence[str], field: str, seconds: float, remedy: str) -> RequestTimeout:
    return RequestTimeout(
        f"no answer from {', '.join(names)}", field=field, value=seconds, remedy=remedy
    )


def _failure_of(client: DataClient | ExecClient) -> PoseiError | None:
    return client.last_failure if isinstance(client, TellsFailures) else None


def _title(client: DataClient | ExecClient) -> str:
    kind = "exec" if hasattr(client, "submit_order") else "data"
    return f"{kind} client {client.client_id}"
