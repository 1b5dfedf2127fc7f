"""Any bytes, any length, any rate: the server lives, others notice nothing, memory stays flat.

A few thousand inputs by default. For a long run, from the root of the project:

    POSEI_FUZZ_EXAMPLES=1000000 python -m pytest plugins/ib_sim/tests/server/test_fuzz.py -s
"""

import importlib.util
import os
import socket
import struct
import time
from pathlib import Path

import pytest

from posei_ib_sim import wire
from posei_ib_sim.gateway import SimulatedIBGatewayConfig
from posei_ib_sim.threaded import GatewayThread

HERE = Path(__file__).parent


def beside(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FUZZ = beside("fuzz_inputs")
EXAMPLES = int(os.environ.get("POSEI_FUZZ_EXAMPLES", "5000"))
SEED = os.environ.get("POSEI_FUZZ_SEED", "1")
SEEDS = FUZZ.seeds()
BATCH = 250
MOST_GROWTH = 80_000_000


class Attacker:
    """A connection past the handshake that sends whatever it is given."""

    def __init__(self, port, version):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        hello = f"v{version}..{version}".encode()
        self.socket.sendall(b"API\0" + struct.pack(">I", len(hello)) + hello)
        self.socket.recv(4096)
        self.codec = wire.Codec(version)

    def attack(self, data):
        """Send everything and read until the server has digested it and hung up."""
        try:
            self.socket.sendall(self.codec.encode_client(wire.StartApiRequest(clientId=77)))
            self.socket.setblocking(False)
            left = memoryview(data)
            while left:
                try:
                    left = left[self.socket.send(left) :]
                except BlockingIOError:
                    self._swallow()
            self.socket.settimeout(60)
            self.socket.shutdown(socket.SHUT_WR)
            while self.socket.recv(1 << 20):
                continue
        except TimeoutError:
            raise
        except OSError:
            return  # hung up on, as it deserves
        finally:
            self.socket.close()

    def _swallow(self):
        try:
            self.socket.recv(1 << 20)
        except BlockingIOError:
            time.sleep(0.0005)  # both directions are full: the server is at work


class Witness:
    """A client that must notice nothing."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.sendall(b"API\0" + struct.pack(">I", 9) + b"v200..200")
        self.frames = wire.FrameBuffer()
        self.codec = wire.Codec(200)
        self.socket.recv(4096)
        self.socket.sendall(self.codec.encode_client(wire.StartApiRequest(clientId=9_999)))
        self.until(wire.NextValidId)
        while self.asks() != [wire.CurrentTime]:
            continue  # the notices of the start

    def until(self, kind):
        seen = []
        while not any(isinstance(one, kind) for one in seen):
            payloads = self.frames.feed(self.socket.recv(65_536))
            seen += [self.codec.decode_server(payload) for payload in payloads]
        return seen

    def asks(self):
        self.socket.sendall(self.codec.encode_client(wire.CurrentTimeRequest()))
        return [type(one) for one in self.until(wire.CurrentTime)]


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.fixture(scope="module")
def gateway():
    config = SimulatedIBGatewayConfig(
        speed="step", pacing=False, start="2024-03-05T15:00:00", initial_cash={"USD": 1000}
    )
    with GatewayThread(config) as one:
        yield one


def test_there_are_seeds_of_every_request():
    for version, payloads in SEEDS.items():
        codec = wire.Codec(version)
        seen = {type(codec.decode(payload)) for payload in payloads}
        known = {kind for kind in wire.CLIENT_MESSAGE_IDS if codec.supports(kind)}
        assert known - seen - {wire.StartApiRequest} == set()


@pytest.fixture
def witness(gateway):
    one = Witness(gateway.port)
    yield one
    one.socket.close()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_no_input_disturbs_the_server_or_another_session(gateway, witness, caplog):
    share = EXAMPLES // len(SEEDS)
    begun, done, memory = time.monotonic(), 0, 0
    for version, payloads in SEEDS.items():
        inputs = FUZZ.inputs(SEED, version, payloads, share)
        while batch := [one for _, one in zip(range(BATCH), inputs, strict=False)]:
            caplog.clear()
            Attacker(gateway.port, version).attack(b"".join(batch))
            done += len(batch)
            assert witness.asks() == [wire.CurrentTime], f"after {done} inputs"
            failed = [one for one in caplog.records if "request failed" in one.getMessage()]
            assert not failed, (version, done, failed[0].getMessage(), failed[0].exc_text)
            if done >= min(EXAMPLES // 2, 100_000):
                memory = memory or resident_bytes()
    assert gateway.call(lambda one: one.failure) is None
    assert gateway.call(lambda one: len(one.server.sessions)) == 1
    read = gateway.call(lambda one: one.server.messages_received)
    growth = resident_bytes() - memory
    seconds = time.monotonic() - begun
    print(  # noqa: T201 - the figures of a long run
        f"\n{done:,} inputs, {read:,} of them read as frames, in {seconds:.0f} s; memory grew by "
        f"{growth / 1e6:.1f} MB since the {min(EXAMPLES // 2, 100_000):,}th"
    )
    assert growth < MOST_GROWTH
