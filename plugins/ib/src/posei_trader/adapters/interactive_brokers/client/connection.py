"""The connection: opened with patience, watched by round trips, healed by itself.

One supervisor task connects, waits for the end, and connects again; see :mod:`.states` for the
table of states. Nothing else in the client runs by itself.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, final

from posei_trader.adapters.interactive_brokers.client.base import ClientPart
from posei_trader.adapters.interactive_brokers.client.messages import ConnectionChange
from posei_trader.adapters.interactive_brokers.client.refusals import (
    client_id_in_use,
    closed_early,
    given_up,
    no_answer,
    not_connected_in_time,
    not_ready,
    too_old,
    unreachable,
)
from posei_trader.adapters.interactive_brokers.client.session import Handshake, Notice, Session
from posei_trader.adapters.interactive_brokers.client.states import (
    ConnectionEvent,
    ConnectionState,
    next_state,
)
from posei_trader.adapters.interactive_brokers.client.transport import GatewaySocket
from posei_trader.adapters.interactive_brokers.client.watchdog import Watchdog
from posei_trader.adapters.interactive_brokers.error_codes import Action
from posei_trader.adapters.interactive_brokers.wire import ibapi_border
from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.framing import Framing
from posei_trader.errors import ConnectionLost, PoseiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.protocols import Gateway

__all__ = ["ConnectionOptions", "InteractiveBrokersClientConnectionMixin"]

_REMEMBERED: Final = 100
_ID_IN_USE_TRIES: Final = 5


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """How patient the connection is. Times are seconds.

    Args:
        connection_timeout: How long `connect` may take altogether.
        open_timeout: How long the TCP connection may take.
        ready_timeout: How long the gateway may take to become ready, once it has accepted.
        max_attempts: Give up after so many failed attempts in a row; 0 for never.
        first_pause: Pause after the first failure; doubles with each further one.
        longest_pause: Where doubling ends.
        probe_interval: How long nothing may come before the gateway is asked for a sign of life.
        probe_timeout: How long it may take to give one.
        max_server_version: Speak no newer protocol; None for the newest that `ibapi` knows.
    """

    connection_timeout: float = 300.0
    open_timeout: float = 10.0
    ready_timeout: float = 15.0
    max_attempts: int = 0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    probe_interval: float = 10.0
    probe_timeout: float = 10.0
    max_server_version: int | None = None


class _SpeaksTo(Protocol):
    """What the connection needs of the whole client: the gateway of all messages."""

    def _process_message(self, message_id: int, payload: bytes) -> None: ...

    def _opened(self, server_version: int) -> None: ...


@final
@dataclass(slots=True)
class _ConnectionState:
    """The connection part's state."""

    host: str
    port: int
    client_id: int
    options: ConnectionOptions
    gateway: Gateway | None
    client: _SpeaksTo
    state: ConnectionState = ConnectionState.DISCONNECTED
    socket: GatewaySocket | None = None
    supervisor: asyncio.Task[None] | None = None
    ready: asyncio.Future[None] | None = None
    lost: asyncio.Future[PoseiError] | None = None
    failure: PoseiError | None = None
    server_time: str = ""
    was_ready: bool = False
    is_upstream_lost: bool = False
    waiters: int = 0
    attempts: int = 0
    reconnects: int = 0
    broken_farms: set[str] = field(default_factory=set)
    handlers: list[Callable[[ConnectionChange], None]] = field(default_factory=list)
    history: deque[ConnectionChange] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    frames_before: int = 0


