"""The life of a connection, as a total table.

    DISCONNECTED --CONNECT--> CONNECTING --OPENED--> HANDSHAKE --READY--> READY <--HEALED--+
         ^                        |                      |                  |             |
         |                        +--------LOST----------+--------LOST------+--IMPAIRED-> DEGRADED
         |                                  v                               |             |
         +------------GIVE_UP--------- RECONNECTING <---------LOST----------+-------------+
                                            |
                                            +--CONNECT--> CONNECTING

    any --STOP--> STOPPED --CONNECT--> CONNECTING

DEGRADED: the socket is fine, but a data farm or IB's servers are out of the gateway's reach. A pair
that is not drawn changes nothing.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final

__all__ = ["TRANSITIONS", "ConnectionEvent", "ConnectionState", "next_state"]


@unique
class ConnectionState(StrEnum):
    """Where a connection stands."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    HANDSHAKE = "handshake"
    READY = "ready"
    DEGRADED = "degraded"
    RECONNECTING = "reconnecting"
    STOPPED = "stopped"

    @property
    def is_connected(self) -> bool:
        """Whether requests can be made."""
        return self is ConnectionState.READY or self is ConnectionState.DEGRADED


@unique
class ConnectionEvent(StrEnum):
    """What happens to a connection."""

    CONNECT = "connect"
    OPENED = "opened"
    READY = "ready"
    IMPAIRED = "impaired"
    HEALED = "healed"
    LOST = "lost"
    GIVE_UP = "give up"
    STOP = "stop"


_S, _E = ConnectionState, ConnectionEvent

TRANSITIONS: Final[dict[tuple[ConnectionState, ConnectionEvent], ConnectionState]] = {
    (_S.DISCONNECTED, _E.CONNECT): _S.CONNECTING,
    (_S.RECONNECTING, _E.CONNECT): _S.CONNECTING,
    (_S.STOPPED, _E.CONNECT): _S.CONNECTING,
    (_S.CONNECTING, _E.OPENED): _S.HANDSHAKE,
    (_S.HANDSHAKE, _E.READY): _S.READY,
    (_S.READY, _E.IMPAIRED): _S.DEGRADED,
    (_S.DEGRADED, _E.HEALED): _S.READY,
    (_S.CONNECTING, _E.LOST): _S.RECONNECTING,
    (_S.HANDSHAKE, _E.LOST): _S.RECONNECTING,
    (_S.READY, _E.LOST): _S.RECONNECTING,
    (_S.DEGRADED, _E.LOST): _S.RECONNECTING,
    (_S.CONNECTING, _E.GIVE_UP): _S.DISCONNECTED,
    (_S.HANDSHAKE, _E.GIVE_UP): _S.DISCONNECTED,
    (_S.RECONNECTING, _E.GIVE_UP): _S.DISCONNECTED,
    **{(state, _E.STOP): _S.STOPPED for state in ConnectionState},
}
"""Every pair that changes something."""


def next_state(state: ConnectionState, event: ConnectionEvent) -> ConnectionState:
    """Return the state after an event; total."""
    return TRANSITIONS.get((state, event), state)
