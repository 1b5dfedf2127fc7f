"""Streams shared by their listeners: opened for the first one, closed after the last one.

Opening and closing are coroutines of a client; strategies ask by plain calls. One worker for each
stream brings what is open in line with what is wanted, one step at a time, so a quick subscribe,
unsubscribe, subscribe ends with the stream open and never with two.

What a client streams it streams once. Listeners and the cache know data by what it is, not by the
terms on which it was asked for: two streams of one thing would reach everybody twice.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, final

from msgspec.structs import replace

from posei_trader.engine.tasks import BackgroundTasks
from posei_trader.errors import InvalidRequest, NotConnected, PoseiError

if TYPE_CHECKING:
    from posei_trader.engine.messages import DataGap, DataSilence
    from posei_trader.model.identifiers import ClientId
    from posei_trader.model.requests import Subscription
    from posei_trader.protocols import DataClient

__all__ = ["Owners", "Stream", "StreamOwner", "Streams", "check_terms"]

_log: Final = logging.getLogger("posei.DataEngine")

Terms: TypeAlias = tuple[tuple[str, str], ...]
"""`Subscription.params`."""


class StreamOwner(Protocol):
    """Whoever wants a stream. Its methods must not raise."""

    def stream_failed(self, subscription: Subscription, error: Exception) -> None:
        """Be told that the stream has ended or cannot be opened."""

    def stream_interrupted(self, gap: DataGap) -> None:
        """Be told that a part of the stream is missing; it goes on."""

    def stream_silent(self, silence: DataSilence) -> None:
        """Be told that the stream says nothing though it should."""


@final
class Owners(dict[StreamOwner, set[Terms]]):
    """Who wants a stream, in the order of asking, and on which terms each has asked."""

    def add(self, owner: StreamOwner, terms: Terms) -> None:
        """Let an owner want it. Idempotent."""
        self.setdefault(owner, set()).add(terms)

    def remove(self, owner: StreamOwner, terms: Terms) -> None:
        """Take a wish back; who has none left is no owner any more. Idempotent."""
        asked = self.get(owner, set())
        asked.discard(terms)
        if not asked:
            self.pop(owner, None)


def check_terms(wanted: Subscription, present: Subscription) -> None:
    """Check that a stream that is wanted already serves another wish for the same thing.

    Who asks without terms takes what there is.

    Raises:
        InvalidRequest: the wish names other terms.
    """
    if wanted.params and wanted.params != present.params:
        raise InvalidRequest(
            f"{wanted} is streamed already, with params={dict(present.params)}",
            field="params",
            value=dict(wanted.params),
            remedy="ask with the same params, or without any to share what is there; "
            "other ones become possible when its last listener has left",
        )


@final
class Stream:
    """One stream at one client.

    Attributes:
        subscription: What is streamed, with the client's id.
        client: Who streams it.
        owners: Who wants it.
        is_open: Whether the client was asked and agreed.
        is_waiting: Whether it is wanted but the client was not connected.
    """

    __slots__ = ("client", "is_driven", "is_open", "is_waiting", "owners", "subscription")

    def __init__(self, subscription: Subscription, client: DataClient) -> None:
        self.subscription = subscription
        self.client = client
        self.owners = Owners()
        self.is_open = False
        self.is_waiting = False
        self.is_driven = False


@final
class Streams:
    """Every stream of a node, reference-counted by owner."""

    def __init__(self) -> None:
        self._streams: dict[Subscription, Stream] = {}
        self._wanted: dict[Subscription, Stream] = {}
        """Those that are wanted, or were last, by what they stream: terms left out."""
        self._tasks = BackgroundTasks("DataEngine")

    def acquire(self, wanted: Subscription, client: DataClient, owner: StreamOwner) -> None:
        """Want a stream; opens it when nobody wanted it before. Idempotent for one owner.

        Raises:
            InvalidRequest: the client streams this already, on other terms.
        """
        bare = _bare(wanted)
        stream = self._wanted.get(bare)
        if stream is not None and stream.owners:
            check_terms(wanted, stream.subscription)
        else:
            stream = self._streams.get(wanted)
        if stream is None:
            stream = self._streams[wanted] = Stream(wanted, client)
        self._wanted[bare] = stream
        stream.owners.add(owner, wanted.params)
        self._drive_soon(stream)

    def release(self, unwanted: Subscription, owner: StreamOwner) -> None:
        """Take back a wish; closes the stream when nobody else wants it. Idempotent."""
        stream = self._wanted.get(_bare(unwanted))
        if stream is not None:
            stream.owners.remove(owner, unwanted.params)
            self._drive_soon(stream)

    def find(self, subscription: Subscription) -> Stream | None:
        """Return a stream that somebody wanted, or None."""
        return self._streams.get(subscription)

    def of_owner(self, owner: StreamOwner) -> list[Subscription]:
        """Return what an owner wants."""
        return [key for key, stream in self._streams.items() if owner in stream.owners]

    def of_client(self, client_id: ClientId) -> list[Stream]:
        """Return the streams of a client that somebody wants."""
        return [
            stream
            for stream in self._streams.values()
            if stream.client.client_id == client_id and stream.owners
        ]

    def active(self) -> list[Stream]:
        """Return the streams that somebody wants."""
        return [stream for stream in self._streams.values() if stream.owners]

    def fail(self, subscription: Subscription, error: Exception) -> bool:
        """Take note that a client ended a stream, and tell its owners; False when unknown."""
        stream = self._streams.get(subscription)
        if stream is None:
            return False
        self._forget(stream)
        stream.is_open = False
        owners = list(stream.owners)
        stream.owners.clear()
        for owner in owners:
            owner.stream_failed(subscription, error)
        return True

    def retry(self, client_id: ClientId) -> None:
        """Open the streams that were asked for while the client was not connected."""
        for stream in self.of_client(client_id):
            if stream.is_waiting:
                stream.is_waiting = False
                self._drive_soon(stream)

    async def settle(self) -> None:
        """Wait until every opening and closing that was asked for has been answered."""
        await self._tasks.wait()

    async def close(self) -> None:
        """Abandon what is being opened. The clients end their streams when they disconnect."""
        await self._tasks.cancel_all()

    def _drive_soon(self, stream: Stream) -> None:
        wanted = bool(stream.owners)
        if stream.is_driven or wanted == stream.is_open:
            return
        stream.is_driven = True
        self._tasks.start(self._drive(stream), f"stream {stream.subscription}")

    async def _drive(self, stream: Stream) -> None:
        try:
            while bool(stream.owners) != stream.is_open and not stream.is_waiting:
                if stream.owners:
                    await self._open(stream)
                else:
                    await self._close(stream)
        finally:
            stream.is_driven = False
            if not stream.owners and not stream.is_open:
                self._forget(stream)

    async def _open(self, stream: Stream) -> None:
        try:
            await stream.client.subscribe(stream.subscription)
        except NotConnected as error:
            _log.warning("%s waits for a connection: %s", stream.subscription, error.message)
            stream.is_waiting = True
        except PoseiError as error:
            _log.error("%s cannot be opened: %s", stream.subscription, error)
            self.fail(stream.subscription, error)
        except Exception as error:  # noqa: BLE001  a client's failure goes to the owners, whatever
            _log.error("%s cannot be opened", stream.subscription, exc_info=error)
            self.fail(stream.subscription, error)
        else:
            stream.is_open = True

    async def _close(self, stream: Stream) -> None:
        stream.is_open = False
        try:
            await stream.client.unsubscribe(stream.subscription)
        except Exception:  # noqa: BLE001  whatever it is, the stream is not wanted any more
            _log.exception("%s could not be closed", stream.subscription)

    def _forget(self, stream: Stream) -> None:
        for streams, key in (
            (self._streams, stream.subscription),
            (self._wanted, _bare(stream.subscription)),
        ):
            if streams.get(key) is stream:
                del streams[key]


def _bare(subscription: Subscription) -> Subscription:
    """Return what is streamed and by whom, on whatever terms."""
    return replace(subscription, params=())
