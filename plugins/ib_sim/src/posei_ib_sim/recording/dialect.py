"""What can be understood of a recorded frame: its message, if the codec knows the version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posei_ib_sim.wire import Record

__all__ = ["FrameReader"]

_BINARY_IDS_SINCE: Final = 201


@final
class FrameReader:
    """Decodes frames of one connection as far as possible; what is unknown stays bytes.

    Recordings of versions that the simulator does not serve (201 to 212) can still be played
    back: their frames are sent as they are.

    Args:
        version: The server version of the connection.
    """

    def __init__(self, version: int) -> None:
        served = version in wire.SUPPORTED_VERSIONS
        self.version: Final = version
        self.codec: Final = wire.Codec(version) if served else None

    def client_message(self, payload: bytes) -> wire.ClientMessage | None:
        """Read a client's message, `None` when it cannot be understood."""
        if self.codec is None:
            return None
        try:
            return self.codec.decode(payload)
        except wire.DecodeError:
            return None

    def server_message(self, payload: bytes) -> wire.ServerMessage | None:
        """Read a gateway's message, `None` when it cannot be understood."""
        if self.codec is None:
            return None
        try:
            return self.codec.decode_server(payload)
        except wire.DecodeError:
            return None

    def message_id(self, payload: bytes) -> int | None:
        """Return the base id of a message, `None` when there is none to be read."""
        if self.version >= _BINARY_IDS_SINCE:
            number = int.from_bytes(payload[:4], "big")
            return number - 200 if number > 200 else number
        first = payload.split(b"\0", 1)[0]
        return int(first) if first.isdigit() else None


def with_ids(
    message: wire.ServerMessage, request_ids: Mapping[int, int], order_ids: Mapping[int, int]
) -> wire.ServerMessage:
    """Return the message with its request or order ids replaced; the same object if none is."""
    changes: dict[str, object] = {}
    request_id = getattr(message, "reqId", None)
    if request_id is not None and request_ids.get(request_id, request_id) != request_id:
        changes["reqId"] = request_ids[request_id]
    if isinstance(message, wire.ErrorMessage) and message.id is not None:
        mapped = request_ids.get(message.id, order_ids.get(message.id, message.id))
        if mapped != message.id:
            changes["id"] = mapped
    if not isinstance(message, wire.NextValidId):
        changes |= _order_ids(message, order_ids)
    for name in ("order", "execution"):
        nested = getattr(message, name, None)
        if nested is not None and (inner := _order_ids(nested, order_ids)):
            changes[name] = msgspec.structs.replace(nested, **inner)
    return msgspec.structs.replace(message, **changes) if changes else message


def _order_ids(record: Record, order_ids: Mapping[int, int]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in ("orderId", "parentId"):
        value = getattr(record, name, None)
        if value is not None and order_ids.get(value, value) != value:
            found[name] = order_ids[value]
    return found
