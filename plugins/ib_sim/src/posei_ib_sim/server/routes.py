"""The dispatch table: message type to handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar, cast, final

from posei_ib_sim.wire import ClientMessage

if TYPE_CHECKING:
    from posei_ib_sim.server.session import Session

__all__ = ["HandlerGroup", "Routes"]

Message = TypeVar("Message", bound=ClientMessage)
_Handler = Callable[["Session", ClientMessage], None]


class HandlerGroup(Protocol):
    """A group of handlers about one subject."""

    def register(self, routes: Routes) -> None:
        """Enter all handlers of the group into the table."""
        ...


@final
class Routes:
    """Handlers by message type; each type has at most one."""

    def __init__(self) -> None:
        self._table: dict[type[ClientMessage], _Handler] = {}

    def add(self, message_type: type[Message], handler: Callable[[Session, Message], None]) -> None:
        """Enter a handler.

        Raises:
            ValueError: The type has one already.
        """
        if message_type in self._table:
            raise ValueError(f"{message_type.__name__} has a handler already")
        self._table[message_type] = cast("_Handler", handler)

    def find(self, message_type: type[ClientMessage]) -> _Handler | None:
        """Return the handler of a type."""
        return self._table.get(message_type)

    @property
    def types(self) -> frozenset[type[ClientMessage]]:
        """All types with a handler."""
        return frozenset(self._table)
