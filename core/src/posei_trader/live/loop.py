"""Running one coroutine to its end on a loop of our own, whatever it leaves behind."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType

__all__ = ["run_to_end"]

T = TypeVar("T")

_Handler: TypeAlias = "Callable[[int, FrameType | None], object] | int | signal.Handlers"

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
    work: Coroutine[object, None, T], on_signal: Callable[[str], None], leftover_timeout: float
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
    before = _listen(loop, on_signal)
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
            asyncio.set_event_loop(None)
            loop.close()
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(
    loop: asyncio.AbstractEventLoop, on_signal: Callable[[str], None]
) -> dict[signal.Signals, _Handler]:
    """Call back on signals; returns who handled them before."""
    before: dict[signal.Signals, _Handler] = {}
    if threading.current_thread() is not threading.main_thread():
        return before  # only the main thread is told about signals
    for number in _SIGNALS:
        before[number] = signal.getsignal(number) or signal.SIG_DFL
        try:
            loop.add_signal_handler(number, on_signal, number.name)
        except NotImplementedError:  # Windows: its event loops have no signal handlers
            signal.signal(
                number,
                lambda got, _: loop.call_soon_threadsafe(on_signal, signal.Signals(got).name),
            )
    return before


async def _cancel_leftovers(timeout: float) -> None:  # noqa: ASYNC109  bounds a wait, cancels nothing
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    _, stubborn = await asyncio.wait(tasks, timeout=timeout or 1.0)
    for task in stubborn:
        _log.error("a task ignores its cancellation and is abandoned: %s", task.get_name())
