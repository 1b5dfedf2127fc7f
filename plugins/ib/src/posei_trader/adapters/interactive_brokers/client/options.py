"""How patient a connection is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, final

from posei_trader.adapters.interactive_brokers.maintenance import (
    NORTH_AMERICA,
    IBMaintenanceWindow,
)

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.config import IBConnectionConfig

__all__ = ["ConnectionOptions"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """How patient the connection is. Times are seconds.

    Args:
        connection_timeout: How long `connect` may take altogether.
        open_timeout: How long the TCP connection may take.
        ready_timeout: How long the gateway may take to become ready, once it has accepted.
        max_attempts: Give up after so many failed attempts in a row; 0 for never.
        max_reconnects: The same for a connection that was ready before; None for `max_attempts`.
        first_pause: Pause after the first failure; doubles with each further one.
        longest_pause: Where doubling ends.
        probe_interval: How long nothing may come before the gateway is asked for a sign of life.
        probe_timeout: How long it may take to give one.
        alarm_after: How long the connection may be away, or degraded, before that is an alarm.
        farm_grace: How long a stream may be silent after its data farm came back before it is
            opened anew.
        longest_lag: How late the event loop may be before that is a warning.
        maintenance: When an absence is expected: no alarm, and no attempt counts.
        max_server_version: Speak no newer protocol; None for the newest that `ibapi` knows.
    """

    connection_timeout: float = 300.0
    open_timeout: float = 10.0
    ready_timeout: float = 15.0
    max_attempts: int = 0
    max_reconnects: int | None = None
    first_pause: float = 1.0
    longest_pause: float = 60.0
    probe_interval: float = 10.0
    probe_timeout: float = 10.0
    alarm_after: float = 60.0
    farm_grace: float = 15.0
    longest_lag: float = 1.0
    maintenance: tuple[IBMaintenanceWindow, ...] = NORTH_AMERICA
    max_server_version: int | None = None

    @classmethod
    def of(
        cls, config: IBConnectionConfig, *, connection_timeout: float, max_attempts: int
    ) -> Self:
        """Return what a configuration says."""
        return cls(
            connection_timeout=connection_timeout,
            ready_timeout=config.ready_timeout,
            max_attempts=max_attempts,
            first_pause=config.first_pause,
            longest_pause=config.longest_pause,
            probe_interval=config.probe_interval,
            probe_timeout=config.probe_timeout,
            alarm_after=config.alarm_after,
            farm_grace=config.farm_grace,
            longest_lag=config.longest_lag,
            maintenance=config.maintenance_windows,
        )
