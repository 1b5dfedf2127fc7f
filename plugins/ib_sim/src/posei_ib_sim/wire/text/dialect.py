"""Messages of one server version as NUL-terminated fields."""

from collections.abc import Mapping
from typing import cast

from posei_ib_sim.wire.errors import DecodeError, EncodeError, UnsupportedMessage
from posei_ib_sim.wire.framing import frame
from posei_ib_sim.wire.ids import (
    CLIENT_MESSAGE_IDS,
    MESSAGE_SINCE,
    SERVER_MESSAGE_IDS,
    client_message_id,
    server_message_id,
)
from posei_ib_sim.wire.messages import ClientMessage, Record, ServerMessage
from posei_ib_sim.wire.text.compiler import Group, compile_items
from posei_ib_sim.wire.text.cursor import Cursor
from posei_ib_sim.wire.text.fast import fast_encoders
from posei_ib_sim.wire.text.fields import (
    join_client_fields,
    join_server_fields,
    split_fields,
    unescape,
)
from posei_ib_sim.wire.text.tables import LAYOUTS


class TextBodies:
    """Write and read the fields behind the message id, which differs between dialects."""

    def __init__(self, server_version: int) -> None:
        self._version = server_version
        self._groups: dict[type[Record], Group] = {}

    def supports(self, message_type: type[Record]) -> bool:
        """Tell whether the message has a text form at this version."""
        return message_type in LAYOUTS and MESSAGE_SINCE.get(message_type, 0) <= self._version

    def write(self, message: Record) -> list[str]:
        """Return the message's fields.

        Raises:
            UnsupportedMessage: the version has no such message.
            EncodeError: a value cannot travel.
        """
        out: list[str] = []
        try:
            self._group(type(message)).write(message, out)
        except ValueError as error:
            raise EncodeError(f"{type(message).__name__}: {error}") from error
        return out

    def read(self, message_type: type[Record], fields: list[str]) -> Record:
        """Build the message from its fields.

        Raises:
            ValueError: a field is malformed, or an exact message has too many or too few.
        """
        cursor = Cursor(fields)
        message = self._group(message_type).read(cursor)
        if LAYOUTS[message_type].exact and cursor.remaining:
            raise ValueError(
                f"{message_type.__name__} has {len(fields)} fields behind its id, exactly "
                f"{len(fields) - cursor.remaining} are expected"
            )
        return message

    def _group(self, message_type: type[Record]) -> Group:
        group = self._groups.get(message_type)
        if group is None:
            if not self.supports(message_type):
                raise UnsupportedMessage(
                    f"{message_type.__name__} has no text form at server version {self._version}"
                )
            group = compile_items(message_type, LAYOUTS[message_type].items, self._version)
            self._groups[message_type] = group
        return group


class TextDialect:
    """Translate both directions at server versions up to 200."""

    def __init__(self, server_version: int) -> None:
        self._bodies = TextBodies(server_version)
        self._fast = fast_encoders(server_version)
        self._client_types = _by_id(CLIENT_MESSAGE_IDS, self._bodies)
        self._server_types = _by_id(SERVER_MESSAGE_IDS, self._bodies)

    def supports(self, message_type: type[Record]) -> bool:
        """Tell whether the version knows the message."""
        return self._bodies.supports(message_type)

    def encode_server(self, message: ServerMessage) -> bytes:
        """Write a server's message as a frame."""
        fast = self._fast.get(type(message))
        if fast is not None:
            encoded = fast(message)
            if encoded is not None:
                return encoded
        message_id = str(server_message_id(message))
        return frame(join_server_fields([message_id, *self._bodies.write(message)]))

    def encode_client(self, message: ClientMessage) -> bytes:
        """Write a client's message as a frame."""
        message_id = str(client_message_id(message))
        return frame(join_client_fields([message_id, *self._bodies.write(message)]))

    def decode_server(self, payload: bytes) -> ServerMessage:
        """Read a server's message."""
        message_id, fields = _split(payload)
        unescaped = [unescape(text) for text in fields]
        return cast("ServerMessage", self._read(self._server_types, message_id, unescaped))

    def decode_client(self, payload: bytes) -> ClientMessage:
        """Read a client's message."""
        message_id, fields = _split(payload)
        return cast("ClientMessage", self._read(self._client_types, message_id, fields))

    def _read(
        self, types: Mapping[int, type[Record]], message_id: int, fields: list[str]
    ) -> Record:
        message_type = types.get(message_id)
        if message_type is None:
            raise DecodeError(message_id, "the message id is unknown at this server version")
        try:
            return self._bodies.read(message_type, fields)
        except ValueError as error:
            raise DecodeError(message_id, str(error)) from error


def _split(payload: bytes) -> tuple[int, list[str]]:
    try:
        message_id, *fields = split_fields(payload)
    except ValueError as error:
        raise DecodeError(None, f"the payload is empty or not text: {error}") from error
    if not (message_id.isascii() and message_id.isdecimal() and len(message_id) <= 9):
        raise DecodeError(None, f"message id {message_id[:40]!r} is not a number")
    return int(message_id), fields


def _by_id(
    ids: Mapping[type[ServerMessage], int] | Mapping[type[ClientMessage], int], bodies: TextBodies
) -> dict[int, type[Record]]:
    return {
        message_id: message_type
        for message_type, message_id in ids.items()
        if bodies.supports(message_type)
    }
