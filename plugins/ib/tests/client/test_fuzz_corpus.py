"""Messages of real sessions, damaged in every way: nothing raises, hangs, or grows without bound.

The environment variable ``POSEI_FUZZ_INPUTS`` asks for more inputs than the few of an ordinary test
run; `make fuzz` asks for a million and prints what came of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import resource
import time
from collections import Counter
from pathlib import Path

import pytest

from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.client.messages import TickKind
from posei_trader.adapters.interactive_brokers.client.transport import GatewaySocket
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.wire.framing import Framing
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import (
    BINARY_FROM,
    RequestEncoder,
)

INPUTS = int(os.environ.get("POSEI_FUZZ_INPUTS", "20000"))
SEED = int(os.environ.get("POSEI_FUZZ_SEED", "1"))
SLOWEST_S = 2.0
AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", currency="USD", conId=265598)

EXTREMES = (
    b"",
    b"0",
    b"-1",
    b"2147483647",
    b"-2147483648",
    b"9223372036854775807",
    b"99999999999999999999999999",
    b"1.7976931348623157E308",
    b"1e999",
    b"-1e-999",
    b"nan",
    b"Infinity",
    b"N/A",
    b"0x10",
    b"1_000",
    b"\xff\xfe",
    "\u0661\u0662".encode(),
    b"20240310 02:30:00 US/Eastern",
    b"99999999 99:99:99",
    b"%s%n{}",
    b"A" * 4_000,
)


def corpus() -> dict[int, list[tuple[int, bytes]]]:
    frames: dict[int, list[tuple[int, bytes]]] = {}
    path = Path(__file__).parent / "corpus" / "frames.txt"
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            version, number, payload = (line + " ").split(" ")[:3]
            frames.setdefault(int(version), []).append((int(number), bytes.fromhex(payload)))
    return frames


CORPUS = corpus()


class Damage:
    """Damages messages, repeatably."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.ways = (
            self.bits,
            self.cut,
            self.insert,
            self.repeat,
            self.field,
            self.field,
            self.splice,
            self.noise,
        )

    def message(self, frames: list[tuple[int, bytes]]) -> tuple[int, bytes]:
        number, payload = self.random.choice(frames)
        if self.random.random() < 0.05:
            number = self.random.choice([0, -1, 255, 2**32 - 1, self.random.randrange(320)])
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            payload = self.random.choice(self.ways)(payload, frames)
        return number, payload[:20_000]

    def bits(self, payload: bytes, _: object) -> bytes:
        data = bytearray(payload or b"\0")
        for _ in range(self.random.randrange(1, 4)):
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return bytes(data)

    def cut(self, payload: bytes, _: object) -> bytes:
        return payload[: self.random.randrange(len(payload) + 1)]

    def insert(self, payload: bytes, _: object) -> bytes:
        at = self.random.randrange(len(payload) + 1)
        return payload[:at] + self.random.randbytes(self.random.randrange(1, 9)) + payload[at:]

    def repeat(self, payload: bytes, _: object) -> bytes:
        start = self.random.randrange(len(payload) + 1)
        part = payload[start : start + self.random.randrange(40)]
        return payload[:start] + part * self.random.choice([2, 3, 50]) + payload[start:]

    def field(self, payload: bytes, _: object) -> bytes:
        fields = payload.split(b"\0")
        fields[self.random.randrange(len(fields))] = self.random.choice(EXTREMES)
        return b"\0".join(fields)

    def splice(self, payload: bytes, frames: list[tuple[int, bytes]]) -> bytes:
        other = self.random.choice(frames)[1]
        return self.cut(payload, None) + other[self.random.randrange(len(other) + 1) :]

    def noise(self, _: bytes, __: object) -> bytes:
        return self.random.randbytes(self.random.choice([0, 1, 4, 30, 300]))


