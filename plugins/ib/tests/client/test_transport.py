"""A burst on the socket leaves turns of the loop to everything else, on either event loop."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import uvloop

from posei_trader.adapters.interactive_brokers.client.transport import open_socket
from posei_trader.adapters.interactive_brokers.wire.framing import Framing, frame

QUOTE = frame(b"99\x001\x003\x001700000000\x001.08\x001.09\x00100\x00200\x000\x00")
COUNT = 60_000
A_BUFFER = 128 * 1024 // len(QUOTE) + 1


async def largest_turn() -> tuple[int, int]:
    """Return how many of a burst's messages came, and how many came in one turn at most."""
    loop = asyncio.get_running_loop()
    came, turn, largest = 0, 0, 0
    done: asyncio.Future[None] = loop.create_future()

    def deliver(_number: int, payload: bytes | list[bytes]) -> bool:
        nonlocal came, turn, largest
        count = len(payload) if isinstance(payload, list) else 1
        if not turn:
            loop.call_soon(next_turn)
        came += count
        turn += count
        largest = max(largest, turn)
        if came == COUNT:
            done.set_result(None)
        return True

    def next_turn() -> None:
        nonlocal turn
        turn = 0

    async def burst(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(QUOTE * COUNT)
        await writer.drain()
        await done
        writer.close()

    server = await asyncio.start_server(burst, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    socket = await open_socket("127.0.0.1", port, 10, deliver, lambda _reason: None)
    socket.switch(Framing.TEXT)
    async with asyncio.timeout(30):
        await done
    socket.close()
    server.close()
    await server.wait_closed()
    return came, largest


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_burst_comes_whole_and_a_buffer_at_most_in_each_turn(new_loop):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        came, largest = runner.run(largest_turn())
    assert came == COUNT
    assert largest <= A_BUFFER


async def test_a_connection_that_is_closed_in_the_midst_of_a_burst_reads_no_more():
    seen: list[int] = []

    def deliver(number: int, _payload: bytes) -> None:
        seen.append(number)
        socket.close()

    async def burst(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(QUOTE * COUNT)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        gone.set()
        writer.close()

    gone = asyncio.Event()
    server = await asyncio.start_server(burst, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    losses: list[str] = []
    socket = await open_socket("127.0.0.1", port, 10, deliver, losses.append)
    socket.switch(Framing.TEXT)
    async with asyncio.timeout(30):
        await gone.wait()
    server.close()
    assert seen == [99]
    assert losses == []
