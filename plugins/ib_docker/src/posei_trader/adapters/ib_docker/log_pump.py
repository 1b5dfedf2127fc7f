"""Carry the lines of a container's log from the blocking engine to the event loop."""

from __future__ import annotations

import asyncio
import threading
from itertools import chain
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker.log_parser import LineSplitter, LogLine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from posei_trader.adapters.ib_docker.engine.seam import ContainerEngine, LogStream

_AHEAD: Final = 512
"""How many lines the reader may be ahead of the event loop."""


class _Reader:
    """The one thread that reads a stream; it waits when it is too far ahead, and drops nothing."""

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._slots = threading.Semaphore(_AHEAD)
        self._stopped = False
        self._queue: asyncio.Queue[LogLine | None] = asyncio.Queue()
        # A daemon, because a hanging engine must not keep the process alive.
        self._thread = threading.Thread(target=self._read, name="posei-gateway-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def next_line(self) -> LogLine | None:
        """Return the next line, or None at the end."""
        line = await self._queue.get()
        self._slots.release()
        return line

    async def stop(self) -> None:
        self._stopped = True
        self._stream.close()
        self._slots.release()
        await asyncio.to_thread(self._thread.join, 5.0)

    def _read(self) -> None:
        for line in chain(_lines(self._stream), (None,)):
            self._slots.acquire()
            if self._stopped:
                return
            self._loop.call_soon_threadsafe(self._queue.put_nowait, line)


async def follow(
    engine: ContainerEngine, container_id: str, since: str | None
) -> AsyncGenerator[LogLine]:
    """Yield the lines after the stamp `since`, until the container ends or the caller stops.

    Close the iterator (`contextlib.aclosing`): that ends the reading thread at once.

    Raises:
        EngineUnavailable: The log could not be opened.
    """
    reader = _Reader(await _open(engine, container_id, since))
    reader.start()
    try:
        while (line := await reader.next_line()) is not None:
            # The engine's `since` is coarser than its stamps.
            if since is None or line.stamp is None or line.stamp > since:
                yield line
    finally:
        await reader.stop()


async def _open(engine: ContainerEngine, container_id: str, since: str | None) -> LogStream:
    opening = asyncio.create_task(asyncio.to_thread(engine.follow, container_id, since=since))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # The thread goes on, and nobody else would close what it opens.
        opening.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(opening: asyncio.Task[LogStream]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _lines(stream: LogStream) -> Iterator[LogLine]:
    splitter = LineSplitter()
    for chunk in stream:
        yield from splitter.feed(chunk)
    yield from splitter.close()
