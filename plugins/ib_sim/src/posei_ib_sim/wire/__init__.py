"""The TWS socket protocol, server side: bytes to messages and back, without any I/O.

The one door to this package: its functions and errors, and every message of :mod:`.messages`, whose
list of names is the only one.
"""

from posei_ib_sim.wire import messages
from posei_ib_sim.wire.bar_rows import BarRows
from posei_ib_sim.wire.codec import Codec
from posei_ib_sim.wire.errors import (
    DecodeError,
    EncodeError,
    FramingError,
    HandshakeError,
    NoCommonVersion,
    UnsupportedMessage,
    WireError,
)
from posei_ib_sim.wire.framing import MAX_FRAME, FrameBuffer, frame
from posei_ib_sim.wire.handshake import (
    SUPPORTED_VERSIONS,
    Hello,
    negotiate,
    parse_hello,
    version_reply,
)
from posei_ib_sim.wire.ids import CLIENT_MESSAGE_IDS, SERVER_MESSAGE_IDS
from posei_ib_sim.wire.messages import *  # noqa: F403 - two hundred names, listed there
from posei_ib_sim.wire.numbers import are_plain, texts_of

__all__ = [
    "CLIENT_MESSAGE_IDS",
    "MAX_FRAME",
    "SERVER_MESSAGE_IDS",
    "SUPPORTED_VERSIONS",
    "BarRows",
    "Codec",
    "DecodeError",
    "EncodeError",
    "FrameBuffer",
    "FramingError",
    "HandshakeError",
    "Hello",
    "NoCommonVersion",
    "UnsupportedMessage",
    "WireError",
    "are_plain",
    "frame",
    "negotiate",
    "parse_hello",
    "texts_of",
    "version_reply",
]
__all__ += messages.__all__
