"""Whatever a client sends, the server and everybody else's session go on."""

import contextlib
import logging
import socket
import struct
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posei_ib_sim import wire
from posei_ib_sim.gateway import SimulatedIBGatewayConfig
from posei_ib_sim.threaded import GatewayThread

VERSIONS = (157, 178, 200, 213, 226)
CONTRACTS = [
    wire.Contract(symbol="KO", secType="STK", exchange="SMART", currency="USD"),
    wire.Contract(symbol="EUR", secType="CASH", exchange="IDEALPRO", currency="USD"),
    wire.Contract(symbol="ES", secType="FUT", exchange="CME"),
    wire.Contract(conId=-1),
    wire.Contract(symbol="KO", secType="BAG", exchange="SMART", currency="USD"),
]
FUZZ = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class BlockingClient:
    """A socket past the handshake; reads nothing unless told."""

    def __init__(self, port, version, client_id):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = f"v{version}..{version}".encode()
        self.socket.sendall(b"API\0" + struct.pack(">I", len(hello)) + hello)
        self.frames = wire.FrameBuffer()
        self.waiting = []
        self.payload()
        self.codec = wire.Codec(version)
        self.send(wire.StartApiRequest(clientId=client_id))

    def send(self, message):
        self.socket.sendall(self.codec.encode_client(message))

    def payload(self):
        while not self.waiting:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError
            self.waiting += self.frames.feed(data)
        return self.waiting.pop(0)

    def until(self, kind):
        """Return all messages up to the first of a kind, it included."""
        seen = []
        while not (seen and isinstance(seen[-1], kind)):
            seen.append(self.codec.decode_server(self.payload()))
        return seen

    def close(self):
        self.socket.close()


class Witness:
    """A client that must not notice anything."""

    def __init__(self, gateway):
        self.client = BlockingClient(gateway.port, 200, 9_999)
        self.client.until(wire.NextValidId)
        self.asks()

    def asks(self):
        self.client.send(wire.CurrentTimeRequest())
        return self.client.until(wire.CurrentTime)


@pytest.fixture(scope="module")
def gateway():
    with GatewayThread(SimulatedIBGatewayConfig(speed="step", pacing=False)) as one:
        yield one


@pytest.fixture(scope="module")
def witness(gateway):
    one = Witness(gateway)
    yield one
    one.client.close()


@pytest.fixture
def failures():
    """Collect what the server logs as failures of its own."""
    records = []

    class Collector(logging.Handler):
        def emit(self, record):
            if record.levelno >= logging.ERROR or "request failed" in record.getMessage():
                records.append(record.getMessage())

    handler = Collector()
    logger = logging.getLogger("posei_ib_sim")
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def attack(gateway, version, data, *, seconds=0):
    """Send bytes on a fresh connection, let simulated time pass, read until all was digested."""
    client = BlockingClient(gateway.port, version, 77)
    try:
        with contextlib.suppress(OSError):
            client.socket.sendall(data)
            if seconds:
                client.send(wire.CurrentTimeRequest())
                client.until(wire.CurrentTime)
                gateway.run(gateway.gateway.advance(seconds))
            client.socket.shutdown(socket.SHUT_WR)
            while client.socket.recv(1 << 20):
                continue
    finally:
        client.close()


def goes_on(gateway, witness):
    """Tell whether the server lives and the witness saw the answer to its question alone."""
    seen = witness.asks()
    assert [type(one) for one in seen] == [wire.CurrentTime]
    assert gateway.call(lambda one: one.is_ready())


def frame(payload):
    return struct.pack(">I", len(payload)) + payload


def corpus(version):
    """One valid frame of every request, with a contract and an order where it takes them."""
    codec, frames = wire.Codec(version), []
    for kind in wire.CLIENT_MESSAGE_IDS:
        if kind is wire.StartApiRequest or not codec.supports(kind):
            continue
        values = {}
        names = kind.__struct_fields__
        if "order" in names:
            values["order"] = wire.Order(
                action="BUY",
                totalQuantity=Decimal(1),
                orderType="LMT",
                lmtPrice=1.0,
                transmit=True,
            )
        for contract in CONTRACTS if "contract" in names else [None]:
            if contract is not None:
                values["contract"] = contract
            for number in {"reqId", "orderId"} & set(names):
                values[number] = 5
            frames.append(codec.encode_client(kind(**values)))
    return frames


