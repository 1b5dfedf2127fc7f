"""Frames survive any cutting of the byte stream, and impossible ones are refused."""

from __future__ import annotations

import time
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.errors import FramingError
from posei_trader.adapters.interactive_brokers.wire.framing import (
    LARGEST_FRAME,
    FrameReader,
    Framing,
    frame,
    frame_with_id,
    split_frame,
)


def fed(
    pieces: list[bytes], framing: Framing, runs: list[list[bytes]] | None = None
) -> list[tuple[int, bytes]]:
    """Return what a reader delivers for these reads; it offers every run, and none is taken."""
    seen: list[tuple[int, bytes]] = []

    def deliver(number: int, payload: bytes | list[bytes]) -> bool:
        if isinstance(payload, bytes):
            seen.append((number, payload))
        elif runs is not None:
            runs.append(payload)
        return False

    reader = FrameReader(deliver)
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


KINDS = {Framing.TEXT: (99, 1, 2, 45, 46), Framing.BINARY: (299, 201, 202, 245, 99)}
RUNS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=12)


def framed(number: int, payload: bytes, framing: Framing) -> bytes:
    """Return a frame without its length."""
    head = b"%d\0" % number if framing is Framing.TEXT else number.to_bytes(4, "big")
    return head + payload


@pytest.mark.parametrize("framing", [Framing.TEXT, Framing.BINARY])
@settings(deadline=None)
@given(runs=RUNS, cuts=CUTS)
def test_a_run_that_nobody_takes_comes_message_by_message(framing, runs, cuts):
    messages = [
        (KINDS[framing][kind], b"%d\0" % number) for kind, times in runs for number in range(times)
    ]
    stream = b"".join(frame(framed(*message, framing)) for message in messages)
    assert fed(cut(stream, cuts), framing) == messages


@pytest.mark.parametrize("framing", [Framing.TEXT, Framing.BINARY])
@settings(deadline=None)
@given(runs=RUNS)
def test_what_is_of_one_kind_and_comes_together_is_a_run(framing, runs):
    ticks, price, size, *_ = KINDS[framing]
    of_run = {ticks: ticks, price: price, size: price}
    numbers = [KINDS[framing][kind] for kind, times in runs for _ in range(times)]
    wanted = []
    for _, group in groupby(numbers, of_run.get):
        run = [framed(number, b"\0", framing) for number in group]
        if len(run) >= 4 and run[0] in {framed(number, b"\0", framing) for number in of_run}:
            wanted.append(run)
    seen: list[list[bytes]] = []
    fed([b"".join(frame(framed(number, b"\0", framing)) for number in numbers)], framing, seen)
    assert seen == wanted


def test_a_run_that_is_taken_does_not_come_again():
    seen: list[object] = []
    reader = FrameReader(lambda number, payload: seen.append((number, payload)) or True)
    reader.switch(Framing.TEXT)
    poured(reader, 5 * frame(b"99\x001\0") + frame(b"9\x001\x0042\0"))
    assert seen == [(99, 5 * [b"99\x001\0"]), (9, b"1\x0042\0")]
    assert reader.frames == 6


def test_a_long_burst_comes_in_runs_of_512():
    seen: list[tuple[int, int]] = []
    reader = FrameReader(lambda number, payload: seen.append((number, len(payload))) or True)
    reader.switch(Framing.TEXT)
    poured(reader, 1_100 * frame(b"99\x001\0"))
    assert seen == [(99, 512), (99, 512), (99, 76)]
    assert reader.frames == 1_100


def test_what_came_before_an_impossible_length_is_delivered_first():
    seen: list[list[bytes]] = []
    with pytest.raises(FramingError):
        fed([5 * frame(b"99\x001\0") + b"\xff\xff\xff\xff"], Framing.TEXT, seen)
    assert seen == [5 * [b"99\x001\0"]]


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


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.binary(max_size=300))
def test_a_frame_with_an_id_is_read_and_split_as_it_was_made(message_id, payload):
    whole = frame_with_id(message_id, payload)
    assert fed([whole], Framing.BINARY) == [(message_id, payload)]
    assert split_frame(whole) == (message_id, payload)
