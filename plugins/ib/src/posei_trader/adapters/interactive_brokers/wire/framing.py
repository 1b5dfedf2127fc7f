"""Frames in a reused buffer: length prefix, message id, payload.

    text (server versions up to 200)   length | id in decimal | 0 | payload
    binary (201 and later)             length | 4-byte id     |     payload

The buffer is filled by the transport in place. A chunk is copied out once, when at least one frame
in it is complete; a frame that is still growing is never copied, so large answers stay linear.

Frames of the kinds that come in bursts, when several of one kind follow each other in a chunk, are
delivered together as a run: who gets them can decode them at once, for a fraction of the price.
"""

from __future__ import annotations

from enum import Enum, unique
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias

from posei_trader.adapters.interactive_brokers.wire.errors import FramingError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "LARGEST_FRAME",
    "LEVEL_ONE",
    "TICK_BY_TICK",
    "Deliver",
    "FrameReader",
    "Framing",
    "frame",
    "frame_with_id",
    "split_frame",
]

LARGEST_FRAME: Final = 0xFFFFFF
"""Longest payload that IB's own clients accept."""

_PREFIX: Final = Struct(">I")
_PREFIX_AND_ID: Final = Struct(">II")
_USUAL_SIZE: Final = 128 * 1024
_NO_ID: Final = -1
_TEXT_IDS: Final = {str(number).encode(): number for number in range(1, 256)}
_SHORTEST_RUN: Final = 4
"""Fewer frames are delivered one by one: to decode them together would not pay."""

_LONGEST_RUN: Final = 512
"""More would wait for each other, and no longer fit into the processor's cache."""

TICK_BY_TICK: Final = 99
LEVEL_ONE: Final = 1
"""What kinds of messages come in runs: ticks, and prices and sizes of level one in any order.

Each goes by its first message id in text; in protobuf, all ids are greater by 200.
"""

Deliver: TypeAlias = "Callable[[int, bytes | list[bytes]], object]"
"""Takes a message's id and payload, or a run: the id it goes by and its frames, ids and all.

A run for which it returns something false is delivered again, message by message.
"""


def frame(payload: bytes) -> bytes:
    """Return the payload with its length in front."""
    return _PREFIX.pack(len(payload)) + payload


def frame_with_id(message_id: int, payload: bytes) -> bytes:
    """Return a message with its length and its id, in four bytes, in front."""
    return _PREFIX_AND_ID.pack(_PREFIX.size + len(payload), message_id) + payload


def split_frame(whole: bytes) -> tuple[int, bytes]:
    """Return the id and the payload of what `frame_with_id` returned."""
    _, message_id = _PREFIX_AND_ID.unpack_from(whole)
    return message_id, whole[_PREFIX_AND_ID.size :]


@unique
class Framing(Enum):
    """How the message id is written."""

    NONE = "no id: the version reply of the handshake"
    TEXT = "decimal text"
    BINARY = "four bytes"


Kinds: TypeAlias = tuple[tuple[int, tuple[bytes, ...]], ...]
"""Kinds of runs: the number that each goes by, and what its frames begin with."""

_RUNS: Final[dict[Framing, Kinds]] = {
    Framing.TEXT: ((TICK_BY_TICK, (b"99\0",)), (LEVEL_ONE, (b"1\0", b"2\0"))),
    Framing.BINARY: (
        (TICK_BY_TICK + 200, (_PREFIX.pack(299),)),
        (LEVEL_ONE + 200, (_PREFIX.pack(201), _PREFIX.pack(202))),
    ),
}
"""By what frames of runs begin."""


