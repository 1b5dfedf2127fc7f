"""Whether the venue's time and our clock's can be compared: in a replay they cannot."""

from __future__ import annotations

from typing import Final

from posei_trader.model.bars import NANOS_PER_SECOND

__all__ = ["is_near"]

_NEAR_NS: Final = 14 * 86_400 * NANOS_PER_SECOND
"""No market is closed for so long: what happened longer ago is from a replay."""


def is_near(moment_ns: int, now_ns: int) -> bool:
    """Return whether a moment of the venue can be compared with our clock."""
    return abs(now_ns - moment_ns) < _NEAR_NS
