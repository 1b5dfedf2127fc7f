"""The connection: opened with patience, watched by round trips, healed by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.client.base import ClientPart
from posei_trader.adapters.interactive_brokers.client.requests import Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client.messages import ConnectionChange
    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.adapters.interactive_brokers.client.states import ConnectionState
    from posei_trader.adapters.interactive_brokers.client.supervisor import Supervisor
    from posei_trader.errors import PoseiError

# ruff: noqa: ASYNC109 - a timeout here starts when IB's pacing lets the request go

__all__ = ["InteractiveBrokersClientConnectionMixin"]

_TIME: Final = "current time"


class InteractiveBrokersClientConnectionMixin(ClientPart):
    """Connect, stay connected, and say what happens."""

    _connection: Supervisor

    def _init_connection(self, session: Session, supervisor: Supervisor) -> None:
        self._connection = supervisor
        session.callbacks.update(
            currentTime=self._current_time,
            connectAck=_nothing,
            connectionClosed=_nothing,
        )

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._connection.state

    @property
    def is_connected(self) -> bool:
        """Whether requests can be made now."""
        return self._connection.state.is_connected

    @property
    def last_failure(self) -> PoseiError | None:
        """Why the last attempt to connect failed, None when none has since `connect`."""
        return self._connection.failure

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

    async def start_gateway(self) -> None:
        """Start the gateway that was configured, if one was; `connect` does it, too. Idempotent.

        Raises:
            PoseiError: what the gateway raised.
        """
        await self._connection.start_gateway()

    async def connect(self) -> None:
        """Connect, and stay connected until `disconnect`. Idempotent; concurrent calls share.

        A gateway that has to be started first takes its own time, which does not count. A refused
        or silent gateway is tried again, with growing pauses, until `connection_timeout` or
        `max_attempts` is reached; each failure is logged with what to do about it. From then on
        losses are healed in the background. Cancelling it leaves nothing behind.

        Raises:
            ConnectionFailed: nobody answers, or the client id stays in use (code 326).
            GatewayNotReady: somebody answers but is not logged in.
            Unsupported: TWS or IB Gateway is too old.
        """
        await self._connection.connect()

    async def disconnect(self) -> None:
        """Disconnect: what is in flight fails, streams end. Idempotent; never raises."""
        await self._connection.stop("disconnected on request")

    # --- time -------------------------------------------------------------------------------------

    @property
    def clock_offset_ns(self) -> int | None:
        """How far the gateway's clock is ahead of ours; None before it was first asked.

        Measured when the connection becomes ready and by every probe of the watchdog, at least
        once a minute, to about a second. A simulated gateway may live at another time, or faster.
        """
        return self._connection.watchdog.clock_offset_ns

    async def server_time(self, *, timeout: float | None = None) -> int:
        """Return the gateway's time, UNIX ns UTC, to the second.

        Source: `reqCurrentTime`.

        Args:
            timeout: Seconds; None for the client's.

        Raises:
            NotConnected: there is no connection.
            RetryLater: the answer did not come.
        """
        (seconds,) = await self._ask(
            Question[int](
                key=_TIME,
                subject="the gateway's time",
                ask=lambda ib, _req_id: ib.reqCurrentTime(),
                channel=_TIME,
            ),
            timeout,
        )
        return seconds * 1_000_000_000

    def _current_time(self, seconds: int) -> None:
        self._connection.watchdog.answered(seconds)
        request = self._session.requests.on_channel(_TIME)
        if request is not None and request.is_sent:
            request.add(seconds)
            self._session.requests.complete(request)

    # --- what happens -----------------------------------------------------------------------------

    @property
    def is_under_maintenance(self) -> bool:
        """Whether this is one of the configured maintenance windows: an absence is expected."""
        return self._connection.outage.window() is not None

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


def _nothing(*_arguments: object) -> None:
    """Skip a callback of ibapi's own connection, which is not used."""
