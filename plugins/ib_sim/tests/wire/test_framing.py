"""Frames come out of the byte stream whole and in order, however it was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim.wire import MAX_FRAME, FrameBuffer, FramingError, frame

payloads = st.lists(st.binary(max_size=40), max_size=12)


def cut(data, stream):
    """Cut a stream at drawn places."""
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


@given(sent=payloads, data=st.data())
def test_any_splits_and_merges_give_the_same_payloads(sent, data):
    stream = b"".join(frame(payload) for payload in sent)
    buffer = FrameBuffer()
    received = [payload for piece in cut(data, stream) for payload in buffer.feed(piece)]
    assert received == sent
    assert buffer.pending == 0


@given(sent=payloads)
def test_a_stream_fed_byte_by_byte_gives_the_same_payloads(sent):
    stream = b"".join(frame(payload) for payload in sent)
    buffer = FrameBuffer()
    received = [p for at in range(len(stream)) for p in buffer.feed(stream[at : at + 1])]
    assert received == sent


def test_payloads_left_undrawn_come_with_the_next_feed():
    buffer = FrameBuffer()
    assert next(buffer.feed(frame(b"one") + frame(b"two") + frame(b"three")[:5])) == b"one"
    assert buffer.pending == 12
    assert list(buffer.feed(frame(b"three")[5:])) == [b"two", b"three"]


def test_the_length_prefix_is_big_endian_and_does_not_count_itself():
    assert frame(b"9\x001\x001\0").hex(" ") == "00 00 00 06 39 00 31 00 31 00"


def test_a_length_beyond_the_limit_is_an_error_after_the_frames_before_it():
    buffer = FrameBuffer()
    drawn = buffer.feed(frame(b"good") + (MAX_FRAME + 1).to_bytes(4, "big"))
    assert next(drawn) == b"good"
    with pytest.raises(FramingError, match="16777216 exceeds 16777215"):
        next(drawn)


def test_a_smaller_limit_can_be_set_for_clients_that_are_not_trusted():
    with pytest.raises(FramingError, match="11 exceeds 10"):
        list(FrameBuffer(max_frame=10).feed(frame(b"x" * 11)))


def test_a_payload_that_clients_would_refuse_is_not_framed():
    with pytest.raises(FramingError, match="split the answer"):
        frame(bytes(MAX_FRAME + 1))


def test_the_longest_payload_passes_in_small_pieces_without_growing_slow():
    stream = memoryview(frame(bytes(MAX_FRAME)))
    buffer = FrameBuffer()
    received = [
        len(payload)
        for at in range(0, len(stream), 65536)
        for payload in buffer.feed(stream[at : at + 65536])
    ]
    assert received == [MAX_FRAME]
