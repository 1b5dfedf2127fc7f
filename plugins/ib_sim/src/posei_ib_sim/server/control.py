"""Control from another process: JSON lines on a second loopback port.

Each line is an object; each gets one line back.

    {"do": "drop", "client_id": 1}          cause a fault        -> {"ok": true}
    {"do": "resume"} {"do": "pause"}        let time pass or not -> {"ok": true}
    {"do": "advance", "seconds": 60}        a stepped clock      -> {"ok": true}
    {"get": "orders"}                       the truth            -> {"ok": true, "orders": [...]}

`get` knows time, orders, executions, positions, cash and clients.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final, final

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.server.scenario import perform

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_ib_sim.gateway import SimulatedIBGateway

__all__ = ["ControlServer"]

_LINE_LIMIT: Final = 1 << 16


@final
class ControlServer:
    """Serves the control port of one gateway.

    Args:
        gateway: What is controlled.
        port: Loopback port, 0 for a free one.
    """

    def __init__(self, gateway: SimulatedIBGateway, port: int) -> None:
        self._gateway = gateway
        self._wanted = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port in use."""
        if self._server is None:
            raise RuntimeError("the control port is not open")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: The port is taken.
        """
        try:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self._wanted, limit=_LINE_LIMIT
            )
        except OSError as error:
            raise ConfigurationError(
                f"control_port={self._wanted} cannot be listened on ({error.strerror or error}); "
                "use another, or 0 for a free one"
            ) from error

    async def stop(self) -> None:
        """Close."""
        if self._server is not None:
            self._server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            # The peer has gone, sent an endless line, or we stop: nobody is left to tell.
            return
        finally:
            if task is not None:
                self._tasks.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                return {"ok": False, "error": "write a JSON object with `do` or `get`"}
            if "get" in request:
                return {"ok": True, **self._read(str(request["get"]))}
            await self._do(request)
        except (ConfigurationError, json.JSONDecodeError, RuntimeError) as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True}

    async def _do(self, request: dict[str, Any]) -> None:
        arguments = {key: value for key, value in request.items() if key != "do"}
        do = str(request.get("do", ""))
        if do == "pause":
            self._gateway.pause()
        elif do == "resume":
            self._gateway.resume()
        elif do == "advance":
            await self._gateway.advance(float(arguments.get("seconds", 0)))
        else:
            perform(self._gateway.faults, do, arguments)

    def _read(self, what: str) -> dict[str, Any]:
        truth = self._gateway.truth
        readers: dict[str, Callable[[], Any]] = {
            "time": lambda: self._gateway.clock.now_ns,
            "clients": lambda: [s.client_id for s in self._gateway.server.sessions],
            "positions": lambda: {name: str(size) for name, size in truth.positions().items()},
            "cash": lambda: {currency: str(amount) for currency, amount in truth.cash().items()},
            "orders": lambda: [
                {
                    "client_id": order.client_id,
                    "order_id": order.order_id,
                    "perm_id": order.perm_id,
                    "contract": order.contract.local_symbol,
                    "action": order.request.action,
                    "type": order.request.orderType,
                    "status": order.status,
                    "quantity": str(order.quantity),
                    "filled": str(order.filled),
                }
                for order in truth.orders
            ],
            "executions": lambda: [
                {
                    "exec_id": fill.exec_id,
                    "client_id": fill.client_id,
                    "order_id": fill.order_id,
                    "contract": fill.contract.local_symbol,
                    "side": fill.side,
                    "quantity": str(fill.quantity),
                    "price": str(fill.price),
                    "commission": str(fill.commission),
                    "ts_ns": fill.ts_ns,
                }
                for fill in truth.executions
            ],
        }
        if what not in readers:
            raise ConfigurationError(f"get={what!r} is not one of {', '.join(readers)}")
        return {what: readers[what]()}
