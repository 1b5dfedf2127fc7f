"""A recorded connection as a script: which of the gateway's frames answer which request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.recording.dialect import FrameReader
from posei_ib_sim.recording.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from posei_ib_sim.recording.lines import Line, Origin

__all__ = ["Answer", "RecordedRequest", "Script", "is_cancel", "read_scripts"]

_ORDER_LISTS: Final = (
    wire.OpenOrdersRequest,
    wire.AllOpenOrdersRequest,
    wire.AutoOpenOrdersRequest,
    wire.GlobalCancelRequest,
)
_START: Final = (wire.StartApiRequest,)
# Answers without a request id: the requests that make them.
_ASKED_BY: Final[dict[type[wire.ServerMessage], tuple[type[wire.ClientMessage], ...]]] = {
    wire.AccountDataEnd: (wire.AccountDataRequest,),
    wire.AccountUpdateTime: (wire.AccountDataRequest,),
    wire.AccountValue: (wire.AccountDataRequest,),
    wire.CompletedOrder: (wire.CompletedOrdersRequest,),
    wire.CompletedOrdersEnd: (wire.CompletedOrdersRequest,),
    wire.CurrentTime: (wire.CurrentTimeRequest,),
    wire.CurrentTimeInMillis: (wire.CurrentTimeInMillisRequest,),
    wire.FamilyCodes: (wire.FamilyCodesRequest,),
    wire.ManagedAccounts: (wire.ManagedAccountsRequest, *_START),
    wire.MarketDepthExchanges: (wire.MarketDepthExchangesRequest,),
    wire.MarketRule: (wire.MarketRuleRequest,),
    wire.NewsBulletin: (wire.NewsBulletinsRequest,),
    wire.NewsProviders: (wire.NewsProvidersRequest,),
    wire.NextValidId: (wire.IdsRequest, *_START),
    wire.OpenOrdersEnd: (*_ORDER_LISTS, *_START),
    wire.PortfolioValue: (wire.AccountDataRequest,),
    wire.Position: (wire.PositionsRequest,),
    wire.PositionEnd: (wire.PositionsRequest,),
    wire.ReceiveFA: (wire.FARequest,),
    wire.ScannerParameters: (wire.ScannerParametersRequest,),
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A frame of the gateway.

    Attributes:
        after: Seconds between the request and this frame.
        payload: The frame as recorded.
        message: What it says, `None` when it cannot be understood.
    """

    after: float
    payload: bytes
    message: wire.ServerMessage | None


@dataclass(kw_only=True)
class RecordedRequest:
    """A frame of the client, with what the gateway sent because of it.

    Attributes:
        at: Seconds since the recording began.
        uses: How often a live request has been answered with it.
    """

    at: float
    payload: bytes
    message: wire.ClientMessage | None
    answers: list[Answer] = field(default_factory=list)
    uses: int = 0

    @property
    def request_id(self) -> int | None:
        """Its request id, if it has one."""
        return getattr(self.message, "reqId", None)

    @property
    def order_id(self) -> int | None:
        """Its order id, if it has one."""
        return getattr(self.message, "orderId", None)


