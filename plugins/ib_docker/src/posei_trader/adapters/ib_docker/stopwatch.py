"""Account for the time spent in each state, and for the part of it that counts against a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker.states import GatewayState

if TYPE_CHECKING:
    from collections.abc import Mapping

# Waiting for a person (TWO_FA) and for a download (PULLING) have limits of their own.
_CHARGED: Final = frozenset(
    {
        GatewayState.CREATED,
        GatewayState.BOOTING,
        GatewayState.LOGIN,
        GatewayState.CONFIGURING,
        GatewayState.PROBING,
        GatewayState.RESTARTING,
        GatewayState.DEGRADED,
    }
)


class Stopwatch:
    """Sum up seconds per state on a clock that the caller reads; time never runs backwards."""

    def __init__(self, now: float) -> None:
        self._last = now
        self._entered = now
        self._charged = 0.0
        self._per_state: dict[GatewayState, float] = {}

    def advance(self, state: GatewayState, now: float) -> None:
        """Book the time since the last call on `state`."""
        spent = max(0.0, now - self._last)
        self._last = max(self._last, now)
        self._per_state[state] = self._per_state.get(state, 0.0) + spent
        if state in _CHARGED:
            self._charged += spent

    def enter(self) -> None:
        """Note that a new state begins now."""
        self._entered = self._last

    def recharge(self) -> None:
        """Begin a new period: nothing has been charged to it."""
        self._charged = 0.0

    @property
    def now(self) -> float:
        """The time of the last call of `advance`."""
        return self._last

    @property
    def charged(self) -> float:
        """Seconds that count against the limit of this period."""
        return self._charged

    @property
    def in_state(self) -> float:
        """Seconds since the present state was entered."""
        return self._last - self._entered

    @property
    def per_state(self) -> Mapping[GatewayState, float]:
        """Seconds per state since the beginning."""
        return dict(self._per_state)
