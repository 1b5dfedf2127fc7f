"""Work that goes on after a lost connection or a timeout."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.client.states import ConnectionState
from posei_trader.errors import RetryLater
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient

__all__ = ["patiently"]

_log = get_logger("InteractiveBrokersHistory")

_ATTEMPTS: Final = 5
_LONGEST_PAUSE_S: Final = 60.0


async def patiently(
    client: InteractiveBrokersClient,
    what: str,
    work: Callable[[], Coroutine[object, object, None]],
    received: Callable[[], int],
    pause_s: float,
) -> None:
    """Do some work, again and again as long as something comes in between.

    A connection that is away is waited for, for as long as the client tries to open it.

    Args:
        client: The connection.
        what: For people.
        work: Goes on where it was when it is called again.
        received: How much has come so far.
        pause_s: Seconds before the second attempt; doubles each time.

    Raises:
        RetryLater: it broke off too often, or the connection was closed on purpose.
        PoseiError: anything else that the work raises, or why the connection was given up.
    """
    attempts, pause = 1, pause_s
    while True:
        before = received()
        try:
            await work()
        except RetryLater as error:
            if received() > before:
                attempts, pause = 1, pause_s
            # The attempt counts also where the connection was lost: the work may be the reason.
            if attempts >= _ATTEMPTS:
                raise
            attempts += 1
            if _can_ask(client):
                _log.warning(
                    "a download broke off and goes on soon",
                    what=what,
                    reason=error.message,
                    pause_s=pause,
                )
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                _log.warning("a download waits for the connection", what=what, reason=error.message)
                await _connected_again(client, error)
        else:
            return


async def _connected_again(client: InteractiveBrokersClient, lost: RetryLater) -> None:
    """Wait until IB can be asked again; raise when the client does not try any more."""
    changed = asyncio.Event()
    remove = client.add_connection_handler(lambda _change: changed.set())
    try:
        while not _can_ask(client):
            if client.state is ConnectionState.DISCONNECTED:
                raise client.last_failure or lost
            if client.state is ConnectionState.STOPPED:
                raise lost
            changed.clear()
            await changed.wait()
    finally:
        remove()


def _can_ask(client: InteractiveBrokersClient) -> bool:
    """Return whether there is a connection, and IB's servers at its other end."""
    changes = client.connection_history()
    return client.is_connected and not (changes and changes[-1].upstream_lost)
