"""The server: listener, sessions and dispatch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.history.bar_sizes import format_time
from posei_ib_sim.logs import get_logger
from posei_ib_sim.server.answers import ident_of, refusals_answered
from posei_ib_sim.server.handlers import register_all
from posei_ib_sim.server.jobs import Jobs
from posei_ib_sim.server.limits import HistoryPacing, MessageRate, check_subscriptions
from posei_ib_sim.server.mischief import Mischief
from posei_ib_sim.server.order_reports import OrderReports
from posei_ib_sim.server.routes import Routes
from posei_ib_sim.server.session import Session
from posei_ib_sim.server.wire_log import WireLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_ib_sim.config import SimulatedIBGatewayConfig
    from posei_ib_sim.server.scenario import Event
    from posei_ib_sim.simulation import Simulation

__all__ = ["Server"]

_log = get_logger(__name__)

# A port that somebody took during a restart is tried again after each of these real seconds.
_RETRY_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@final
class Server:
    """Serves one simulation to its clients.

    Attributes:
        connectivity: Whether IB's servers are reachable; data flows only then.
        competing_session: Whether another session has the market data (a fault).
        forced_next_id: Order id told to connecting clients instead of the right one (a fault).
        mischief: What is done to single messages (a fault).
        reports: Tells clients what becomes of their orders.
        jobs: Work that takes more than a turn of the loop.
        on_event: Told of connections, subscriptions, orders and fills.
        refuse_until: Loop time until which all client ids are refused (a fault).
        last_heard: Loop time of the last message from any client.
        messages_received: Messages from all clients.
        overflows: Clients disconnected because they read too slowly.
    """

    def __init__(self, config: SimulatedIBGatewayConfig) -> None:
        self.config: Final = config
        self.wire_log: Final = WireLog(config.log_wire)
        self.connectivity = True
        self.competing_session = False
        self.forced_next_id: int | None = None
        self.mischief: Final = Mischief()
        self.reports: Final = OrderReports(self)
        self.jobs: Final = Jobs()
        self.on_event: Callable[[Event], None] | None = None
        self.refuse_until = 0.0
        self.last_heard = 0.0
        self.messages_received = 0
        self.overflows = 0
        self.on_activity: Callable[[], None] | None = None
        self._simulation: Simulation | None = None
        self._sessions: list[Session] = []
        self._by_client: dict[int, Session] = {}
        self._rates: dict[int, MessageRate] = {}
        self._number = 0
        self._closed_frames = 0
        self._routes = Routes()
        self._listener: asyncio.Server | None = None
        self._restart: asyncio.Task[None] | None = None
        self._port = 0
        self._loop = asyncio.get_running_loop()
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self.history_pacing: Final = HistoryPacing(self._loop.time)

    # ------------------------------------------------------------------ life cycle

    def attach(self, simulation: Simulation) -> None:
        """Serve a simulation; called once, before listening."""
        self._simulation = simulation
        register_all(self, self._routes)

    async def listen(self) -> tuple[str, int]:
        """Begin to accept connections; return host and port.

        Raises:
            ConfigurationError: The address cannot be used.
        """
        wanted = self._port or self.config.port
        try:
            self._listener = await self._loop.create_server(
                self._new_session, self.config.host, wanted
            )
        except OSError as error:
            raise ConfigurationError(
                f"host={self.config.host!r}, port={wanted} cannot be listened on "
                f"({error.strerror or error}); use another port, or 0 for a free one"
            ) from error
        host, port = self._listener.sockets[0].getsockname()[:2]
        self._port = int(port)
        return str(host), self._port

    def begin_restart(self, seconds: float) -> None:
        """Cut all connections, stop listening, and listen again after real `seconds`.

        While the port is taken it is tried again for some seconds; see `failure` for the end.
        """
        self.hang_up()
        if self._restart is not None:
            self._restart.cancel()
        self._restart = self._loop.create_task(self._listen_again(seconds), name="restart")

    async def _listen_again(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        delays = iter(_RETRY_SECONDS)
        while not self.is_listening:
            try:
                await self.listen()
            except ConfigurationError as error:
                delay = next(delays, None)
                if delay is None:
                    _log.critical("cannot listen again", reason=str(error))
                    raise
                _log.warning("cannot listen again yet", retry_seconds=delay, reason=str(error))
                await asyncio.sleep(delay)
        _log.info("listening again", port=self._port)

    @property
    def failure(self) -> BaseException | None:
        """Why a restart did not come back, `None` as long as it may."""
        task = self._restart
        if task is None or not task.done() or task.cancelled():
            return None
        return task.exception()

    async def close(self) -> None:
        """Stop listening and close all connections."""
        if self._restart is not None:
            self._restart.cancel()
            await asyncio.gather(self._restart, return_exceptions=True)
            self._restart = None
        if self._listener is not None:
            self._listener.close()
        for session in list(self._sessions):
            session.close()
        for session in list(self._sessions):
            session.abort()
        await self._all_gone.wait()
        if self._listener is not None:
            await self._listener.wait_closed()
            self._listener = None
        self.wire_log.close()

    def hang_up(self) -> None:
        """Stop accepting and cut all connections at once."""
        if self._listener is not None:
            self._listener.close()
        for session in list(self._sessions):
            session.abort()

    @property
    def is_listening(self) -> bool:
        """Whether connections are accepted."""
        return self._listener is not None and self._listener.is_serving()

    @property
    def simulation(self) -> Simulation:
        """What is served."""
        assert self._simulation is not None  # noqa: S101 - attached before listening
        return self._simulation

    @property
    def now_ns(self) -> int:
        """Simulated time."""
        return self.simulation.clock.now_ns

    def connection_time(self) -> str:
        """Return the text of the version reply."""
        return format_time(self.now_ns, self.simulation.zone)

    # ------------------------------------------------------------------ sessions

    @property
    def sessions(self) -> list[Session]:
        """All open connections."""
        return list(self._sessions)

    @property
    def frames_sent(self) -> int:
        """Frames sent to all clients, closed ones included."""
        return self._closed_frames + sum(s.outgoing.sent_frames for s in self._sessions)

    def client(self, client_id: int) -> Session | None:
        """Return the session of a client id."""
        return self._by_client.get(client_id)

    def connected(self, session: Session) -> None:
        """Take a new connection in, or refuse it when there are too many."""
        self._sessions.append(session)
        self._all_gone.clear()
        self._rates[session.number] = MessageRate(self._loop.time)
        if len(self._sessions) > self.config.max_clients:
            _log.warning("connection refused", reason="too many clients", open=len(self._sessions))
            session.abort()

    def disconnected(self, session: Session, error: Exception | None) -> None:
        """Forget a connection."""
        if session in self._sessions:
            self._sessions.remove(session)
            self._closed_frames += session.outgoing.sent_frames
        if not self._sessions:
            self._all_gone.set()
        self._rates.pop(session.number, None)
        if session.client_id is not None and self._by_client.get(session.client_id) is session:
            del self._by_client[session.client_id]
        _log.info("client disconnected", client_id=session.client_id, error=str(error or ""))

    def claim(self, session: Session, client_id: int) -> bool:
        """Give a session its client id; `False` when the id is in use."""
        if client_id in self._by_client or self._loop.time() < self.refuse_until:
            return False
        session.client_id = client_id
        self._by_client[client_id] = session
        _log.info("client connected", client_id=client_id, server_version=session.version)
        return True

    def overflowed(self, session: Session, lost: int) -> None:
        """Count a client that was cut off because it read too slowly."""
        self.overflows += 1
        _log.error("slow client cut off", client_id=session.client_id, lost_bytes=lost)

    def heard_from(self, session: Session) -> None:
        """Count a message and enforce the message rate, which holds in real time only."""
        self.last_heard = self._loop.time()
        self.messages_received += 1
        if not self.config.pacing or self.config.speed != 1.0:
            return
        rate = self._rates[session.number]
        if rate.count():
            session.error(-1, 100, "Max rate of messages per second has been exceeded.")
            if rate.is_hopeless:
                session.close()

    def activity(self, event: Event = "subscription") -> None:
        """Note a streaming subscription or an order."""
        if self.on_activity is not None:
            self.on_activity()
        self.happened(event)

    def happened(self, event: Event) -> None:
        """Tell a scenario what happened."""
        if self.on_event is not None:
            self.on_event(event)

    async def drain(self) -> None:
        """Return once all work is done and all that was sent has left for the clients."""
        await self.jobs.finished()
        for session in list(self._sessions):
            await session.outgoing.drain()

    # ------------------------------------------------------------------ dispatch

    def dispatch(self, session: Session, message: wire.ClientMessage) -> None:
        """Hand a message to its handler and answer what it refuses."""
        if session.client_id is None and not isinstance(message, wire.StartApiRequest):
            session.error(-1, 504, "Not connected: startApi comes first")
            return
        handler = self._routes.find(type(message))
        if handler is None:
            session.error(ident_of(message), 321, f"{type(message).__name__} is not served")
            return
        self._handle(handler, session, message)
        if self.on_event is not None:
            self.on_event("message")
            self.on_event(type(message).__name__)

    def _handle(
        self,
        handler: Callable[[Session, wire.ClientMessage], None],
        session: Session,
        message: wire.ClientMessage,
    ) -> None:
        with refusals_answered(session, ident_of(message), type(message).__name__):
            if self.config.pacing:
                lines = self.config.market_data_lines
                check_subscriptions(session, message, self._sessions, lines)
            handler(session, message)

    def _new_session(self) -> Session:
        self._number += 1
        return Session(self, self._number)
