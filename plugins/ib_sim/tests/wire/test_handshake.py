"""The first bytes of a connection: who is there, and which version both speak."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim.wire import (
    SUPPORTED_VERSIONS,
    Codec,
    FramingError,
    HandshakeError,
    NoCommonVersion,
    frame,
    negotiate,
    parse_hello,
    version_reply,
)

HELLO = bytes.fromhex("41 50 49 00 00 00 00 09") + b"v157..178"


def test_a_hello_gives_the_offered_versions():
    hello = parse_hello(HELLO)
    assert (hello.min_version, hello.max_version) == (157, 178)
    assert hello.connect_options == ""
    assert hello.consumed == len(HELLO)


def test_connect_options_follow_after_a_space():
    hello = parse_hello(b"API\0" + frame(b"v100..226 +PACEAPI") + b"more")
    assert (hello.max_version, hello.connect_options) == (226, "+PACEAPI")
    assert hello.consumed == 26


def test_a_client_with_one_version_may_name_it_alone():
    hello = parse_hello(b"API\0" + frame(b"v178"))
    assert (hello.min_version, hello.max_version) == (178, 178)


@pytest.mark.parametrize("length", range(len(HELLO)))
def test_an_incomplete_hello_needs_more_bytes(length):
    assert parse_hello(HELLO[:length]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"63\0",  # the handshake of clients before version 100
        b"GET / HTTP/1.1\r\n",
        b"API\1",
        b"API\0" + b"\xff\xff\xff\xff",
        b"API\0" + frame(b"hello"),
        b"API\0" + frame(b"v..178"),
        b"API\0" + frame(b"v1..2..3"),
        b"API\0" + frame(b""),
    ],
)
def test_anything_else_is_no_hello(data):
    with pytest.raises(HandshakeError):
        parse_hello(data)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_a_hello_an_error_or_not_enough(data, signed):
    try:
        hello = parse_hello(b"API\0" + data if signed else data)
    except FramingError:
        return
    assert hello is None or hello.min_version >= 0


@pytest.mark.parametrize(
    ("client_min", "client_max", "version"),
    [
        (100, 157, 157),  # ibapi 9.81
        (100, 187, 187),  # ibapi 10.30
        (157, 178, 178),  # ib_async
        (100, 193, 193),  # @stoqey/ib
        (100, 203, 200),  # ibapi 10.37: hybrid versions are left out
        (100, 212, 200),
        (100, 213, 213),
        (100, 223, 223),  # ibapi 10.45
        (100, 226, 226),  # ibapi 10.50
        (208, 225, 225),
        (213, 225, 225),
        (100, 999, 226),
        (226, 300, 226),
    ],
)
def test_the_highest_version_that_both_speak_is_chosen(client_min, client_max, version):
    assert negotiate(client_min, client_max) == version


@pytest.mark.parametrize("offer", [(100, 156), (201, 212), (227, 300), (178, 157)])
def test_no_version_in_common_is_an_error(offer):
    with pytest.raises(NoCommonVersion, match=f"{offer[0]}..{offer[1]}"):
        negotiate(*offer)


def test_a_pinned_version_is_taken_or_refused():
    assert negotiate(100, 226, pinned=178) == 178
    with pytest.raises(NoCommonVersion, match="pinned version 200"):
        negotiate(157, 178, pinned=200)
    with pytest.raises(NoCommonVersion, match="pinned version 205"):
        negotiate(100, 226, pinned=205)


def test_the_reply_is_text_without_an_id_at_every_version():
    expected = bytes.fromhex("00 00 00 21") + b"178\0" + b"20261122 10:00:00 US/Eastern\0"
    assert version_reply(178, "20261122 10:00:00 US/Eastern") == expected


def test_every_served_version_has_a_codec_and_no_other_has():
    assert all(Codec(version).server_version == version for version in SUPPORTED_VERSIONS)
    for version in (100, 156, 201, 212, 227):
        with pytest.raises(ValueError, match="not served"):
            Codec(version)