class Anybody:
    """A listener to everything, which does nothing."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_: None


def opened(version: int) -> InteractiveBrokersClient:
    """Return a client after the handshake, with the streams and questions of the corpus open."""
    client = InteractiveBrokersClient("127.0.0.1", 1)
    client._opened(version)
    client._session.open(RequestEncoder(version, 1), lambda _data: None)
    anybody = Anybody()
    client.subscribe_market_data(AAPL, anybody, generic_ticks="233,236")
    client.subscribe_ticks(AAPL, TickKind.ALL_LAST, anybody)
    client.subscribe_ticks(AAPL, TickKind.BID_ASK, anybody)
    client.subscribe_realtime_bars(AAPL, anybody, what_to_show="TRADES")
    client.subscribe_market_depth(AAPL, anybody, rows=5)
    return client


def kept(client: InteractiveBrokersClient) -> int:
    """Return how many things the client remembers because of what it was sent."""
    errors = client._errors
    sizes = (errors.counts, errors.recent, errors.unhandled, client._connection.history)
    return sum(map(len, sizes)) + len(client.health().broken_farms)


async def bombard(version: int, inputs: int, seed: int) -> Counter[str]:
    damage, frames, seen = Damage(seed), CORPUS[version], Counter()
    client, slowest = opened(version), 0.0
    for index in range(inputs):
        if index % 5_000 == 0:
            await asyncio.sleep(0)
            if not client._session.streams.by_id:
                await client.disconnect()
                client = opened(version)  # what ended its streams was a message like any other
        message = damage.message(frames)
        before = time.perf_counter()
        client._process_message(*message)
        slowest = max(slowest, time.perf_counter() - before)
    assert slowest < SLOWEST_S
    assert kept(client) < 2_500
    seen["malformed"] = client.health().malformed
    seen["microseconds of the slowest"] = int(slowest * 1e6)
    unhurt = next(payload for number, payload in frames if number % 200 == 9)  # nextValidId
    malformed = client.health().malformed
    client._process_message(209 if version >= BINARY_FROM else 9, unhurt)
    assert client.health().malformed == malformed
    await client.disconnect()
    return seen


@pytest.mark.parametrize("version", sorted(CORPUS))
async def test_no_damaged_message_raises_hangs_or_is_kept(version, caplog, capsys):
    caplog.set_level(logging.CRITICAL)
    begun = time.perf_counter()
    seen = await bombard(version, INPUTS // len(CORPUS), SEED + version)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with capsys.disabled():
        if "POSEI_FUZZ_INPUTS" in os.environ:
            print(  # noqa: T201 - the figures were asked for
                f"\nversion {version}: {INPUTS // len(CORPUS)} messages in "
                f"{time.perf_counter() - begun:.0f} s, {dict(seen)}, {memory} MB at most"
            )
    assert seen["malformed"] > INPUTS // len(CORPUS) // 20


@pytest.mark.parametrize("version", sorted(CORPUS))
def test_a_damaged_stream_of_bytes_ends_the_connection_or_is_read_on(version, caplog):
    caplog.set_level(logging.CRITICAL)
    damage, frames = Damage(SEED + version), CORPUS[version]
    is_binary = version >= BINARY_FROM
    ended = delivered = 0
    for _ in range(INPUTS // len(CORPUS) // 20):
        ends: list[str] = []
        got: list[int] = []
        socket = GatewaySocket(lambda number, _payload, got=got: got.append(number), ends.append)
        socket.switch(Framing.BINARY if is_binary else Framing.TEXT)
        stream = b""
        for _ in range(20):
            number, payload = damage.message(frames)
            if is_binary:
                body = (number % 2**32).to_bytes(4, "big") + payload
            else:
                body = str(number).encode() + b"\0" + payload
            stream += len(body).to_bytes(4, "big") + body
        if damage.random.random() < 0.5:
            stream = damage.bits(stream, None)
        position = 0
        while position < len(stream) and not ends:
            space = socket.get_buffer(-1)
            size = min(len(space), len(stream) - position, damage.random.choice([1, 7, 9_999]))
            space[:size] = stream[position : position + size]
            position += size
            socket.buffer_updated(size)
        ended += len(ends)
        delivered += len(got)
        assert len(ends) <= 1
    assert delivered > 0
