"""Ask an address for the TWS handshake: the only proof that a gateway serves.

A port that accepts proves nothing: Docker's proxy and the image's socat accept, and then close,
long before the gateway listens. The question ends after the version reply, so that no client id is
taken.
"""

from __future__ import annotations

import asyncio
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

_HELLO: Final = b"API\0" + struct.pack(">I", 9) + b"v100..187"
_LONGEST_REPLY: Final = 1_024


class HandshakeFailed(Exception):  # noqa: N818 - caught by the prober, never seen by users
    """Say why there was no handshake."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the gateway answered, and how fast."""

    server_version: int
    seconds: float


async def shake_hands(host: str, port: int, *, timeout: float = 5.0) -> Handshake:  # noqa: ASYNC109 - part of the answer's meaning
    """Connect, exchange versions, disconnect.

    Raises:
        HandshakeFailed: Nobody accepts, the peer closes, stays silent or answers something else.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout):
            version = await _exchange(host, port)
    except TimeoutError as error:
        raise HandshakeFailed(f"no answer within {timeout:g} s") from error
    except (OSError, EOFError) as error:
        raise HandshakeFailed(str(error) or type(error).__name__) from error
    return Handshake(version, time.monotonic() - began)


async def _exchange(host: str, port: int) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_HELLO)
        await writer.drain()
        (length,) = struct.unpack(">I", await reader.readexactly(4))
        if not 0 < length <= _LONGEST_REPLY:
            raise HandshakeFailed(f"the reply claims a length of {length} bytes")
        return server_version(await reader.readexactly(length))
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def server_version(reply: bytes) -> int:
    """Return the version in a reply: text fields, each ended by NUL, the version first.

    Raises:
        HandshakeFailed: It is no version reply.
    """
    field, separator, _ = reply.partition(b"\0")
    if not separator or not field.isdigit():
        raise HandshakeFailed(f"the reply is no server version: {reply[:40]!r}")
    return int(field)
