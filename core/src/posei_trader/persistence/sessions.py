"""When an instrument trades: sessions as the venue keeps them, stored beside the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Session", "SessionRow", "joined"]


class Session(NamedTuple):
    """An uninterrupted piece of trading.

    Attributes:
        open_ns: First moment, UNIX ns UTC.
        close_ns: End, UNIX ns UTC, not included.
        day: The trading day that it belongs to: midnight UTC of its date, UNIX ns. An evening
            session often belongs to the next day.
    """

    open_ns: int
    close_ns: int
    day: int


class SessionRow(NamedTuple):
    """A session as the catalog stores it.

    Attributes:
        session: When.
        is_regular: Whether these are the regular hours, or all hours in which trading is possible.
    """

    session: Session
    is_regular: bool


def joined(sessions: Iterable[Session]) -> list[Session]:
    """Return sessions in order of time, each once; of those that overlap, one that covers both."""
    found: list[Session] = []
    for session in sorted(set(sessions)):
        last = found[-1] if found else None
        if last is not None and session.open_ns < last.close_ns:
            close = max(last.close_ns, session.close_ns)
            found[-1] = Session(last.open_ns, close, last.day)
        else:
            found.append(session)
    return found
