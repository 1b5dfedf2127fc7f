"""Work of a command that SIGTERM ends as Ctrl-C does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["until_terminated"]

T = TypeVar("T")


async def until_terminated(work: Coroutine[object, object, T]) -> T:
    """Await the work; SIGTERM ends it as Ctrl-C does, with everything put away."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    # Windows has no signal handlers in loops (NotImplementedError is a RuntimeError, too), and only
    # the main thread is told about signals.
    with contextlib.suppress(RuntimeError):
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
