"""Messages of one server version from 213 on."""

from collections.abc import Mapping
from typing import cast

from google.protobuf.message import DecodeError as ProtobufDecodeError

from posei_ib_sim.wire.errors import DecodeError, EncodeError, UnsupportedMessage
from posei_ib_sim.wire.framing import frame
from posei_ib_sim.wire.ids import (
    CLIENT_MESSAGE_IDS,
    MESSAGE_SINCE,
    SERVER_MESSAGE_IDS,
    TEXT_ONLY,
    client_message_id,
    server_message_id,
)
from posei_ib_sim.wire.messages import ClientMessage, Record, ServerMessage
from posei_ib_sim.wire.protobuf.converters import Converters, schema_name
from posei_ib_sim.wire.protobuf.descriptors import message_class
from posei_ib_sim.wire.protobuf.fast_ticks import FAST_TICKS
from posei_ib_sim.wire.text.dialect import TextBodies
from posei_ib_sim.wire.text.fields import (
    join_client_fields,
    join_server_fields,
    split_fields,
    unescape,
)

_OFFSET = 200  # ids above it carry protobuf, the others the text they always carried
_ID_BYTES = 4


class ProtobufDialect:
    """Translate both directions at server versions from 213 on."""

    def __init__(self, server_version: int) -> None:
        self._version = server_version
        self._converters = Converters(server_version)
        self._text = TextBodies(server_version)
        self._client_types = {i: t for t, i in CLIENT_MESSAGE_IDS.items() if self.supports(t)}
        self._server_types = {i: t for t, i in SERVER_MESSAGE_IDS.items() if self.supports(t)}

    def supports(self, message_type: type[Record]) -> bool:
        """Tell whether the version knows the message."""
        return MESSAGE_SINCE.get(message_type, 0) <= self._version

    def encode_server(self, message: ServerMessage) -> bytes:
        """Write a server's message as a frame."""
        fast = FAST_TICKS.get(type(message))
        if fast is not None and (encoded := fast(message)) is not None:
            return encoded
        message_id = server_message_id(message)
        if type(message) in TEXT_ONLY:
            return _text_frame(message_id, join_server_fields(self._text.write(message)))
        return self._protobuf_frame(message_id, message)

    def encode_client(self, message: ClientMessage) -> bytes:
        """Write a client's message as a frame."""
        message_id = client_message_id(message)
        if type(message) in TEXT_ONLY:
            return _text_frame(message_id, join_client_fields(self._text.write(message)))
        return self._protobuf_frame(message_id, message)

    def decode_server(self, payload: bytes) -> ServerMessage:
        """Read a server's message."""
        return cast("ServerMessage", self._read(self._server_types, payload))

    def decode_client(self, payload: bytes) -> ClientMessage:
        """Read a client's message."""
        return cast("ClientMessage", self._read(self._client_types, payload))

    def _protobuf_frame(self, message_id: int, message: Record) -> bytes:
        if not self.supports(type(message)):
            raise UnsupportedMessage(
                f"{type(message).__name__} is unknown at server version {self._version}"
            )
        try:
            body = self._converters.to_message(message).SerializeToString()
        except (ValueError, TypeError) as error:
            raise EncodeError(f"{type(message).__name__}: {error}") from error
        return frame((message_id + _OFFSET).to_bytes(_ID_BYTES, "big") + body)

    def _read(self, types: Mapping[int, type[Record]], payload: bytes) -> Record:
        if len(payload) < _ID_BYTES:
            raise DecodeError(None, f"a payload of {len(payload)} bytes has no room for an id")
        wire_id = int.from_bytes(payload[:_ID_BYTES], "big")
        message_id = wire_id - _OFFSET if wire_id > _OFFSET else wire_id
        message_type = types.get(message_id)
        if message_type is None:
            raise DecodeError(message_id, "the message id is unknown at this server version")
        body = payload[_ID_BYTES:]
        try:
            if wire_id == message_id:
                return self._read_text(message_type, body)
            return self._read_protobuf(message_type, body)
        except (ValueError, ProtobufDecodeError) as error:
            raise DecodeError(message_id, str(error)) from error

    def _read_text(self, message_type: type[Record], body: bytes) -> Record:
        if not self._text.supports(message_type):
            raise ValueError(f"{message_type.__name__} has no text form")
        fields = split_fields(body)
        if issubclass(message_type, ServerMessage):
            fields = [unescape(text) for text in fields]
        return self._text.read(message_type, fields)

    def _read_protobuf(self, message_type: type[Record], body: bytes) -> Record:
        if message_type in TEXT_ONLY:
            raise ValueError(f"{message_type.__name__} has no protobuf form")
        message = message_class(schema_name(message_type))()
        message.ParseFromString(body)
        return self._converters.to_record(message_type, message)


def _text_frame(message_id: int, body: bytes) -> bytes:
    return frame(message_id.to_bytes(_ID_BYTES, "big") + body)
