"""A bare client of the TWS protocol for tests: every frame in sight, nothing done by itself."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self, TypeVar, final

from posei_ib_sim import wire

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["RawClient"]

Message = TypeVar("Message", bound=wire.ServerMessage)
_CHUNK: Final = 65_536


@final
class RawClient:
    """Speaks the protocol over a socket through this package's codec.

    Use `connect`. Closing is the caller's: `close`, or use it as an async context manager.

    Attributes:
        codec: Codec of the negotiated version.
        reader: The raw receiving side.
        writer: The raw sending side.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: int
    ) -> None:
        self.reader: Final = reader
        self.writer: Final = writer
        self.codec: Final = wire.Codec(version)
        self._frames = wire.FrameBuffer()
        self._waiting: list[bytes] = []

    @classmethod
    async def connect(
        cls, host: str, port: int, *, client_id: int = 1, versions: tuple[int, int] = (157, 226)
    ) -> Self:
        """Connect, negotiate and send startApi; what the gateway says then is for `receive`.

        Raises:
            OSError: Nothing listens there, or the connection ended during the handshake.
        """
        reader, writer = await asyncio.open_connection(host, port)
        hello = f"v{versions[0]}..{versions[1]}".encode("ascii")
        writer.write(b"API\0" + len(hello).to_bytes(4, "big") + hello)
        try:
            length = int.from_bytes(await reader.readexactly(4), "big")
            reply = await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            writer.close()
            raise ConnectionResetError("the gateway hung up during the handshake") from error
        client = cls(reader, writer, int(reply.split(b"\0")[0]))
        client.send(wire.StartApiRequest(clientId=client_id))
        return client

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    @property
    def pending(self) -> int:
        """Bytes of a frame whose rest has not come."""
        return self._frames.pending

    def send(self, message: wire.ClientMessage) -> None:
        """Send a message."""
        self.writer.write(self.codec.encode_client(message))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    async def receive(
        self, kind: type[Message], *, about: int | None = None, seconds: float = 5.0
    ) -> Message:
        """Return the next message of a kind and drop what comes before it.

        Args:
            kind: The message type.
            about: Only with this request, order or error id.
            seconds: How long to wait.

        Raises:
            TimeoutError: It did not come in time.
            ConnectionResetError: The connection ended first.
        """
        async with asyncio.timeout(seconds):
            while True:
                message = self.codec.decode_server(await self._payload())
                if isinstance(message, kind) and (about is None or _ident(message) == about):
                    return message

    async def received(self, kind: type[Message], *, until: int = 987_654) -> list[Message]:
        """Return all messages of a kind that came up to now.

        "Now" is marked by a request with the id `until` whose error answer ends the list.
        """
        self.send(wire.CancelTickByTick(reqId=until))
        found: list[Message] = []
        async with asyncio.timeout(5):
            while True:
                message = self.codec.decode_server(await self._payload())
                if isinstance(message, wire.ErrorMessage) and message.id == until:
                    return found
                if isinstance(message, kind):
                    found.append(message)

    async def closed(self, seconds: float = 5.0) -> None:
        """Wait for the gateway to end the connection.

        Raises:
            TimeoutError: It did not.
        """
        async with asyncio.timeout(seconds):
            with suppress(ConnectionResetError):
                while True:
                    await self._payload()

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def _payload(self) -> bytes:
        while not self._waiting:
            data = await self.reader.read(_CHUNK)
            if not data:
                raise ConnectionResetError("the gateway closed the connection")
            self._waiting += self._frames.feed(data)
        return self._waiting.pop(0)


def _ident(message: wire.ServerMessage) -> int | None:
    for name in ("reqId", "orderId", "id"):
        value = getattr(message, name, None)
        if isinstance(value, int):
            return value
    return None
