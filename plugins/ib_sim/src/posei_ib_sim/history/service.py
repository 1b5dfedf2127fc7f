"""Answers about the past: bars, ticks, head timestamps, schedules, histograms.

Everything is read from the same tape that is streamed, and never beyond the simulated now. What
takes long is a generator that yields after every few milliseconds of work and returns its result.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Final, TypeVar, final

import numpy as np

from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history.aggregate import Bar, BarBuilder
from posei_ib_sim.history.archive import BarArchive
from posei_ib_sim.history.bar_sizes import parse_bar_size
from posei_ib_sim.history.bulk import BulkBuilder, OutsideSessions
from posei_ib_sim.history.derived import (
    DERIVED,
    WINDOW,
    derive,
    derive_yields,
    realized_volatility,
)
from posei_ib_sim.history.past_ticks import TRADE_KINDS, PastTicks
from posei_ib_sim.history.ranges import Ranges
from posei_ib_sim.history.table import BarTable
from posei_ib_sim.market.columns import ColumnTape
from posei_ib_sim.market.tape import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from posei_ib_sim.contracts.hours import HoursBook, Session
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.history.bar_sizes import BarSize, Duration
    from posei_ib_sim.market.columns import Floats, Moments, TickColumns, TickMatrix
    from posei_ib_sim.market.events import MarketEvent
    from posei_ib_sim.market.tape import Tape

    Steps = Generator[None, None, "Result"]

__all__ = ["HistoryService", "run_through"]

_NO_DATA: Final = 162
_NO_DATA_TEXT: Final = (
    "Historical Market Data Service error message:HMDS query returned no data: {name}@{exchange} "
    "{what}"
)
_DAY_NS: Final = 86_400_000_000_000
_SECOND_NS: Final = 1_000_000_000
_VOLATILITIES: Final = frozenset({"HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY"})
_PAGE: Final = 1000
_EVENTS_A_STEP: Final = 2_000
# About what fits into a frame that clients accept.
_MOST_BARS: Final = 250_000
# Synthetic prices have no beginning; IB's head timestamps have one.
_SYNTHETIC_HEAD_NS: Final = 1_104_762_600 * _SECOND_NS
# A range may begin this long before the first event, so that its session is in it.
_MARGIN_NS: Final = 7 * _DAY_NS

Result = TypeVar("Result")


def run_through(steps: Steps[Result]) -> Result:
    """Do all the work of a generator at once and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result