class InteractiveBrokersClientConnectionMixin(ClientPart):
    """Connect, stay connected, and say what happens."""

    _connection: _ConnectionState
    _watchdog: Watchdog

    def _init_connection(self, session: Session, state: _ConnectionState) -> None:
        self._connection = state
        self._watchdog = Watchdog(
            session,
            state.options.probe_interval,
            state.options.probe_timeout,
            self._gateway_is_silent,
        )
        session.on_notice = self._notice
        session.callbacks.update(
            currentTime=self._watchdog.answered, connectAck=_nothing, connectionClosed=_nothing
        )

    # --- what callers see -------------------------------------------------------------------------

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._connection.state

    @property
    def is_connected(self) -> bool:
        """Whether requests can be made now."""
        return self._connection.state.is_connected

    @property
    def address(self) -> tuple[str, int, int]:
        """Host, port and client id."""
        return self._connection.host, self._connection.port, self._connection.client_id

    @property
    def server_version(self) -> int:
        """The negotiated protocol version.

        Raises:
            NotConnected: there is no connection.
        """
        return self._session.server_version

    async def connect(self) -> None:
        """Connect, and stay connected until `disconnect`. Idempotent; concurrent calls share.

        A refused or silent gateway is tried again, with growing pauses, until `connection_timeout`
        or `max_attempts` is reached; each failure is logged with what to do about it. From then on
        losses are healed in the background. Cancelling it leaves nothing behind.

        Raises:
            ConnectionFailed: nobody answers, or the client id stays in use (code 326).
            GatewayNotReady: somebody answers but is not logged in.
            Unsupported: TWS or IB Gateway is too old.
        """
        connection = self._connection
        if connection.state.is_connected:
            return
        if connection.supervisor is None or connection.supervisor.done():
            connection.failure = None
            connection.ready = asyncio.get_running_loop().create_future()
            connection.supervisor = asyncio.create_task(self._supervise(), name="ib-connection")
        ready = connection.ready
        assert ready is not None  # noqa: S101 - there is one as long as there is a supervisor
        connection.waiters += 1
        try:
            done, _ = await asyncio.wait((ready,), timeout=connection.options.connection_timeout)
        finally:
            connection.waiters -= 1
            if not ready.done() and connection.waiters == 0:
                await self._stop("nobody waits for the connection any more")
        if not done:
            raise not_connected_in_time(
                connection.host,
                connection.port,
                connection.options.connection_timeout,
                connection.failure,
            )
        ready.result()

    async def disconnect(self) -> None:
        """Disconnect: what is in flight fails, streams end. Idempotent; never raises."""
        await self._stop("disconnected on request")

    def add_connection_handler(
        self, handler: Callable[[ConnectionChange], None]
    ) -> Callable[[], None]:
        """Call a function at every change of the connection; return what undoes it."""
        self._connection.handlers.append(handler)

        def remove() -> None:
            if handler in self._connection.handlers:
                self._connection.handlers.remove(handler)

        return remove

    def connection_history(self) -> tuple[ConnectionChange, ...]:
        """Return the last changes, oldest first."""
        return tuple(self._connection.history)

    # --- the supervisor ---------------------------------------------------------------------------

    async def _supervise(self) -> None:
        connection = self._connection
        connection.attempts = 0
        while True:
            try:
                await self._establish()
            except PoseiError as error:
                self._attempt_failed(error)
                if not self._may_try_again(error):
                    self._give_up(error)
                    return
                await asyncio.sleep(self._pause())
                continue
            connection.attempts = 0
            assert connection.lost is not None  # noqa: S101 - made by `_establish`
            self._went(await connection.lost)
            connection.reconnects += 1
            await asyncio.sleep(self._pause())

    def _attempt_failed(self, error: PoseiError) -> None:
        connection = self._connection
        connection.attempts += 1
        connection.failure = error
        self._close_socket(ConnectionLost("the connection attempt failed"))
        self._session.log.warning("connection attempt %d failed: %s", connection.attempts, error)
        self._change(ConnectionEvent.LOST, error.message)

    def _may_try_again(self, error: PoseiError) -> bool:
        connection = self._connection
        limit = connection.options.max_attempts
        if error.code == 326 and not connection.was_ready:
            limit = min(limit, _ID_IN_USE_TRIES) if limit else _ID_IN_USE_TRIES
        return error.retryable and (limit == 0 or connection.attempts < limit)

    def _give_up(self, error: PoseiError) -> None:
        connection = self._connection
        final_error = given_up(error, connection.attempts)
        self._change(ConnectionEvent.GIVE_UP, final_error.message)
        self._session.streams.give_up(final_error)
        if connection.ready is not None and not connection.ready.done():
            connection.ready.set_exception(final_error)
            connection.ready.exception()  # read once: nobody may be waiting any more
        elif connection.was_ready:
            self._session.log.critical("the connection is given up: %s", final_error)

    def _pause(self) -> float:
        options = self._connection.options
        attempts = min(self._connection.attempts, 16)
        pause = min(options.first_pause * 2.0 ** max(0, attempts - 1), options.longest_pause)
        return pause * random.uniform(0.75, 1.25)  # noqa: S311 - jitter is no secret

    async def _establish(self) -> None:
        """Bring the connection to READY, or raise why not."""
        connection, options = self._connection, self._connection.options
        if connection.gateway is not None:
            await connection.gateway.start_async()
            connection.host, connection.port = connection.gateway.host, connection.gateway.port
        self._change(ConnectionEvent.CONNECT, f"connecting to {connection.host}:{connection.port}")
        loop = asyncio.get_running_loop()
        handshake = self._session.handshake = Handshake(loop.create_future())
        lost = connection.lost = loop.create_future()
        socket = await self._open_socket()
        connection.socket = socket
        self._change(ConnectionEvent.OPENED, "the gateway accepted the connection")
        socket.write(ibapi_border.hello(self._newest_version()))
        await asyncio.wait(
            (handshake.future, lost),
            timeout=options.ready_timeout,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if lost.done():
            raise self._handshake_error(lost.result(), handshake)
        if not handshake.future.done():
            raise not_ready(connection.host, connection.port, sorted(handshake.missing))
        self._became_ready()

    async def _open_socket(self) -> GatewaySocket:
        connection = self._connection
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(connection.options.open_timeout):
                _, socket = await loop.create_connection(
                    lambda: GatewaySocket(connection.client._process_message, self._socket_lost),  # noqa: SLF001 - the whole client is ours
                    connection.host,
                    connection.port,
                )
        except TimeoutError as error:
            raise no_answer(connection.host, connection.port) from error
        except OSError as error:
            raise unreachable(connection.host, connection.port, error) from error
        return socket

    def _newest_version(self) -> int:
        newest = ibapi_border.MAX_SERVER_VERSION
        cap = self._connection.options.max_server_version
        return newest if cap is None else min(cap, newest)

    def _handshake_error(self, error: PoseiError, handshake: Handshake) -> PoseiError:
        if error.code is not None or not error.retryable:
            return error
        connection = self._connection
        return closed_early(
            connection.host,
            connection.port,
            error,
            knew_version="server version" not in handshake.missing,
        )

    # --- steps of the handshake -------------------------------------------------------------------

    def _version_reply(self, payload: bytes) -> None:
        """Take the only message without an id: the server's version and its time."""
        connection = self._connection
        fields = payload.split(b"\0")
        if len(fields) < 2 or not fields[0].isdigit() or len(fields[0]) > 6:
            raise MalformedMessage("this is no version reply")
        version = int(fields[0])
        if not ibapi_border.MIN_SERVER_VERSION <= version <= self._newest_version():
            self._lose(too_old(version, ibapi_border.MIN_SERVER_VERSION, self._newest_version()))
            return
        connection.server_time = fields[1].decode("latin-1")
        encoder = ibapi_border.RequestEncoder(version, connection.client_id)
        self._open_session(version, encoder)

    def _open_session(self, version: int, encoder: ibapi_border.RequestEncoder) -> None:
        connection, handshake = self._connection, self._session.handshake
        socket = connection.socket
        if socket is None or handshake is None:
            return
        is_binary = version >= ibapi_border.BINARY_FROM
        socket.switch(Framing.BINARY if is_binary else Framing.TEXT)
        connection.client._opened(version)  # noqa: SLF001 - the whole client is ours
        socket.write(encoder(lambda ib: ib.startApi()))
        self._session.scheduler.count_unpaced()
        self._session.open(encoder, socket.write)
        handshake.got("server version")

    def _became_ready(self) -> None:
        connection = self._connection
        is_again = connection.was_ready
        connection.was_ready = True
        connection.is_upstream_lost = False
        connection.broken_farms.clear()
        self._session.handshake = None
        self._change(
            ConnectionEvent.READY,
            f"connected, server version {self._session.server_version}",
            data_lost=is_again,
        )
        for follow in self._session.on_ready:
            follow(is_again)
        if connection.socket is not None:
            self._watchdog.start(connection.socket)
        if connection.ready is not None and not connection.ready.done():
            connection.ready.set_result(None)

    # --- the end of a connection ------------------------------------------------------------------

    def _socket_lost(self, reason: str) -> None:
        self._lose(ConnectionLost(reason, field="connection", remedy="it is opened again"))

    def _gateway_is_silent(self, seconds: float) -> None:
        self._lose(
            ConnectionLost(
                f"the gateway gave no sign of life for {seconds:.1f} s",
                field="connection",
                remedy="it is opened again",
            )
        )

    def _lose(self, error: PoseiError) -> None:
        lost = self._connection.lost
        if lost is not None and not lost.done():
            lost.set_result(error)

    def _went(self, error: PoseiError) -> None:
        self._session.log.error("the connection is lost: %s", error.message)
        self._close_socket(error)
        self._change(ConnectionEvent.LOST, error.message, data_lost=True)

    def _close_socket(self, error: PoseiError) -> None:
        """Close, and tell everybody who waits for something that it will not come."""
        connection = self._connection
        self._watchdog.stop()
        if connection.socket is not None:
            connection.frames_before += connection.socket.frames
            connection.socket.close()
            connection.socket = None
        self._session.close()
        self._session.handshake = None
        self._session.scheduler.connection_lost(error)
        self._session.requests.connection_lost(error)
        self._session.streams.suspend_all()

    async def _stop(self, reason: str) -> None:
        connection = self._connection
        supervisor, connection.supervisor = connection.supervisor, None
        if supervisor is not None and not supervisor.done():
            supervisor.cancel()
            await asyncio.wait((supervisor,))
        if connection.state is ConnectionState.STOPPED:
            return
        error = ConnectionLost(reason, field="connection", remedy="await connect()")
        self._close_socket(error)
        self._session.streams.give_up(error)
        if connection.ready is not None and not connection.ready.done():
            connection.ready.set_exception(error)
            connection.ready.exception()  # read once: nobody may be waiting any more
        connection.was_ready = False
        self._change(ConnectionEvent.STOP, reason)

    # --- what IB says -----------------------------------------------------------------------------

    def _notice(self, notice: Notice) -> None:
        connection = self._connection
        action = notice.rule.request
        if action is Action.CLIENT_ID_IN_USE:
            self._lose(client_id_in_use(connection.client_id, notice.message))
        elif action is Action.RECONNECT:
            self._lose(ConnectionLost(notice.message, field="connection", code=notice.code))
        elif action is Action.UPSTREAM_LOST:
            connection.is_upstream_lost = True
            self._change(ConnectionEvent.IMPAIRED, notice.message)
        elif action in {Action.RESTORED_DATA_LOST, Action.RESTORED_DATA_KEPT}:
            connection.is_upstream_lost = False
            self._restored(notice, data_lost=action is Action.RESTORED_DATA_LOST)
        elif action is Action.FARM_BROKEN:
            connection.broken_farms.add(_farm(notice.message))
            self._change(ConnectionEvent.IMPAIRED, notice.message)
        elif action is Action.FARM_OK:
            connection.broken_farms.discard(_farm(notice.message))
            self._heal(notice.message)

    def _restored(self, notice: Notice, *, data_lost: bool) -> None:
        if data_lost and self._connection.state.is_connected:
            self._change_to(self._connection.state, notice.message, data_lost=True)
            self._session.streams.reissue_all(notice.message, close_first=True)
        self._heal(notice.message)

    def _heal(self, reason: str) -> None:
        connection = self._connection
        if not connection.is_upstream_lost and not connection.broken_farms:
            self._change(ConnectionEvent.HEALED, reason)

    # --- telling ----------------------------------------------------------------------------------

    def _change(self, event: ConnectionEvent, reason: str, *, data_lost: bool = False) -> None:
        state = next_state(self._connection.state, event)
        if state is not self._connection.state:
            self._change_to(state, reason, data_lost=data_lost)

    def _change_to(self, state: ConnectionState, reason: str, *, data_lost: bool) -> None:
        connection = self._connection
        change = ConnectionChange(state, connection.state, reason, state.is_connected, data_lost)
        connection.state = state
        connection.history.append(change)
        self._session.log.info("%s -> %s: %s", change.previous, change.state, reason)
        for handler in tuple(connection.handlers):
            self._session.streams.guarded(handler, change)


def _farm(message: str) -> str:
    """Return the farm's name: ``Market data farm connection is broken:usfarm``."""
    return message.rpartition(":")[2].strip()


def _nothing(*_arguments: object) -> None:
    """Skip a callback of ibapi's own connection, which is not used."""