class FrameReader:
    """Cut a byte stream into messages.

    Args:
        deliver: Called for each message or run, in order. During the handshake the id is -1. A
            frame whose id cannot be read is delivered with id 0, whole.
    """

    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver
        self.frames = 0
        self.bytes = 0
        self._framing = Framing.NONE
        self._kinds: Kinds = ()
        self._buffer = bytearray(_USUAL_SIZE)
        self._view = memoryview(self._buffer)
        self._end = 0
        self._wanted = _PREFIX.size

    def switch(self, framing: Framing) -> None:
        """Read ids in another way from the next frame on."""
        self._framing = framing
        self._kinds = _RUNS.get(framing, ())

    def writable(self) -> memoryview:
        """Return where the next bytes go; never empty."""
        if self._end == len(self._buffer):
            self._resize(max(self._wanted, 2 * len(self._buffer)))
        return self._view[self._end :] if self._end else self._view

    def written(self, count: int) -> None:
        """Take note of `count` new bytes in the buffer and deliver what is complete.

        Raises:
            FramingError: a length prefix is impossible.
        """
        self.bytes += count
        self._end += count
        if self._end < self._wanted:
            return
        chunk = bytes(self._view[: self._end])
        position = self._walk(chunk)
        rest = len(chunk) - position
        if rest and position:
            self._view[:rest] = chunk[position:]
        self._end = rest
        self._wanted = self._length(chunk, position) if rest >= _PREFIX.size else _PREFIX.size
        size = len(self._buffer)
        if self._wanted > size or (rest == 0 and size != _USUAL_SIZE):
            self._resize(max(self._wanted, _USUAL_SIZE))

    def _length(self, chunk: bytes, position: int) -> int:
        length: int = _PREFIX.unpack_from(chunk, position)[0]
        _check(length)
        return length + _PREFIX.size

    def _resize(self, size: int) -> None:
        if size == len(self._buffer):
            return
        kept = bytes(self._view[: self._end])
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
        self._view[: len(kept)] = kept

    def _walk(self, chunk: bytes) -> int:
        """Deliver the complete frames of a chunk; return where the first incomplete one starts."""
        position, before, size = 0, -1, len(chunk)
        is_known = self._framing is not Framing.NONE
        if is_known and size == _PREFIX.size + _PREFIX.unpack_from(chunk)[0]:
            self.frames += 1  # one message, as when nothing is in a hurry
            self._deliver_one(chunk[_PREFIX.size :])
            return size
        while before < position < size:  # how ids are written can change with any delivery
            before = position
            if self._framing is Framing.NONE:
                position = self._walk_once(chunk, position)
            else:
                position = self._walk_frames(chunk, position)
        return position

    def _walk_frames(self, chunk: bytes, position: int) -> int:
        unpack, size = _PREFIX.unpack_from, len(chunk)
        is_of_run, kinds = chunk.startswith, self._kinds
        number, heads = kinds[0]
        run: list[bytes] = []
        while size - position >= 4:
            start = position + 4
            stop = start + unpack(chunk, position)[0]
            if stop > size:
                break
            position = stop
            if is_of_run(heads, start):
                run.append(chunk[start:stop])
                if len(run) >= _LONGEST_RUN:
                    self._deliver_run(number, run)
                    run = []
                continue
            if run:
                self._deliver_run(number, run)
                run = []
            begun = next((kind for kind in kinds if is_of_run(kind[1], start)), None)
            if begun is None:
                self.frames += 1
                self._deliver_one(chunk[start:stop])
            else:
                number, heads = begun
                run.append(chunk[start:stop])
        if run:
            self._deliver_run(number, run)
        if size - position >= _PREFIX.size:
            self._length(chunk, position)
        return position

    def _deliver_run(self, number: int, run: list[bytes]) -> None:
        self.frames += len(run)
        if len(run) < _SHORTEST_RUN or not self.deliver(number, run):
            for whole in run:
                self._deliver_one(whole)

    def _deliver_one(self, whole: bytes) -> None:
        if self._framing is Framing.TEXT:
            text_id, _, payload = whole.partition(b"\0")
            number = _TEXT_IDS.get(text_id, 0)
            self.deliver(number, payload if number else whole)
        elif len(whole) < _PREFIX.size:
            self.deliver(0, whole)
        else:
            self.deliver(_PREFIX.unpack_from(whole)[0], whole[_PREFIX.size :])

    def _walk_once(self, chunk: bytes, position: int) -> int:
        """Deliver one frame without id."""
        if len(chunk) - position < 4:
            return position
        start = position + 4
        stop: int = start + _PREFIX.unpack_from(chunk, position)[0]
        if stop > len(chunk):
            _check(stop - start)
            return position
        self.frames += 1
        self.deliver(_NO_ID, chunk[start:stop])
        return stop


def _check(length: int) -> None:
    if length > LARGEST_FRAME:
        raise FramingError(f"a frame of {length} bytes is longer than any client accepts")
