"""Frames survive any cutting of the byte stream, and impossible ones are refused."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.errors import FramingError
from posei_trader.adapters.interactive_brokers.wire.framing import (
    LARGEST_FRAME,
    FrameReader,
    Framing,
    frame,
)


def fed(pieces: list[bytes], framing: Framing) -> list[tuple[int, bytes]]:
    """Return what a reader delivers for these reads."""
    seen: list[tuple[int, bytes]] = []
    reader = FrameReader(lambda number, payload: seen.append((number, payload)))
    reader.switch(framing)
    for piece in pieces:
        poured(reader, piece)
    return seen


def poured(reader: FrameReader, piece: bytes, at_once: int = 2**30) -> None:
    """Write a piece into a reader's buffer, as a transport does."""
    source, position = memoryview(piece), 0
    while position < len(piece):
        room = reader.writable()
        count = min(len(room), at_once, len(piece) - position)
        room[:count] = source[position : position + count]
        reader.written(count)
        position += count


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    marks = sorted({0, len(stream), *(at % (len(stream) + 1) for at in cuts)})
    return [stream[a:b] for a, b in pairwise(marks)]


TEXT_MESSAGES = st.lists(
    st.tuples(st.integers(1, 111), st.binary(max_size=300).map(lambda raw: raw + b"\0"))
)
BINARY_MESSAGES = st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=300)))
CUTS = st.lists(st.integers(0, 10**6), max_size=20)


@settings(deadline=None)
@given(messages=TEXT_MESSAGES, cuts=CUTS)
def test_text_messages_come_whole_and_in_order_however_the_stream_is_cut(messages, cuts):
    stream = b"".join(frame(b"%d\0%s" % message) for message in messages)
    assert fed(cut(stream, cuts), Framing.TEXT) == messages


@settings(deadline=None)
@given(messages=BINARY_MESSAGES, cuts=CUTS)
def test_binary_messages_come_whole_and_in_order_however_the_stream_is_cut(messages, cuts):
    stream = b"".join(frame(number.to_bytes(4, "big") + payload) for number, payload in messages)
    assert fed(cut(stream, cuts), Framing.BINARY) == messages


def test_a_byte_at_a_time_is_enough():
    stream = frame(b"9\x001\x0042\0") + frame(b"15\x001\x00DU1\0")
    pieces = [bytes([byte]) for byte in stream]
    assert fed(pieces, Framing.TEXT) == [(9, b"1\x0042\0"), (15, b"1\x00DU1\0")]


def test_the_version_reply_has_no_id():
    assert fed([frame(b"178\x0020240102 10:00:00 UTC\0")], Framing.NONE) == [
        (-1, b"178\x0020240102 10:00:00 UTC\0")
    ]


@pytest.mark.parametrize("payload", [b"", b"\0\0", b"no id at all", b"x9\x001\0"])
def test_a_text_frame_whose_id_cannot_be_read_is_delivered_as_id_zero(payload):
    assert fed([frame(payload)], Framing.TEXT) == [(0, payload)]


def test_a_binary_frame_too_short_for_an_id_is_delivered_as_id_zero():
    assert fed([frame(b"abc")], Framing.BINARY) == [(0, b"abc")]


def test_a_switch_takes_effect_within_a_read():
    seen: list[tuple[int, bytes]] = []

    def deliver(number: int, payload: bytes) -> None:
        seen.append((number, payload))
        if number == -1:
            reader.switch(Framing.TEXT)

    reader = FrameReader(deliver)
    stream = frame(b"178\x00now\0") + frame(b"9\x001\x001\0")
    reader.writable()[: len(stream)] = stream
    reader.written(len(stream))
    assert seen == [(-1, b"178\x00now\0"), (9, b"1\x001\0")]


@pytest.mark.parametrize("length", [LARGEST_FRAME + 1, 2**32 - 1])
def test_an_impossible_length_is_refused_at_once(length):
    with pytest.raises(FramingError, match=r"longer than any client accepts|too long"):
        fed([length.to_bytes(4, "big"), b"rest"], Framing.TEXT)


def test_an_http_server_is_recognised():
    with pytest.raises(FramingError):
        fed([b"HTTP/1.1 400 Bad Request\r\n\r\n"], Framing.NONE)


def test_the_largest_frame_comes_through_and_the_buffer_shrinks_again():
    body = b"17\0" + b"x" * (LARGEST_FRAME - 4) + b"\0"
    seen = []
    reader = FrameReader(lambda number, payload: seen.append((number, len(payload))))
    reader.switch(Framing.TEXT)
    poured(reader, frame(body) + frame(b"9\x001\x001\0"), 65536)
    assert seen == [(17, LARGEST_FRAME - 3), (9, 4)]
    assert len(reader.writable()) < 1_000_000


def test_time_is_linear_in_the_length_of_a_burst():
    message = frame(b"99\x0010000\x003\x001700000000\x001.08\x001.09\x00100\x00200\x000\0")

    def seconds(count: int) -> float:
        reader = FrameReader(lambda _number, _payload: None)
        reader.switch(Framing.TEXT)
        stream = message * count
        began = time.process_time()
        poured(reader, stream)
        return time.process_time() - began

    short, long = (min(seconds(count) for _ in range(5)) for count in (10_000, 100_000))
    assert long < 30 * short
