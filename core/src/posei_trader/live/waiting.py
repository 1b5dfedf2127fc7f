"""Awaiting a node's work no longer than it is wanted."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["unless_hurried", "until_asked"]

_log: Final = logging.getLogger("posei.TradingNode")


async def until_asked(
    work: Coroutine[object, None, None], stop: asyncio.Event, seconds: float
) -> None:
    """Await work, but no longer than until somebody asks to stop.

    Args:
        work: What is awaited; its failure is raised.
        stop: Set by whoever asks.
        seconds: How long cancelled work may take to end.
    """
    task = asyncio.create_task(work, name="node start")
    asked = asyncio.create_task(stop.wait(), name="node stop request")
    try:
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=seconds)
    if task.done() and not task.cancelled():
        task.result()


async def unless_hurried(step: Coroutine[object, None, None], hurry: asyncio.Event) -> None:
    """Await a step of stopping until it is done or somebody is in a hurry; log its failure."""
    task = asyncio.create_task(step, name="node stop")
    hurried = asyncio.create_task(hurry.wait(), name="node hurry")
    await asyncio.wait({task, hurried}, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    if not task.done():
        task.cancel()
        _log.warning("the farewell is cut short")
    elif not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a step of stopping failed", exc_info=error)
