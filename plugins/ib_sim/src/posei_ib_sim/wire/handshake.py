"""The version handshake, which comes before any message."""

import re

import msgspec

from posei_ib_sim.wire.errors import HandshakeError, NoCommonVersion
from posei_ib_sim.wire.framing import frame

MIN_TEXT_VERSION, MAX_TEXT_VERSION = 157, 200
"""The versions served in the text dialect."""

MIN_PROTOBUF_VERSION, MAX_PROTOBUF_VERSION = 213, 226
"""The versions served in the protobuf dialect."""

SUPPORTED_VERSIONS: frozenset[int] = frozenset(
    (
        *range(MIN_TEXT_VERSION, MAX_TEXT_VERSION + 1),
        *range(MIN_PROTOBUF_VERSION, MAX_PROTOBUF_VERSION + 1),
    )
)
"""All served versions; 201 to 212 mix both dialects and no client insists on them."""

_SIGNATURE = b"API\0"
_MAX_HELLO = 4096
_HELLO = re.compile(rb"v(\d{1,9})(?:\.\.(\d{1,9}))?(?: (.*))?", re.DOTALL)


class Hello(msgspec.Struct, kw_only=True, frozen=True):
    """Carry what a client offers; ``consumed`` bytes of the stream were the handshake."""

    min_version: int
    max_version: int
    connect_options: str
    consumed: int


def parse_hello(data: bytes | bytearray) -> Hello | None:
    """Read a client's first bytes; ``None`` means that more bytes are needed.

    Raises:
        HandshakeError: the bytes are not ``API``, NUL and a framed version range.
    """
    head = bytes(data[:8])
    if not _SIGNATURE.startswith(head[:4]):
        raise HandshakeError(
            f"the connection begins with {head[:4]!r}; a client sends {_SIGNATURE!r}"
        )
    if len(head) < 8:
        return None
    length = int.from_bytes(head[4:8], "big")
    if length > _MAX_HELLO:
        raise HandshakeError(f"version frame of {length} bytes; at most {_MAX_HELLO} are expected")
    if len(data) < 8 + length:
        return None
    return _parse_range(bytes(data[8 : 8 + length]), consumed=8 + length)


def _parse_range(payload: bytes, *, consumed: int) -> Hello:
    match = _HELLO.fullmatch(payload.rstrip(b"\0"))
    if match is None:
        raise HandshakeError(f"version frame {payload[:80]!r}; expected v<min>..<max>")
    low, high, options = match.groups()
    return Hello(
        min_version=int(low),
        max_version=int(high or low),
        connect_options=(options or b"").decode("utf-8", "replace"),
        consumed=consumed,
    )


def negotiate(client_min: int, client_max: int, *, pinned: int | None = None) -> int:
    """Choose the version to speak: the highest of both, or the pinned one.

    Raises:
        NoCommonVersion: nothing in the client's range is served, or the pinned version is not in
            it, or is not served at all.
    """
    served = SUPPORTED_VERSIONS if pinned is None else SUPPORTED_VERSIONS & {pinned}
    common = [version for version in served if client_min <= version <= client_max]
    if not common:
        ours = (
            f"{MIN_TEXT_VERSION}..{MAX_TEXT_VERSION} and "
            f"{MIN_PROTOBUF_VERSION}..{MAX_PROTOBUF_VERSION}"
            if pinned is None
            else f"the pinned version {pinned}"
        )
        raise NoCommonVersion(f"client offers {client_min}..{client_max}, the server serves {ours}")
    return max(common)


def version_reply(version: int, connection_time: str) -> bytes:
    """Build the framed answer to the handshake.

    ``connection_time`` looks like ``20260405 12:00:00 CET``; some clients refuse zone names that
    are neither IANA names nor common abbreviations.
    """
    return frame(f"{version}\0{connection_time}\0".encode("ascii"))
