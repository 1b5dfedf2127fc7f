"""The socket: an asyncio protocol that reads into one reused buffer and cuts frames out of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast, final

from posei_trader.adapters.interactive_brokers.client.refusals import no_answer, unreachable
from posei_trader.adapters.interactive_brokers.wire.errors import FramingError
from posei_trader.adapters.interactive_brokers.wire.framing import FrameReader, Framing

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.wire.framing import Deliver

__all__ = ["GatewaySocket", "open_socket"]


@final
class GatewaySocket(asyncio.BufferedProtocol):
    """One TCP connection.

    A read that fills the buffer is the last in its turn of the loop, so that a burst leaves turns
    to everything else. The loops of asyncio read once in a turn; uvloop would go on for 31 more.

    Args:
        deliver: Called for each message or run, see `FrameReader`.
        lost: Called once when the connection has ended, with the reason; not after `close`.
    """

    def __init__(self, deliver: Deliver, lost: Callable[[str], None]) -> None:
        self._reader = FrameReader(deliver)
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._is_closed = False
        self._reads_on = False
        self._room = 0
        self.reads = 0
        """How often bytes came; whoever watches for life compares it."""

    # --- for us -----------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes; nothing happens on a closed connection, whose loss has been reported."""
        if self._transport is not None and not self._is_closed:
            self._transport.write(data)

    def switch(self, framing: Framing) -> None:
        """Read message ids in another way from the next frame on."""
        self._reader.switch(framing)

    def close(self) -> None:
        """Close at once and deliver nothing more. Idempotent."""
        self._is_closed = True
        self._reader.deliver = _discard
        if self._transport is not None:
            self._transport.abort()

    @property
    def frames(self) -> int:
        """How many messages came."""
        return self._reader.frames

    @property
    def bytes(self) -> int:
        """How many bytes came."""
        return self._reader.bytes

    # --- for asyncio ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # uvloop's transports are no subclasses of asyncio.Transport, though they are transports.
        self._transport = cast("asyncio.Transport", transport)
        self._reads_on = not isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Return where bytes are read into."""
        buffer = self._reader.writable()
        self._room = len(buffer)
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Deliver what is complete."""
        self.reads += 1
        try:
            self._reader.written(nbytes)
        except FramingError as error:
            self._end(f"the other side does not speak the TWS protocol: {error}")
        if self._reads_on and nbytes == self._room:
            self._rest()

    def eof_received(self) -> bool:
        """Take note that the gateway closed its side; the transport closes ours."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end."""
        self._end("the gateway closed the connection" if exc is None else f"socket error: {exc}")

    def _rest(self) -> None:
        """Read no more in this turn of the loop."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.resume_reading()

    def _end(self, reason: str) -> None:
        if not self._is_closed:
            self.close()
            self._lost(reason)


def _discard(_message_id: int, _payload: bytes | list[bytes]) -> bool:
    """Drop what was in the buffer behind the end."""
    return True


async def open_socket(
    host: str,
    port: int,
    seconds: float,
    deliver: Deliver,
    lost: Callable[[str], None],
) -> GatewaySocket:
    """Open a TCP connection; deliver and lost as for `GatewaySocket`.

    Raises:
        ConnectionFailed: nobody listens there, or nobody answers within the seconds.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            _, socket = await loop.create_connection(
                lambda: GatewaySocket(deliver, lost), host, port
            )
    except TimeoutError as error:
        raise no_answer(host, port) from error
    except OSError as error:
        raise unreachable(host, port, error) from error
    return socket
