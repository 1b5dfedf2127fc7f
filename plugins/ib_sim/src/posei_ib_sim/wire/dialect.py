"""What a codec needs from a dialect, text or protobuf."""

from typing import Protocol

from posei_ib_sim.wire.messages import ClientMessage, Record, ServerMessage


class Dialect(Protocol):
    """Translate both directions of one server version; see `Codec` for the contracts."""

    def supports(self, message_type: type[Record]) -> bool:
        """Tell whether the version knows the message."""

    def encode_server(self, message: ServerMessage) -> bytes:
        """Write a server's message as a frame."""

    def encode_client(self, message: ClientMessage) -> bytes:
        """Write a client's message as a frame."""

    def decode_server(self, payload: bytes) -> ServerMessage:
        """Read a server's message."""

    def decode_client(self, payload: bytes) -> ClientMessage:
        """Read a client's message."""
