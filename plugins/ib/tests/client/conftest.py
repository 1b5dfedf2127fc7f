"""What the client tests share: a scripted gateway, virtual time, and listeners that write down."""

from __future__ import annotations

import asyncio
import heapq
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from posei_trader.adapters.interactive_brokers.client import (
    ConnectionOptions,
    InteractiveBrokersClient,
)
from posei_trader.adapters.interactive_brokers.contract_types import IBContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
    from posei_trader.protocols import Clock

sys.path.insert(0, str(Path(__file__).parent))

PATIENCE = 60.0
"""Seconds after which a test that waits for something has failed."""


def text_frame(*fields: object) -> bytes:
    payload = b"".join(str(field).encode() + b"\0" for field in fields)
    return len(payload).to_bytes(4, "big") + payload


class ScriptedGateway:
    """A gateway at a text version that does what a test says and writes down what it is asked."""

    def __init__(
        self,
        *,
        version: int = 178,
        accounts: str = "DU123456",
        next_id: int = 1,
        greets: bool = True,
        is_silent: bool = False,
    ) -> None:
        self.version, self.accounts, self.next_id = version, accounts, next_id
        self.greets, self.is_silent = greets, is_silent
        self.answers_time = True
        self.hellos = 0
        self.requests: list[list[str]] = []
        self._arrivals: dict[str, asyncio.Queue[list[str]]] = defaultdict(asyncio.Queue)
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            await reader.readexactly(4)
            await self._payload(reader)
            self.hellos += 1
            if self.is_silent:
                await reader.read()
                return
            writer.write(text_frame(self.version, "20240102 10:00:00 UTC"))
            while True:
                fields = (await self._payload(reader)).decode().split("\0")[:-1]
                self._take(fields, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    @staticmethod
    async def _payload(reader: asyncio.StreamReader) -> bytes:
        return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))

    def _take(self, fields: list[str], writer: asyncio.StreamWriter) -> None:
        if fields[0] == "71":
            if self.greets:
                writer.write(text_frame(15, 1, self.accounts) + text_frame(9, 1, self.next_id))
        elif fields[0] == "49":
            if self.answers_time:
                writer.write(text_frame(49, 1, 1_700_000_000))
            return
        self.requests.append(fields)
        self._arrivals[fields[0]].put_nowait(fields)

    async def asked(self, message_id: int) -> list[str]:
        """Wait for the next request of a kind; return its fields."""
        async with asyncio.timeout(PATIENCE):
            return await self._arrivals[str(message_id)].get()

    def count(self, message_id: int) -> int:
        return sum(1 for fields in self.requests if fields[0] == str(message_id))

    def send(self, *fields: object) -> None:
        """Send a message to the last client."""
        self._writers[-1].write(text_frame(*fields))

    def send_raw(self, data: bytes) -> None:
        self._writers[-1].write(data)

    def drop(self) -> None:
        """Cut every connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


class VirtualClock:
    """Time that a test moves. Satisfies `posei_trader.protocols.Clock`."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000_000
        self._timers: list[tuple[int, int, _Timer]] = []
        self._order = 0

    def timestamp_ns(self) -> int:
        return self.now

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> _Timer:
        timer = _Timer(callback)
        self._order += 1
        heapq.heappush(self._timers, (when_ns, self._order, timer))
        return timer

    def advance(self, seconds: float) -> None:
        end = self.now + int(seconds * 1e9)
        while self._timers and self._timers[0][0] <= end:
            when, _, timer = heapq.heappop(self._timers)
            self.now = max(self.now, when)
            timer.fire()
        self.now = end


class _Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        if self._callback is not None:
            self._callback()


class Listener:
    """Writes down every call of a handler's method as (name, arguments...)."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.seen: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)

        def write(*arguments: Any) -> None:
            self.seen.append((name, *arguments))
            self.calls.put_nowait((name, *arguments))

        return write

    async def next(self, name: str | None = None) -> tuple[Any, ...]:
        """Wait for the next call, or for the next of a name."""
        async with asyncio.timeout(PATIENCE):
            while True:
                call = await self.calls.get()
                if name is None or call[0] == name:
                    return call


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds that has no event of its own."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", currency="USD", conId=265598)
EURUSD = IBContract(secType="CASH", symbol="EUR", currency="USD", exchange="IDEALPRO")


class Workshop:
    """Makes gateways and clients, and takes them down after the test."""

    text_frame = staticmethod(text_frame)
    until = staticmethod(until)
    AAPL = AAPL
    EURUSD = EURUSD
    Listener = Listener
    VirtualClock = VirtualClock

    def __init__(self) -> None:
        self._gateways: list[ScriptedGateway] = []
        self._clients: list[InteractiveBrokersClient] = []

    async def gateway(self, **settings: Any) -> ScriptedGateway:
        gateway = ScriptedGateway(**settings)
        await gateway.__aenter__()
        self._gateways.append(gateway)
        return gateway

    def client(
        self,
        port: int,
        *,
        clock: Clock | None = None,
        limits: PacingLimits | None = None,
        request_timeout: float = PATIENCE,
        client_id: int = 1,
        **patience: Any,
    ) -> InteractiveBrokersClient:
        settings = {
            "connection_timeout": PATIENCE,
            "first_pause": 0.01,
            "ready_timeout": 2.0,
            "maintenance": (),
            **patience,
        }
        client = InteractiveBrokersClient(
            "127.0.0.1",
            port,
            client_id,
            clock=clock,
            limits=limits,
            request_timeout=request_timeout,
            options=ConnectionOptions(**settings),
        )
        self._clients.append(client)
        return client

    async def connected(
        self, gateway: ScriptedGateway, **settings: Any
    ) -> InteractiveBrokersClient:
        client = self.client(gateway.port, **settings)
        await client.connect()
        return client

    async def close(self) -> None:
        for client in self._clients:
            await client.disconnect()
        for gateway in self._gateways:
            await gateway.__aexit__()


@pytest.fixture
async def shop() -> AsyncIterator[Workshop]:
    workshop = Workshop()
    yield workshop
    await workshop.close()


@pytest.fixture(scope="session")
def new_clock() -> type[VirtualClock]:
    return VirtualClock
