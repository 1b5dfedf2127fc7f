"""The connection: opened with patience, watched by round trips, healed by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.adapters.interactive_brokers.client.base import ClientPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client.messages import ConnectionChange
    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.adapters.interactive_brokers.client.states import ConnectionState
    from posei_trader.adapters.interactive_brokers.client.supervisor import Supervisor
    from posei_trader.errors import PoseiError

__all__ = ["InteractiveBrokersClientConnectionMixin"]


class InteractiveBrokersClientConnectionMixin(ClientPart):
    """Connect, stay connected, and say what happens."""

    _connection: Supervisor

    def _init_connection(self, session: Session, supervisor: Supervisor) -> None:
        self._connection = supervisor
        session.callbacks.update(
            currentTime=supervisor.watchdog.answered,
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
