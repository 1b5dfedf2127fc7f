"""Frames: a four-byte big-endian length, then that many bytes of payload."""

from collections.abc import Iterator

from posei_ib_sim.wire.errors import FramingError

MAX_FRAME = 0xFFFFFF
"""The longest payload clients accept; the official client reports error 507 above it."""

_PREFIX = 4


def frame(*payload: bytes) -> bytes:
    """Put the length in front of a payload that comes in one or several parts of bytes.

    Raises:
        FramingError: the payload is longer than `MAX_FRAME`.
    """
    length = sum(map(len, payload))
    if length > MAX_FRAME:
        raise FramingError(
            f"payload of {length} bytes exceeds {MAX_FRAME}; split the answer over several messages"
        )
    return b"".join((length.to_bytes(_PREFIX, "big"), *payload))


class FrameBuffer:
    """Cut a byte stream, however it was split or merged, into payloads.

    Holds at most one incomplete frame of up to ``max_frame`` bytes besides what was fed last.
    """

    def __init__(self, *, max_frame: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._max_frame = max_frame

    @property
    def pending(self) -> int:
        """Count the bytes that wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[bytes]:
        """Take bytes in at once and yield the payloads that are now complete, in order.

        Payloads that the caller does not draw stay in the buffer and come with the next feed.

        Raises:
            FramingError: while drawing, after the frames before it, when a length exceeds
                ``max_frame``.
        """
        self._buffer += data
        return self._payloads()

    def _payloads(self) -> Iterator[bytes]:
        buffer = self._buffer
        while len(buffer) >= _PREFIX:
            length = int.from_bytes(buffer[:_PREFIX], "big")
            if length > self._max_frame:
                raise FramingError(
                    f"frame length {length} exceeds {self._max_frame}; the stream is out of step"
                )
            end = _PREFIX + length
            if len(buffer) < end:
                return
            payload = bytes(buffer[_PREFIX:end])
            del buffer[:end]
            yield payload
