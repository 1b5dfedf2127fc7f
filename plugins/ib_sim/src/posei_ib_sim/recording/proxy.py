"""The recording proxy: stands between a client and a real gateway and writes both directions."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, final

from posei_ib_sim import wire
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.logs import get_logger
from posei_ib_sim.recording.anonymizer import Anonymizer
from posei_ib_sim.recording.dialect import FrameReader
from posei_ib_sim.recording.lines import Event, Line, Origin, RecordingWriter, payload_form
from posei_ib_sim.wire import CLIENT_MESSAGE_IDS, SERVER_MESSAGE_IDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

__all__ = ["WireRecorder"]

_log = get_logger(__name__)
_CHUNK: Final = 65_536
_HOST: Final = "127.0.0.1"
# Nothing in these identifies anybody, and they are most of a session: they are not decoded.
_HARMLESS: Final = frozenset({1, 2, 12, 13, 17, 45, 46, 50, 90, 96, 97, 98, 99})

_GATEWAY_KINDS: Final = {number: kind.__name__ for kind, number in SERVER_MESSAGE_IDS.items()}
_CLIENT_KINDS: Final = {number: kind.__name__ for kind, number in CLIENT_MESSAGE_IDS.items()}


@final
class WireRecorder:
    """Relays loopback clients to a gateway, byte for byte, and records what passes.

    The relay never changes what travels; only the file is anonymised. The file gets its name when
    the recorder stops; until then it is `<name>.partial`.

    Args:
        record: File to write; it must not exist.
        upstream: Host and port of the gateway.
        port: Port to listen on at 127.0.0.1; 0 for a free one.
        names: Further texts to replace in the file, such as the user name of the login.
    """

    def __init__(
        self,
        record: str | Path,
        upstream: tuple[str, int],
        *,
        port: int = 0,
        names: Iterable[str] = (),
    ) -> None:
        self._path = Path(record)
        self._upstream = upstream
        self._port = port
        self._anonymizer = Anonymizer(names)
        self._writer: RecordingWriter | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0
        self._began = 0.0
        self.failure: Exception | None = None

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    @property
    def host(self) -> str:
        """Address that the recorder listens on: always this machine only."""
        return _HOST

    @property
    def port(self) -> int:
        """Port that the recorder listens on."""
        return self._port

    @property
    def lines(self) -> int:
        """Lines recorded so far."""
        return 0 if self._writer is None else self._writer.lines

    async def start(self) -> None:
        """Open the file and listen.

        Raises:
            ConfigurationError: The file exists or cannot be written, or the port is taken.
        """
        self._writer = RecordingWriter(self._path, self._anonymizer)
        self._began = time.monotonic()
        try:
            self._server = await asyncio.start_server(self._accept, _HOST, self._port)
        except OSError as error:
            self._writer.close()
            raise ConfigurationError(
                f"port={self._port} cannot be listened on ({error.strerror}); use another"
            ) from error
        self._port = self._server.sockets[0].getsockname()[1]
        _log.info("recorder listens", port=self._port, file=str(self._path))

    async def stop(self) -> None:
        """End all connections and complete the file.

        Raises:
            Exception: What kept something from being recorded, if anything did.
        """
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self.failure is not None:
            raise self.failure

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        task = asyncio.create_task(self._relay(self._connections, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            # What was not recorded must not look recorded.
            self.failure = error
            _log.critical("recording failed", exc_info=error)

    async def _relay(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        except OSError as error:
            _log.error("gateway cannot be reached", upstream=self._upstream, error=str(error))
            writer.close()
            return
        tap = _Tap(number, self._note, self._anonymizer)
        self._note(number, "opened", "client", None, "")
        pumps = {
            asyncio.create_task(_pump(reader, far_writer, tap.from_client)): "client",
            asyncio.create_task(_pump(far_reader, writer, tap.from_gateway)): "gateway",
        }
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            closer: Origin = "client" if pumps[next(iter(done))] == "client" else "gateway"
            self._note(number, "closed", closer, None, "")
            for pump in done:
                pump.result()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for one in (writer, far_writer):
                one.close()
                with suppress(OSError):
                    await one.wait_closed()

    def _note(
        self, connection: int, event: Event, origin: Origin, payload: bytes | None, kind: str
    ) -> None:
        assert self._writer is not None  # noqa: S101 - open while connections are
        line = Line(
            at=round(time.monotonic() - self._began, 6),
            connection=connection,
            event=event,
            origin=origin,
            kind=kind,
        )
        if payload is not None:
            form = payload_form(payload)
            fields, text = form.get("fields"), form.get("hex")
            line = Line(
                at=line.at,
                connection=connection,
                event=event,
                origin=origin,
                kind=kind,
                fields=fields if isinstance(fields, list) else None,
                hex=text if isinstance(text, str) else None,
            )
        self._writer.write(line)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tap: Callable[[bytes], None]
) -> None:
    try:
        while data := await reader.read(_CHUNK):
            tap(data)
            writer.write(data)
            await writer.drain()
    except ConnectionError as error:
        _log.info("connection lost", error=str(error))


@final
class _Tap:
    """Cuts the passing bytes of one connection into frames and notes them."""

    def __init__(
        self,
        number: int,
        note: Callable[[int, Event, Origin, bytes | None, str], None],
        anonymizer: Anonymizer,
    ) -> None:
        self._number = number
        self._note = note
        self._anonymizer = anonymizer
        self._hello: bytearray | None = bytearray()
        self._from_client = wire.FrameBuffer()
        self._from_gateway = wire.FrameBuffer()
        self._reader: FrameReader | None = None

    def from_client(self, data: bytes) -> None:
        """Take what the client sends."""
        if self._hello is not None:
            self._hello += data
            hello = wire.parse_hello(self._hello)
            if hello is None:
                return
            head, data = self._hello[8 : hello.consumed], bytes(self._hello[hello.consumed :])
            self._hello = None
            self._note(self._number, "hello", "client", bytes(head), "")
        for payload in self._from_client.feed(data):
            message = self._reader.client_message(payload) if self._reader else None
            self._frame("client", payload, message)

    def from_gateway(self, data: bytes) -> None:
        """Take what the gateway sends."""
        for payload in self._from_gateway.feed(data):
            if self._reader is None:
                version = payload.split(b"\0", 1)[0]
                self._reader = FrameReader(int(version) if version.isdigit() else 0)
                self._note(self._number, "version", "gateway", payload, "")
                continue
            harmless = self._reader.message_id(payload) in _HARMLESS
            message = None if harmless else self._reader.server_message(payload)
            self._frame("gateway", payload, message)

    def _frame(self, origin: Origin, payload: bytes, message: wire.Record | None) -> None:
        if message is not None:
            self._anonymizer.learn(message)
        message_id = self._reader.message_id(payload) if self._reader else None
        kinds = _CLIENT_KINDS if origin == "client" else _GATEWAY_KINDS
        kind = kinds.get(message_id or 0, "")
        self._note(self._number, "frame", origin, payload, kind)
