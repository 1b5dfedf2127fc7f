"""What every part of the client starts from."""

# ruff: noqa: ASYNC109 - a timeout here starts when IB's pacing lets the request go: no caller's scope
# can know that moment

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.requests import Question
    from posei_trader.adapters.interactive_brokers.client.session import Session

__all__ = ["ClientPart"]

RowT = TypeVar("RowT")


class ClientPart:
    """A part of the client: it has the session, and beside it only state of its own."""

    _session: Session

    async def _ask(self, question: Question[RowT], timeout: float | None) -> list[RowT]:
        limit = self._session.request_timeout if timeout is None else timeout
        return await self._session.requests.ask(question, limit)
