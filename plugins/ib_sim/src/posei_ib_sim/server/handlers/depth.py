"""Market depth: rows around the best prices, kept by inserts, updates and deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.market import Quote
from posei_ib_sim.market.book import ASK, BID, Change, Row, book_rows, changes
from posei_ib_sim.server.permissions import Service, check_service
from posei_ib_sim.server.translate import size

if TYPE_CHECKING:
    from posei_ib_sim.market import Board, MarketEvent
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["DepthHandlers"]

_KIND: Final = "depth"
_MAX_SUBSCRIPTIONS: Final = 3
_MAX_ROWS: Final = 60
_MAKERS: Final = ("NSDQ", "ARCA", "BATS", "NYSE", "IEX", "EDGX", "MEMX")


@final
class _Depth:
    """One depth subscription."""

    def __init__(
        self,
        server: Server,
        session: Session,
        req_id: int,
        count: int,
        *,
        level2: bool,
        smart: bool,
    ) -> None:
        self._server = server
        self._session = session
        self._req_id = req_id
        self._count = count
        self._level2 = level2
        self._smart = smart
        self._rows: dict[int, list[Row]] = {ASK: [], BID: []}

    def show(self, board: Board) -> None:
        """Bring the client's book up to the present quote."""
        quote = board.quote
        if quote is None or not self._server.connectivity or self._server.competing_session:
            return
        tick = float(board.contract.min_tick)
        for side in (BID, ASK):
            rows = book_rows(quote, tick, self._count, bid=side == BID)
            for change in changes(self._rows[side], rows, self._count):
                self._send(side, change)
            self._rows[side] = rows

    def __call__(self, board: Board, event: MarketEvent) -> None:
        """Follow a quote."""
        if isinstance(event, Quote):
            self.show(board)

    def _send(self, side: int, change: Change) -> None:
        position, operation, price, amount = change
        data = wire.MarketDepthData(
            position=position,
            operation=operation,
            side=side,
            price=price,
            size=size(amount),
            marketMaker=_MAKERS[position % len(_MAKERS)] if self._level2 else "",
            isSmartDepth=self._smart,
        )
        message = wire.MarketDepthL2 if self._level2 else wire.MarketDepth
        self._session.send(message(reqId=self._req_id, marketDepthData=data))


@final
class DepthHandlers:
    """Serves market depth."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.MarketDepthRequest, self.subscribe)
        routes.add(wire.CancelMarketDepth, self.unsubscribe)

    def subscribe(self, session: Session, message: wire.MarketDepthRequest) -> None:
        """Insert the present rows and follow the quotes."""
        req_id = message.reqId or 0
        if session.has(_KIND, req_id):
            raise RequestRefused(
                322, "Error processing request.-'bP' : cause - Duplicate ticker ID"
            )
        if self._server.config.pacing and session.count(_KIND) >= _MAX_SUBSCRIPTIONS:
            raise RequestRefused(309, "Max number (3) of market depth requests has been reached")
        simulation = self._server.simulation
        contract = simulation.contract_of(message.contract)
        check_service(self._server, contract, Service.DEPTH)
        if contract.sec_type == "IND":
            raise RequestRefused(10092, "Deep market data is not supported for this combination")
        count = min(max(message.numRows or 5, 1), _MAX_ROWS)
        self._server.activity()
        depth = _Depth(
            self._server,
            session,
            req_id,
            count,
            level2=contract.sec_type == "STK" or message.isSmartDepth,
            smart=message.isSmartDepth,
        )
        depth.show(simulation.feed.board(contract))
        session.subscribe(_KIND, req_id, simulation.feed.listen(contract, depth))

    def unsubscribe(self, session: Session, message: wire.CancelMarketDepth) -> None:
        """End a depth subscription."""
        if not session.cancel(_KIND, message.reqId or 0):
            session.error(
                message.reqId or 0,
                310,
                f"Can't find the subscribed market depth with tickerId:{message.reqId}",
            )
