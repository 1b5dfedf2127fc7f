"""One codec for each negotiated server version: structs to frames, payloads to structs."""

from functools import lru_cache

from posei_ib_sim.wire.bar_rows import BarRows, protobuf_bars, text_bars
from posei_ib_sim.wire.dialect import Dialect
from posei_ib_sim.wire.handshake import MAX_TEXT_VERSION, SUPPORTED_VERSIONS
from posei_ib_sim.wire.messages import ClientMessage, Record, ServerMessage


@lru_cache(maxsize=len(SUPPORTED_VERSIONS))
def _dialect(server_version: int) -> Dialect:
    """Compile the tables of a version once; codecs of many sessions share them."""
    if server_version <= MAX_TEXT_VERSION:
        from posei_ib_sim.wire.text import TextDialect  # noqa: PLC0415 - load what is spoken

        return TextDialect(server_version)
    from posei_ib_sim.wire.protobuf import ProtobufDialect  # noqa: PLC0415 - load what is spoken

    return ProtobufDialect(server_version)


class Codec:
    """Translate messages of one server version. Stateless, cheap to create, safe to share."""

    def __init__(self, server_version: int) -> None:
        if server_version not in SUPPORTED_VERSIONS:
            raise ValueError(
                f"server version {server_version} is not served; use negotiate() to choose one"
            )
        self.server_version = server_version
        self._dialect = _dialect(server_version)

    def supports(self, message_type: type[Record]) -> bool:
        """Tell whether this version knows a message, so that `encode` will not refuse its type."""
        return self._dialect.supports(message_type)

    def encode(self, message: ServerMessage) -> bytes:
        """Write a message to a client as a whole frame, length prefix included.

        Fields that this version does not know are left out.

        Raises:
            UnsupportedMessage: the version has no such message.
            EncodeError: a value cannot travel, for example a NUL in a text, or the type is none
                that servers send.
            FramingError: the frame would be longer than clients accept.
        """
        return self._dialect.encode_server(message)

    def encode_bars(self, req_id: int, start: str, end: str, rows: BarRows) -> bytes:
        """Write a HistoricalData answer from columns: the frame that `encode` makes, far sooner.

        Raises:
            EncodeError: As `encode`.
            FramingError: As `encode`.
        """
        if self.server_version <= MAX_TEXT_VERSION:
            encoded = text_bars(self.server_version, req_id, start, end, rows)
        else:
            encoded = protobuf_bars(req_id, rows)
        return self.encode(rows.message(req_id, start, end)) if encoded is None else encoded

    def decode(self, payload: bytes | memoryview) -> ClientMessage:
        """Read a client's message from a payload without its length prefix.

        Fields left out at the end are unset and extra ones are ignored, as real gateways do.

        Raises:
            DecodeError: the payload is no message of this version; the session can go on.
        """
        return self._dialect.decode_client(bytes(payload))

    def encode_client(self, message: ClientMessage) -> bytes:
        """Write a client's message as a whole frame; for tests, wire proxies and replays.

        Raises:
            EncodeError: as `encode`, of the types that clients send.
        """
        return self._dialect.encode_client(message)

    def decode_server(self, payload: bytes | memoryview) -> ServerMessage:
        """Read a server's message; for tests, wire proxies and replays.

        Raises:
            DecodeError: the payload is no message of this version. Messages that the official
                client dispatches by their number of fields must have exactly that number.
        """
        return self._dialect.decode_server(bytes(payload))