@final
class HistoryService:
    """The simulated historical data farm.

    Args:
        hours: Sessions.
        now_ns: The simulated clock.
        tape_for: Gives the tape of a contract.
    """

    def __init__(
        self,
        hours: HoursBook,
        now_ns: Callable[[], int],
        tape_for: Callable[[SimContract], Tape],
    ) -> None:
        self._hours = hours
        self._now_ns = now_ns
        self._tape_for = tape_for
        self._archive = BarArchive()
        self._ranges = Ranges(hours, now_ns)

    def check(self, contract: SimContract, what: str) -> None:
        """Refuse data that IB does not have for a class of contracts.

        Raises:
            RequestRefused: 162 with IB's text for a combination without data.
        """
        wrong = (
            (what in TRADE_KINDS and not contract.has_trades)
            or (
                what not in TRADE_KINDS | _VOLATILITIES | {"SCHEDULE"}
                and contract.sec_type == "IND"
            )
            or (what == "AGGTRADES" and contract.sec_type != "CRYPTO")
            or (what == "ADJUSTED_LAST" and contract.sec_type != "STK")
            or (what in _VOLATILITIES and contract.sec_type not in {"STK", "IND"})
            or (what == "FEE_RATE" and contract.sec_type != "STK")
            or (what.startswith("YIELD") and contract.sec_type != "BOND")
        )
        if wrong:
            raise RequestRefused(
                _NO_DATA,
                "Historical Market Data Service error message:No historical market data for "
                f"{contract.symbol}/{contract.sec_type}@{contract.exchange} {what}",
            )

    def range_of(
        self,
        contract: SimContract,
        end_ns: int | None,
        duration: Duration,
        what: str = "",
        *,
        use_rth: bool,
    ) -> tuple[int, int]:
        """Return the start and end that a duration means, in UNIX nanoseconds.

        A schedule reaches back to where synthetic prices begin, prices to about their own begin.
        """
        first = None if what == "SCHEDULE" else self._tape_for(contract).first_ns
        floor = _SYNTHETIC_HEAD_NS if first is None else first - _MARGIN_NS
        return self._ranges.range_of(
            contract, end_ns, duration, use_rth=use_rth, floor_ns=min(floor, self._now_ns())
        )

    def bars(
        self,
        contract: SimContract,
        start_ns: int,
        end_ns: int,
        size: BarSize,
        what: str,
        *,
        use_rth: bool,
    ) -> tuple[list[Bar], BarBuilder]:
        """Return the bars of a range and the builder, with which live updates can go on.

        The range is widened to the start of its first bar: IB does not send halves of bars.
        The last bar is the builder's current one; it may still be growing.
        """
        steps = self.table(contract, start_ns, end_ns, size, what, use_rth=use_rth)
        table, builder = run_through(steps)
        bars = table.bars()
        if bars and builder.current is not None:
            bars[-1] = builder.current
        return bars, builder

    def table(
        self,
        contract: SimContract,
        start_ns: int,
        end_ns: int,
        size: BarSize,
        what: str,
        *,
        use_rth: bool,
    ) -> Steps[tuple[BarTable, BarBuilder]]:
        """Do in steps what `bars` does at once; the bars are a table."""
        kind = DERIVED.get(what, what)
        builder = BarBuilder(self._hours, contract.hours, size, kind, use_rth=use_rth)
        start_ns = builder.bar_start(start_ns)
        if what in DERIVED:
            span = (start_ns, end_ns)
            bulk = self._bulk(contract, size, kind, use_rth=use_rth)
            return (yield from self._derived(contract, builder, bulk, span, what)), builder
        if not size.is_intraday or end_ns <= start_ns:
            bulk = self._bulk(contract, size, what, use_rth=use_rth)
            return (yield from self._build(contract, builder, bulk, start_ns, end_ns)), builder
        # A bar that ended before the interval of the last moment asked for can never change.
        series = (contract.con_id, size.name, what, use_rth)
        shelf = self._archive.shelf(series, start_ns)
        last_ns = builder.bar_start(end_ns - 1)
        resume_ns = min(shelf.until_ns, last_ns)
        kept = shelf.bars.between(start_ns, resume_ns)
        bulk = self._bulk(contract, size, what, use_rth=use_rth)
        fresh = yield from self._build(contract, builder, bulk, resume_ns, end_ns)
        # Others may have gone further while this one worked.
        if resume_ns == shelf.until_ns:
            shelf.append(fresh.between(resume_ns, last_ns), last_ns)
            self._archive.tidy()
        return kept.with_more(fresh), builder

    def _bulk(
        self, contract: SimContract, size: BarSize, what: str, *, use_rth: bool
    ) -> BulkBuilder:
        return BulkBuilder(self._hours, contract.hours, size, what, use_rth=use_rth)

    def _build(
        self,
        contract: SimContract,
        builder: BarBuilder,
        bulk: BulkBuilder,
        start_ns: int,
        end_ns: int,
    ) -> Steps[BarTable]:
        tape = self._tape_for(contract)
        if isinstance(tape, ColumnTape):
            try:
                blocks = tape.blocks(start_ns, end_ns, bulk.wanted)
                return (yield from self._in_bulk(builder, bulk, blocks))
            except OutsideSessions:
                pass  # an off-hours tick: only event by event its bar can be told
        return (yield from self._one_by_one(builder, tape.events(start_ns, end_ns)))

    def _derived(
        self,
        contract: SimContract,
        builder: BarBuilder,
        bulk: BulkBuilder,
        span: tuple[int, int],
        what: str,
    ) -> Steps[BarTable]:
        tape = self._tape_for(contract)
        if what.startswith("YIELD"):
            yields = derive_yields(what, contract, tape.events(*span))
            return (yield from self._one_by_one(builder, yields))
        volatilities: Callable[[Moments], Floats] = np.zeros_like
        if what == "HISTORICAL_VOLATILITY":
            volatilities = yield from self._volatilities(contract, *span)

        def blocks() -> Iterator[TickColumns]:
            for ticks in columns_of(tape, *span):
                yield derive(what, contract, ticks, volatilities)

        try:
            return (yield from self._in_bulk(builder, bulk, blocks()))
        except OutsideSessions:
            events = (event for ticks in blocks() for event in ticks.events())
            return (yield from self._one_by_one(builder, events))

    def _in_bulk(
        self, builder: BarBuilder, bulk: BulkBuilder, blocks: Iterable[TickColumns | TickMatrix]
    ) -> Steps[BarTable]:
        for ticks in blocks:
            bulk.add(ticks)
            if bulk.parts > _MOST_BARS:
                raise self.too_much()
            yield
        return bulk.finish(builder)

    def _one_by_one(self, builder: BarBuilder, events: Iterator[MarketEvent]) -> Steps[BarTable]:
        bars: list[Bar] = []
        for number, event in enumerate(events, 1):
            finished = builder.add(event)
            if finished is not None:
                bars.append(finished)
            if number % _EVENTS_A_STEP == 0:
                if len(bars) > _MOST_BARS:
                    raise self.too_much()
                yield
        if builder.current is not None:
            bars.append(builder.current)
        return BarTable.of(bars)

    def _volatilities(
        self, contract: SimContract, start_ns: int, end_ns: int
    ) -> Steps[Callable[[Moments], Floats]]:
        """Return what tells the volatility of the dates before moments, from daily closes."""
        what = "TRADES" if contract.has_trades else "MIDPOINT"
        first = start_ns - 2 * WINDOW * _DAY_NS
        size = parse_bar_size("1 day")
        table, _ = yield from self.table(contract, first, end_ns, size, what, use_rth=True)
        daily = table.bars()
        dates = [bar.date for bar in daily]
        sessions = self.sessions(contract, start_ns - 15 * _DAY_NS, end_ns + 15 * _DAY_NS)
        closes = np.array([session.close_ns for session in sessions], np.int64)

        def of_session(place: int) -> float:
            ordinal = sessions[place].date if place < len(sessions) else dates[-1]
            number = bisect.bisect_left(dates, ordinal)
            return round(realized_volatility(daily[max(0, number - WINDOW - 1) : number]), 6)

        known: dict[int, float] = {}

        def before(moments: Moments) -> Floats:
            # Between sessions the next one counts.
            places, rows = np.unique(np.searchsorted(closes, moments, "right"), return_inverse=True)
            for place in places.tolist():
                if place not in known:
                    known[place] = of_session(place)
            return np.array([known[place] for place in places.tolist()])[rows]

        return before

    def caught_up(
        self, contract: SimContract, builder: BarBuilder, table: BarTable, since_ns: int
    ) -> BarTable:
        """Return a builder's table with what has happened since a moment until now."""
        known = table.cut(0, len(table) - (builder.current is not None))
        events = self._tape_for(contract).events(since_ns, self._now_ns() + 1)
        bars = [bar for bar in map(builder.add, events) if bar is not None]
        if builder.current is not None:
            bars.append(builder.current)
        return known.with_more(BarTable.of(bars))

    def too_much(self) -> RequestRefused:
        """Return IB's refusal of an answer that would be too long."""
        return RequestRefused(
            _NO_DATA, "Historical Market Data Service error message:Time length exceed max."
        )

    def no_data(self, contract: SimContract, what: str) -> RequestRefused:
        """Return IB's refusal for a range in which nothing happened."""
        text = _NO_DATA_TEXT.format(
            name=contract.symbol, exchange=contract.exchange, what=what.title()
        )
        return RequestRefused(_NO_DATA, text)

    def ticks(
        self,
        contract: SimContract,
        start_ns: int | None,
        end_ns: int | None,
        count: int,
        what: str,
        *,
        use_rth: bool,
    ) -> list[MarketEvent]:
        """Return up to `count` ticks from a start onwards, or the last ones before an end.

        As IB does: at most 1,000, plus the rest of the last whole second reached.
        """
        count = min(max(count, 1), _PAGE)
        now = self._now_ns() + 1
        limit = min(end_ns, now) if end_ns is not None else now
        past = self._past(contract, what, use_rth=use_rth)
        if start_ns is not None:
            return past.first(start_ns, limit, count)
        return past.last(limit, count)

    def head(self, contract: SimContract, what: str, *, use_rth: bool) -> int:
        """Return the time of the first event of a kind.

        Raises:
            RequestRefused: There is none.
        """
        first = self._tape_for(contract).first_ns
        if first is None:
            return _SYNTHETIC_HEAD_NS
        if what in DERIVED:
            return first
        found = self._past(contract, what, use_rth=use_rth).first(first, self._now_ns() + 1, 1)
        if not found:
            raise self.no_data(contract, what)
        return found[0].ts_ns

    def sessions(self, contract: SimContract, start_ns: int, end_ns: int) -> list[Session]:
        """Return the sessions that overlap a range."""
        first = self._hours.local_date(contract.hours, start_ns)
        last = self._hours.local_date(contract.hours, end_ns)
        return [
            session
            for session in self._hours.between(contract.hours, first, last)
            if session.close_ns > start_ns and session.open_ns < end_ns
        ]

    def histogram(
        self, contract: SimContract, start_ns: int, end_ns: int, *, use_rth: bool
    ) -> Steps[dict[float, float]]:
        """Return traded size by price, lowest price first, in steps."""
        sizes: dict[float, float] = {}
        for ticks in self._past(contract, "TRADES", use_rth=use_rth).blocks(start_ns, end_ns):
            prices, places = np.unique(ticks.price, return_inverse=True)
            traded = np.bincount(places, ticks.size)
            for price, amount in zip(prices.tolist(), traded.tolist(), strict=True):
                sizes[price] = round(sizes.get(price, 0.0) + amount, 8)
            yield
        return dict(sorted(sizes.items()))

    def _past(self, contract: SimContract, what: str, *, use_rth: bool) -> PastTicks:
        return PastTicks(self._hours, contract, self._tape_for(contract), what, use_rth=use_rth)