@final
class Script:
    """One recorded connection.

    Args:
        version: Negotiated server version.
        reply: Payload of the gateway's version answer.
        closed_by: Who ended it; `None` when the recording ended first.
    """

    def __init__(self, version: int, reply: bytes, closed_by: Origin | None) -> None:
        self.version: Final = version
        self.reply: Final = reply
        self.closed_by: Final = closed_by
        self.reader: Final = FrameReader(version)
        self.requests: Final[list[RecordedRequest]] = []
        self.uses = 0
        self._by_execution: dict[str, RecordedRequest] = {}

    @property
    def client_id(self) -> int | None:
        """The client id that startApi named."""
        for request in self.requests:
            if isinstance(request.message, wire.StartApiRequest):
                return request.message.clientId
        return None

    @property
    def frames(self) -> int:
        """Number of the gateway's frames."""
        return sum(len(request.answers) for request in self.requests)

    def add_request(self, at: float, payload: bytes) -> None:
        """Append a frame of the client."""
        message = self.reader.client_message(payload)
        self.requests.append(RecordedRequest(at=at, payload=payload, message=message))

    def add_answer(self, at: float, payload: bytes) -> None:
        """Append a frame of the gateway to the request that made it."""
        message = self.reader.server_message(payload)
        cause = self._cause(message)
        if cause is not None:
            after = max(at - cause.at, 0.0)
            cause.answers.append(Answer(after=after, payload=payload, message=message))

    def _cause(self, message: wire.ServerMessage | None) -> RecordedRequest | None:
        if not self.requests:
            return None
        return self._by_ids(message) or self._by_kind(message) or self.requests[0]

    def _by_ids(self, message: wire.ServerMessage | None) -> RecordedRequest | None:
        if isinstance(message, wire.CommissionAndFeesReport):
            return self._by_execution.get(message.execId)
        number = getattr(message, "reqId", None)
        if isinstance(message, wire.ErrorMessage):
            number = message.id
        found = None
        if number is not None and number >= 0:
            found = self._latest_with(number, orders=isinstance(message, wire.ErrorMessage))
        elif isinstance(message, wire.OpenOrder | wire.OrderStatus):
            found = self._latest_about_order(message.orderId)
        elif isinstance(message, wire.ExecutionDetails):
            found = self._latest_about_order(message.execution.orderId)
        if found is not None and isinstance(message, wire.ExecutionDetails):
            self._by_execution[message.execution.execId] = found
        return found

    def _by_kind(self, message: wire.ServerMessage | None) -> RecordedRequest | None:
        if message is None:
            return self.requests[-1]
        kinds = _ASKED_BY.get(type(message), _START)
        rule = getattr(message, "marketRuleId", None)
        for request in reversed(self.requests):
            if isinstance(request.message, kinds):
                if rule is not None and getattr(request.message, "marketRuleId", rule) != rule:
                    continue
                return request
        return None

    def _latest_with(self, number: int, *, orders: bool) -> RecordedRequest | None:
        for request in reversed(self.requests):
            if request.request_id == number and not is_cancel(request.message):
                return request
            if orders and request.order_id == number:
                return request
        return None

    def _latest_about_order(self, order_id: int | None) -> RecordedRequest | None:
        for request in reversed(self.requests):
            if isinstance(request.message, _ORDER_LISTS) or request.order_id == order_id:
                return request
        return None


def is_cancel(message: wire.ClientMessage | None) -> bool:
    """Tell whether a request ends another one."""
    if isinstance(message, wire.AccountDataRequest):
        return not message.subscribe
    name = type(message).__name__
    return name.startswith(("Cancel", "Unsubscribe")) and not isinstance(
        message, wire.CancelOrderRequest
    )


def read_scripts(path: Path) -> list[Script]:
    """Read a recording's connections, in the order in which they were opened.

    Raises:
        ConfigurationError: The file cannot be read, or no connection got past the handshake.
    """
    by_connection: dict[int, list[Line]] = {}
    for line in read_lines(path):
        by_connection.setdefault(line.connection, []).append(line)
    scripts = [script for lines in by_connection.values() if (script := _script(lines)) is not None]
    if not scripts:
        raise ConfigurationError(
            f"recording {str(path)!r} holds no connection that got past the handshake; record anew"
        )
    return scripts


def _script(lines: Sequence[Line]) -> Script | None:
    reply = next((line.payload for line in lines if line.event == "version"), None)
    if reply is None:
        return None
    closer = next((line.origin for line in lines if line.event == "closed"), None)
    number = reply.split(b"\0", 1)[0]
    script = Script(int(number) if number.isdigit() else 0, reply, closer)
    for line in lines:
        if line.event == "frame":
            add = script.add_request if line.origin == "client" else script.add_answer
            add(line.at, line.payload)
    return script
