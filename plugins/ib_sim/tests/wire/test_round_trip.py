"""Whatever is written is read back, at every version, but for what the version does not carry."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_carried import FIRST_VERSION, in_protobuf, in_text
from wire_strategies import records, saturated

from posei_ib_sim.wire import (
    CLIENT_MESSAGE_IDS,
    SERVER_MESSAGE_IDS,
    ClientMessage,
    Codec,
    UnsupportedMessage,
)

TEXT_VERSIONS = range(157, 201)
PROTOBUF_VERSIONS = range(213, 227)
MESSAGES = sorted((*SERVER_MESSAGE_IDS, *CLIENT_MESSAGE_IDS), key=lambda message: message.__name__)
TEXT_MESSAGES = [message for message in MESSAGES if FIRST_VERSION.get(message, 0) <= 200]
TEXT_ONLY = {
    "TickEFP", "DeltaNeutralValidation", "FundamentalData", "FundamentalDataRequest",
    "CancelFundamentalData", "VerifyAndAuthRequest", "VerifyAndAuthMessage",
    "VerifyAndAuthMessageApi", "VerifyAndAuthCompleted",
}  # fmt: skip

thorough = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def transported(codec, message):
    """Return what the other side of a connection reads."""
    if isinstance(message, ClientMessage):
        return codec.decode(codec.encode_client(message)[4:])
    return codec.decode_server(codec.encode(message)[4:])


@pytest.mark.parametrize("message_type", TEXT_MESSAGES, ids=lambda message: message.__name__)
@thorough
@given(data=st.data())
def test_a_message_survives_every_text_version(message_type, data):
    version = data.draw(st.sampled_from(TEXT_VERSIONS))
    message = data.draw(records(message_type))
    codec = Codec(version)
    if knows(version, message_type):
        assert transported(codec, message) == received(message, version)
    else:
        with pytest.raises(UnsupportedMessage):
            transported(codec, message)


@pytest.mark.parametrize("message_type", MESSAGES, ids=lambda message: message.__name__)
@thorough
@given(data=st.data())
def test_a_message_survives_every_protobuf_version(message_type, data):
    version = data.draw(st.sampled_from(PROTOBUF_VERSIONS))
    message = data.draw(records(message_type))
    codec = Codec(version)
    if knows(version, message_type):
        assert transported(codec, message) == received(message, version)
    else:
        with pytest.raises(UnsupportedMessage):
            transported(codec, message)


@pytest.mark.parametrize("version", [*TEXT_VERSIONS, *PROTOBUF_VERSIONS])
def test_empty_and_full_messages_survive_every_single_version(version):
    codec = Codec(version)
    chance = random.Random(version)
    for message_type in MESSAGES:
        assert codec.supports(message_type) == knows(version, message_type)
        if not knows(version, message_type):
            continue
        for message in (message_type(), *(saturated(message_type, chance) for _ in range(3))):
            assert transported(codec, message) == received(message, version)


def knows(version, message_type):
    since = FIRST_VERSION.get(message_type, 0)
    return version >= since


def received(message, version):
    if version <= 200 or type(message).__name__ in TEXT_ONLY:
        return in_text(message, version)
    return in_protobuf(message, version)
