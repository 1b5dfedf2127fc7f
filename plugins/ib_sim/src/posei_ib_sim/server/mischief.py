"""Disturbing single messages: leaving out, repeating, swapping with the next."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from posei_ib_sim import wire
from posei_ib_sim.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Mischief"]

_KNOWN = {message_type.__name__ for message_type in wire.SERVER_MESSAGE_IDS}


@final
class Mischief:
    """What is to be done to the next messages of a type, named as in `posei_ib_sim.wire`.

    Attributes:
        is_planned: Whether anything is to be done at all; asked for every message sent.
        omitted: Messages left out so far.
        spares_answers: Whether answers about orders stay whole: only what is told unasked is
            disturbed then.
    """

    def __init__(self) -> None:
        self._omit: Counter[str] = Counter()
        self._repeat: Counter[str] = Counter()
        self._swap: Counter[str] = Counter()
        self._kept: dict[int, wire.ServerMessage] = {}
        self.omitted = 0
        self.is_planned = False
        self.spares_answers = False
        self._is_answering = False

    def omit(self, message: str, count: int) -> None:
        """Leave out the next messages of a type."""
        self._omit[_checked(message)] += count
        self.is_planned = True

    def repeat(self, message: str, count: int) -> None:
        """Send the next messages of a type twice."""
        self._repeat[_checked(message)] += count
        self.is_planned = True

    def swap(self, message: str, count: int) -> None:
        """Send the next messages of a type after the message that follows each."""
        self._swap[_checked(message)] += count
        self.is_planned = True

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Mark what is sent meanwhile as an answer."""
        self._is_answering = True
        try:
            yield
        finally:
            self._is_answering = False

    def apply(self, session: int, message: wire.ServerMessage) -> list[wire.ServerMessage]:
        """Return what is sent in the place of a message."""
        if self.spares_answers and self._is_answering:
            kept = self._kept.pop(session, None)
            return [message] if kept is None else [kept, message]
        sent = self._applied(session, message)
        self.is_planned = bool(self._omit or self._repeat or self._swap or self._kept)
        return sent

    def _applied(self, session: int, message: wire.ServerMessage) -> list[wire.ServerMessage]:
        name = type(message).__name__
        if _take(self._omit, name):
            self.omitted += 1
            return []
        kept = self._kept.pop(session, None)
        if kept is None and _take(self._swap, name):
            self._kept[session] = message
            return []
        sent = [message, message] if _take(self._repeat, name) else [message]
        return sent if kept is None else [*sent, kept]


def _take(counter: Counter[str], name: str) -> bool:
    if not counter[name]:
        counter.pop(name, None)
        return False
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
    return True


def _checked(name: str) -> str:
    if name not in _KNOWN:
        raise ConfigurationError(
            f"message={name!r} is no message of the server; write for example OrderStatus, "
            "ExecutionDetails or CommissionAndFeesReport"
        )
    return name
