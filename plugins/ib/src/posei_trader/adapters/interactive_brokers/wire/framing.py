"""Frames in a reused buffer: length prefix, message id, payload.

    text (server versions up to 200)   length | id in decimal | 0 | payload
    binary (201 and later)             length | 4-byte id     |     payload

The buffer is filled by the transport in place. A chunk is copied out once, when at least one frame
in it is complete; a frame that is still growing is never copied, so large answers stay linear.
"""

from __future__ import annotations

from enum import Enum, unique
from struct import Struct
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.wire.errors import FramingError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LARGEST_FRAME", "FrameReader", "Framing", "frame"]

LARGEST_FRAME: Final = 0xFFFFFF
"""Longest payload that IB's own clients accept."""

_PREFIX: Final = Struct(">I")
_USUAL_SIZE: Final = 128 * 1024
_NO_ID: Final = -1
_TEXT_IDS: Final = {str(number).encode(): number for number in range(1, 256)}


def frame(payload: bytes) -> bytes:
    """Return the payload with its length in front."""
    return _PREFIX.pack(len(payload)) + payload


@unique
class Framing(Enum):
    """How the message id is written."""

    NONE = "no id: the version reply of the handshake"
    TEXT = "decimal text"
    BINARY = "four bytes"


class FrameReader:
    """Cut a byte stream into messages.

    Args:
        deliver: Called with (message id, payload) for each message, in order. During the handshake
            the id is -1. A frame whose id cannot be read is delivered with id 0, whole.
    """

    def __init__(self, deliver: Callable[[int, bytes], None]) -> None:
        self.deliver = deliver
        self.frames = 0
        self.bytes = 0
        self._framing = Framing.NONE
        self._buffer = bytearray(_USUAL_SIZE)
        self._view = memoryview(self._buffer)
        self._end = 0
        self._wanted = _PREFIX.size

    def switch(self, framing: Framing) -> None:
        """Read ids in another way from the next frame on."""
        self._framing = framing

    def writable(self) -> memoryview:
        """Return where the next bytes go; never empty."""
        if self._end == len(self._buffer):
            self._resize(max(self._wanted, 2 * len(self._buffer)))
        return self._view[self._end :]

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
        if self._wanted > len(self._buffer) or rest == 0:
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
        position, before = 0, -1
        while position != before:  # how ids are written can change with any delivery
            before = position
            if self._framing is Framing.TEXT:
                position = self._walk_text(chunk, position)
            elif self._framing is Framing.BINARY:
                position = self._walk_binary(chunk, position)
            else:
                position = self._walk_once(chunk, position)
        return position

    def _walk_text(self, chunk: bytes, position: int) -> int:
        unpack, number_of, size, frames = _PREFIX.unpack_from, _TEXT_IDS.get, len(chunk), 0
        while size - position >= 4:
            start = position + 4
            (length,) = unpack(chunk, position)
            stop = start + length
            if stop > size:
                _check(length)
                break
            frames += 1
            position = stop
            text_id, _, payload = chunk[start:stop].partition(b"\0")
            number = number_of(text_id, 0)
            self.deliver(number, payload if number else chunk[start:stop])
        self.frames += frames
        return position

    def _walk_binary(self, chunk: bytes, position: int) -> int:
        unpack, size, frames = _PREFIX.unpack_from, len(chunk), 0
        while size - position >= 4:
            start = position + 4
            (length,) = unpack(chunk, position)
            stop = start + length
            if stop > size:
                _check(length)
                break
            frames += 1
            position = stop
            if length < 4:
                self.deliver(0, chunk[start:stop])
            else:
                self.deliver(unpack(chunk, start)[0], chunk[start + 4 : stop])
        self.frames += frames
        return position

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
