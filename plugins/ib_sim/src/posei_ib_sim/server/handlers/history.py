"""Historical data: bars with live updates, ticks, schedules, head timestamps, histograms."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final
from zoneinfo import ZoneInfo

from posei_ib_sim import wire
from posei_ib_sim.clock import NANOSECONDS
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history import format_time, parse_duration, parse_moment
from posei_ib_sim.market import MarketEvent, Quote
from posei_ib_sim.server.bar_rows import rows_of
from posei_ib_sim.server.handlers.history_query import HistoryQuery, query_of
from posei_ib_sim.server.handlers.kept_up import HISTORY, KeptUp
from posei_ib_sim.server.permissions import Service, check_service
from posei_ib_sim.server.translate import size

if TYPE_CHECKING:
    from posei_ib_sim.contracts import SimContract
    from posei_ib_sim.history import BarBuilder, BarTable
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["HistoryHandlers", "tick_messages"]

_HISTOGRAM: Final = "histogram"
_MAX_OPEN: Final = 50
_UTC: Final = ZoneInfo("UTC")


def tick_messages(
    req_id: int, ticks: list[MarketEvent], what: str, exchange: str
) -> wire.HistoricalTicks | wire.HistoricalTicksBidAsk | wire.HistoricalTicksLast:
    """Return past ticks as the one message that fits their kind."""
    if what == "BID_ASK":
        return wire.HistoricalTicksBidAsk(
            reqId=req_id,
            historicalTicksBidAsk=tuple(
                wire.HistoricalTickBidAsk(
                    time=tick.ts_ns // NANOSECONDS,
                    priceBid=tick.bid,
                    priceAsk=tick.ask,
                    sizeBid=size(tick.bid_size),
                    sizeAsk=size(tick.ask_size),
                )
                for tick in ticks
                if isinstance(tick, Quote)
            ),
            isDone=True,
        )
    if what == "MIDPOINT":
        return wire.HistoricalTicks(
            reqId=req_id,
            historicalTicks=tuple(
                wire.HistoricalTick(time=tick.ts_ns // NANOSECONDS, price=tick.mid, size=Decimal(0))
                for tick in ticks
                if isinstance(tick, Quote)
            ),
            isDone=True,
        )
    return wire.HistoricalTicksLast(
        reqId=req_id,
        historicalTicksLast=tuple(
            wire.HistoricalTickLast(
                time=tick.ts_ns // NANOSECONDS,
                price=tick.price,
                size=size(tick.size),
                exchange=exchange,
            )
            for tick in ticks
            if not isinstance(tick, Quote)
        ),
        isDone=True,
    )


@final
class HistoryHandlers:
    """Serves requests for the past."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.HistoricalDataRequest, self.bars)
        routes.add(wire.CancelHistoricalData, self.cancel_bars)
        routes.add(wire.HistoricalTicksRequest, self.ticks)
        routes.add(wire.CancelHistoricalTicks, self.already_answered)
        routes.add(wire.HeadTimestampRequest, self.head_timestamp)
        routes.add(wire.CancelHeadTimestamp, self.head_answered)
        routes.add(wire.HistogramDataRequest, self.histogram)
        routes.add(wire.CancelHistogramData, self.cancel_histogram)

    def bars(self, session: Session, message: wire.HistoricalDataRequest) -> None:
        """Answer bars or a schedule; with keepUpToDate updates follow."""
        req_id = message.reqId or 0
        if session.has(HISTORY, req_id):
            raise RequestRefused(
                322, "Error processing request.-'bQ' : cause - Duplicate ticker ID"
            )
        simulation = self._server.simulation
        query = query_of(message, simulation)
        if query.what != "SCHEDULE":
            check_service(self._server, query.contract, Service.HISTORY)
        self._pace(session, query)
        history, contract, use_rth = simulation.history, query.contract, message.useRTH
        start, end = history.range_of(
            contract, query.end_ns, query.duration, query.what, use_rth=use_rth
        )
        if query.what == "SCHEDULE":
            self._schedule(session, req_id, contract, start, end, use_rth=message.useRTH)
            return
        steps = history.table(contract, start, end, query.size, query.what, use_rth=use_rth)
        self._server.jobs.run(
            session,
            (HISTORY, req_id),
            steps,
            lambda built: self._answer(session, query, (start, end), *built),
        )

    def cancel_bars(self, session: Session, message: wire.CancelHistoricalData) -> None:
        """End live updates or work on an answer, or say that nothing runs under that id."""
        req_id = message.reqId or 0
        is_work = self._server.jobs.is_running(session, (HISTORY, req_id))
        if not session.cancel(HISTORY, req_id):
            session.error(req_id, 366, f"No historical data query found for ticker id:{req_id}")
        elif is_work:
            session.error(
                req_id,
                162,
                "Historical Market Data Service error message:API historical data query "
                f"cancelled: {req_id}",
            )

    def ticks(self, session: Session, message: wire.HistoricalTicksRequest) -> None:
        """Answer up to 1,000 ticks."""
        zone = self._server.simulation.zone
        start = parse_moment(message.startDateTime, zone)
        end = parse_moment(message.endDateTime, zone)
        if start is None and end is None:
            raise RequestRefused(
                321,
                "Error validating request.-'bY' : cause - Either start time or end time is needed",
            )
        what = message.whatToShow.upper()
        if what not in {"TRADES", "BID_ASK", "MIDPOINT"}:
            raise RequestRefused(
                321, f"Error validating request.-'bY' : cause - whatToShow {what!r} is unknown"
            )
        contract = self._server.simulation.contract_of(message.contract)
        check_service(self._server, contract, Service.PAST_TICKS)
        history = self._server.simulation.history
        history.check(contract, what)
        ticks = history.ticks(
            contract, start, end, message.numberOfTicks or 1000, what, use_rth=message.useRTH
        )
        venue = contract.primary_exchange or contract.exchange
        session.send(tick_messages(message.reqId or 0, ticks, what, venue))

    def head_timestamp(self, session: Session, message: wire.HeadTimestampRequest) -> None:
        """Answer where a contract's history begins."""
        contract = self._contract(message.contract)
        what = message.whatToShow.upper()
        history = self._server.simulation.history
        history.check(contract, what)
        first = history.head(contract, what, use_rth=message.useRTH)
        text = (
            str(first // NANOSECONDS)
            if message.formatDate == 2
            else format_time(first, _UTC).replace(" ", "-", 1).partition(" ")[0]
        )
        session.send(wire.HeadTimestamp(reqId=message.reqId, headTimestamp=text))

    def histogram(self, session: Session, message: wire.HistogramDataRequest) -> None:
        """Answer traded size by price."""
        contract = self._contract(message.contract)
        number, _, unit = message.timePeriod.partition(" ")
        duration = parse_duration(f"{number} {(unit or 'D')[:1].upper()}")
        history = self._server.simulation.history
        history.check(contract, "TRADES")
        start, end = history.range_of(contract, None, duration, use_rth=message.useRTH)
        self._server.jobs.run(
            session,
            (_HISTOGRAM, message.reqId or 0),
            history.histogram(contract, start, end, use_rth=message.useRTH),
            lambda entries: session.send(
                wire.HistogramData(
                    reqId=message.reqId,
                    histogramDataEntries=tuple(
                        wire.HistogramDataEntry(price=price, size=size(amount))
                        for price, amount in entries.items()
                    ),
                )
            ),
        )

    def already_answered(self, session: Session, message: wire.CancelHistoricalTicks) -> None:
        """Accept a cancellation that comes after the answer."""

    def head_answered(self, session: Session, message: wire.CancelHeadTimestamp) -> None:
        """Accept a cancellation that comes after the answer."""

    def cancel_histogram(self, session: Session, message: wire.CancelHistogramData) -> None:
        """End the work on an answer; a cancellation that comes after it is accepted."""
        session.cancel(_HISTOGRAM, message.reqId or 0)

    def _contract(self, described: wire.Contract) -> SimContract:
        contract = self._server.simulation.contract_of(described)
        check_service(self._server, contract, Service.HISTORY)
        return contract

    def _pace(self, session: Session, query: HistoryQuery) -> None:
        if not self._server.config.pacing:
            return
        if session.count(HISTORY) >= _MAX_OPEN:
            raise RequestRefused(
                162,
                "Historical Market Data Service error message:Max number of simultaneous "
                "historical requests has been reached",
            )
        small = 0 < query.size.seconds <= 30
        weight = 2 if query.what == "BID_ASK" else 1
        self._server.history_pacing.check(
            query.identity, query.stream, small_bars=small, weight=weight
        )

    def _answer(
        self,
        session: Session,
        query: HistoryQuery,
        span: tuple[int, int],
        table: BarTable,
        builder: BarBuilder,
    ) -> None:
        simulation = self._server.simulation
        history, contract, message = simulation.history, query.contract, query.message
        if message.keepUpToDate and self._server.now_ns >= span[1]:
            # Time went on while the answer was worked on.
            table = history.caught_up(contract, builder, table, span[1])
        if not len(table) and not message.keepUpToDate:
            raise history.no_data(contract, query.what)
        zone = simulation.hours.zone(contract.hours)
        rows = rows_of(table, zone, intraday=query.size.is_intraday, epoch=message.formatDate == 2)
        start, end = (format_time(moment, simulation.zone) for moment in span)
        req_id = message.reqId or 0
        try:
            session.send_bars(req_id, start, end, rows)
        except wire.FramingError:
            raise history.too_much() from None
        session.send(wire.HistoricalDataEnd(reqId=req_id, startDateStr=start, endDateStr=end))
        if message.keepUpToDate:
            self._keep_up(session, query, builder)

    def _keep_up(self, session: Session, query: HistoryQuery, builder: BarBuilder) -> None:
        simulation = self._server.simulation
        self._server.activity()
        req_id = query.message.reqId or 0
        updates = KeptUp(
            self._server,
            session,
            req_id,
            builder,
            simulation.hours.zone(query.contract.hours),
            intraday=query.size.is_intraday,
            epoch=query.message.formatDate == 2,
        )
        session.subscribe(HISTORY, req_id, simulation.feed.listen(query.contract, updates))

    def _schedule(
        self,
        session: Session,
        req_id: int,
        contract: SimContract,
        start: int,
        end: int,
        *,
        use_rth: bool,
    ) -> None:
        simulation = self._server.simulation
        zone = simulation.hours.zone(contract.hours)
        sessions = simulation.history.sessions(contract, start, end)

        def stamp(ts_ns: int) -> str:
            date, clock = format_time(ts_ns, zone).split(" ")[:2]
            return f"{date}-{clock}"

        session.send(
            wire.HistoricalSchedule(
                reqId=req_id,
                startDateTime=stamp(sessions[0].open_ns if sessions else start),
                endDateTime=stamp(sessions[-1].close_ns if sessions else end),
                timeZone=zone.key,
                historicalSessions=tuple(
                    wire.HistoricalSession(
                        startDateTime=stamp(opened),
                        endDateTime=stamp(closed),
                        refDate=f"{one.date:%Y%m%d}",
                    )
                    for one in sessions
                    for opened, closed in (
                        one.liquid if use_rth and one.liquid else ((one.open_ns, one.close_ns),)
                    )
                ),
            )
        )
