"""Events leave in the order in which they happened, also when a listener causes the next one."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from posei_trader.engine.bus import Topic
    from posei_trader.protocols import Clock

__all__ = ["Outbox"]

_BURST: Final = 10_000


@final
class Outbox:
    """Publish at once, unless something is being published: then right after it.

    A strategy that submits an order while it handles a fill causes OrderSubmitted inside that
    callback. State changes at once; the callback for it comes when the first one has returned, and
    every listener sees the two in the same order. A listener that answers every event with another
    one cannot hold the event loop for ever: after a burst the rest waits for the next turn.

    Args:
        clock: Calls back for what is left after a burst.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: deque[tuple[Topic, object]] = deque()
        self._is_publishing = False

    def __len__(self) -> int:
        return len(self._waiting)

    def publish(self, *letters: tuple[Topic, object]) -> None:
        """Publish messages, each to its topic, now or right after what is being published.

        Nothing that the first one causes comes before the last one.
        """
        if self._is_publishing or self._waiting or len(letters) > 1:
            self._waiting.extend(letters)
            self._drain()
            return
        self._is_publishing = True
        try:
            for topic, message in letters:
                topic.publish(message)
        finally:
            self._is_publishing = False
        if self._waiting:
            self._drain(_BURST - 1)

    def _drain(self, burst: int = _BURST) -> None:
        if self._is_publishing:
            return
        self._is_publishing = True
        try:
            for _ in range(burst):
                if not self._waiting:
                    return
                topic, message = self._waiting.popleft()
                topic.publish(message)
        finally:
            self._is_publishing = False
        self._clock.call_at(self._clock.timestamp_ns(), self._drain)
