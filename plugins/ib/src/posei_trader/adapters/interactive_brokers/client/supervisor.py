"""The life of a connection: one task connects, waits for the end, and connects again.

See :mod:`.states` for the table of states. Nothing else in the client runs by itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.client.farms import Farms
from posei_trader.adapters.interactive_brokers.client.messages import ConnectionChange
from posei_trader.adapters.interactive_brokers.client.outage import Outage
from posei_trader.adapters.interactive_brokers.client.refusals import (
    client_id_in_use,
    closed_early,
    given_up,
    not_connected_in_time,
    not_ready,
    too_old,
)
from posei_trader.adapters.interactive_brokers.client.session import Handshake, Notice, Session
from posei_trader.adapters.interactive_brokers.client.states import (
    ConnectionEvent,
    ConnectionState,
    next_state,
)
from posei_trader.adapters.interactive_brokers.client.transport import GatewaySocket, open_socket
from posei_trader.adapters.interactive_brokers.client.watchdog import Watchdog
from posei_trader.adapters.interactive_brokers.error_codes import Action
from posei_trader.adapters.interactive_brokers.wire import ibapi_border
from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.framing import Framing
from posei_trader.errors import ConnectionLost, PoseiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client.options import ConnectionOptions
    from posei_trader.adapters.interactive_brokers.wire.framing import Deliver
    from posei_trader.protocols import Gateway

__all__ = ["Supervisor"]

_REMEMBERED: Final = 100
_LONGEST_REASON: Final = 300
_ID_IN_USE: Final = 326
_ID_IN_USE_TRIES: Final = 5


@final
class Supervisor:
    """Keep one connection: the connection part's state and what moves it.

    Args:
        session: What is opened when the connection is ready, and closed when it goes.
        host: Where TWS or IB Gateway runs.
        port: Its API port.
        client_id: Tells this connection from others.
        options: How patient it is.
        gateway: Something to start first; host and port are then its own.
        deliver: Takes every message.
        opened: Called with the negotiated version before anything else comes.
    """

    def __init__(
        self,
        session: Session,
        host: str,
        port: int,
        client_id: int,
        options: ConnectionOptions,
        gateway: Gateway | None,
        deliver: Deliver,
        opened: Callable[[int], None],
    ) -> None:
        self.host, self.port, self.client_id = host, port, client_id
        self.state = ConnectionState.DISCONNECTED
        self.socket: GatewaySocket | None = None
        self.server_time = ""
        self.attempts = 0
        self._counted = 0
        self.reconnects = 0
        self.frames_before = 0
        self.farms = Farms(session, options.farm_grace)
        self.outage = Outage(session, options)
        self.handlers: list[Callable[[ConnectionChange], None]] = []
        self.history: deque[ConnectionChange] = deque(maxlen=_REMEMBERED)
        self.watchdog = Watchdog(session, options, self._gateway_is_silent)
        self._session = session
        self._options = options
        self._gateway = gateway
        self._gateway_lock = asyncio.Lock()
        self._deliver = deliver
        self._opened = opened
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._lost: asyncio.Future[PoseiError] | None = None
        self.failure: PoseiError | None = None
        self._waiters = 0
        self._was_ready = False
        self._is_upstream_lost = False
        session.on_notice = self._notice

    async def connect(self) -> None:
        """Connect, see `InteractiveBrokersClientConnectionMixin.connect`."""
        if self.state.is_connected:
            return
        await self.start_gateway()
        if self._task is None or self._task.done():
            self.failure = None
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._supervise(), name="ib-connection")
        ready = self._ready
        assert ready is not None  # noqa: S101 - there is one as long as there is a task
        self._waiters += 1
        limit = self._options.connection_timeout
        try:
            done, _ = await asyncio.wait((ready,), timeout=limit)
        finally:
            self._waiters -= 1
            if not ready.done() and self._waiters == 0:
                await self.stop("nobody waits for the connection any more")
        if not done:
            raise not_connected_in_time(self.host, self.port, limit, self.failure)
        ready.result()

    # --- the supervisor ---------------------------------------------------------------------------

    async def _supervise(self) -> None:
        self.attempts = self._counted = 0
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
            self.attempts = self._counted = 0
            assert self._lost is not None  # noqa: S101 - made by `_establish`
            self._went(await self._lost)
            self.reconnects += 1
            await asyncio.sleep(self._pause())

    def _attempt_failed(self, error: PoseiError) -> None:
        self.attempts += 1
        # In a maintenance window nothing else is to be expected: such an attempt does not count.
        if not self._was_ready or self.outage.window() is None:
            self._counted += 1
        before, self.failure = self.failure, error
        is_new = before is None or before.message != error.message
        self._close_socket(ConnectionLost("the connection attempt failed"))
        self._session.log.warning(
            "a connection attempt failed",
            attempt=self.attempts,
            error=str(error) if is_new else error.message,
        )
        self._change(ConnectionEvent.LOST, error.message)

    def _may_try_again(self, error: PoseiError) -> bool:
        limit = self._options.max_attempts
        if self._was_ready and self._options.max_reconnects is not None:
            limit = self._options.max_reconnects
        if error.code == 326 and not self._was_ready:
            limit = min(limit, _ID_IN_USE_TRIES) if limit else _ID_IN_USE_TRIES
        return error.retryable and (limit == 0 or self._counted < limit)

    def _give_up(self, error: PoseiError) -> None:
        final_error = given_up(error, self.attempts)
        self._change(ConnectionEvent.GIVE_UP, final_error.message)
        self._session.requests.is_healing = False
        self._session.requests.connection_lost(final_error)
        self._session.streams.give_up(final_error)
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(final_error)
            self._ready.exception()  # read once: nobody may be waiting any more
        elif self._was_ready:
            self._session.log.critical("the connection is given up", error=str(final_error))

    def _pause(self) -> float:
        options = self._options
        attempts = min(self.attempts, 16)
        pause = min(options.first_pause * 2.0 ** max(0, attempts - 1), options.longest_pause)
        return pause * random.uniform(0.75, 1.25)  # noqa: S311 - jitter is no secret

    async def _establish(self) -> None:
        """Bring the connection to READY, or raise why not."""
        options = self._options
        await self.start_gateway()
        self._change(ConnectionEvent.CONNECT, f"connecting to {self.host}:{self.port}")
        loop = asyncio.get_running_loop()
        handshake = self._session.handshake = Handshake(loop.create_future())
        lost = self._lost = loop.create_future()
        socket = await open_socket(
            self.host, self.port, options.open_timeout, self._deliver, self._socket_lost
        )
        self.socket = socket
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
            raise not_ready(self.host, self.port, sorted(handshake.missing))
        self._became_ready()

    async def start_gateway(self) -> None:
        """Start the gateway if there is one; from then on its address is ours."""
        if self._gateway is None:
            return
        async with self._gateway_lock:
            await self._gateway.start_async()
        port = self._gateway.port
        if self.port not in {0, port}:
            self._session.log.warning(
                "ibg_port is not used: the gateway has a port of its own",
                ibg_port=self.port,
                gateway_port=port,
            )
        self.host, self.port = self._gateway.host, port

    def _newest_version(self) -> int:
        newest = ibapi_border.MAX_SERVER_VERSION
        cap = self._options.max_server_version
        return newest if cap is None else min(cap, newest)

    def _handshake_error(self, error: PoseiError, handshake: Handshake) -> PoseiError:
        if error.code is not None or not error.retryable:
            return error
        return closed_early(
            self.host,
            self.port,
            error,
            knew_version="server version" not in handshake.missing,
        )

    # --- steps of the handshake -------------------------------------------------------------------

    def version_reply(self, payload: bytes) -> None:
        """Take the only message without an id: the server's version and its time."""
        fields = payload.split(b"\0")
        if len(fields) < 2 or not fields[0].isdigit() or len(fields[0]) > 6:
            raise MalformedMessage("this is no version reply")
        version = int(fields[0])
        if not ibapi_border.MIN_SERVER_VERSION <= version <= self._newest_version():
            self._lose(too_old(version, ibapi_border.MIN_SERVER_VERSION, self._newest_version()))
            return
        self.server_time = fields[1].decode("latin-1")
        encoder = ibapi_border.RequestEncoder(version, self.client_id)
        self._open_session(version, encoder)

    def _open_session(self, version: int, encoder: ibapi_border.RequestEncoder) -> None:
        handshake = self._session.handshake
        socket = self.socket
        if socket is None or handshake is None:
            return
        is_binary = version >= ibapi_border.BINARY_FROM
        socket.switch(Framing.BINARY if is_binary else Framing.TEXT)
        self._opened(version)
        socket.write(encoder(lambda ib: ib.startApi()))
        self._session.scheduler.count_unpaced()
        self._session.open(encoder, socket.write)
        handshake.got("server version")

    def _became_ready(self) -> None:
        is_again = self._was_ready
        self._was_ready = True
        self._is_upstream_lost = False
        self._session.handshake = None
        self._change(
            ConnectionEvent.READY,
            f"connected, server version {self._session.server_version}",
            data_lost=is_again,
        )
        for follow in self._session.on_ready:
            follow(is_again)
        self._session.requests.connection_ready()
        if self.socket is not None:
            self.watchdog.start(self.socket)
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

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
        lost = self._lost
        if lost is not None and not lost.done():
            lost.set_result(error)

    def _went(self, error: PoseiError) -> None:
        window = self.outage.window()
        self._session.log.log(
            logging.ERROR if window is None else logging.WARNING,
            "the connection is lost",
            reason=error.message,
            code=error.code,
            maintenance=None if window is None else str(window),
            streams=len(self._session.streams),
            requests=len(self._session.requests),
        )
        self._session.requests.is_healing = True
        self._close_socket(error)
        self._change(ConnectionEvent.LOST, error.message, data_lost=True)

    def _close_socket(self, error: PoseiError) -> None:
        """Close, and tell everybody who waits for something that it will not come."""
        self.watchdog.stop()
        self.farms.forget()
        if self.socket is not None:
            self.frames_before += self.socket.frames
            self.socket.close()
            self.socket = None
        self._session.close()
        self._session.handshake = None
        self._session.scheduler.connection_lost(error)
        self._session.requests.connection_lost(error)
        self._session.streams.suspend_all()

    async def stop(self, reason: str) -> None:
        """End everything: what is in flight fails, streams end. Idempotent; never raises."""
        supervisor, self._task = self._task, None
        if supervisor is not None and not supervisor.done():
            supervisor.cancel()
            await asyncio.wait((supervisor,))
        if self.state is ConnectionState.STOPPED:
            return
        error = ConnectionLost(reason, field="connection", remedy="await connect()")
        self._session.requests.is_healing = False
        self._close_socket(error)
        self._session.streams.give_up(error, was_asked_for=True)
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()  # read once: nobody may be waiting any more
        self._was_ready = False
        self._change(ConnectionEvent.STOP, reason)

    # --- what IB says -----------------------------------------------------------------------------

    def _notice(self, notice: Notice) -> None:
        action = notice.rule.request
        if action is Action.CLIENT_ID_IN_USE:
            self._lose(client_id_in_use(self.client_id, notice.message))
        elif action is Action.RECONNECT:
            self._lose(ConnectionLost(notice.message, field="connection", code=notice.code))
        elif action is Action.UPSTREAM_LOST:
            self._is_upstream_lost = True
            if self.state is ConnectionState.DEGRADED:
                self._change_to(self.state, notice.message, data_lost=False)
            else:
                self._change(ConnectionEvent.IMPAIRED, notice.message)
        elif action in {Action.RESTORED_DATA_LOST, Action.RESTORED_DATA_KEPT}:
            self._is_upstream_lost = False
            self._restored(notice, data_lost=action is Action.RESTORED_DATA_LOST)
        elif action is Action.FARM_BROKEN or action is Action.FARM_OK:
            self._farm_changed(notice, is_broken=action is Action.FARM_BROKEN)

    def _farm_changed(self, notice: Notice, *, is_broken: bool) -> None:
        before, state = self.farms.broken(), self.state
        if is_broken:
            self.farms.broke(notice)
            self._change(ConnectionEvent.IMPAIRED, notice.message)
        else:
            self.farms.came_back(notice)
            self._heal(notice.message)
        # Listeners hear of every farm: what one takes from a stream does not depend on the others.
        is_told = self.state is not state or self.farms.broken() == before
        if self.state.is_connected and not is_told:
            self._change_to(self.state, notice.message, data_lost=False)

    def _restored(self, notice: Notice, *, data_lost: bool) -> None:
        if self.state.is_connected and (data_lost or self.farms.names()):
            self._change_to(self.state, notice.message, data_lost=data_lost)
        if data_lost and self.state.is_connected:
            self._session.streams.reissue_all(notice.message, close_first=True)
        self._heal(notice.message)

    def _heal(self, reason: str) -> None:
        if not self._is_upstream_lost and not self.farms.names():
            self._change(ConnectionEvent.HEALED, reason)

    # --- telling ----------------------------------------------------------------------------------

    def _follow_outage(self, state: ConnectionState, reason: str) -> None:
        if state is ConnectionState.READY:
            self.outage.ended()
        elif state is ConnectionState.STOPPED:
            self.outage.stop()
        elif self._was_ready:
            self.outage.began(reason)

    def _change(self, event: ConnectionEvent, reason: str, *, data_lost: bool = False) -> None:
        state = next_state(self.state, event)
        if state is not self.state:
            self._change_to(state, reason, data_lost=data_lost)

    def _change_to(self, state: ConnectionState, reason: str, *, data_lost: bool) -> None:
        reason = reason[:_LONGEST_REASON]
        change = ConnectionChange(
            state,
            self.state,
            reason,
            state.is_connected,
            data_lost,
            self._is_upstream_lost,
            self._session.clock.timestamp_ns(),
            self.farms.broken(),
        )
        self.state = state
        self._follow_outage(state, reason)
        self.history.append(change)
        self._session.log.info(
            "the connection changed",
            state=change.state.upper(),
            previous=change.previous.upper(),
            reason=reason,
        )
        for handler in tuple(self.handlers):
            self._session.streams.guarded(handler, change)
