"""The one place that knows how releases of `ibapi` differ, and that drives its encoder and decoder.

`ibapi` brings IB's types, the encoding of requests and the decoding of everything that is not hot.
Its connection, reader thread and queue are not used. Any release whose `MAX_CLIENT_VER` is at least
187 will do; several distributions install the same folder over each other, which is refused.
"""

from __future__ import annotations

import inspect
from functools import cache
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from posei_trader.adapters.interactive_brokers.wire.bar_requests import BarRequests
from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage, UnknownMessage
from posei_trader.adapters.interactive_brokers.wire.framing import frame, frame_with_id
from posei_trader.adapters.interactive_brokers.wire.order_terms import check_written
from posei_trader.errors import InvalidRequest, MissingDependency, PluginError, Unsupported

try:
    import ibapi
    from ibapi import server_versions
    from ibapi.client import EClient
    from ibapi.decoder import Decoder
except ImportError as error:
    raise MissingDependency(
        "the Interactive Brokers API cannot be imported",
        field="ibapi",
        value=str(error),
        remedy="pip install 'ibapi-stable>=10.50.2' 'protobuf>=5.29.5'",
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ibapi.contract import Contract
    from ibapi.order import Order

__all__ = [
    "MAX_SERVER_VERSION",
    "MIN_SERVER_VERSION",
    "Call",
    "MessageDecoder",
    "RequestEncoder",
    "check_installation",
    "hello",
]

MIN_SERVER_VERSION: Final = 157
"""Oldest gateway that is served."""

BINARY_FROM: Final = 201
"""First server version whose message ids are binary."""

_MAX_KNOWN: Final[int] = server_versions.MAX_CLIENT_VER
_OLDEST_USABLE: Final = 187
_PROTOBUF_OFFSET: Final = 200
_UPDATE_GATEWAY: Final = 503
_TAKES_ID: Final = "msgId" in inspect.signature(Decoder.interpret).parameters

MAX_SERVER_VERSION: Final[int] = _MAX_KNOWN
"""Newest server version that the installed `ibapi` speaks."""

Call = tuple[str, tuple[Any, ...]]
"""A callback of IB's: its name in `EWrapper` and its arguments."""


@cache
def check_installation(home: Path | None = None) -> None:
    """Refuse an `ibapi` that is too old, or that several distributions wrote over each other.

    It looks once, and into the distributions only where several bear the name: reading what one
    installed takes 25 ms.

    Raises:
        PluginError: names the distributions and what to do.
    """
    folder = Path(ibapi.__file__).parent.parent if home is None else home
    owners = sorted(_owners(folder))
    if len(owners) > 1:
        raise PluginError(
            "several distributions have installed the package 'ibapi' over each other",
            field="ibapi",
            value=", ".join(owners),
            remedy=f"pip uninstall -y {' '.join(name.split()[0] for name in owners)}, "
            "then pip install 'ibapi-stable>=10.50.2'",
        )
    if _MAX_KNOWN < _OLDEST_USABLE:
        raise PluginError(
            "the installed Interactive Brokers API is too old",
            field="ibapi MAX_CLIENT_VER",
            value=_MAX_KNOWN,
            remedy="pip install 'ibapi-stable>=10.50.2'",
        )


def _owners(folder: Path) -> set[str]:
    candidates = [
        PathDistribution(path)
        for path in folder.iterdir()
        if "ibapi" in path.name.lower() and path.suffix in {".dist-info", ".egg-info"}
    ]
    if len(candidates) == 1:  # alone it lies over nothing
        return set()
    return {
        f"{one.metadata['Name']} {one.version}"
        for one in candidates
        if any(file.as_posix() == "ibapi/__init__.py" for file in one.files or ())
    }


def hello(newest: int) -> bytes:
    """Return what a client says first: the prefix and the versions it speaks."""
    return b"API\0" + frame(f"v{MIN_SERVER_VERSION}..{newest}".encode())


# --- requests ------------------------------------------------------------------------------------


class _Complaints:
    """Stands where `EClient` expects its wrapper; it only ever reports what it cannot encode."""

    def __init__(self) -> None:
        self.last: tuple[int, str] | None = None

    def error(self, *arguments: Any) -> None:
        self.last = error_fields(arguments)[1:3]


class _EncodingClient(EClient):
    """Collects what `EClient` would send."""

    def __init__(self, server_version: int, client_id: int) -> None:
        self.complaints = _Complaints()
        super().__init__(self.complaints)
        self.version = server_version
        self.serverVersion_: Any = server_version
        self.clientId: Any = client_id
        self.frames: list[bytes] = []
        self._bars = BarRequests(is_text=server_version < BINARY_FROM)

    def isConnected(self) -> bool:
        return True

    def serverVersion(self) -> int:
        return self.version

    def logRequest(self, fnName: str, fnParams: Any) -> None:
        """Log nothing: the arguments hold account numbers."""

    def placeOrder(self, orderId: int, contract: Contract, order: Order) -> None:
        """Refuse what would be left out of the order."""
        check_written(order, contract, self.version)
        super().placeOrder(orderId, contract, order)

    def reqHistoricalData(
        self, reqId: int, contract: Contract, endDateTime: str, *terms: Any
    ) -> None:
        """Write the parts of a span after the first one."""
        written = self._bars.written(reqId, contract, endDateTime, terms)
        if written is not None:
            self.frames.append(written)
            return
        super().reqHistoricalData(reqId, contract, endDateTime, *terms)
        if self.frames:
            self._bars.learn(reqId, contract, endDateTime, terms, self.frames[-1])

    def sendMsg(self, *parts: Any) -> None:
        """Collect a text request; older releases put the id into the text."""
        *ids, text = parts
        if not ids:
            self.frames.append(frame(text.encode()))
        elif self.version >= BINARY_FROM:
            self.frames.append(frame_with_id(ids[0], text.encode()))
        else:
            self.frames.append(frame(f"{ids[0]}\0{text}".encode()))

    def sendMsgProtoBuf(self, msgId: int, msg: bytes) -> None:
        """Collect a protobuf request."""
        self.frames.append(frame_with_id(msgId, msg))


class RequestEncoder:
    """Turn calls of `EClient`'s request methods into bytes for one server version."""

    def __init__(self, server_version: int, client_id: int) -> None:
        self.server_version = server_version
        self._client = _EncodingClient(server_version, client_id)

    def __call__(self, request: Callable[[EClient], object]) -> bytes:
        """Return the bytes of a request, for example ``lambda ib: ib.reqPositions()``.

        Raises:
            Unsupported: the gateway's version has no such request or field.
            InvalidRequest: a value cannot be written on the wire.
        """
        client = self._client
        client.frames.clear()
        client.complaints.last = None
        try:
            request(client)
        except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise InvalidRequest(
                "the request cannot be encoded", field="request", remedy=str(error)
            ) from error
        if client.complaints.last is not None:
            raise self._refusal(*client.complaints.last)
        return b"".join(client.frames)

    def _refusal(self, code: int, message: str) -> Unsupported | InvalidRequest:
        if code == _UPDATE_GATEWAY:
            return Unsupported(
                message.strip(),
                field="server version",
                value=self.server_version,
                remedy="update TWS or IB Gateway",
                code=code,
            )
        return InvalidRequest(
            "the request cannot be encoded", field="request", remedy=message.strip(), code=code
        )


# --- answers -------------------------------------------------------------------------------------


class _Recorder:
    """Stands where `Decoder` expects its wrapper and writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.endswith("ProtoBuf"):
            record = _ignore
        else:
            renamed = _RENAMED.get(name, name)

            def record(*arguments: Any) -> None:
                self.calls.append((renamed, _normalised(renamed, arguments)))

        self.__dict__[name] = record
        return record


_RENAMED: Final = {"commissionReport": "commissionAndFeesReport"}


def _ignore(*_arguments: Any) -> None:
    """Skip the raw form of a message that comes again as a callback."""


def _normalised(name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return error_fields(arguments) if name == "error" else arguments


def error_fields(arguments: Sequence[Any]) -> tuple[int, int, str, str, int]:
    """Return (id, code, message, reject JSON, time in ms) of any release's `error` callback."""
    if isinstance(arguments[2], str):
        request_id, code, message, *rest = arguments
        time_ms = 0
    else:
        request_id, time_ms, code, message, *rest = arguments
    return request_id, code, message, rest[0] if rest else "", time_ms


class _Decoder(Decoder):
    """IB's decoder, which looks at the signatures of all callbacks once, not at every connection.

    It keeps them in a table of its class: 8 ms, which every reconnect saves.
    """

    _has_looked = False

    def discoverParams(self) -> None:
        if not _Decoder._has_looked:
            super().discoverParams()
            _Decoder._has_looked = True


class MessageDecoder:
    """Decode messages with `ibapi`'s own decoder."""

    def __init__(self, server_version: int) -> None:
        self._recorder = _Recorder()
        self._decoder: Any = _Decoder(self._recorder, server_version)
        table: Any = Decoder.msgId2handleInfo
        self._text: Mapping[int, Any] = table
        self._binary: Mapping[int, Any] = getattr(self._decoder, "msgId2handleInfoProtoBuf", {})

    def decode(self, message_id: int, payload: bytes) -> list[Call]:
        """Return the callbacks of one message, in order.

        Args:
            message_id: As on the wire: above 200 the payload is protobuf.
            payload: What follows the id.

        Raises:
            UnknownMessage: nobody knows this id.
            MalformedMessage: the payload is not what the id promises.
        """
        calls: list[Call] = []
        self._recorder.calls = calls
        is_binary = message_id > _PROTOBUF_OFFSET
        number = message_id - _PROTOBUF_OFFSET if is_binary else message_id
        if number not in (self._binary if is_binary else self._text):
            raise UnknownMessage(f"message id {message_id} is unknown")
        try:
            if is_binary:
                self._decoder.processProtoBuf(payload, number)
            else:
                self._interpret(number, payload)
        except MalformedMessage:
            raise
        except Exception as error:  # its decoder raises anything at all on bytes it dislikes
            raise MalformedMessage(
                f"message id {message_id} does not decode: {type(error).__name__}"
            ) from error
        return calls

    def _interpret(self, number: int, payload: bytes) -> None:
        fields = payload.split(b"\0")[:-1]
        expected = self._text[number].wrapperParams
        # Messages that it decodes by the callback's signature are dropped without a word when the
        # number of fields differs, so it is checked here; both sides count one more than the
        # callback takes: the message's version here, `self` there.
        if expected is not None and len(fields) != len(expected):
            raise MalformedMessage(
                f"message id {number} has {len(fields)} fields instead of {len(expected)}"
            )
        if _TAKES_ID:
            self._decoder.interpret(fields, number)
        else:
            self._decoder.interpret([str(number).encode(), *fields])
