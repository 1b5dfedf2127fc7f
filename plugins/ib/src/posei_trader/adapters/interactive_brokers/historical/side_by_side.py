"""Work done side by side: all of it or none, or in turn with a little of it ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Iterable

__all__ = ["all_or_nothing", "in_turn"]

AHEAD: Final = 12
"""Requests that a stream makes ahead: two of IB's bursts for one contract."""

_ResultT = TypeVar("_ResultT")


async def all_or_nothing(work: Iterable[Coroutine[object, object, _ResultT]]) -> list[_ResultT]:
    """Run coroutines side by side; when one fails, cancel the others and raise its error."""
    tasks = [asyncio.ensure_future(part) for part in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        await _cancelled(tasks)


async def in_turn(
    work: Iterable[Coroutine[object, object, _ResultT]], ahead: int = AHEAD
) -> AsyncGenerator[_ResultT, None]:
    """Yield the results of coroutines in their order, while up to `ahead` of them run.

    The iterable is read as it is needed. When one fails, or nobody wants more, the others are
    cancelled.
    """
    running: deque[asyncio.Task[_ResultT]] = deque()
    rest = iter(work)
    try:
        while True:
            while len(running) < ahead and (part := next(rest, None)) is not None:
                running.append(asyncio.ensure_future(part))
            if not running:
                return
            yield await running.popleft()
    finally:
        await _cancelled(running)


async def _cancelled(tasks: Iterable[asyncio.Task[_ResultT]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
