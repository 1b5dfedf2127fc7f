"""Time for a client that was given no clock."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.protocols import TimerHandle

__all__ = ["REPLAY_NS", "LoopClock"]

_SECOND: Final = 1_000_000_000
REPLAY_NS: Final = 14 * 86_400 * _SECOND
"""No market is closed for so long, and no clock so wrong: so far away lies only a replay."""


@final
class LoopClock:
    """UTC time that never goes backwards, with timers of the running event loop."""

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.monotonic_ns()

    def timestamp_ns(self) -> int:
        """Return now, UNIX ns UTC."""
        return time.monotonic_ns() + self._offset

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> TimerHandle:
        """Call back once at a moment, or as soon as possible when it has passed."""
        delay = max(0, when_ns - self.timestamp_ns()) / _SECOND
        return asyncio.get_running_loop().call_later(delay, callback)
