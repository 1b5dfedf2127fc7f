"""A ferry between a client and a gateway that sinks, or keeps messages to itself."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

_PLACE, _CANCEL, _PROTOBUF = 3, 4, 200
_COMMANDS = {_PLACE, _CANCEL, _PLACE + _PROTOBUF, _CANCEL + _PROTOBUF}


class Ferry:
    """Carries bytes both ways, and whole messages of the client's.

    Attributes:
        port: Where clients connect to.
        crossings: How many connections it carried.
        sank: How often it sank.
    """

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._left: int | None = None
        self._spill = 0
        self._withheld: frozenset[int] = frozenset()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.crossings = 0
        self.sank = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def sink_after(self, commands: int, spill: int = 0) -> None:
        """Cut the connection when so many orders and cancels have passed.

        Args:
            commands: How many pass.
            spill: How many bytes of the next one pass too.
        """
        self._left, self._spill = commands, spill

    def withhold(self, *messages: int) -> None:
        """Keep the gateway's messages of some numbers to itself, from now on."""
        self._withheld = frozenset(messages)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.crossings += 1
        to_reader, to_writer = await asyncio.open_connection(*self._to)
        back = asyncio.current_task()
        self._tasks.add(back)
        back.add_done_callback(self._tasks.discard)
        answers = asyncio.create_task(self._answers(to_reader, writer))
        try:
            await self._messages(reader, to_writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up
        finally:
            answers.cancel()
            to_writer.close()
            writer.transport.abort()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(4)
                body = await reader.readexactly(int.from_bytes(head, "big"))
                if not self._withheld or _number(body) not in self._withheld:
                    writer.write(head + body)
                    await writer.drain()
        writer.transport.abort()

    async def _messages(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))  # "API\0"
        while True:
            head = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(head, "big"))
            if self._left is not None and _number(body) in _COMMANDS:
                if self._left == 0:
                    self._left = None
                    self.sank += 1
                    writer.write((head + body)[: self._spill])
                    await writer.drain()
                    return
                self._left -= 1
            writer.write(head + body)
            await writer.drain()


def _number(body: bytes) -> int:
    """Return the number of a message: four bytes, or, at gateways that speak text, a text."""
    if body[:1].isdigit():
        return int(body.partition(b"\0")[0])
    return int.from_bytes(body[:4], "big")
