"""A proxy between clients and a real gateway that writes down what both say."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final, Literal, TextIO, final

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.logs import get_logger
from posei_ib_sim.recorder.redaction import Redactor
from posei_ib_sim.recorder.tape import Frame, write_frame
from posei_ib_sim.wire import FrameBuffer, FramingError

__all__ = ["RecordingProxy"]

_log = get_logger(__name__)

_CHUNK: Final = 65_536
_PREFIX: Final = b"API\0"
_MANAGED_ACCOUNTS: Final = (b"15\0", b"\0\0\0\x0f", b"\0\0\0\xd7")


@final
class RecordingProxy:
    """Forwards every byte untouched and records every frame, account numbers replaced.

    Args:
        upstream: Host and port of the real gateway.
        path: The recording; it is written anew.
        host: Address to listen on.
        port: Port to listen on, 0 for a free one.
    """

    def __init__(
        self,
        upstream: tuple[str, int],
        path: str | Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._upstream = upstream
        self._path = Path(path)
        self._host = host
        self._port = port
        self._file: TextIO | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._redactor = Redactor()
        self._sessions = 0
        self.frames = 0

    @property
    def port(self) -> int:
        """The port in use."""
        if self._server is None:
            raise RuntimeError("the proxy is not started; call start() first")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Open the recording and listen.

        Raises:
            ConfigurationError: The file cannot be written or the port is taken.
        """
        try:
            self._file = self._path.open("w", encoding="utf-8")
            self._server = await asyncio.start_server(self._serve, self._host, self._port)
        except OSError as error:
            if self._file is not None:
                self._file.close()
            raise ConfigurationError(
                f"recording to {self._path} on port {self._port} is not possible: {error}"
            ) from error

    async def stop(self) -> None:
        """Hang up and close the recording."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        if self._file is not None:
            self._file.close()
            self._file = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a callback of start_server runs in a task
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        except OSError as error:
            _log.warning("upstream not reached", upstream=self._upstream, error=str(error))
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        self._sessions += 1
        number, began = self._sessions, asyncio.get_running_loop().time()
        to_gateway = _Ear(self, number, began, "in")
        to_client = _Ear(self, number, began, "out")
        try:
            pumps = [
                asyncio.create_task(_pump(reader, far_writer, to_gateway)),
                asyncio.create_task(_pump(far_reader, writer, to_client)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            far_writer.close()

    def heard(
        self, session: int, seconds: float, direction: Literal["in", "out"], payload: bytes
    ) -> None:
        """Write a frame down."""
        if direction == "out" and payload.startswith(_MANAGED_ACCOUNTS):
            self._redactor.learn(payload)
        if self._file is not None:
            frame = Frame.of(session, seconds, direction, self._redactor.apply(payload))
            self._file.write(write_frame(frame))
            self._file.flush()
            self.frames += 1


class _Ear:
    """Cuts one direction of a connection into frames."""

    def __init__(
        self, proxy: RecordingProxy, session: int, began: float, direction: Literal["in", "out"]
    ) -> None:
        self._proxy = proxy
        self._session = session
        self._began = began
        self._direction = direction
        self._frames = FrameBuffer()
        self._prefix = bytearray()
        self._is_broken = False

    def hear(self, data: bytes) -> None:
        """Take bytes that went by."""
        if self._is_broken:
            return
        if self._direction == "in" and len(self._prefix) < len(_PREFIX):
            missing = len(_PREFIX) - len(self._prefix)
            self._prefix += data[:missing]
            data = data[missing:]
        seconds = asyncio.get_running_loop().time() - self._began
        try:
            for payload in self._frames.feed(data):
                self._proxy.heard(self._session, seconds, self._direction, payload)
        except FramingError as error:
            self._is_broken = True
            _log.warning("recording of one direction ends", reason=str(error))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ear: _Ear) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            ear.hear(data)
            writer.write(data)
            await writer.drain()
