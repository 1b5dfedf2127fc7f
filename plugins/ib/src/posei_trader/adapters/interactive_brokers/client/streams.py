"""Streams that stay open: one record each, however many listen, and never silently dead.

After a loss each is opened anew exactly once.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, final

from posei_trader.adapters.interactive_brokers.client.farms import sources_of
from posei_trader.adapters.interactive_brokers.client.scheduler import Command, Lane, Scheduler
from posei_trader.adapters.interactive_brokers.client.stream_records import (
    FanOut,
    Stream,
    StreamPlan,
    StreamState,
    StreamStatus,
)
from posei_trader.errors import NotConnected, PoseiError, RequestRejected, ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ibapi.client import EClient

    from posei_trader.adapters.interactive_brokers.client.handlers import StreamHandler
    from posei_trader.adapters.interactive_brokers.client.ids import IdAllocator
    from posei_trader.adapters.interactive_brokers.client.messages import DataSource
    from posei_trader.logs import Logger
    from posei_trader.protocols import Clock

__all__ = ["StreamRegistry", "Subscription"]

_REISSUES_AFTER_ERRORS: Final = 5
_PATIENT: Final = frozenset({162, 420, 10187, 10189, 10197})
"""Codes that say, as `ResourceExhausted`, that another session of the user takes the data."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_SECOND: Final = 1_000_000_000
_LOGGED_IN_FULL: Final = 3
_QUIET_S: Final = 300.0
"""A stream that ran this long is forgiven its earlier failures."""


@final
class Subscription:
    """A listener's share in a stream."""

    def __init__(self, registry: StreamRegistry, stream: Stream, handler: StreamHandler) -> None:
        self._registry = registry
        self._stream = stream
        self._handler = handler

    @property
    def subject(self) -> str:
        """What is streamed, for people."""
        return self._stream.plan.subject

    @property
    def state(self) -> StreamState:
        """Where the stream stands; CLOSED once this share was given back."""
        return self._stream.state if self._handler in self._stream.handlers else StreamState.CLOSED

    @property
    def req_id(self) -> int:
        """The id under which IB sends now; changes when the stream is opened anew."""
        return self._stream.req_id

    @property
    def received(self) -> int:
        """How many messages came, over all openings."""
        return self._stream.received

    @property
    def last_seen_ns(self) -> int:
        """When the last message came, UNIX ns UTC; 0 for never."""
        return self._stream.last_seen_ns

    @property
    def sources(self) -> frozenset[DataSource]:
        """Without which of IB's farms it may bring nothing."""
        return sources_of(self._stream.plan)

    def renew(self, reason: str) -> None:
        """Open the stream anew at IB, for all who listen to it; they are told the reason.

        Nothing happens to a stream that is not open.
        """
        if self.state is StreamState.OPEN:
            self._registry.renew(self._stream, reason)

    def close(self) -> None:
        """Stop listening: the handler is not called again. The last one ends the stream at IB.

        Idempotent; never raises.
        """
        self._registry.leave(self._stream, self._handler)


