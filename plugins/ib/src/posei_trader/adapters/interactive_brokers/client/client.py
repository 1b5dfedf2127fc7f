"""The client: six parts, one connection, one gateway for every message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.client.account import (
    InteractiveBrokersClientAccountMixin,
)
from posei_trader.adapters.interactive_brokers.client.clock import LoopClock
from posei_trader.adapters.interactive_brokers.client.connection import (
    InteractiveBrokersClientConnectionMixin,
)
from posei_trader.adapters.interactive_brokers.client.contract import (
    InteractiveBrokersClientContractMixin,
)
from posei_trader.adapters.interactive_brokers.client.error import (
    InteractiveBrokersClientErrorMixin,
)
from posei_trader.adapters.interactive_brokers.client.market_data import (
    InteractiveBrokersClientMarketDataMixin,
)
from posei_trader.adapters.interactive_brokers.client.options import ConnectionOptions
from posei_trader.adapters.interactive_brokers.client.order import (
    InteractiveBrokersClientOrderMixin,
)
from posei_trader.adapters.interactive_brokers.client.order_protobuf import OrderProtobuf
from posei_trader.adapters.interactive_brokers.client.order_text import OrderText
from posei_trader.adapters.interactive_brokers.client.refusals import check_address
from posei_trader.adapters.interactive_brokers.client.reporting import connection_health
from posei_trader.adapters.interactive_brokers.client.session import Session
from posei_trader.adapters.interactive_brokers.client.supervisor import Supervisor
from posei_trader.adapters.interactive_brokers.contract_conversion import contract_from_ibapi
from posei_trader.adapters.interactive_brokers.contract_text import (
    CONTRACT_DETAILS,
    ContractTextReader,
)
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.fast_text import FastText
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import (
    BINARY_FROM,
    MessageDecoder,
    check_installation,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client.stream_records import StreamStatus
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.pacing import HistoricalBudget, PacingStatus
    from posei_trader.model.health import ConnectionHealth
    from posei_trader.protocols import Clock, Gateway

__all__ = ["ClientHealth", "InteractiveBrokersClient"]

CONTRACT_DATA: Final = 210
_VERSION_REPLY: Final = -1


@final
@dataclass(frozen=True, slots=True)
class ClientHealth:
    """The client as it is now.

    Args:
        state: Where the connection stands.
        server_version: The negotiated version, None without a connection.
        reconnects: How often the connection was lost and opened again.
        broken_farms: Data farms out of reach.
        alarm: What is wrong, once it has been wrong for too long; None while all is well.
        alarms: How many absences became alarms.
        is_maintenance: Whether this is a configured maintenance window.
        messages: Messages received since the client was made.
        malformed: Messages that did not decode.
        late: Messages for requests and streams that have ended.
        handler_errors: Exceptions of handlers.
        requests: What is being asked.
        asked_again: Requests that were repeated after a lost connection.
        streams: What is streamed.
        pacing: How much of IB's limits is used.
        loop_lag_s: How late the event loop was when last looked at.
        loop_lag_max_s: How late it ever was.
        loop_stalls: How often it was later than `longest_lag`.
        clock_offset_ns: How far the gateway's clock is ahead of ours, None before it was asked.
        round_trip_s: How long the last probe took, None if there was none.
        error_counts: How often each code came.
    """

    state: str
    server_version: int | None
    reconnects: int
    broken_farms: tuple[str, ...]
    alarm: str | None
    alarms: int
    is_maintenance: bool
    messages: int
    malformed: int
    late: int
    handler_errors: int
    requests: tuple[str, ...]
    asked_again: int
    streams: tuple[StreamStatus, ...]
    pacing: PacingStatus
    loop_lag_s: float
    loop_lag_max_s: float
    loop_stalls: int
    clock_offset_ns: int | None
    round_trip_s: float | None
    error_counts: dict[int, int]


class InteractiveBrokersClient(
    InteractiveBrokersClientConnectionMixin,
    InteractiveBrokersClientErrorMixin,
    InteractiveBrokersClientAccountMixin,
    InteractiveBrokersClientContractMixin,
    InteractiveBrokersClientMarketDataMixin,
    InteractiveBrokersClientOrderMixin,
):
    """Talk to TWS or IB Gateway over one connection.

    Everything runs on the event loop that `connect` is called on; there are no threads. To follow
    what arrives, start at `_process_message`: every message passes it.

    Args:
        host: Where TWS or IB Gateway runs.
        port: Its API port: TWS 7497 (paper) or 7496 (live), Gateway 4002 (paper) or 4001 (live).
        client_id: Tells this connection from others to the same gateway; 0 also receives orders
            that were placed by hand.
        clock: Time; None for the system's.
        connection_timeout: Seconds that `connect` may take.
        request_timeout: Seconds that an answer may take.
        max_connection_attempts: Give up after so many failures in a row; 0 for never.
        gateway: Something to start first; host and port are then its own.
        limits: IB's limits for this login; None for the published ones.
        history: What connections of one login share of IB's limits of history: they must run on
            one event loop, with one clock. None for a budget of its own.
        options: Everything about patience; wins over `connection_timeout` and
            `max_connection_attempts`.

    Raises:
        InvalidRequest: there can be no such port or client id.
        PluginError: `ibapi` is too old, or installed by several distributions at once.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 7497,
        client_id: int = 1,
        *,
        clock: Clock | None = None,
        connection_timeout: float = 300.0,
        request_timeout: float = 60.0,
        max_connection_attempts: int = 0,
        gateway: Gateway | None = None,
        limits: PacingLimits | None = None,
        history: HistoricalBudget | None = None,
        options: ConnectionOptions | None = None,
    ) -> None:
        check_installation()
        check_address(port, client_id)
        options = options or ConnectionOptions(
            connection_timeout=connection_timeout, max_attempts=max_connection_attempts
        )
        session = Session(
            clock or LoopClock(), limits or PacingLimits(), request_timeout, client_id, history
        )
        self._session = session
        self._fast: dict[int, Callable[[bytes], None]] = {}
        self._runs: dict[int, Callable[[list[bytes]], bool]] = {}
        self._decoder: MessageDecoder | None = None
        self._init_connection(
            session,
            Supervisor(
                session,
                host,
                port,
                client_id,
                options,
                gateway,
                self._process_message,
                self._opened,
            ),
        )
        self._init_error(session)
        self._init_account(session)
        self._init_contract(session)
        self._init_market_data(session)
        self._init_order(session)

    def health(self) -> ClientHealth:
        """Return how the client is; cheap enough to ask every second."""
        session, connection, streams = self._session, self._connection, self._session.streams
        socket, watchdog = connection.socket, connection.watchdog
        return ClientHealth(
            state=connection.state,
            server_version=session.server_version if session.is_open else None,
            reconnects=connection.reconnects,
            broken_farms=connection.farms.names(),
            alarm=connection.outage.alarm,
            alarms=connection.outage.alarms,
            is_maintenance=connection.outage.window() is not None,
            messages=connection.frames_before + (socket.frames if socket is not None else 0),
            malformed=self._errors.malformed,
            late=streams.late,
            handler_errors=streams.handler_errors,
            requests=tuple(session.requests.subjects()),
            asked_again=session.requests.asked_again,
            streams=tuple(streams.status()),
            pacing=session.scheduler.status(),
            loop_lag_s=watchdog.loop_lag_s,
            loop_lag_max_s=watchdog.loop_lag_max_s,
            loop_stalls=watchdog.loop_stalls,
            clock_offset_ns=watchdog.clock_offset_ns,
            round_trip_s=watchdog.round_trip_s,
            error_counts=self.error_counts(),
        )

    def connection_health(self) -> ConnectionHealth:
        """Return how the connection is, in the words of any venue's; see `health` for all."""
        return connection_health(self.address, self.health(), self.connection_history())

    def pacing(self) -> PacingStatus:
        """Return how much of IB's limits is used, and what waits for them."""
        return self._session.scheduler.status()

    # --- the gateway of all messages --------------------------------------------------------------

    def _process_message(self, message_id: int, payload: bytes | list[bytes]) -> bool:
        """Decode what came and hand it to whom it concerns; never raises.

        Args:
            message_id: As on the wire: above 200 the payload is protobuf; -1 for the version reply
                of the handshake, which has none.
            payload: What follows the id; for a run of ticks that came in one piece, the whole
                messages, ids and all.

        Returns:
            False for a run that has to come message by message, because one of them is unusual.
        """
        if isinstance(payload, list):
            return self._process_run(message_id, payload)
        decode = self._fast.get(message_id)
        try:
            if decode is not None:
                decode(payload)
            elif message_id == _VERSION_REPLY:
                self._connection.version_reply(payload)
            else:
                self._process_other(message_id, payload)
        except Exception as error:  # noqa: BLE001 - whatever the bytes are, the next message is unharmed
            self._malformed(message_id, payload, error)
        return True

    def _process_run(self, message_id: int, frames: list[bytes]) -> bool:
        decode = self._runs.get(message_id)
        if decode is None:
            return False
        try:
            return decode(frames)
        except Exception:  # noqa: BLE001 - message by message it shows which one is malformed
            return False

    def _process_other(self, message_id: int, payload: bytes) -> None:
        if self._decoder is None:
            raise MalformedMessage("a message came before the handshake")
        for name, arguments in self._decoder.decode(message_id, payload):
            try:
                is_handled = self._session.dispatch(name, arguments)
            except Exception:  # noqa: BLE001 - our own fault: it must be seen, and must stop nothing
                self._session.streams.handler_failed(name)
            else:
                if not is_handled:
                    self._unhandled(name)

    def _read_contract_data(self) -> Callable[[bytes], None]:
        """Return the decoder of contract details, of which a chain brings thousands."""
        from posei_trader.adapters.interactive_brokers.contract_protobuf import (  # noqa: PLC0415 - older releases of ibapi have no protobuf
            ContractDataReader,
        )

        reader = ContractDataReader()

        def decode(payload: bytes) -> None:
            found = reader.read(payload)
            if found is None:
                self._process_other(CONTRACT_DATA, payload)
            else:
                self._add_details(*found)

        return decode

    def _read_contract_of(self, message_id: int, payload: bytes) -> IBContract:
        """Return the contract of an execution as `ibapi` decodes it."""
        if self._decoder is not None:
            for name, arguments in self._decoder.decode(message_id, payload):
                if name == "execDetails":
                    return contract_from_ibapi(arguments[1])
        raise MalformedMessage("an execution without a contract")

    def _read_contract_text(self, server_version: int) -> Callable[[bytes], None]:
        """Return the same for servers, and messages, that speak text."""
        reader = ContractTextReader(server_version)
        return lambda payload: self._add_details(*reader.read(payload))

    def _opened(self, server_version: int) -> None:
        """Choose the decoders for the negotiated version."""
        self._decoder = MessageDecoder(server_version)
        self._orders_opened(server_version)
        router = self._market_data.router
        text = FastText(server_version, router)
        self._fast = text.table()
        self._runs = text.runs()
        self._fast[CONTRACT_DETAILS] = self._read_contract_text(server_version)
        orders = (self, self._process_other, self._read_contract_of)
        self._fast |= OrderText(server_version, *orders).table()
        if server_version >= BINARY_FROM:
            from posei_trader.adapters.interactive_brokers.wire.fast_protobuf import (  # noqa: PLC0415 - older releases of ibapi have no protobuf
                FastProtobuf,
            )

            protobuf = FastProtobuf(router)
            self._fast |= protobuf.table()
            self._runs |= protobuf.runs()
            self._fast[CONTRACT_DATA] = self._read_contract_data()
            self._fast |= OrderProtobuf(*orders).table()
