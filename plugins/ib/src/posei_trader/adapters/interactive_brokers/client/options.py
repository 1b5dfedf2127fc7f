"""How patient a connection is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

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
        first_pause: Pause after the first failure; doubles with each further one.
        longest_pause: Where doubling ends.
        probe_interval: How long nothing may come before the gateway is asked for a sign of life.
        probe_timeout: How long it may take to give one.
        max_server_version: Speak no newer protocol; None for the newest that `ibapi` knows.
    """

    connection_timeout: float = 300.0
    open_timeout: float = 10.0
    ready_timeout: float = 15.0
    max_attempts: int = 0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    probe_interval: float = 10.0
    probe_timeout: float = 10.0
    max_server_version: int | None = None
