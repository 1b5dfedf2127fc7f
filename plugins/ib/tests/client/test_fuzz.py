"""Whatever bytes come, the client neither crashes nor hangs, and says what it skipped."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import (
    MAX_SERVER_VERSION,
    RequestEncoder,
)

IDS = st.one_of(st.integers(0, 320), st.integers(0, 2**32 - 1))
FIELDS = st.lists(
    st.one_of(
        st.integers(-(2**40), 2**40).map(lambda number: str(number).encode()),
        st.sampled_from([b"", b"1", b"6", b"10000", b"DU1", b"1.5", b"AAPL", b"STK", b"\\u00"]),
        st.binary(max_size=12).map(lambda raw: raw.replace(b"\0", b"")),
    ),
    max_size=60,
).map(lambda fields: b"".join(field + b"\0" for field in fields))
PAYLOADS = st.one_of(st.binary(max_size=300), FIELDS)


def opened(version: int) -> InteractiveBrokersClient:
    """Return a client that has got as far as the handshake, without a socket."""
    client = InteractiveBrokersClient("127.0.0.1", 1)
    client._opened(version)
    client._session.open(RequestEncoder(version, 1), lambda _data: None)
    return client


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    version=st.sampled_from([157, 178, min(200, MAX_SERVER_VERSION), MAX_SERVER_VERSION]),
    messages=st.lists(st.tuples(IDS, PAYLOADS), max_size=20),
)
def test_no_message_raises(version, messages):
    async def run() -> None:
        client = opened(version)
        for message_id, payload in messages:
            client._process_message(message_id, payload)
        client.health()
        await client.disconnect()

    asyncio.run(run())


@pytest.mark.parametrize("message_id", [*range(1, 112), *range(201, 312)])
def test_every_message_id_survives_an_empty_and_a_nonsense_payload(message_id):
    async def run() -> None:
        client = opened(MAX_SERVER_VERSION)
        for payload in (b"", b"\0", b"\xff" * 20, b"1\x00" * 200):
            client._process_message(message_id, payload)
        await client.disconnect()

    asyncio.run(run())


async def test_a_message_that_does_not_decode_is_skipped_logged_and_counted(shop, caplog):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    gateway.send(9, "many", "words", "here", "x" * 500)
    gateway.send(777, 1)
    gateway.send(9, 1, 4000)
    await shop.until(lambda: client._session.ids._next_order == 4000)
    assert client.health().malformed == 2
    assert client.is_connected
    lines = [line for line in caplog.messages if "does not decode" in line]
    assert len(lines) == 2
    assert all(len(line) < 400 for line in lines)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(noise=st.lists(st.binary(min_size=1, max_size=60), max_size=8))
async def test_random_bytes_on_the_socket_never_end_the_client(shop, noise):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    for piece in noise:
        if gateway._writers:
            gateway.send_raw(piece)
        await asyncio.sleep(0)
    gateway.drop()
    await shop.until(lambda: client.health().reconnects >= 1 and client.is_connected)
    await client.disconnect()
