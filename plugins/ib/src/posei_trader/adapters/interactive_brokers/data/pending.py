"""What a part of a stream waits for, and can take back: a moment, or an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from posei_trader.protocols import TimerHandle

__all__ = ["Pending"]


class Pending:
    """Has at most one timer, and at most one task."""

    def __init__(self) -> None:
        self._timer: TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def _cancel(self) -> None:
        """Take both back. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None
