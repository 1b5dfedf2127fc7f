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

_STARTED_AT_ONCE: Final = 32
"""Requests that are begun in one turn of the loop, each in a tenth of a millisecond."""

_ResultT = TypeVar("_ResultT")


async def all_or_nothing(work: Iterable[Coroutine[object, object, _ResultT]]) -> list[_ResultT]:
    """Run coroutines side by side; when one fails, cancel the others and raise its error.

    They are begun a few at a time: thousands of them keep nobody else from a turn.
    """
    tasks: list[asyncio.Task[_ResultT]] = []
    try:
        for part in work:
            tasks.append(asyncio.ensure_future(part))
            if not len(tasks) % _STARTED_AT_ONCE:
                await asyncio.sleep(0)
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
