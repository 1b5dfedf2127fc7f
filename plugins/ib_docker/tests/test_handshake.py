"""The handshake probe: real sockets, every way in which a port can disappoint."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.ib_docker.handshake import HandshakeFailed, server_version, shake_hands


def frame(payload):
    return struct.pack(">I", len(payload)) + payload


@asynccontextmanager
async def server(reply, heard):
    """Answer every connection with `reply` (None stays silent) and note what was heard."""

    async def serve(reader, writer):
        if reply is not None:
            heard.append(await reader.readexactly(17) if reply else b"")
            writer.write(reply)
            writer.close()
        else:
            heard.append(await reader.read())
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1]


async def test_the_version_reply_of_a_gateway_is_a_handshake():
    heard = []
    async with server(frame(b"187\x0020260302 09:00:00 UTC\0"), heard) as port:
        answer = await shake_hands("127.0.0.1", port)
    assert answer.server_version == 187
    assert 0 <= answer.seconds < 5
    assert heard == [b"API\0\0\0\0\x09v100..187"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"", "bytes read|reset by peer"),
        (frame(b"hello\0"), "no server version"),
        (b"HTTP/1.1 400 Bad Request\r\n", "claims a length"),
        (struct.pack(">I", 30) + b"187\0", "bytes read"),
        (None, "no answer within"),
    ],
)
async def test_a_port_that_only_accepts_is_no_gateway(reply, reason):
    async with server(reply, []) as port:
        with pytest.raises(HandshakeFailed, match=reason):
            await shake_hands("127.0.0.1", port, timeout=0.3)


async def test_a_closed_port_is_no_gateway(unused_tcp_port):
    with pytest.raises(HandshakeFailed, match=r"[Cc]onnect"):
        await shake_hands("127.0.0.1", unused_tcp_port)


@given(st.binary(max_size=60))
def test_no_reply_is_taken_for_a_version_unless_it_is_digits_and_nul(reply):
    digits = reply.split(b"\0")[0]
    if b"\0" in reply and digits and all(byte in b"0123456789" for byte in digits):
        assert server_version(reply) == int(digits)
    else:
        with pytest.raises(HandshakeFailed):
            server_version(reply)
