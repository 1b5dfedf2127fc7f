"""Running one coroutine to its end on a loop of our own, whatever it leaves behind."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["run_to_end"]

T = TypeVar("T")

_log: Final = logging.getLogger("posei.TradingNode")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop's where it is installed."""
    try:
        import uvloop  # noqa: PLC0415  optional: the extra `uvloop`
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run_to_end(
    work: Coroutine[Any, Any, T], on_signal: Callable[[str], None], leftover_timeout: float
) -> T:
    """Run a coroutine; SIGINT and SIGTERM call back instead of breaking it off.

    What still runs afterwards is canceled and waited for, but not for ever: a task that ignores
    its cancellation cannot keep the process alive.

    Args:
        work: What to run.
        on_signal: Called on the loop with the signal's name.
        leftover_timeout: Seconds to wait for canceled tasks.
    """
    loop = new_event_loop()
    installed = _install(loop, on_signal)
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(work)
    finally:
        try:
            loop.run_until_complete(_cancel_leftovers(leftover_timeout))
            loop.run_until_complete(
                asyncio.wait_for(loop.shutdown_asyncgens(), leftover_timeout or 1.0)
            )
        finally:
            for number in installed:
                loop.remove_signal_handler(number)
            asyncio.set_event_loop(None)
            loop.close()


def _install(
    loop: asyncio.AbstractEventLoop, on_signal: Callable[[str], None]
) -> list[signal.Signals]:
    if threading.current_thread() is not threading.main_thread():
        return []  # only the main thread is told about signals
    installed = []
    for number in _SIGNALS:
        try:
            loop.add_signal_handler(number, on_signal, number.name)
        except NotImplementedError:  # Windows: its event loops have no signal handlers
            signal.signal(
                number,
                lambda got, _: loop.call_soon_threadsafe(on_signal, signal.Signals(got).name),
            )
        else:
            installed.append(number)
    return installed


async def _cancel_leftovers(timeout: float) -> None:  # noqa: ASYNC109  bounds a wait, cancels nothing
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    _, stubborn = await asyncio.wait(tasks, timeout=timeout or 1.0)
    for task in stubborn:
        _log.error("a task ignores its cancellation and is abandoned: %s", task.get_name())
