"""One client connection: handshake, incoming frames, subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast, final

from posei_ib_sim import wire
from posei_ib_sim.logs import get_logger
from posei_ib_sim.server.outgoing import Outgoing

if TYPE_CHECKING:
    from posei_ib_sim.server.server import Server

__all__ = ["Session"]

_log = get_logger(__name__)

Cancel = Callable[[], None]

# Answers may be longer, requests never are: a client that claims more is out of step or hostile.
_MAX_REQUEST: Final = 1 << 20


@final
class Session(asyncio.Protocol):
    """The server's end of one connection.

    Attributes:
        client_id: The client's id, `None` before startApi.
        market_data_type: What the client chose: 1 live, 2 frozen, 3 delayed, 4 delayed frozen.
        received: Messages read from the client.
        hears: How many more messages are read before the connection is cut, `None` for all.
    """

    def __init__(self, server: Server, number: int) -> None:
        self._server = server
        self._mischief = server.mischief
        self._wire_log = server.wire_log
        self._send_frame: Callable[[bytes], None] = _nowhere
        self.number: Final = number
        self.client_id: int | None = None
        self.is_ready = False
        self.is_open = False
        self.market_data_type = 1
        self.received = 0
        self.hears: int | None = None
        self.is_deaf = False
        self.sees_manual = False
        self.auto_bind = False
        self.version = 0
        self._codec: wire.Codec | None = None
        self._hello = bytearray()
        self._frames = wire.FrameBuffer(max_frame=_MAX_REQUEST)
        self.group_of: dict[int, int] = {}
        self.on_account: dict[tuple[str, int], Callable[[str], None]] = {}
        self._subscriptions: dict[tuple[str, int], Cancel] = {}
        self._transport: asyncio.Transport | None = None
        self._outgoing: Outgoing | None = None
        self.on_closed: Callable[[], None] | None = None

    # ------------------------------------------------------------------ transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: wait for the client's version range."""
        self._transport = cast("asyncio.Transport", transport)
        self._outgoing = Outgoing(
            self._transport,
            limit=self._server.config.send_buffer_limit,
            on_overflow=self._overflowed,
        )
        self._send_frame = self._outgoing.write
        self.is_open = True
        self._server.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything that lived for this connection; orders live on."""
        self.is_open = False
        self.is_ready = False
        self.cancel_all()
        if self._outgoing is not None:
            self._outgoing.close()
        self._server.disconnected(self, exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in, however they were split."""
        if self.is_deaf:
            return
        if self._codec is None:
            self._handshake(data)
            return
        self._take(data)

    def pause_writing(self) -> None:
        """The client does not read."""
        if self._outgoing is not None:
            self._outgoing.pause()

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._outgoing is not None:
            self._outgoing.resume()

    # ------------------------------------------------------------------ reading

    def _handshake(self, data: bytes) -> None:
        self._hello += data
        try:
            hello = wire.parse_hello(self._hello)
            if hello is None:
                return
            self.version = wire.negotiate(
                hello.min_version, hello.max_version, pinned=self._server.config.server_version
            )
        except (wire.HandshakeError, wire.NoCommonVersion) as error:
            _log.warning("handshake refused", session=self.number, reason=str(error))
            self.close()
            return
        self._codec = wire.Codec(self.version)
        reply = wire.version_reply(self.version, self._server.connection_time())
        self._server.wire_log.sent(self, reply[4:])
        self.outgoing.write(reply)
        self.outgoing.flush()
        rest = bytes(self._hello[hello.consumed :])
        self._hello.clear()
        if rest:
            self._take(rest)

    def _take(self, data: bytes) -> None:
        codec = self._codec
        assert codec is not None  # noqa: S101 - set by the handshake that led here
        try:
            for payload in self._frames.feed(data):
                if self.hears is not None:
                    if self.hears == 0:
                        self.abort()
                        return
                    self.hears -= 1
                self.received += 1
                self._server.heard_from(self)
                self._server.wire_log.received(self, payload)
                self._decode(codec, payload)
                if not self.is_open:
                    return
        except wire.FramingError as error:
            _log.warning("connection dropped", session=self.number, reason=str(error))
            self.close()

    def _decode(self, codec: wire.Codec, payload: bytes) -> None:
        try:
            message = codec.decode(payload)
        except wire.DecodeError as error:
            self.error(-1, 320, f"Error reading request: {error}")
            return
        self._server.dispatch(self, message)

    # ------------------------------------------------------------------ writing

    @property
    def outgoing(self) -> Outgoing:
        """The sending half."""
        assert self._outgoing is not None  # noqa: S101 - exists from connection_made on
        return self._outgoing

    def send(self, message: wire.ServerMessage) -> None:
        """Send a message; one that the session's version does not know is left out."""
        codec = self._codec
        if codec is None or not self.is_open:
            return
        if self._mischief.is_planned:
            for one in self._mischief.apply(self.number, message):
                self._write(codec, one)
        else:
            self._write(codec, message)

    def _write(self, codec: wire.Codec, message: wire.ServerMessage) -> None:
        try:
            frame = codec.encode(message)
        except wire.UnsupportedMessage:
            return  # this client's version has no such message: real gateways leave it out too
        if self._wire_log.is_on:
            self._wire_log.sent(self, frame[4:])
        self._send_frame(frame)

    def send_bars(self, req_id: int, start: str, end: str, rows: wire.BarRows) -> None:
        """Send a HistoricalData answer.

        Raises:
            FramingError: It is longer than clients accept; nothing was sent.
        """
        codec = self._codec
        if codec is None or not self.is_open:
            return
        if self._mischief.is_planned:
            self.send(rows.message(req_id, start, end))
            return
        frame = codec.encode_bars(req_id, start, end, rows)
        if self._wire_log.is_on:
            self._wire_log.sent(self, frame[4:])
        self._send_frame(frame)

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are (a fault)."""
        self.outgoing.write(data)

    def error(self, ident: int, code: int, text: str, reject_json: str = "") -> None:
        """Send an error or notice; `ident` is a request id, an order id, or -1."""
        self.send(
            wire.ErrorMessage(
                id=ident,
                errorTime=self._server.now_ns // 1_000_000,
                errorCode=code,
                errorMsg=text,
                advancedOrderRejectJson=reject_json,
            )
        )

    def close(self) -> None:
        """Close the connection after what is queued has left."""
        if self._transport is not None and self._outgoing is not None:
            self._outgoing.flush()
            self._transport.close()

    def abort(self) -> None:
        """Reset the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _overflowed(self, lost: int) -> None:
        self._server.overflowed(self, lost)
        self.abort()

    # ------------------------------------------------------------------ subscriptions

    def has(self, kind: str, ident: int) -> bool:
        """Tell whether a subscription lives."""
        return (kind, ident) in self._subscriptions

    def count(self, kind: str) -> int:
        """Return how many subscriptions of a kind live."""
        return sum(1 for key in self._subscriptions if key[0] == kind)

    @property
    def subscriptions(self) -> list[tuple[str, int]]:
        """Kind and id of all that live."""
        return list(self._subscriptions)

    def subscribe(self, kind: str, ident: int, cancel: Cancel) -> None:
        """Keep a subscription; one of the same key is cancelled first."""
        self.cancel(kind, ident)
        self._subscriptions[kind, ident] = cancel

    def cancel(self, kind: str, ident: int) -> bool:
        """End a subscription and tell whether it lived."""
        cancel = self._subscriptions.pop((kind, ident), None)
        if cancel is None:
            return False
        cancel()
        return True

    def release(self, kind: str, ident: int) -> None:
        """Take a subscription that has ended by itself off the list."""
        self._subscriptions.pop((kind, ident), None)

    def end_all(self, kind: str) -> list[int]:
        """End all subscriptions of a kind and return their ids."""
        idents = [ident for known, ident in self._subscriptions if known == kind]
        for ident in idents:
            self.cancel(kind, ident)
        return idents

    def lose_market_data(self) -> None:
        """End all market data subscriptions without telling the client (a fault)."""
        for kind, ident in list(self._subscriptions):
            if kind in {"market data", "tick-by-tick", "depth", "real-time bars", "history"}:
                self.cancel(kind, ident)

    def cancel_all(self) -> None:
        """End all subscriptions."""
        for kind, ident in list(self._subscriptions):
            self.cancel(kind, ident)
        self.on_account.clear()


def _nowhere(_: bytes) -> None:
    """Send nothing before there is a connection."""