CORPUS = {version: corpus(version) for version in VERSIONS}


@st.composite
def mutated(draw):
    """A version and valid frames with bytes changed, left out, put in, repeated."""
    version = draw(st.sampled_from(VERSIONS))
    data = bytearray()
    for _ in range(draw(st.integers(1, 6))):
        payload = bytearray(draw(st.sampled_from(CORPUS[version]))[4:])
        for _ in range(draw(st.integers(0, 4))):
            at = draw(st.integers(0, max(len(payload) - 1, 0)))
            match draw(st.sampled_from(["change", "insert", "cut", "number", "repeat"])):
                case "change" if payload:
                    payload[at] = draw(st.integers(0, 255))
                case "insert":
                    payload[at:at] = draw(st.binary(max_size=8))
                case "cut":
                    del payload[at : at + draw(st.integers(1, 20))]
                case "number":
                    payload[at:at] = draw(
                        st.sampled_from([b"2147483648", b"-1", b"1e400", b"nan", b"9" * 400])
                    )
                case "repeat":
                    payload += payload[at : at + 200]
        data += frame(payload)
    return version, bytes(data)


@FUZZ
@given(version=st.sampled_from(VERSIONS), payloads=st.lists(st.binary(max_size=200), max_size=20))
def test_random_frames_disturb_nobody(gateway, witness, failures, version, payloads):
    attack(gateway, version, b"".join(frame(payload) for payload in payloads))
    goes_on(gateway, witness)
    assert failures == []


@FUZZ
@given(case=mutated())
def test_mutated_requests_disturb_nobody(gateway, witness, failures, case):
    attack(gateway, *case)
    goes_on(gateway, witness)
    assert failures == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_request_with_next_to_nothing_in_it_is_survived(gateway, witness, failures, version):
    attack(gateway, version, b"".join(CORPUS[version]), seconds=30)
    goes_on(gateway, witness)
    assert failures == []


@FUZZ
@given(data=st.binary(max_size=300))
def test_random_bytes_instead_of_a_handshake_disturb_nobody(gateway, witness, failures, data):
    address = ("127.0.0.1", gateway.port)
    with socket.create_connection(address, timeout=10) as stranger, contextlib.suppress(OSError):
        stranger.sendall(data)
        stranger.shutdown(socket.SHUT_WR)
        while stranger.recv(65536):
            continue
    goes_on(gateway, witness)
    assert failures == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("cut", [1, 2, 5, None])
def test_any_segmentation_of_requests_gets_the_same_answers(gateway, version, cut):
    codec = wire.Codec(version)
    requests = b"".join(
        codec.encode_client(message)
        for message in (
            wire.ContractDataRequest(reqId=1, contract=CONTRACTS[0]),
            wire.MatchingSymbolsRequest(reqId=2, pattern="KO"),
            wire.CurrentTimeRequest(),
        )
    )
    client = BlockingClient(gateway.port, version, 55)
    size = cut or len(requests)
    for start in range(0, len(requests), size):
        client.socket.sendall(requests[start : start + size])
    seen = [type(one) for one in client.until(wire.CurrentTime)]
    client.close()
    answers = [kind for kind in seen if kind not in {wire.ErrorMessage, wire.NextValidId}]
    assert answers == [
        wire.ManagedAccounts,
        wire.ContractData,
        wire.ContractDataEnd,
        wire.SymbolSamples,
        wire.CurrentTime,
    ]


def resident_bytes():
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_endless_and_unfinished_frames_do_not_grow_memory(gateway, witness, failures):
    attack(gateway, 200, frame(b"\xff" * 60_000) * 20)
    before = resident_bytes()
    for _ in range(5):
        attack(gateway, 200, struct.pack(">I", 0xFFFFFF) + b"x" * 3_000_000)
        attack(gateway, 226, frame(b"\0\0\1\x0b" + b"\xff" * 100_000) * 30)
    goes_on(gateway, witness)
    assert resident_bytes() - before < 40_000_000
    assert failures == []
    assert gateway.call(lambda one: len(one.server.sessions)) == 1
