"""Historical data: bars with live updates, ticks, schedules, head timestamps, histograms."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final
from zoneinfo import ZoneInfo

from posei_ib_sim import wire
from posei_ib_sim.clock import NANOSECONDS
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history import (
    DERIVED,
    WHAT_TO_SHOW,
    format_time,
    parse_bar_size,
    parse_duration,
    parse_moment,
)
from posei_ib_sim.market import MarketEvent, Quote
from posei_ib_sim.server.bar_messages import BarMessages
from posei_ib_sim.server.translate import bar_message, size

if TYPE_CHECKING:
    from posei_ib_sim.contracts import SimContract
    from posei_ib_sim.history import Bar, BarBuilder, BarSize
    from posei_ib_sim.market import Board
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["HistoryHandlers", "tick_messages"]

_KIND: Final = "history"
_MAX_OPEN: Final = 50
_UPDATE_NS: Final = NANOSECONDS
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
class _Updates:
    """Live updates of one keepUpToDate request.

    An update goes out when a bar begins, at most once a simulated second while it grows, and once
    more with its final values when it ends, so the last update of a bar always is the whole bar.
    """

    def __init__(
        self,
        server: Server,
        session: Session,
        req_id: int,
        builder: BarBuilder,
        zone: ZoneInfo,
        *,
        intraday: bool,
        epoch: bool,
    ) -> None:
        self._server = server
        self._session = session
        self._req_id = req_id
        self._builder = builder
        self._zone = zone
        self._intraday = intraday
        self._epoch = epoch
        self._sent_ns = 0
        self._dirty = False
        self._watch_end(builder.current)

    def __call__(self, _: Board, event: MarketEvent) -> None:
        """Take an event in."""
        before, samples = self._builder.current, self._builder.samples_taken
        finished = self._builder.add(event)
        if self._builder.samples_taken == samples:
            return
        if finished is not None and self._dirty:
            self._send(finished)
        current = self._builder.current
        if current is None:
            return
        self._dirty = True
        if current is not before:
            self._watch_end(current)
        if current is not before or event.ts_ns - self._sent_ns >= _UPDATE_NS:
            self._sent_ns = event.ts_ns
            self._send(current)

    def _watch_end(self, bar: Bar | None) -> None:
        if bar is not None and self._intraday:
            until = self._builder.until_ns
            self._server.simulation.clock.call_at(until, lambda: self._end(bar))

    def _end(self, bar: Bar) -> None:
        if self._builder.current is bar and self._dirty:
            self._send(bar)

    def _send(self, bar: Bar) -> None:
        self._dirty = False
        if not self._server.connectivity or not self._session.has(_KIND, self._req_id):
            return
        self._session.send(
            wire.HistoricalDataUpdate(
                reqId=self._req_id,
                historicalDataBar=bar_message(
                    bar, self._zone, intraday=self._intraday, epoch=self._epoch
                ),
            )
        )


@final
class HistoryHandlers:
    """Serves requests for the past."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._messages = BarMessages()

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.HistoricalDataRequest, self.bars)
        routes.add(wire.CancelHistoricalData, self.cancel_bars)
        routes.add(wire.HistoricalTicksRequest, self.ticks)
        routes.add(wire.CancelHistoricalTicks, self.already_answered)
        routes.add(wire.HeadTimestampRequest, self.head_timestamp)
        routes.add(wire.CancelHeadTimestamp, self.head_answered)
        routes.add(wire.HistogramDataRequest, self.histogram)
        routes.add(wire.CancelHistogramData, self.histogram_answered)

    def bars(self, session: Session, message: wire.HistoricalDataRequest) -> None:
        """Answer bars or a schedule; with keepUpToDate updates follow."""
        req_id = message.reqId or 0
        if session.has(_KIND, req_id):
            raise RequestRefused(
                322, "Error processing request.-'bQ' : cause - Duplicate ticker ID"
            )
        what = message.whatToShow.upper()
        if what not in WHAT_TO_SHOW:
            raise RequestRefused(
                321, f"Error validating request.-'bQ' : cause - whatToShow {what!r} is unknown"
            )
        contract = self._contract(message.contract)
        size_ = parse_bar_size(message.barSizeSetting)
        duration = parse_duration(message.duration)
        end_ns = parse_moment(message.endDateTime, self._server.simulation.zone)
        if contract.sec_type == "CONTFUT" and end_ns is not None:
            raise RequestRefused(
                10339,
                "Setting end date/time for continuous future security type is not allowed.",
            )
        if message.keepUpToDate and end_ns is not None:
            raise RequestRefused(
                321,
                "Error validating request.-'bQ' : cause - End date time must be empty with "
                "keepUpToDate",
            )
        history = self._server.simulation.history
        history.check(contract, what)
        if what in DERIVED and message.keepUpToDate:
            raise RequestRefused(
                321, f"Error validating request.-'bJ' : cause - {what} cannot be kept up to date"
            )
        self._pace(session, contract, message, what, small=0 < size_.seconds <= 30)
        start, end = history.range_of(contract, end_ns, duration, use_rth=message.useRTH)
        if what == "SCHEDULE":
            self._schedule(session, req_id, contract, start, end)
            return
        bars, builder = history.bars(contract, start, end, size_, what, use_rth=message.useRTH)
        if not bars and not message.keepUpToDate:
            raise history.no_data(contract, what)
        self._answer(session, message, contract, bars, size_, (start, end))
        if message.keepUpToDate:
            self._keep_up(session, message, contract, builder, size_)

    def cancel_bars(self, session: Session, message: wire.CancelHistoricalData) -> None:
        """End live updates, or answer that nothing runs under that id."""
        req_id = message.reqId or 0
        if session.cancel(_KIND, req_id):
            return
        session.error(req_id, 366, f"No historical data query found for ticker id:{req_id}")

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
        contract = self._contract(message.contract)
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
        entries = history.histogram(contract, start, end, use_rth=message.useRTH)
        session.send(
            wire.HistogramData(
                reqId=message.reqId,
                histogramDataEntries=tuple(
                    wire.HistogramDataEntry(price=price, size=size(amount))
                    for price, amount in entries.items()
                ),
            )
        )

    def already_answered(self, session: Session, message: wire.CancelHistoricalTicks) -> None:
        """Accept a cancellation that comes after the answer."""

    def head_answered(self, session: Session, message: wire.CancelHeadTimestamp) -> None:
        """Accept a cancellation that comes after the answer."""

    def histogram_answered(self, session: Session, message: wire.CancelHistogramData) -> None:
        """Accept a cancellation that comes after the answer."""

    def _contract(self, contract: wire.Contract) -> SimContract:
        return self._server.simulation.contract_of(contract)

    def _pace(
        self,
        session: Session,
        contract: SimContract,
        message: wire.HistoricalDataRequest,
        what: str,
        *,
        small: bool,
    ) -> None:
        if not self._server.config.pacing:
            return
        if session.count(_KIND) >= _MAX_OPEN:
            raise RequestRefused(
                162,
                "Historical Market Data Service error message:Max number of simultaneous "
                "historical requests has been reached",
            )
        stream = (contract.con_id, contract.exchange, what)
        request = (
            *stream,
            message.endDateTime,
            message.barSizeSetting,
            message.duration,
            message.useRTH,
            message.formatDate,
            message.keepUpToDate,
        )
        weight = 2 if what == "BID_ASK" else 1
        self._server.history_pacing.check(request, stream, small_bars=small, weight=weight)

    def _answer(
        self,
        session: Session,
        message: wire.HistoricalDataRequest,
        contract: SimContract,
        bars: list[Bar],
        size_: BarSize,
        span: tuple[int, int],
    ) -> None:
        zone = self._server.simulation.hours.zone(contract.hours)
        epoch = message.formatDate == 2
        own_zone = self._server.simulation.zone
        start, end = (format_time(moment, own_zone) for moment in span)
        session.send(
            wire.HistoricalData(
                reqId=message.reqId,
                historicalDataBars=self._messages.of(
                    bars, zone, intraday=size_.is_intraday, epoch=epoch
                ),
                startDateStr=start,
                endDateStr=end,
            )
        )
        session.send(
            wire.HistoricalDataEnd(reqId=message.reqId, startDateStr=start, endDateStr=end)
        )

    def _keep_up(
        self,
        session: Session,
        message: wire.HistoricalDataRequest,
        contract: SimContract,
        builder: BarBuilder,
        size_: BarSize,
    ) -> None:
        simulation = self._server.simulation
        self._server.activity()
        req_id = message.reqId or 0
        updates = _Updates(
            self._server,
            session,
            req_id,
            builder,
            simulation.hours.zone(contract.hours),
            intraday=size_.is_intraday,
            epoch=message.formatDate == 2,
        )
        session.subscribe(_KIND, req_id, simulation.feed.listen(contract, updates))

    def _schedule(
        self, session: Session, req_id: int, contract: SimContract, start: int, end: int
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
                        startDateTime=stamp(one.open_ns),
                        endDateTime=stamp(one.close_ns),
                        refDate=f"{one.date:%Y%m%d}",
                    )
                    for one in sessions
                ),
            )
        )
