"""Tick-by-tick data and five-second bars."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.clock import NANOSECONDS
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history import Bar, BarBuilder, parse_bar_size
from posei_ib_sim.market import MarketEvent, Quote
from posei_ib_sim.server.handlers.history import tick_messages
from posei_ib_sim.server.permissions import Service, check_service
from posei_ib_sim.server.translate import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_ib_sim.contracts import SimContract
    from posei_ib_sim.market import Board
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["TickHandlers"]

_LAST, _ALL_LAST, _BID_ASK, _MID_POINT = 1, 2, 3, 4
_TYPES: Final = {"Last": 1, "AllLast": 2, "BidAsk": 3, "MidPoint": 4}
_MAX_SUBSCRIPTIONS: Final = 5
_FIVE_SECONDS_NS: Final = 5 * NANOSECONDS
_BAR_WHAT: Final = frozenset({"TRADES", "MIDPOINT", "BID", "ASK"})
_TICKS: Final = "tick-by-tick"
_BARS: Final = "real-time bars"


@final
class _TickStream:
    """One tick-by-tick subscription."""

    __slots__ = ("_exchange", "_ignore_size", "_kind", "_prices", "_req_id", "_server", "_session")

    def __init__(
        self,
        server: Server,
        session: Session,
        req_id: int,
        kind: int,
        *,
        ignore_size: bool,
        exchange: str,
    ) -> None:
        self._server = server
        self._session = session
        self._req_id = req_id
        self._kind = kind
        self._ignore_size = ignore_size
        self._exchange = exchange
        self._prices: tuple[float, float] | None = None

    def __call__(self, _: Board, event: MarketEvent) -> None:
        """Send the event if the subscription is about its kind."""
        if not self._server.connectivity or self._server.competing_session:
            return
        second = event.ts_ns // NANOSECONDS
        if isinstance(event, Quote):
            self._quote(event, second)
        elif self._kind in {_LAST, _ALL_LAST}:
            tick = wire.HistoricalTickLast(
                time=second, price=event.price, size=size(event.size), exchange=self._exchange
            )
            self._session.send(
                wire.TickByTickData(
                    reqId=self._req_id, tickType=self._kind, historicalTickLast=tick
                )
            )

    def _quote(self, quote: Quote, second: int) -> None:
        if self._kind == _BID_ASK:
            prices = (quote.bid, quote.ask)
            if self._ignore_size and prices == self._prices:
                return
            self._prices = prices
            tick = wire.HistoricalTickBidAsk(
                time=second,
                priceBid=quote.bid,
                priceAsk=quote.ask,
                sizeBid=size(quote.bid_size),
                sizeAsk=size(quote.ask_size),
            )
            self._session.send(
                wire.TickByTickData(
                    reqId=self._req_id, tickType=_BID_ASK, historicalTickBidAsk=tick
                )
            )
        elif self._kind == _MID_POINT:
            mid = quote.mid
            if self._prices == (mid, mid):
                return
            self._prices = (mid, mid)
            self._session.send(
                wire.TickByTickData(
                    reqId=self._req_id,
                    tickType=_MID_POINT,
                    historicalTickMidPoint=wire.HistoricalTick(
                        time=second, price=mid, size=Decimal(0)
                    ),
                )
            )


@final
class _BarStream:
    """One subscription to five-second bars.

    Where nothing happened, `idle_bars` makes a bar that repeats the last price, from the first
    event on and while the venue is open.
    """

    def __init__(
        self,
        server: Server,
        session: Session,
        req_id: int,
        builder: BarBuilder,
        is_open: Callable[[int], bool],
    ) -> None:
        self._server = server
        self._session = session
        self._req_id = req_id
        self._builder = builder
        self._is_open = is_open
        # The last bar, once it is over and until an event begins the next one.
        self._idle_since: Bar | None = None
        self._has_ended = False

    def __call__(self, _: Board, event: MarketEvent) -> None:
        """Take an event in; a finished bar is sent when its five seconds are over."""
        before = self._builder.current
        finished = self._builder.add(event)
        if finished is not None:
            self._send(finished)
        current = self._builder.current
        if current is not None and current is not before:
            idle = self._idle_since
            if idle is not None and current.start_ns == idle.start_ns + 2 * _FIVE_SECONDS_NS:
                self._repeat(idle)  # its end is the moment of this event
            self._idle_since = None
            self._server.simulation.clock.call_at(
                self._builder.until_ns, lambda: self._close(current)
            )

    def end(self) -> None:
        """Send nothing any more."""
        self._has_ended = True

    def _close(self, bar: Bar) -> None:
        if self._builder.current is bar:
            self._builder.current = None
            self._send(bar)
            if self._server.config.idle_bars:
                self._wait(bar)

    def _wait(self, bar: Bar) -> None:
        self._idle_since = bar
        self._server.simulation.clock.call_at(
            bar.start_ns + 2 * _FIVE_SECONDS_NS, lambda: self._repeat(bar)
        )

    def _repeat(self, bar: Bar) -> None:
        """Send the bar after one, in which nothing happened."""
        start_ns = bar.start_ns + _FIVE_SECONDS_NS
        if self._idle_since is not bar or self._has_ended or not self._is_open(start_ns):
            return
        is_traded = bar.count >= 0
        price = bar.close
        volume, wap, count = (0.0, price, 0) if is_traded else (-1.0, -1.0, -1)
        same = Bar(start_ns, bar.date, price, price, price, price, volume, wap, count)
        self._send(same)
        self._wait(same)

    def _send(self, bar: Bar) -> None:
        if not self._server.connectivity or self._server.competing_session or self._has_ended:
            return
        self._session.send(
            wire.RealTimeBarTick(
                reqId=self._req_id,
                time=bar.start_ns // NANOSECONDS,
                open=bar.open,
                high=bar.high,
                low=bar.low,
                close=bar.close,
                volume=size(bar.volume),
                WAP=Decimal(repr(bar.wap)) if bar.count >= 0 else Decimal(-1),
                count=bar.count,
            )
        )


@final
class TickHandlers:
    """Serves tick-by-tick subscriptions and real-time bars."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.TickByTickRequest, self.subscribe)
        routes.add(wire.CancelTickByTick, self.unsubscribe)
        routes.add(wire.RealTimeBarsRequest, self.subscribe_bars)
        routes.add(wire.CancelRealTimeBars, self.unsubscribe_bars)

    def subscribe(self, session: Session, message: wire.TickByTickRequest) -> None:
        """Start a tick-by-tick subscription, with past ticks first when asked for."""
        req_id = message.reqId or 0
        kind = _TYPES.get(message.tickType)
        if kind is None:
            raise RequestRefused(321, "Error validating request.-'bB' : cause - Invalid tick type")
        if session.has(_TICKS, req_id):
            raise RequestRefused(
                322, "Error processing request.-'bP' : cause - Duplicate ticker ID"
            )
        if self._server.config.pacing and session.count(_TICKS) >= _MAX_SUBSCRIPTIONS:
            raise RequestRefused(10190, "Max number of tick-by-tick requests has been reached.")
        simulation = self._server.simulation
        contract = simulation.contract_of(message.contract)
        check_service(self._server, contract, Service.TICKS)
        self._check(contract, kind)
        self._server.activity()
        if message.numberOfTicks:
            what = {1: "TRADES", 2: "TRADES", 3: "BID_ASK", 4: "MIDPOINT"}[kind]
            ticks = simulation.history.ticks(
                contract, None, None, message.numberOfTicks, what, use_rth=False
            )
            session.send(tick_messages(req_id, ticks, what, contract.exchange))
        stream = _TickStream(
            self._server,
            session,
            req_id,
            kind,
            ignore_size=message.ignoreSize,
            exchange=contract.primary_exchange or contract.exchange,
        )
        session.subscribe(_TICKS, req_id, simulation.feed.listen(contract, stream))

    def unsubscribe(self, session: Session, message: wire.CancelTickByTick) -> None:
        """End a tick-by-tick subscription."""
        if not session.cancel(_TICKS, message.reqId or 0):
            session.error(message.reqId or 0, 300, f"Can't find EId with tickerId:{message.reqId}")

    def subscribe_bars(self, session: Session, message: wire.RealTimeBarsRequest) -> None:
        """Start five-second bars."""
        req_id = message.reqId or 0
        simulation = self._server.simulation
        contract = simulation.contract_of(message.contract)
        check_service(self._server, contract, Service.LIVE_BARS)
        what = message.whatToShow.upper()
        if what not in _BAR_WHAT or (what == "TRADES" and not contract.has_trades):
            raise RequestRefused(
                420, f"Invalid Real-time Query:No market data permissions for {what}"
            )
        self._server.activity()
        builder = BarBuilder(
            simulation.hours, contract.hours, parse_bar_size("5 secs"), what, use_rth=message.useRTH
        )

        def is_open(ts_ns: int) -> bool:
            # A file that has ended says nothing about the rest of its day.
            return not simulation.feed.has_ended(contract.con_id) and simulation.hours.is_open(
                contract.hours, ts_ns, liquid=message.useRTH
            )

        stream = _BarStream(self._server, session, req_id, builder, is_open)
        unlisten = simulation.feed.listen(contract, stream)

        def stop() -> None:
            unlisten()
            stream.end()

        session.subscribe(_BARS, req_id, stop)

    def unsubscribe_bars(self, session: Session, message: wire.CancelRealTimeBars) -> None:
        """End five-second bars."""
        if not session.cancel(_BARS, message.reqId or 0):
            session.error(message.reqId or 0, 300, f"Can't find EId with tickerId:{message.reqId}")

    @staticmethod
    def _check(contract: SimContract, kind: int) -> None:
        prints = kind in {_LAST, _ALL_LAST}
        if prints and not contract.has_trades:
            raise RequestRefused(
                10189,
                "Failed to request tick-by-tick data.No market data permissions for "
                f"{contract.exchange} {contract.sec_type} Last",
            )
        if not prints and contract.sec_type == "IND":
            raise RequestRefused(
                10189,
                "Failed to request tick-by-tick data.No market data permissions for "
                f"{contract.exchange} IND BidAsk",
            )
