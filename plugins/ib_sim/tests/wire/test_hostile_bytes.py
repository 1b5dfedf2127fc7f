"""Whatever arrives, decoding ends soon, in little memory, in a message or a DecodeError."""

import random
import time
import tracemalloc

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_carried import FIRST_VERSION
from wire_strategies import saturated

from posei_ib_sim.wire import (
    CLIENT_MESSAGE_IDS,
    SERVER_MESSAGE_IDS,
    ClientMessage,
    Codec,
    DecodeError,
    ServerMessage,
)
from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.protobuf.descriptors import message_class, schema_names
from posei_ib_sim.wire.text.compiler import _LONG

VERSIONS = (157, 178, 200, 213, 226)
patient = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CLIENT_IDS = sorted(CLIENT_MESSAGE_IDS.values())
fields = st.lists(
    st.one_of(
        st.text(max_size=5),
        st.integers(-5, 10**20).map(str),
        st.sampled_from(["", "1", "999999999", "BAG", "1e999999999", "nan", "a", "0", "-1"]),
    ),
    max_size=140,
)


def assert_message_or_error(codec, payload):
    for decode, kind in ((codec.decode, ClientMessage), (codec.decode_server, ServerMessage)):
        outcome = _outcome(decode, payload)
        if isinstance(outcome, DecodeError):
            assert str(outcome) == f"message {outcome.message_id}: {outcome.reason}"
        else:
            assert isinstance(outcome, kind)


def _outcome(decode, payload):
    try:
        return decode(payload)
    except DecodeError as error:
        return error


@patient
@given(version=st.sampled_from(VERSIONS), payload=st.binary(max_size=300))
def test_any_bytes_give_a_message_or_a_decode_error(version, payload):
    assert_message_or_error(Codec(version), payload)


@patient
@given(version=st.sampled_from((157, 178, 200)), message_id=st.integers(0, 120), texts=fields)
def test_any_fields_give_a_message_or_a_decode_error(version, message_id, texts):
    payload = "".join(f"{text}\0" for text in [str(message_id), *texts]).encode()
    assert_message_or_error(Codec(version), payload)


@patient
@given(
    version=st.sampled_from((213, 226)),
    message_id=st.one_of(st.integers(200, 320), st.integers(0, 2**32 - 1)),
    body=st.binary(max_size=200),
)
def test_any_protobuf_body_gives_a_message_or_a_decode_error(version, message_id, body):
    assert_message_or_error(Codec(version), message_id.to_bytes(4, "big") + body)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_damaged_message_gives_a_message_or_a_decode_error(version):
    codec, chance = Codec(version), random.Random(version)
    types = [t for t in (*CLIENT_MESSAGE_IDS, *SERVER_MESSAGE_IDS) if codec.supports(t)]
    for message_type in types:
        message = saturated(message_type, chance)
        encode = codec.encode_client if isinstance(message, ClientMessage) else codec.encode
        for _ in range(5):
            payload = bytearray(encode(message)[4:])
            for _ in range(chance.randrange(1, 4)):
                payload[chance.randrange(len(payload))] = chance.randrange(256)
            assert_message_or_error(codec, bytes(payload[: chance.randrange(len(payload) + 1)]))


@pytest.mark.parametrize("count", ["999999999", "1000000000", "-1", "9" * 20, "²", "x"])
def test_a_count_that_the_message_cannot_hold_is_refused_before_anything_is_allocated(count):
    contract = ["1", "S", "BAG", "", "", "", "", "SMART", "", "USD", "", ""]
    order = ["", "", "BUY", "1", "LMT", "1", "", "DAY", "", "", "", "0", "", "1", "0", "0", "0"]
    payload = "\0".join(["3", "7", *contract, *order, "0", "0", "0", "0", count, ""]).encode()
    tracemalloc.start()
    with pytest.raises(DecodeError, match="number of comboLegs"):
        Codec(178).decode(payload)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("version", [200, 226])
def test_a_payload_of_a_million_zeros_is_dealt_with_at_once(version):
    codec = Codec(version)
    begun = time.perf_counter()
    for head in (b"", b"3\x00", b"17\x00", b"\0\0\0\xcb", b"\0\0\0\xd9"):
        assert_message_or_error(codec, head + bytes(1_000_000))
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize(
    "number", ["nan", "NaN", "inf", "1_0", " 1", "1e999999999", "1e-999999999", "٣", "0x10", "--1"]
)
def test_a_quantity_that_is_no_plain_number_is_refused_by_name(number):
    contract = ["1", "S", "STK", "", "", "", "", "SMART", "", "USD", "", "", "", ""]
    payload = "\0".join(["3", "7", *contract, "BUY", number, "LMT", ""]).encode()
    with pytest.raises(DecodeError, match=r"message 3: field totalQuantity: '.*' is"):
        Codec(178).decode(payload)


def test_nan_is_refused_in_protobuf_as_well():
    price = b"\x49" + bytes.fromhex("000000000000f87f")  # lmtPrice, field 9
    order = b"\x1a" + bytes([len(price)]) + price
    with pytest.raises(DecodeError, match=r"message 3: .*nan is not a number"):
        Codec(226).decode((203).to_bytes(4, "big") + order)


def test_an_unknown_id_is_a_decode_error_that_names_it():
    with pytest.raises(DecodeError, match="message 999: the message id is unknown") as caught:
        Codec(178).decode(b"999\x001\0")
    assert caught.value.message_id == 999
    with pytest.raises(DecodeError) as caught:
        Codec(226).decode((399).to_bytes(4, "big"))
    assert caught.value.message_id == 199


def test_a_message_younger_than_the_version_is_unknown_to_it():
    for message_type, since in FIRST_VERSION.items():
        if issubclass(message_type, ClientMessage) and since <= 200:
            payload = f"{CLIENT_MESSAGE_IDS[message_type]}\x001\0".encode()
            with pytest.raises(DecodeError, match="unknown at this server version"):
                Codec(since - 1).decode(payload)
            assert isinstance(Codec(since).decode(payload), message_type)


def test_an_order_is_never_read_without_a_condition_that_cannot_be_understood():
    order = m.Order(conditions=(m.OrderCondition(type=3, time="20260401 00:00:00"),))
    payload = Codec(178).encode_client(m.PlaceOrderRequest(orderId=1, order=order))[4:]
    for wrong in (b"2\0o\x000\x0020260401", b"3\0x\x000\x0020260401", b"9\0o\x000\x0020260401"):
        with pytest.raises(DecodeError, match=r"field conditions\."):
            Codec(178).decode(payload.replace(b"3\0o\x000\x0020260401", wrong))


@pytest.mark.parametrize("request_", [b"91\x00214748364812\0", b"71\x002\x002147483648\0\0"])
def test_a_number_that_no_protobuf_client_could_be_told_is_refused(request_):
    with pytest.raises(DecodeError, match="is beyond 32 bits"):
        Codec(200).decode(request_)


def test_an_order_id_beyond_32_bits_is_refused_by_name():
    codec = Codec(200)
    order = codec.encode_client(m.PlaceOrderRequest(orderId=7, order=m.Order(orderType="MKT")))[4:]
    with pytest.raises(DecodeError, match="field orderId: '214748364812' is beyond 32 bits"):
        codec.decode(order.replace(b"3\x007\0", b"3\x00214748364812\0", 1))


def test_the_64_bit_numbers_of_both_dialects_are_the_same():
    by_schema = {
        field.name
        for name in schema_names()
        for field in message_class(name).DESCRIPTOR.fields
        if field.type == FieldDescriptor.TYPE_INT64
    }
    assert by_schema == _LONG
