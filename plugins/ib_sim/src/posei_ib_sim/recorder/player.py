"""Playing the server's side of a recording to a client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.logs import get_logger
from posei_ib_sim.recorder.tape import Frame, read_recording
from posei_ib_sim.wire import FrameBuffer, FramingError
from posei_ib_sim.wire import frame as framed

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WirePlayer"]

_log = get_logger(__name__)

_CHUNK: Final = 65_536
_PREFIX_LENGTH: Final = 4


@final
class WirePlayer:
    """Answers each connection with the frames of one recorded session.

    A recorded answer is sent once the client has said as much as the recorded client had said
    before it; what the client says is compared with the recording and differences are counted.

    Args:
        path: The recording.
        host: Address to listen on.
        port: Port to listen on, 0 for a free one.
        keep_time: Keep the recorded pauses instead of answering at once.

    Attributes:
        differences: Client frames that were not the recorded ones.
        finished: Set when a session has been played to its end.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keep_time: bool = False,
    ) -> None:
        frames = read_recording(path)
        self._sessions: list[list[Frame]] = [
            [frame for frame in frames if frame.session == number]
            for number in sorted({frame.session for frame in frames})
        ]
        self._host = host
        self._port = port
        self._keep_time = keep_time
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0
        self.differences = 0
        self.finished: Final = asyncio.Event()

    @property
    def port(self) -> int:
        """The port in use."""
        if self._server is None:
            raise RuntimeError("the player is not started; call start() first")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: The port is taken.
        """
        try:
            self._server = await asyncio.start_server(self._serve, self._host, self._port)
        except OSError as error:
            raise ConfigurationError(
                f"port={self._port} cannot be listened on ({error.strerror or error})"
            ) from error

    async def stop(self) -> None:
        """Hang up."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a callback of start_server runs in a task
        self._tasks.add(task)
        session = self._sessions[self._connections % len(self._sessions)]
        self._connections += 1
        try:
            await self._play(session, reader, writer)
        except (ConnectionError, FramingError) as error:
            _log.info("client left the recording", reason=str(error))
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _play(
        self, session: list[Frame], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        said: list[bytes] = []
        buffer = FrameBuffer()
        await reader.readexactly(_PREFIX_LENGTH)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for frame in session:
            if frame.direction == "in":
                while not said:
                    data = await reader.read(_CHUNK)
                    if not data:
                        return
                    said += list(buffer.feed(data))
                if said.pop(0) != frame.payload:
                    self.differences += 1
                    _log.info("client says something else", recorded=frame.text)
                continue
            if self._keep_time:
                await asyncio.sleep(max(0.0, frame.seconds - (loop.time() - began)))
            writer.write(framed(frame.payload))
            await writer.drain()
        self.finished.set()
        while await reader.read(_CHUNK):
            continue
