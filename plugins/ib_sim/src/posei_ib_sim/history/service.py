"""Answers about the past: bars, ticks, head timestamps, schedules, histograms.

Everything is read from the same tape that is streamed, and never beyond the simulated now.
"""

from __future__ import annotations

import bisect
import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history.aggregate import Bar, BarBuilder
from posei_ib_sim.history.archive import BarArchive
from posei_ib_sim.history.bar_sizes import parse_bar_size
from posei_ib_sim.history.derived import DERIVED, WINDOW, derive, realized_volatility
from posei_ib_sim.market.events import MarketEvent, Quote, Trade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from posei_ib_sim.contracts.hours import HoursBook, Session
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.history.bar_sizes import BarSize, Duration
    from posei_ib_sim.market.tape import Tape

__all__ = ["HistoryService"]

_NO_DATA: Final = 162
_NO_DATA_TEXT: Final = (
    "Historical Market Data Service error message:HMDS query returned no data: {name}@{exchange} "
    "{what}"
)
_DAY_NS: Final = 86_400_000_000_000
_SECOND_NS: Final = 1_000_000_000
_VOLATILITIES: Final = frozenset({"HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY"})
_PAGE: Final = 1000
# Synthetic prices have no beginning; IB's head timestamps have one.
_SYNTHETIC_HEAD_NS: Final = 1_104_762_600 * _SECOND_NS


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

    def check(self, contract: SimContract, what: str) -> None:
        """Refuse data that IB does not have for a class of contracts.

        Raises:
            RequestRefused: 162 with IB's text for a combination without data.
        """
        trades = {"TRADES", "ADJUSTED_LAST", "AGGTRADES"}
        wrong = (
            (what in trades and not contract.has_trades)
            or (what not in trades | _VOLATILITIES | {"SCHEDULE"} and contract.sec_type == "IND")
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
        self, contract: SimContract, end_ns: int | None, duration: Duration, *, use_rth: bool
    ) -> tuple[int, int]:
        """Return the start and end that a duration means, in UNIX nanoseconds.

        Days count trading sessions back from the end; weeks, months and years are calendar time;
        seconds end with the last moment of trading.
        """
        now = self._now_ns()
        end = min(end_ns, now + 1) if end_ns is not None else now + 1
        if duration.unit == "S":
            session = self._last_session(contract, end)
            if session is not None:
                end = min(end, _close(session, use_rth=use_rth))
            return end - duration.count * _SECOND_NS, end
        if duration.unit == "D":
            return self._days_back(contract, end, duration.count, use_rth=use_rth), end
        zone = self._hours.zone(contract.hours)
        local = dt.datetime.fromtimestamp((end - 1) // _SECOND_NS, zone)
        if duration.unit == "W":
            first = local.date() - dt.timedelta(days=7 * duration.count - 1)
        else:
            months = duration.count * (12 if duration.unit == "Y" else 1)
            first = _months_before(local.date(), months) + dt.timedelta(days=1)
        sessions = self._hours.between(contract.hours, first, first + dt.timedelta(days=15))
        start = _open(sessions[0], use_rth=use_rth) if sessions else end
        return min(start, end), end

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
        kind = DERIVED.get(what, what)
        builder = BarBuilder(self._hours, contract.hours, size, kind, use_rth=use_rth)
        start_ns = builder.bar_start(start_ns)
        if what in DERIVED:
            before: Callable[[int], float] = _never
            if what == "HISTORICAL_VOLATILITY":
                before = self._volatility(contract, start_ns, end_ns)
            events = self._tape_for(contract).events(start_ns, end_ns)
            return _bars_of(builder, derive(what, contract, events, before)), builder
        if not size.is_intraday or end_ns <= start_ns:
            return self._build(contract, builder, start_ns, end_ns), builder
        # A bar that ended before the interval of the last moment asked for can never change.
        series = (contract.con_id, size.name, what, use_rth)
        shelf = self._archive.shelf(series, start_ns)
        last_ns = builder.bar_start(end_ns - 1)
        resume_ns = min(shelf.until_ns, last_ns)
        kept = shelf.take(start_ns, resume_ns)
        fresh = self._build(contract, builder, resume_ns, end_ns)
        if resume_ns == shelf.until_ns:
            shelf.append([bar for bar in fresh if bar.start_ns < last_ns], last_ns)
            self._archive.tidy()
        return kept + fresh, builder

    def _build(
        self, contract: SimContract, builder: BarBuilder, start_ns: int, end_ns: int
    ) -> list[Bar]:
        return _bars_of(builder, self._tape_for(contract).events(start_ns, end_ns))

    def _volatility(
        self, contract: SimContract, start_ns: int, end_ns: int
    ) -> Callable[[int], float]:
        """Return what tells the volatility of the dates before a moment, from daily closes."""
        what = "TRADES" if contract.has_trades else "MIDPOINT"
        first = start_ns - 2 * WINDOW * _DAY_NS
        size = parse_bar_size("1 day")
        daily, _ = self.bars(contract, first, end_ns, size, what, use_rth=True)
        dates = [bar.date for bar in daily]
        known: dict[int, float] = {}

        def before(ts_ns: int) -> float:
            date = self._hours.trade_date(contract.hours, ts_ns)
            number = bisect.bisect_left(dates, date)
            if number not in known:
                recent = daily[max(0, number - WINDOW - 1) : number]
                known[number] = round(realized_volatility(recent), 6)
            return known[number]

        return before

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
        tape = self._tape_for(contract)
        now = self._now_ns() + 1
        if start_ns is not None:
            limit = min(end_ns, now) if end_ns is not None else now
            stream = self._wanted(contract, tape.events(start_ns, limit), what, use_rth=use_rth)
            return _first(stream, count)
        limit = min(end_ns, now) if end_ns is not None else now
        return self._last(contract, tape, limit, count, what, use_rth=use_rth)

    def head(self, contract: SimContract, what: str, *, use_rth: bool) -> int:
        """Return the time of the first event of a kind.

        Raises:
            RequestRefused: There is none.
        """
        tape = self._tape_for(contract)
        first = tape.first_ns
        if first is None:
            return _SYNTHETIC_HEAD_NS
        if what in DERIVED:
            return first
        for event in self._wanted(
            contract, tape.events(first, self._now_ns() + 1), what, use_rth=use_rth
        ):
            return event.ts_ns
        raise self.no_data(contract, what)

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
    ) -> dict[float, float]:
        """Return traded size by price, lowest price first."""
        sizes: dict[float, float] = defaultdict(float)
        events = self._tape_for(contract).events(start_ns, end_ns)
        for event in self._wanted(contract, events, "TRADES", use_rth=use_rth):
            if isinstance(event, Trade):
                sizes[event.price] += event.size
        return dict(sorted(sizes.items()))

    def _wanted(
        self, contract: SimContract, events: Iterator[MarketEvent], what: str, *, use_rth: bool
    ) -> Iterator[MarketEvent]:
        trades = what in {"TRADES", "ADJUSTED_LAST", "AGGTRADES"}
        for event in events:
            if isinstance(event, Quote) == trades:
                continue
            if not use_rth or self._hours.is_open(contract.hours, event.ts_ns, liquid=True):
                yield event

    def _last(
        self,
        contract: SimContract,
        tape: Tape,
        end_ns: int,
        count: int,
        what: str,
        *,
        use_rth: bool,
    ) -> list[MarketEvent]:
        span = 3600 * _SECOND_NS
        floor = tape.first_ns if tape.first_ns is not None else end_ns - 30 * _DAY_NS
        while True:
            start = max(floor, end_ns - span)
            stream = self._wanted(contract, tape.events(start, end_ns), what, use_rth=use_rth)
            found = list(stream)
            if len(found) >= count or start <= floor:
                break
            span *= 4
        if len(found) <= count:
            return found
        second = found[-count].ts_ns // _SECOND_NS
        position = len(found) - count
        while position > 0 and found[position - 1].ts_ns // _SECOND_NS == second:
            position -= 1
        return found[position:]

    def _last_session(self, contract: SimContract, end_ns: int) -> Session | None:
        sessions = self._hours.around(contract.hours, end_ns, 10)
        begun = [session for session in sessions if session.open_ns < end_ns]
        return begun[-1] if begun else None

    def _days_back(self, contract: SimContract, end_ns: int, count: int, *, use_rth: bool) -> int:
        last = self._hours.local_date(contract.hours, end_ns) + dt.timedelta(days=1)
        first = last - dt.timedelta(days=count * 2 + 15)
        begun = [
            session
            for session in self._hours.between(contract.hours, first, last)
            if _open(session, use_rth=use_rth) < end_ns
        ]
        return _open(begun[-min(count, len(begun))], use_rth=use_rth) if begun else end_ns


def _open(session: Session, *, use_rth: bool) -> int:
    return session.liquid[0][0] if use_rth and session.liquid else session.open_ns


def _close(session: Session, *, use_rth: bool) -> int:
    return session.liquid[-1][1] if use_rth and session.liquid else session.close_ns


def _months_before(date: dt.date, months: int) -> dt.date:
    total = date.year * 12 + date.month - 1 - months
    year, month = divmod(total, 12)
    after = dt.date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last_day = (after - dt.timedelta(days=1)).day
    return dt.date(year, month + 1, min(date.day, last_day))


def _first(stream: Iterator[MarketEvent], count: int) -> list[MarketEvent]:
    found: list[MarketEvent] = []
    for event in stream:
        if len(found) >= count and event.ts_ns // _SECOND_NS != found[-1].ts_ns // _SECOND_NS:
            break
        found.append(event)
    return found


def _bars_of(builder: BarBuilder, events: Iterator[MarketEvent]) -> list[Bar]:
    bars = []
    for event in events:
        finished = builder.add(event)
        if finished is not None:
            bars.append(finished)
    if builder.current is not None:
        bars.append(builder.current)
    return bars


def _never(_: int) -> float:
    return 0.0
