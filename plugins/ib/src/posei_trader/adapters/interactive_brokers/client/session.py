"""What the parts of the client share: sending, requests, streams, ids, time; not their state.

The parts meet only here: each registers the callbacks of IB that it handles and the events of the
connection that it follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from posei_trader.adapters.interactive_brokers.client.ids import IdAllocator
from posei_trader.adapters.interactive_brokers.client.requests import RequestTable
from posei_trader.adapters.interactive_brokers.client.scheduler import Scheduler
from posei_trader.adapters.interactive_brokers.client.streams import StreamRegistry
from posei_trader.errors import NotConnected
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ibapi.client import EClient

    from posei_trader.adapters.interactive_brokers.error_codes import ErrorRule
    from posei_trader.adapters.interactive_brokers.pacing import HistoricalBudget, PacingLimits
    from posei_trader.adapters.interactive_brokers.wire.ibapi_border import RequestEncoder
    from posei_trader.protocols import Clock

__all__ = ["Handshake", "Notice", "Session"]


@final
@dataclass(frozen=True, slots=True)
class Notice:
    """A code of IB's that is about the connection or a farm, or about nothing we know."""

    req_id: int
    code: int
    message: str
    rule: ErrorRule


@final
@dataclass(slots=True)
class Handshake:
    """What has to arrive before the connection is ready."""

    future: asyncio.Future[None]
    missing: set[str] = field(
        default_factory=lambda: {"server version", "managed accounts", "next order id"}
    )

    def got(self, what: str) -> None:
        """Take note that something has arrived."""
        self.missing.discard(what)
        if not self.missing and not self.future.done():
            self.future.set_result(None)


@final
class Session:
    """Shared collaborators of the parts.

    Args:
        clock: Time.
        limits: IB's limits for this connection.
        request_timeout: Seconds that an answer may take, unless a caller says otherwise.
        client_id: Stands in every log line.
        history: IB's limits of history, where connections share them.
    """

    def __init__(
        self,
        clock: Clock,
        limits: PacingLimits,
        request_timeout: float,
        client_id: int,
        history: HistoricalBudget | None = None,
    ) -> None:
        self.client_id = client_id
        self.clock = clock
        self.request_timeout = request_timeout
        self.log = get_logger("InteractiveBrokersClient").bind(client_id=client_id)
        self.ids = IdAllocator()
        self.scheduler = Scheduler(clock, limits, self._write, history)
        self.requests = RequestTable(self.ids, self.scheduler, self.encode)
        self.streams = StreamRegistry(self.ids, self.scheduler, self.encode, clock, self.log)
        self.handshake: Handshake | None = None
        self.callbacks: dict[str, Callable[..., None]] = {}
        """IB's callbacks by name; each part adds those that it handles."""
        self.on_ready: list[Callable[[bool], None]] = []
        """Called when requests can be made; True for a connection after the first."""
        self.on_notice: Callable[[Notice], None] = lambda _notice: None
        """Called for codes about the connection."""
        self.on_order_code: Callable[[int, int, str, str, ErrorRule], bool] = (
            lambda _order_id, _code, _message, _json, _rule: False
        )
        """Called with codes for ids that are no request's; False: no order of ours either."""
        self._encoder: RequestEncoder | None = None
        self._send: Callable[[bytes], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._encoder is not None

    @property
    def server_version(self) -> int:
        """The negotiated version.

        Raises:
            NotConnected: there is no connection.
        """
        return self._connected().server_version

    def open(self, encoder: RequestEncoder, send: Callable[[bytes], None]) -> None:
        """Start sending."""
        self._encoder = encoder
        self._send = send

    def close(self) -> None:
        """Stop sending."""
        self._encoder = None
        self._send = None

    def encode(self, request: Callable[[EClient], object]) -> bytes:
        """Return the bytes of a request.

        Raises:
            NotConnected: there is no connection.
            Unsupported: the gateway's version has no such request or field.
            InvalidRequest: a value cannot be written on the wire.
        """
        return self._connected()(request)

    def dispatch(self, name: str, arguments: tuple[Any, ...]) -> bool:
        """Call who handles a callback of IB's; False when nobody does."""
        handler = self.callbacks.get(name)
        if handler is None:
            return False
        handler(*arguments)
        return True

    def _connected(self) -> RequestEncoder:
        if self._encoder is None:
            raise NotConnected(
                "there is no connection to TWS or IB Gateway",
                field="client",
                remedy="await connect(), or wait until the connection is back",
            )
        return self._encoder

    def _write(self, data: bytes) -> None:
        if self._send is not None:
            self._send(data)
