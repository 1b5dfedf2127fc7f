"""Streaming level 1 data: reqMktData and reqMarketDataType."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.clock import NANOSECONDS
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.market import Quote
from posei_ib_sim.server.handlers.generic_ticks import GenericTicks
from posei_ib_sim.server.handlers.options import OptionTicks
from posei_ib_sim.server.permissions import Allowed, check_permission
from posei_ib_sim.server.translate import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_ib_sim.market import Board, MarketEvent
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["MarketDataHandlers", "TickNumbers"]

_SNAPSHOT_NS: Final = 11 * NANOSECONDS
_KIND: Final = "market data"
_FROZEN_TYPES: Final = frozenset({2, 4})


class TickNumbers:
    """Tick type numbers of live or of delayed data."""

    __slots__ = (
        "ask",
        "ask_size",
        "bid",
        "bid_size",
        "close",
        "high",
        "last",
        "last_size",
        "low",
        "open",
        "timestamp",
        "volume",
    )

    def __init__(self, *, delayed: bool) -> None:
        self.bid, self.ask, self.last = (66, 67, 68) if delayed else (1, 2, 4)
        self.bid_size, self.ask_size, self.last_size = (69, 70, 71) if delayed else (0, 3, 5)
        self.high, self.low, self.volume = (72, 73, 74) if delayed else (6, 7, 8)
        self.close, self.open, self.timestamp = (75, 76, 88) if delayed else (9, 14, 45)


@final
class DataType:
    """Tells a client which kind of data a subscription gives, at first and when it changes.

    A client that accepts frozen data gets live data as long as the market is open.

    Args:
        session: Who is told.
        req_id: The subscription.
        delayed: Whether the data is delayed.
        frozen: Whether the client accepts what was last known of a closed market.
    """

    __slots__ = ("_closed", "_open", "_req_id", "_session", "_told")

    def __init__(self, session: Session, req_id: int, *, delayed: bool, frozen: bool) -> None:
        self._session = session
        self._req_id = req_id
        self._open = 3 if delayed else 1
        self._closed = self._open + 1 if frozen else self._open
        self._told = 0

    def tell(self, *, is_open: bool) -> None:
        """Send the kind that holds now, unless the client knows it."""
        kind = self._open if is_open else self._closed
        if kind != self._told:
            self._told = kind
            self._session.send(wire.MarketDataType(reqId=self._req_id, marketDataType=kind))


@final
class _Stream:
    """One subscription: turns board changes into tick messages."""

    __slots__ = (
        "_computed",
        "_generic",
        "_high",
        "_low",
        "_numbers",
        "_quote",
        "_req_id",
        "_session",
    )

    def __init__(
        self,
        session: Session,
        req_id: int,
        numbers: TickNumbers | None,
        generic: GenericTicks,
        computed: OptionTicks | None,
    ) -> None:
        self._session = session
        self._req_id = req_id
        self._numbers = numbers
        self._generic = generic
        self._computed = computed
        self._quote: Quote | None = None
        self._high: float | None = None
        self._low: float | None = None

    def begin(self, board: Board) -> None:
        """Send what is known now."""
        numbers = self._numbers
        if numbers is None:
            if self._computed is not None:
                self._computed.send(board)
            return
        if board.quote is not None:
            self._send_quote(numbers, board.quote)
        if board.last is not None:
            self._price(numbers.last, board.last, board.last_size, 0)
            self._size(numbers.last_size, board.last_size)
            self._string(numbers.timestamp, str(board.last_ns // NANOSECONDS))
            self._size(numbers.volume, board.day_volume)
        self._send_range(numbers, board)
        if board.close is not None:
            self._price(numbers.close, board.close, 0.0, 0)
        if board.open is not None and board.contract.has_trades:
            self._price(numbers.open, board.open, 0.0, 0)
        self._generic.begin(board)
        if self._computed is not None:
            self._computed.send(board)
            if board.last is not None:
                self._computed.trade(board.last)

    def __call__(self, board: Board, event: MarketEvent) -> None:
        """Send what an event changed."""
        numbers = self._numbers
        if isinstance(event, Quote):
            if numbers is not None:
                self._send_quote(numbers, event)
            if self._computed is not None:
                self._computed.send(board)
            return
        if numbers is None:
            return
        self._string(numbers.timestamp, str(event.ts_ns // NANOSECONDS))
        self._price(numbers.last, event.price, event.size, 0)
        self._size(numbers.last_size, event.size)
        self._size(numbers.volume, board.day_volume)
        if board.high != self._high or board.low != self._low:
            self._send_range(numbers, board)
        self._generic.trade(board, event)
        if self._computed is not None:
            self._computed.trade(event.price)

    def _send_quote(self, numbers: TickNumbers, quote: Quote) -> None:
        old, self._quote = self._quote, quote
        if old is None or old.bid != quote.bid:
            self._price(numbers.bid, quote.bid, quote.bid_size, 1)
            self._size(numbers.bid_size, quote.bid_size)
        elif old.bid_size != quote.bid_size:
            self._size(numbers.bid_size, quote.bid_size)
        if old is None or old.ask != quote.ask:
            self._price(numbers.ask, quote.ask, quote.ask_size, 1)
            self._size(numbers.ask_size, quote.ask_size)
        elif old.ask_size != quote.ask_size:
            self._size(numbers.ask_size, quote.ask_size)

    def _send_range(self, numbers: TickNumbers, board: Board) -> None:
        if board.high is not None and board.high != self._high:
            self._price(numbers.high, board.high, 0.0, 0)
        if board.low is not None and board.low != self._low:
            self._price(numbers.low, board.low, 0.0, 0)
        self._high, self._low = board.high, board.low

    def _price(self, tick_type: int, price: float, amount: float, mask: int) -> None:
        self._session.send(
            wire.TickPrice(
                reqId=self._req_id,
                tickType=tick_type,
                price=price,
                size=size(amount),
                attrMask=mask,
            )
        )

    def _size(self, tick_type: int, amount: float) -> None:
        self._session.send(wire.TickSize(reqId=self._req_id, tickType=tick_type, size=size(amount)))

    def _string(self, tick_type: int, value: str) -> None:
        self._session.send(wire.TickString(reqId=self._req_id, tickType=tick_type, value=value))


@final
class MarketDataHandlers:
    """Serves level 1 subscriptions and snapshots."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.MarketDataRequest, self.subscribe)
        routes.add(wire.CancelMarketData, self.unsubscribe)
        routes.add(wire.MarketDataTypeRequest, self.choose_type)

    def choose_type(self, session: Session, message: wire.MarketDataTypeRequest) -> None:
        """Note which kind of data the client accepts."""
        kind = message.marketDataType or 1
        if kind not in {1, 2, 3, 4}:
            raise RequestRefused(321, f"Error validating request.-'aE' : cause - type {kind}")
        session.market_data_type = kind

    def subscribe(self, session: Session, message: wire.MarketDataRequest) -> None:
        """Start a subscription or answer a snapshot."""
        req_id = message.reqId or 0
        if session.has(_KIND, req_id):
            raise RequestRefused(
                322, "Error processing request.-'bP' : cause - Duplicate ticker ID"
            )
        simulation = self._server.simulation
        contract = simulation.contract_of(message.contract)
        allowed = check_permission(self._server, session, req_id, contract)
        delayed = allowed is Allowed.DELAYED
        self._server.activity()
        board = simulation.feed.board(contract)
        session.send(
            wire.TickReqParams(
                reqId=req_id,
                minTick=contract.min_tick,
                bboExchange="9c0001" if contract.sec_type == "STK" else "",
                snapshotPermissions=3,
            )
        )
        kind = DataType(
            session, req_id, delayed=delayed, frozen=session.market_data_type in _FROZEN_TYPES
        )
        kind.tell(is_open=board.is_open(self._server.now_ns))
        generic = GenericTicks(session, req_id, message.genericTickList, simulation)
        computed = None
        if contract.sec_type in {"OPT", "FOP"}:
            computed = OptionTicks(
                session,
                req_id,
                contract,
                simulation,
                delayed=delayed,
                model_only=allowed is Allowed.COMPUTED,
            )
        numbers = None if allowed is Allowed.COMPUTED else TickNumbers(delayed=delayed)
        stream = _Stream(session, req_id, numbers, generic, computed)
        stream.begin(board)
        if message.snapshot or message.regulatorySnapshot:
            self._snapshot(session, req_id, board)
            return
        session.subscribe(_KIND, req_id, self._listen(board, stream, kind))

    def unsubscribe(self, session: Session, message: wire.CancelMarketData) -> None:
        """End a subscription."""
        if not session.cancel(_KIND, message.reqId or 0):
            session.error(message.reqId or 0, 300, f"Can't find EId with tickerId:{message.reqId}")

    def _listen(self, board: Board, stream: _Stream, kind: DataType) -> Callable[[], None]:
        server = self._server

        def listener(board: Board, event: MarketEvent) -> None:
            if server.connectivity and not server.competing_session:
                kind.tell(is_open=True)
                stream(board, event)

        return server.simulation.feed.listen(board.contract, listener)

    def _snapshot(self, session: Session, req_id: int, board: Board) -> None:
        """End a snapshot: at once when prices were known, else after IB's eleven seconds."""
        end = wire.TickSnapshotEnd(reqId=req_id)
        if board.quote is not None or board.last is not None:
            session.send(end)
            return
        clock = self._server.simulation.clock
        timer = clock.call_later(_SNAPSHOT_NS, lambda: session.send(end))
        session.subscribe(_KIND, req_id, timer.cancel)
