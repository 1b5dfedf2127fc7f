"""The research client over a real socket to a simulated gateway."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.historical.client import (
    HistoricInteractiveBrokersClient,
)
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator, Callable, Coroutine


UNPACED = PacingLimits(identical_s=0.0, burst=10_000, small_bar_requests=100_000)
"""The gateways here do not mind the pace, except where a test says so."""


@pytest.fixture
def shared_data() -> Path:
    """Real market data beside the project."""
    path = Path(__file__).resolve().parents[5] / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"real market data is not at {path}")
    return path


@pytest.fixture
async def start_gateway() -> AsyncIterator[Callable[..., object]]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: object) -> SimulatedIBGateway:
            settings = {
                "speed": "step",
                "start": "2023-11-20T15:00:00Z",
                "pacing": False,
                **settings,
            }
            return await stack.enter_async_context(
                SimulatedIBGateway(SimulatedIBGatewayConfig(**settings))
            )

        yield start


@pytest.fixture
async def connect(start_gateway) -> AsyncIterator[Callable[..., object]]:
    clients: list[HistoricInteractiveBrokersClient] = []

    async def open_(
        gateway: SimulatedIBGateway | None = None, **settings: object
    ) -> HistoricInteractiveBrokersClient:
        gateway = gateway or await start_gateway()
        client = HistoricInteractiveBrokersClient(
            **{
                "host": gateway.host,
                "port": gateway.port,
                "client_id": 5,
                "connection_timeout": 30.0,
                "limits": UNPACED,
                # An attempt to come back counts at every hour of the day.
                "maintenance_windows": (),
                **settings,
            }
        )
        clients.append(client)
        await client.connect()
        return client

    yield open_
    for client in clients:
        await client.disconnect()


class Interceptor:
    """Stands before a simulated gateway (text dialect) and answers some requests in its place.

    Codes that IB sends for reasons that the simulation does not have: refusals of all kinds, and
    frames that make no sense.
    """

    BARS, TICKS = 20, 96

    def __init__(self, gateway: SimulatedIBGateway) -> None:
        self._upstream = (gateway.host, gateway.port)
        self._refusals: list[list[Any]] = []
        self._mangled: list[tuple[int, bytes]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[StreamWriter] = []
        self._server: asyncio.Server | None = None
        self.host, self.port = "127.0.0.1", 0
        self.asked: list[list[str]] = []
        self.serve: Callable[[list[str]], list[object] | None] = lambda fields: None
        """Makes the fields of an answer to a request, None for the gateway's own."""

    def refuse(self, symbol: str, code: int, text: str, *, times: int = 10**9) -> None:
        """Answer requests for bars and ticks of a symbol with a code."""
        self._refusals.append([symbol, code, text, times])

    def forgive(self, symbol: str) -> None:
        """Refuse nothing of a symbol any more."""
        self._refusals = [row for row in self._refusals if row[0] != symbol]

    def mangle(self, message_id: int, payload: bytes) -> None:
        """Replace what follows the request id in the next message of a kind."""
        self._mangled.append((message_id, payload))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await self._server.wait_closed()

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        self._writers += [writer, up_writer]
        up_writer.write(await reader.readexactly(4))
        for work in (self._requests(reader, writer, up_writer), self._answers(up_reader, writer)):
            task = asyncio.ensure_future(work)
            self._tasks.add(task)

    async def _requests(self, reader: StreamReader, writer: StreamWriter, up: StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                payload = await self._payload(reader)
                fields = payload.decode(errors="replace").split("\0")
                refusal = self._refusal(fields)
                own = self.serve(fields)
                if own is not None:
                    writer.write(self._frame(*own))
                elif refusal is None:
                    up.write(len(payload).to_bytes(4, "big") + payload)
                else:
                    writer.write(self._frame(4, 2, fields[1], *refusal, ""))
        up.close()

    async def _answers(self, reader: StreamReader, writer: StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                payload = await self._payload(reader)
                head, req_id, *_ = [*payload.split(b"\0", 2), b""]
                if self._mangled and head == str(self._mangled[0][0]).encode():
                    payload = b"\0".join([head, req_id, self._mangled.pop(0)[1]])
                writer.write(len(payload).to_bytes(4, "big") + payload)
        writer.close()

    def _refusal(self, fields: list[str]) -> tuple[int, str] | None:
        if fields[0] not in {str(self.BARS), str(self.TICKS)}:
            return None
        self.asked.append(fields)
        for row in self._refusals:
            symbol, code, text, times = row
            if fields[3] == symbol and times > 0:
                row[3] -= 1
                return code, text
        return None

    @staticmethod
    def _frame(*fields: object) -> bytes:
        payload = b"".join(f"{field}\0".encode() for field in fields)
        return len(payload).to_bytes(4, "big") + payload

    @staticmethod
    async def _payload(reader: StreamReader) -> bytes:
        return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))


@pytest.fixture
async def intercepted(start_gateway, connect):
    """A gateway that answers as a test says, and a client of it."""
    gateway = await start_gateway(server_version=178)
    async with Interceptor(gateway) as interceptor:
        client = await connect(interceptor)
        yield interceptor, client
        await client.disconnect()


@pytest.fixture
def interceptor_of():
    return Interceptor


class WarpSelector(selectors.DefaultSelector):
    """Instead of waiting for a timer, time moves on to it.

    Both ends of every connection live on the one loop: when nothing is there to be read, nothing
    is on its way. A busy machine may be late with what was just written: the longer the step, the
    longer it is really waited for, or the watchdog bites while an answer is on its way.
    """

    PATIENCE = 1 / 1_000
    LONGEST_S = 0.02

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            return super().select(None)
        events = super().select(0)
        if not events and timeout > 1:
            events = super().select(min(timeout * self.PATIENCE, self.LONGEST_S))
        if not events and timeout > 0:
            self.now += timeout
        return events


class WarpLoop(asyncio.SelectorEventLoop):
    """An event loop on which nobody waits for time."""

    def __init__(self) -> None:
        self.warp = WarpSelector()
        super().__init__(self.warp)

    def time(self) -> float:
        return self.warp.now


@pytest.fixture
def warped(monkeypatch):
    """Run a coroutine in warped time; return its result and how many seconds passed in it."""

    def run(work: Coroutine[Any, Any, Any]) -> tuple[Any, float]:
        with asyncio.Runner(loop_factory=WarpLoop) as runner:
            loop = runner.get_loop()
            monkeypatch.setattr(time, "monotonic", loop.time)
            monkeypatch.setattr(time, "monotonic_ns", lambda: int(loop.time() * 1e9))
            try:
                began = loop.time()
                return runner.run(work), loop.time() - began
            finally:
                monkeypatch.undo()

    return run
