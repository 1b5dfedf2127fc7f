"""What a session sends: frames collected per turn of the loop, bounded, and open to faults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from posei_ib_sim.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Outgoing"]

_log = get_logger(__name__)
_HIGH_WATER = 1 << 20
_SEGMENT = 1 << 16


@final
class Outgoing:
    """The sending half of one connection.

    Frames written in one turn of the event loop leave in one segment, unless an answer is so long
    that its beginning had better not wait for its end. While the client does not read, they wait
    here up to `limit` bytes; beyond that the client is cut off, as a gateway does with readers that
    are too slow, and what waited is counted as lost.

    Args:
        transport: The connection.
        limit: Bytes that may wait.
        on_overflow: Called once when the limit is passed; ends the session.
    """

    def __init__(
        self, transport: asyncio.Transport, *, limit: int, on_overflow: Callable[[int], None]
    ) -> None:
        self._transport = transport
        self._limit = limit
        self._on_overflow = on_overflow
        self._loop = asyncio.get_running_loop()
        self._frames: list[bytes] = []
        self._bytes = 0
        self._is_scheduled = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_closed = False
        self.stalled = False
        self.segment_size: int | None = None
        self.drop_after: int | None = None
        self.merge_seconds: float | None = None
        self.sent_bytes = 0
        self.sent_frames = 0
        transport.set_write_buffer_limits(high=_HIGH_WATER)

    @property
    def waiting(self) -> int:
        """Bytes accepted but not yet handed to the operating system."""
        return self._bytes + (0 if self._is_closed else self._transport.get_write_buffer_size())

    @property
    def is_drained(self) -> bool:
        """Whether everything has been handed to the operating system."""
        held_back = self.stalled or self.merge_seconds is not None
        return self._is_closed or held_back or self.waiting == 0

    def write(self, frame: bytes) -> None:
        """Queue a frame; it leaves at the end of this turn of the loop."""
        if self._is_closed:
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        self.sent_frames += 1
        if self._bytes > self._limit:
            self._overflow()
        elif self._bytes >= _SEGMENT and self.merge_seconds is None:
            self._flush()
        elif not self._is_scheduled:
            self._is_scheduled = True
            if self.merge_seconds is None:
                self._loop.call_soon(self._flush)
            else:
                self._loop.call_later(self.merge_seconds, self._flush)

    def resume(self) -> None:
        """The transport can take more again."""
        self._writable.set()
        self._flush()

    def pause(self) -> None:
        """The client does not read: hold frames back."""
        self._writable.clear()

    def release(self) -> None:
        """End a stall and send what has waited."""
        self.stalled = False
        self._flush()

    async def drain(self) -> None:
        """Return once everything queued has been handed to the operating system.

        A stalled connection counts as drained: a fault must not stop the simulation.
        """
        while not self.is_drained:
            self._flush()
            await asyncio.sleep(0)
            if not self._writable.is_set() and not self._is_closed:
                await self._writable.wait()
            elif self.waiting:
                await asyncio.sleep(0.0005)

    def flush(self) -> None:
        """Send what is queued now, without waiting for the end of the turn."""
        self._flush()

    def close(self) -> None:
        """Forget what is queued; nothing is sent any more."""
        self._is_closed = True
        self._frames.clear()
        self._bytes = 0
        self._writable.set()

    def _flush(self) -> None:
        self._is_scheduled = False
        if self._is_closed or self.stalled or not self._writable.is_set() or not self._frames:
            return
        data = b"".join(self._frames)
        self._frames.clear()
        self._bytes = 0
        if self.drop_after is not None and len(data) >= self.drop_after:
            self._transport.write(data[: self.drop_after])
            self.drop_after = None
            self.close()
            self._transport.close()
            return
        self.sent_bytes += len(data)
        if self.segment_size is None:
            self._transport.write(data)
            return
        for start in range(0, len(data), self.segment_size):
            self._transport.write(data[start : start + self.segment_size])

    def _overflow(self) -> None:
        lost = self.waiting
        self.close()
        _log.error("client reads too slowly and is disconnected", waiting_bytes=lost)
        self._on_overflow(lost)
