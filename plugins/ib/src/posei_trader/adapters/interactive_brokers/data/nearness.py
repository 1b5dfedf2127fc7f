"""Whether the venue's time and our clock's can be compared: in a replay they cannot."""

from __future__ import annotations

from posei_trader.adapters.interactive_brokers.client.clock import REPLAY_NS

__all__ = ["is_near"]


def is_near(moment_ns: int, now_ns: int) -> bool:
    """Return whether a moment of the venue can be compared with our clock."""
    return abs(now_ns - moment_ns) < REPLAY_NS
