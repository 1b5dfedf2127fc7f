"""Hand-made encoders of the messages that make up most of a session's bytes.

They cover plain values only and return ``None`` for anything else (something unset, a text beyond
ASCII, an exponent); the tables then decide. Their layouts are the same at all text versions.
"""

from collections.abc import Callable

from posei_ib_sim.wire.messages import ServerMessage

FastEncoder = Callable[[ServerMessage], bytes | None]

FAST_ENCODERS: dict[type[ServerMessage], FastEncoder] = {}
