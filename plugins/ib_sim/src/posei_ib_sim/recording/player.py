"""Playing the gateway's side of a recording back to a client."""

from __future__ import annotations

import asyncio
import heapq
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self, cast, final

from posei_ib_sim import wire
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.logs import get_logger
from posei_ib_sim.recording.dialect import with_ids
from posei_ib_sim.recording.matching import find_request
from posei_ib_sim.recording.script import Answer, RecordedRequest, Script, is_cancel, read_scripts

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["WirePlayer"]

_log = get_logger(__name__)
_HOST: Final = "127.0.0.1"
_Pending = tuple[Answer, dict[int, int]]
_QUIET: Final = (wire.SetServerLogLevelRequest, wire.MarketDataTypeRequest)


@final
class WirePlayer:
    """Serves the gateway's side of a recording on a loopback port.

    A client's requests need not come in the recorded order, with the recorded ids, or all: each is
    matched with the recorded request it resembles most, and that one's answers follow at their
    recorded distances with the client's own ids. A request like none in the recording gets an
    error, so that no client waits for ever; it is listed in `unmatched`.

    Args:
        recording: A file written by `WireRecorder`.
        port: Port to listen on, 0 for a free one.
        speed: Recorded seconds per real second, or "max" for no waiting at all.
    """

    def __init__(
        self, recording: str | Path, *, port: int = 0, speed: float | Literal["max"] = 1.0
    ) -> None:
        if speed != "max" and not speed > 0:
            raise ConfigurationError(f'speed={speed!r}; use a number above 0 or "max"')
        self._path = Path(recording)
        self._port = port
        self._server: asyncio.Server | None = None
        self._scripts: list[Script] = []
        self._playbacks: set[_Playback] = set()
        self.speed: Final = speed
        self.unmatched: Final[list[wire.ClientMessage]] = []

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
        """Address that the player listens on: always this machine only."""
        return _HOST

    @property
    def port(self) -> int:
        """Port that the player listens on."""
        return self._port

    async def start(self) -> None:
        """Read the recording and listen.

        Raises:
            ConfigurationError: The recording cannot be used, or the port is taken.
        """
        self._scripts = await asyncio.to_thread(read_scripts, self._path)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Playback(self), _HOST, self._port)
        except OSError as error:
            raise ConfigurationError(
                f"port={self._port} cannot be listened on ({error.strerror}); use another"
            ) from error
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close all connections and stop."""
        if self._server is not None:
            self._server.close()
            for playback in list(self._playbacks):
                playback.close()
            await self._server.wait_closed()
            self._server = None

    def choose(self, hello: wire.Hello) -> Script | None:
        """Return the next recorded connection that a client can speak, the least used first."""
        fitting = [
            script
            for script in self._scripts
            if hello.min_version <= script.version <= hello.max_version
        ]
        if not fitting:
            return None
        script = min(fitting, key=lambda one: one.uses)
        script.uses += 1
        return script

    def opened(self, playback: _Playback) -> None:
        """Keep track of a connection."""
        self._playbacks.add(playback)

    def closed(self, playback: _Playback) -> None:
        """Forget a connection."""
        self._playbacks.discard(playback)


@final
class _Playback(asyncio.Protocol):
    """One client being told what the gateway once said."""

    def __init__(self, player: WirePlayer) -> None:
        self._player = player
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._hello: bytearray | None = bytearray()
        self._frames = wire.FrameBuffer()
        self._script: Script | None = None
        self._requests: list[RecordedRequest] = []
        self._order_ids: dict[int, int] = {}
        self._due: list[tuple[float, int, int, _Pending]] = []
        self._number = 0
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._cancelled: set[int] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the client's versions."""
        self._transport = cast("asyncio.Transport", transport)
        self._player.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop telling."""
        _log.debug("client left", error=str(exc or ""))
        if self._timer is not None:
            self._timer.cancel()
        self._due.clear()
        self._transport = None
        self._player.closed(self)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take the client's bytes in."""
        try:
            if self._hello is not None:
                data = self._handshake(data)
            for payload in self._frames.feed(data):
                self._request(payload)
        except (wire.HandshakeError, wire.FramingError) as error:
            _log.warning("client hung up on", reason=str(error))
            self.close()

    def _handshake(self, data: bytes) -> bytes:
        assert self._hello is not None  # noqa: S101 - the caller has looked
        self._hello += data
        hello = wire.parse_hello(self._hello)
        if hello is None:
            return b""
        rest, self._hello = bytes(self._hello[hello.consumed :]), None
        self._script = self._player.choose(hello)
        if self._script is None:
            raise wire.HandshakeError(
                f"the recording speaks no version in {hello.min_version}..{hello.max_version}"
            )
        self._requests = [
            RecordedRequest(at=r.at, payload=r.payload, message=r.message, answers=r.answers)
            for r in self._script.requests
        ]
        self._write(self._script.reply)
        return rest

    def _request(self, payload: bytes) -> None:
        script = self._script
        assert script is not None  # noqa: S101 - frames follow the handshake
        live = script.reader.client_message(payload)
        if live is None:
            recorded = next((r for r in self._requests if r.payload == payload), None)
        else:
            recorded = find_request(live, self._requests)
            if is_cancel(live):
                self._cancel(getattr(live, "reqId", None))
        if recorded is None:
            self._refuse(live)
            return
        recorded.uses += 1
        self._learn_ids(recorded, live)
        self._schedule(recorded, getattr(live, "reqId", None))

    def _learn_ids(self, recorded: RecordedRequest, live: wire.ClientMessage | None) -> None:
        request_id, order_id = getattr(live, "reqId", None), getattr(live, "orderId", None)
        if request_id is not None and not is_cancel(live):
            self._cancelled.discard(request_id)
        if recorded.order_id is not None and order_id is not None:
            self._order_ids[recorded.order_id] = order_id

    def _refuse(self, live: wire.ClientMessage | None) -> None:
        script = self._script
        if live is None or script is None or script.reader.codec is None:
            _log.warning("a frame is in neither the recording nor the dialect")
            return
        if is_cancel(live) or isinstance(live, _QUIET):
            return
        self._player.unmatched.append(live)
        name = type(live).__name__
        _log.warning("request is not in the recording", message=name)
        ident = getattr(live, "reqId", None) or getattr(live, "orderId", None) or -1
        text = f"Error validating request: nothing like this {name} is in the recording"
        error = wire.ErrorMessage(id=ident, errorTime=0, errorCode=321, errorMsg=text)
        self._write(script.reader.codec.encode(error)[4:])

    def _cancel(self, request_id: int | None) -> None:
        if request_id is not None:
            self._cancelled.add(request_id)

    def _schedule(self, recorded: RecordedRequest, request_id: int | None) -> None:
        speed, now = self._player.speed, self._loop.time()
        stream = -1 if request_id is None or is_cancel(recorded.message) else request_id
        ids: dict[int, int] = {}
        if recorded.request_id is not None and request_id is not None:
            ids[recorded.request_id] = request_id
        for answer in recorded.answers:
            due = now if speed == "max" else now + answer.after / speed
            self._number += 1
            heapq.heappush(self._due, (due, self._number, stream, (answer, ids)))
        self._tell()

    def _tell(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._due and self._due[0][0] <= self._loop.time():
            _, _, stream, (answer, ids) = heapq.heappop(self._due)
            self._sent += 1
            if stream not in self._cancelled:
                self._write(self._as_live(answer, ids))
        script = self._script
        if self._due:
            self._timer = self._loop.call_at(self._due[0][0], self._tell)
        elif script is not None and script.closed_by == "gateway" and self._sent >= script.frames:
            self.close()

    def _as_live(self, answer: Answer, request_ids: dict[int, int]) -> bytes:
        """Return the payload with the client's ids; the recorded bytes where they are the same."""
        codec = None if self._script is None else self._script.reader.codec
        if answer.message is None or codec is None:
            return answer.payload
        message = with_ids(answer.message, request_ids, self._order_ids)
        return answer.payload if message is answer.message else codec.encode(message)[4:]

    def _write(self, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.write(len(payload).to_bytes(4, "big") + payload)
