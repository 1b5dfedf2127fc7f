"""Requests that have an answer: asked once however many want it, and whole or failed.

An answer is never empty because nothing is known.
"""

# ruff: noqa: ASYNC109 - a timeout here starts when IB's pacing lets the request go: no caller's scope
# can know that moment

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, final

from posei_trader.adapters.interactive_brokers.client.scheduler import Command, Lane, Scheduler
from posei_trader.errors import (
    ConnectionLost,
    InvalidRequest,
    PacingViolation,
    PoseiError,
    RequestTimeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ibapi.client import EClient

    from posei_trader.adapters.interactive_brokers.client.ids import IdAllocator
    from posei_trader.adapters.interactive_brokers.pacing import HistoricalCost

__all__ = ["Question", "Request", "RequestTable"]

RowT = TypeVar("RowT")

_TRIES: Final = 4
_FIRST_PAUSE_S: Final = 5.0
_LOSSES: Final = 3
"""A question that loses the connection this often may be the reason: then it fails."""


@final
@dataclass(slots=True, kw_only=True)
class Question(Generic[RowT]):
    """What is asked.

    Args:
        key: Equal for questions that share one answer.
        subject: For people: ``"contract details of STK AAPL"``.
        ask: Makes the request with `EClient`, given an id.
        cancel: Cancels it with `EClient`, where IB has such a request.
        channel: For requests without an id: the name under which the answer comes. One question
            at a time.
        cost: What it counts for, if it is a historical request.
        ends_itself: Whether IB forgets the request once it is answered; else it is cancelled.
        repeats: Whether it may be asked again by itself after a lost connection: its answer does
            not depend on what happened meanwhile.
    """

    key: Hashable
    subject: str
    ask: Callable[[EClient, int], object]
    cancel: Callable[[EClient, int], object] | None = None
    channel: str | None = None
    cost: HistoricalCost | None = None
    ends_itself: bool = True
    repeats: bool = False


@final
@dataclass(slots=True, eq=False)
class _Waiter(Generic[RowT]):
    """Somebody who wants an answer, and for how long: others may want it longer."""

    answer: asyncio.Future[list[RowT]]
    timeout: float
    deadline: asyncio.TimerHandle | None = None

    def unlimit(self) -> None:
        """Stop its time."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def refuse(self, error: PoseiError) -> None:
        """Raise to it."""
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # read once: nobody may be waiting any more


@final
@dataclass(slots=True, eq=False)
class Request(Generic[RowT]):
    """A question on its way; its rows are shown to nobody before they are complete."""

    question: Question[RowT]
    req_id: int
    ended: asyncio.Future[None]
    waiters: list[_Waiter[RowT]]
    command: Command | None = None
    rows: list[RowT] = field(default_factory=list)
    tries: int = 0
    losses: int = 0
    refusal: PoseiError | None = None
    is_sent: bool = False
    is_parked: bool = False

    def add(self, row: RowT) -> None:
        """Take a part of the answer."""
        self.rows.append(row)


@final
class RequestTable:
    """Ask, match answers, share them, and give up in time.

    Args:
        ids: Where request ids come from.
        scheduler: What sends.
        encode: Turns a call of `EClient` into bytes.
    """

    def __init__(
        self,
        ids: IdAllocator,
        scheduler: Scheduler,
        encode: Callable[[Callable[[EClient], object]], bytes],
    ) -> None:
        self._ids = ids
        self._scheduler = scheduler
        self._encode = encode
        self._by_id: dict[int, Request[Any]] = {}
        self._by_key: dict[Hashable, Request[Any]] = {}
        self._by_channel: dict[str, Request[Any]] = {}
        self.asked = 0
        self.shared = 0
        self.timed_out = 0
        self.asked_again = 0
        self.is_healing = False
        """Whether the connection was lost and is being opened again: questions can wait for it."""

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, req_id: int) -> Request[Any] | None:
        """Return the request that waits for answers under an id."""
        return self._by_id.get(req_id)

    def on_channel(self, channel: str) -> Request[Any] | None:
        """Return the request without id that waits for this kind of answer."""
        return self._by_channel.get(channel)

    def subjects(self) -> list[str]:
        """Return what is being asked, for people."""
        return [request.question.subject for request in self._by_key.values()]

    async def ask(self, question: Question[RowT], timeout: float) -> list[RowT]:
        """Return the complete answer.

        An equal question that is on its way is joined. When the last who waits is cancelled, or
        its time is up, the request is cancelled at IB too.

        Args:
            question: What is asked.
            timeout: Seconds from sending, or from joining what is sent, to the complete answer;
                waiting for IB's pacing rules does not count.

        Raises:
            InvalidRequest: the timeout is no time that an answer can take.
            RequestTimeout: it did not come in time.
            ConnectionLost: the connection broke meanwhile.
            PoseiError: IB refused; see `error_codes`.
        """
        if not 0 < timeout < math.inf:
            raise InvalidRequest(
                "a timeout is a positive number of seconds",
                field="timeout",
                value=timeout,
                remedy="write 120, or more for a slow gateway",
            )
        while question.channel is not None:
            busy = self._by_channel.get(question.channel)
            if busy is None or busy.question.key == question.key:
                break
            await asyncio.wait((busy.ended,))
        waiter: _Waiter[RowT] = _Waiter(asyncio.get_running_loop().create_future(), timeout)
        request: Request[RowT] | None = self._by_key.get(question.key)
        if request is None:
            request = self._start(question, waiter)
        else:
            self.shared += 1
            request.waiters.append(waiter)
            if request.is_sent or request.is_parked:
                self._limit(request, waiter)
        try:
            await asyncio.wait((waiter.answer,))
        finally:
            self._leave(request, waiter)
        return waiter.answer.result()

    def complete(self, request: Request[RowT]) -> None:
        """Hand the rows to everybody who waits."""
        if request.question.cost is not None:
            self._scheduler.historical_answered(request.question.cost)
        if not request.question.ends_itself:
            self._cancel_at_ib(request)
        for waiter in self._remove(request):
            if not waiter.answer.done():
                waiter.answer.set_result(list(request.rows))

    def fail(self, request: Request[RowT], error: PoseiError) -> None:
        """Raise to everybody who waits."""
        for waiter in self._remove(request):
            waiter.refuse(error)

    def retry(self, request: Request[RowT], error: PoseiError) -> None:
        """Send it again when IB may take it: it came too fast. In the end, fail."""
        cost = request.question.cost
        if cost is not None:
            request.refusal = error
            if not self._scheduler.historical_refused(cost):
                self._give_up(request)
                return
        elif request.tries >= _TRIES:
            self.fail(request, error)
            return
        else:
            self._scheduler.hold(_FIRST_PAUSE_S * 2 ** (request.tries - 1))
        self._unsend(request)
        old = request.req_id
        del self._by_id[old]
        self._ids.retire(old)
        request.rows.clear()
        self._send(request)

    def connection_lost(self, error: PoseiError) -> None:
        """Fail what is on its way; while the connection heals, keep what may be asked again."""
        for request in list(self._by_key.values()):
            if request.is_parked and self.is_healing:
                continue
            request.losses += 1
            if self._may_wait(request) and request.losses <= _LOSSES:
                self._park(request)
            else:
                self.fail(request, error)

    def connection_ready(self) -> None:
        """Ask again what waited for the connection."""
        self.is_healing = False
        for request in [one for one in self._by_key.values() if one.is_parked]:
            request.is_parked = False
            self._unsend(request)
            self.asked_again += 1
            try:
                self._send(request)
            except PoseiError as error:
                self.fail(request, error)

    # --- the life of a request --------------------------------------------------------------------

    def _start(self, question: Question[RowT], waiter: _Waiter[RowT]) -> Request[RowT]:
        request = Request(question, 0, asyncio.get_running_loop().create_future(), [waiter])
        self._by_key[question.key] = request
        if question.channel is not None:
            self._by_channel[question.channel] = request
        self.asked += 1
        try:
            self._send(request)
        except PoseiError:
            self._remove(request)
            raise
        return request

    def _may_wait(self, request: Request[RowT]) -> bool:
        return self.is_healing and request.question.repeats

    def _park(self, request: Request[RowT]) -> None:
        """Keep a request until the connection is back, but for nobody longer than it may take."""
        self._unsend(request)
        if request.command is not None:
            self._scheduler.withdraw(request.command)
            request.command = None
        if self._by_id.pop(request.req_id, None) is not None:
            self._ids.retire(request.req_id)
        request.rows.clear()
        request.is_parked = True
        for waiter in request.waiters:
            self._limit(request, waiter)

    def _dropped(self, request: Request[RowT], error: PoseiError) -> None:
        if not self._may_wait(request):
            self.fail(request, error)

    def _send(self, request: Request[RowT]) -> None:
        if self._may_wait(request):
            self._park(request)
            return
        question = request.question
        req_id = request.req_id = self._ids.request_id()
        self._by_id[req_id] = request
        request.tries += 1
        request.command = Command(
            self._encode(lambda ib: question.ask(ib, req_id)),
            Lane.REQUEST if question.cost is None else Lane.HISTORICAL,
            question.cost,
            lambda: self._sent(request),
            lambda error: self._dropped(request, error),
        )
        self._scheduler.submit(request.command)

    def _sent(self, request: Request[RowT]) -> None:
        request.is_sent = True
        for waiter in request.waiters:
            self._limit(request, waiter)

    def _unsend(self, request: Request[RowT]) -> None:
        """Undo what being sent entails."""
        for waiter in request.waiters:
            waiter.unlimit()
        if request.is_sent:
            request.is_sent = False
            if request.question.cost is not None:
                self._scheduler.historical_finished(request.question.cost)

    def _limit(self, request: Request[RowT], waiter: _Waiter[RowT]) -> None:
        """Start the time of somebody who waits."""
        loop = waiter.answer.get_loop()
        waiter.deadline = loop.call_later(waiter.timeout, self._expire, request, waiter)

    def _expire(self, request: Request[RowT], waiter: _Waiter[RowT]) -> None:
        error: PoseiError
        if request.is_parked:
            error = ConnectionLost(
                f"the connection was lost, and is not back after {waiter.timeout:g} s",
                field="request",
                value=request.question.subject,
                remedy="ask again when the client is connected",
            )
        else:
            self.timed_out += 1
            error = RequestTimeout(
                f"IB did not answer within {waiter.timeout:g} s; nothing is known",
                field="request",
                value=request.question.subject,
                remedy="try again later, or raise request_timeout",
            )
        waiter.refuse(error)
        self._leave(request, waiter)

    def _give_up(self, request: Request[RowT]) -> None:
        """Fail a request that IB refuses the pace of, and those that it refused before."""
        for other in list(self._by_key.values()):
            if other.refusal is not None and (other is request or not other.is_sent):
                self.fail(other, _refused_for_good(other.refusal))

    def _leave(self, request: Request[RowT], waiter: _Waiter[RowT]) -> None:
        """Let somebody go; with the last one, the request ends."""
        if waiter not in request.waiters:
            return
        waiter.unlimit()
        request.waiters.remove(waiter)
        if not request.waiters:
            self._cancel_at_ib(request)
            self._remove(request)

    def _cancel_at_ib(self, request: Request[RowT]) -> None:
        cancel = request.question.cancel
        if cancel is not None and request.is_sent:
            data = self._encode(lambda ib: cancel(ib, request.req_id))
            if data:
                self._scheduler.submit(Command(data, Lane.REQUEST))

    def _remove(self, request: Request[RowT]) -> list[_Waiter[RowT]]:
        """Forget a request; return who waited for it, nobody when that was done before."""
        if self._by_key.get(request.question.key) is not request:
            return []
        del self._by_key[request.question.key]
        if self._by_id.pop(request.req_id, None) is not None:
            self._ids.retire(request.req_id)
        channel = request.question.channel
        if channel is not None and self._by_channel.get(channel) is request:
            del self._by_channel[channel]
        if request.command is not None:
            if not request.is_sent:
                self._scheduler.withdraw(request.command)
            request.command = None  # which knows the request: a long answer would wait for a GC
        self._unsend(request)
        if not request.ended.done():
            request.ended.set_result(None)
        waiters, request.waiters = request.waiters, []
        return waiters


def _refused_for_good(error: PoseiError) -> PacingViolation:
    """Everything was refused for longer than IB looks back."""
    return PacingViolation(
        f"IB has refused everything for longer than it counts back: {error.message}",
        field=error.field,
        value=error.value,
        remedy="end what else asks for history under this login, TWS included, or ask again later",
        code=error.code,
    )
