"""An event loop whose time jumps: nothing waits, and sockets, tasks and timers stay the real ones.

When no socket is ready, the loop does not sleep until the next timer: its clock jumps there. In one
process a loopback socket is ready as soon as something was written to its other end, so nothing
that is on its way is jumped over.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# A Tuesday in the opening hours of New York, as in the simulation.
EPOCH_NS = 1_709_650_800_000_000_000
_NANOS = 1_000_000_000


class _Selector(selectors.DefaultSelector):
    """Tells the loop to jump instead of waiting."""

    jump: Callable[[float], None]

    def select(self, timeout=None):
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(None)
        self.jump(timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Jump instead of sleeping."""

    def __init__(self):
        selector = _Selector()
        selector.jump = self._jump
        self._now = 0.0
        super().__init__(selector)

    def time(self):
        return self._now

    def _jump(self, seconds):
        self._now += seconds

    def wall_ns(self):
        """Return the time of day, UNIX ns UTC."""
        return EPOCH_NS + int(self._now * _NANOS)
