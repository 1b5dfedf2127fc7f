"""The states of a gateway, and what it tells its listeners."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from posei_trader.adapters.ib_docker.errors import GatewayError


class GatewayState(StrEnum):
    """Where a gateway is on its way.

    absent → pulling → created → booting → login → two_fa → configuring → probing → ready
    ⇄ degraded (the API does not answer) ⇄ restarting → stopping → stopped; failed at any time.
    """

    ABSENT = "absent"
    PULLING = "pulling"
    CREATED = "created"
    BOOTING = "booting"
    LOGIN = "login"
    TWO_FA = "two_fa"
    CONFIGURING = "configuring"
    PROBING = "probing"
    READY = "ready"
    DEGRADED = "degraded"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


TERMINAL: Final = frozenset({GatewayState.STOPPED, GatewayState.FAILED})
"""States that only a new start leaves."""

IDLE: Final = TERMINAL | {GatewayState.ABSENT, GatewayState.STOPPING}
"""States in which nothing is expected from the container."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a gateway failed: the class of the error and what it will say."""

    kind: type[GatewayError]
    message: str
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The gateway moved from one state to another."""

    mode: str
    previous: GatewayState
    state: GatewayState
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class TwoFactorRequested:
    """IB sent a request to the user's phone; it must be confirmed within `seconds`."""

    mode: str
    push: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RestartBegan:
    """The program restarts: do not reconnect before `RestartDone`."""

    mode: str
    reason: str


@dataclass(frozen=True, slots=True)
class RestartDone:
    """The restarted program serves again, after `seconds`."""

    mode: str
    seconds: float


@dataclass(frozen=True, slots=True)
class HealthLost:
    """The API stopped answering although nothing announced a restart."""

    mode: str
    failures: int


@dataclass(frozen=True, slots=True)
class FullLoginNeeded:
    """The saved session is gone: the container is restarted and logs in from scratch."""

    mode: str
    reason: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that a person should know, without changing the state."""

    mode: str
    text: str


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How much of the image has been fetched; `total` grows while layers become known."""

    image: str
    current: int
    total: int
    layers: int
    layers_done: int
    status: str = ""


Notice = (
    StateChanged
    | TwoFactorRequested
    | RestartBegan
    | RestartDone
    | HealthLost
    | FullLoginNeeded
    | Advice
    | PullProgress
)
"""Everything that a listener may receive, in the order in which it happened."""