@final
class StreamRegistry:
    """Know every open stream.

    Args:
        ids: Where request ids come from.
        scheduler: What sends, and keeps the lines.
        encode: Turns a call of `EClient` into bytes.
        clock: Time.
        log: Where failures of streams and listeners are told.
    """

    def __init__(
        self,
        ids: IdAllocator,
        scheduler: Scheduler,
        encode: Callable[[Callable[[EClient], object]], bytes],
        clock: Clock,
        log: Logger,
    ) -> None:
        self._ids = ids
        self._scheduler = scheduler
        self._encode = encode
        self._clock = clock
        self._log = log
        self.by_id: dict[int, Stream] = {}
        self._by_key: dict[Hashable, Stream] = {}
        self._by_channel: dict[str, Stream] = {}
        self._failures: Counter[str] = Counter()
        self._stamped: dict[int, int] = {}
        self.late = 0
        self.handler_errors = 0

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, req_id: int) -> Stream | None:
        """Return the stream that has an id now."""
        return self.by_id.get(req_id)

    def on_channel(self, channel: str) -> Stream | None:
        """Return the stream without id that has this kind of data."""
        return self._by_channel.get(channel)

    def status(self) -> list[StreamStatus]:
        """Return every stream as it is now."""
        return [
            StreamStatus(
                stream.plan.subject,
                stream.req_id,
                stream.state,
                stream.received,
                stream.last_seen_ns,
                stream.reissues,
                len(stream.handlers),
            )
            for stream in self._by_key.values()
        ]

    def stamp(self) -> None:
        """Note the time for every stream that received something since the last call."""
        now, counts = self._clock.timestamp_ns(), {}
        for req_id, stream in self.by_id.items():
            counts[req_id] = stream.received
            if stream.received != self._stamped.get(req_id, stream.received_before):
                stream.last_seen_ns = now
        self._stamped = counts

    # --- listeners --------------------------------------------------------------------------------

    def join(self, plan: StreamPlan, handler: StreamHandler) -> Subscription:
        """Listen to a stream, opening it if nobody does yet.

        Raises:
            ResourceExhausted: no line is left.
            NotConnected: there is no connection.
            Unsupported: the gateway's version has no such stream.
            InvalidRequest: a value cannot be written on the wire.
        """
        stream = self._by_key.get(plan.key)
        if stream is None:
            stream = self._open(plan, handler)
        else:
            stream.handlers.append(handler)
            self._retarget(stream)
            stream.tell_latest(handler)
        return Subscription(self, stream, handler)

    def leave(self, stream: Stream, handler: StreamHandler) -> None:
        """Stop calling a handler; end the stream with the last one."""
        if handler not in stream.handlers:
            return
        stream.handlers.remove(handler)
        if stream.handlers:
            self._retarget(stream)
            return
        self._close_at_ib(stream)
        self._forget(stream, StreamState.CLOSED)

    # --- what IB says -----------------------------------------------------------------------------

    def fail(self, stream: Stream, error: PoseiError, *, was_asked_for: bool = False) -> None:
        """End a stream for good and tell its listeners why."""
        handlers = list(stream.handlers)
        stream.handlers.clear()
        self._forget(stream, StreamState.FAILED)
        self._log.log(
            logging.DEBUG if was_asked_for else logging.ERROR,
            "a stream has ended",
            stream=stream.plan.subject,
            req_id=stream.req_id,
            error=error.message,
            code=error.code,
        )
        for handler in handlers:
            self.guarded(handler.stream_failed, error)

    def reissue_later(self, stream: Stream, error: PoseiError) -> None:
        """Open a stream anew after a pause that doubles each time; in the end, fail it.

        What a person has to end, such as another session that takes the data, is waited for.
        """
        if self._clock.timestamp_ns() - stream.opened_ns > _QUIET_S * _SECOND:
            stream.errors_in_a_row = 0
        is_patient = isinstance(error, ResourceExhausted) and error.code in _PATIENT
        if stream.errors_in_a_row >= _REISSUES_AFTER_ERRORS and not is_patient:
            self.fail(stream, error)
            return
        pause = min(_FIRST_PAUSE_S * 2 ** min(stream.errors_in_a_row, 16), _LONGEST_PAUSE_S)
        stream.errors_in_a_row += 1
        if is_patient:
            self._close_at_ib(stream)  # IB keeps it, without data
        self._suspend(stream)
        self._log.warning(
            "a stream is opened anew",
            stream=stream.plan.subject,
            req_id=stream.req_id,
            pause_s=pause,
            error=error.message,
            code=error.code,
        )
        when = self._clock.timestamp_ns() + int(pause * _SECOND)
        stream.pause = self._clock.call_at(when, lambda: self._reissue(stream, error.message))

    def suspend_all(self) -> None:
        """Take note that the connection went: nothing is open at IB any more."""
        for stream in self._by_key.values():
            self._suspend(stream)

    def renew(self, stream: Stream, reason: str) -> None:
        """Open one stream anew now: it should have data and has none."""
        self._close_at_ib(stream)
        self._suspend(stream)
        self._reissue(stream, reason)

    def reroute(self, stream: Stream, con_id: int, exchange: str) -> None:
        """Ask for the contract that IB names in a stream's stead; its listeners need not know.

        IB reroutes once: a second answer of that kind would lead in circles, and fails the stream.
        """
        change = stream.plan.reroute
        if change is None:
            error = RequestRejected(
                f"IB reroutes to conId {con_id} on {exchange} what it has rerouted already",
                field="contract",
                value=stream.plan.subject,
                remedy="subscribe to the underlying itself",
            )
            self.fail(stream, error)
            return
        self._close_at_ib(stream)  # IB may count the line; if not, it says 300, which is ignored
        self._suspend(stream)
        stream.plan = change(con_id, exchange)
        try:
            self._send(stream)
        except NotConnected:
            return  # the next connection opens it
        except PoseiError as failure:
            self.fail(stream, failure)
            return
        self._log.info(
            "IB has the data of a stream under another contract",
            stream=stream.plan.subject,
            req_id=stream.req_id,
        )

    def reissue_all(self, reason: str, *, close_first: bool) -> int:
        """Open every stream anew, each exactly once; return how many.

        Args:
            reason: What the listeners are told.
            close_first: Whether IB may still know the old ids.
        """
        streams = list(self._by_key.values())
        for stream in streams:
            if close_first and stream.state is not StreamState.SUSPENDED:
                self._close_at_ib(stream)
            self._suspend(stream)
            self._reissue(stream, reason)
        return len(streams)

    def give_up(self, error: PoseiError, *, was_asked_for: bool = False) -> None:
        """Fail every stream: there will be no connection."""
        for stream in list(self._by_key.values()):
            self.fail(stream, error, was_asked_for=was_asked_for)

    def guarded(self, method: Callable[..., None], *arguments: Any) -> None:
        """Call a handler; its exceptions are logged and counted, and stop nothing."""
        try:
            method(*arguments)
        except Exception:  # noqa: BLE001 - a listener's fault must not stop the connection
            self.handler_failed(getattr(method, "__qualname__", repr(method)))

    def handler_failed(self, name: str) -> None:
        """Count the exception that is being handled; log it, but not for each tick of a stream."""
        self.handler_errors += 1
        self._failures[name] += 1
        count = self._failures[name]
        if count <= _LOGGED_IN_FULL or str(count).strip("0") == "1":
            self._log.exception("a handler failed", handler=name, failures=count)

    # --- how it is done ---------------------------------------------------------------------------

    def _open(self, plan: StreamPlan, handler: StreamHandler) -> Stream:
        self._scheduler.lines.take(plan.line)
        stream = Stream(plan, 0, [handler], handler)
        self._by_key[plan.key] = stream
        if plan.channel is not None:
            self._by_channel[plan.channel] = stream
        try:
            self._send(stream)
        except PoseiError:
            stream.handlers.clear()
            self._forget(stream, StreamState.FAILED)
            raise
        return stream

    def _send(self, stream: Stream) -> None:
        plan = stream.plan
        req_id = stream.req_id = self._ids.request_id()
        stream.received_before = stream.received
        data = self._encode(lambda ib: plan.open(ib, req_id))
        self.by_id[req_id] = stream
        stream.state = StreamState.WAITING
        stream.command = Command(
            data,
            Lane.REQUEST if plan.cost is None else Lane.HISTORICAL,
            plan.cost,
            lambda: self._sent(stream),
        )
        self._scheduler.submit(stream.command)

    def _sent(self, stream: Stream) -> None:
        stream.state = StreamState.OPEN
        stream.opened_ns = self._clock.timestamp_ns()
        stream.is_costing = stream.plan.cost is not None

    def history_arrived(self, stream: Stream) -> None:
        """Take note that the historical part of a stream was answered."""
        if stream.is_costing:
            stream.is_costing = False
            self._scheduler.historical_finished(stream.plan.cost)

    def _reissue(self, stream: Stream, reason: str) -> None:
        stream.pause = None
        if not stream.handlers:
            return
        stream.reissues += 1
        stream.forget_latest()
        before = stream.req_id
        for handler in list(stream.handlers):
            self.guarded(handler.stream_restarted, reason)
        try:
            self._send(stream)
        except NotConnected:
            stream.state = StreamState.SUSPENDED  # the next connection opens it
            return
        except PoseiError as error:
            self.fail(stream, error)
            return
        self._log.info(
            "a stream was asked for anew",
            stream=stream.plan.subject,
            req_id=stream.req_id,
            req_id_before=before,
            reissues=stream.reissues,
            reason=reason,
        )

    def _suspend(self, stream: Stream) -> None:
        """Give up the stream's id and whatever waits under it."""
        self._withdraw(stream)
        if self.by_id.pop(stream.req_id, None) is not None:
            self._ids.retire(stream.req_id)
        stream.state = StreamState.SUSPENDED

    def _close_at_ib(self, stream: Stream) -> None:
        was_open = stream.state is StreamState.OPEN
        self._withdraw(stream)
        if not was_open:
            return
        try:
            data = self._encode(lambda ib: stream.plan.close(ib, stream.req_id))
            self._scheduler.submit(Command(data, Lane.REQUEST))
        except PoseiError as error:
            self._log.warning(
                "a stream cannot be cancelled", stream=stream.plan.subject, error=error.message
            )

    def _withdraw(self, stream: Stream) -> None:
        if stream.pause is not None:
            stream.pause.cancel()
            stream.pause = None
        if stream.command is not None:
            self._scheduler.withdraw(stream.command)
            stream.command = None
        self.history_arrived(stream)

    def _forget(self, stream: Stream, state: StreamState) -> None:
        self._suspend(stream)
        stream.state = state
        if self._by_key.pop(stream.plan.key, None) is not None:
            self._scheduler.lines.give_back(stream.plan.line)
        channel = stream.plan.channel
        if channel is not None and self._by_channel.get(channel) is stream:
            del self._by_channel[channel]

    def _retarget(self, stream: Stream) -> None:
        handlers = stream.handlers
        stream.target = handlers[0] if len(handlers) == 1 else FanOut(handlers, self.guarded)
