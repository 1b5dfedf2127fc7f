"""What can go wrong on the wire.

WireError
+-- FramingError        the byte stream itself is broken: close the connection
|   +-- HandshakeError  the client's first bytes are not a handshake: close the connection
+-- NoCommonVersion     client and server share no version: close the connection
+-- DecodeError         one message is broken: answer an error and go on
+-- EncodeError         a struct cannot travel at this version: a mistake of ours
    +-- UnsupportedMessage  the version does not know the message: ask Codec.supports first
"""


class WireError(Exception):
    """Be the root of every error of the wire package."""


class FramingError(WireError):
    """Say that the stream of frames is broken and cannot be resumed."""


class HandshakeError(FramingError):
    """Say that the client did not open the connection with a version handshake."""


class NoCommonVersion(WireError):  # noqa: N818 - the name says what happened
    """Say that the client's versions and the server's do not meet."""


class DecodeError(WireError):
    """Say that one payload is not the message it claims to be.

    ``message_id`` is the base id as far as it could be read, else ``None``; ``reason`` names the
    field, its value and what was expected.
    """

    def __init__(self, message_id: int | None, reason: str) -> None:
        super().__init__(message_id, reason)
        self.message_id = message_id
        self.reason = reason

    def __str__(self) -> str:
        return f"message {self.message_id}: {self.reason}"


class EncodeError(WireError):
    """Say that a struct cannot be written in the dialect of the codec's server version."""


class UnsupportedMessage(EncodeError):  # noqa: N818 - the name says what happened
    """Say that the codec's server version has no such message."""
