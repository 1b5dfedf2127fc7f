"""Building bars from market events, the same way for history and for live updates."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.history.intervals import interval_of
from posei_ib_sim.market.events import MarketEvent, Quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_ib_sim.contracts.hours import HoursBook, Session
    from posei_ib_sim.history.bar_sizes import BarSize

__all__ = ["Bar", "BarBuilder", "Sums", "average_price"]

_SECOND_NS: Final = 1_000_000_000
_PRICE_DIGITS: Final = 10
# Up to here, products with 1e6 and 1e8 are whole doubles.
_EXACT_TO: Final = 9e9
_WHOLE_TO: Final = 9e7


class Bar(msgspec.Struct, gc=False):
    """A bar of IB's history.

    Attributes:
        start_ns: First moment of its interval.
        date: The trade date that names it; the last one of a week or month.
        volume: Traded size, -1 for data other than trades, as IB writes it.
        wap: Volume-weighted average price, -1 for data other than trades.
        count: Number of trades, -1 for data other than trades.
    """

    start_ns: int
    date: dt.date
    open: float
    high: float
    low: float
    close: float
    volume: float
    wap: float
    count: int


Sample = tuple[float, float, float, float, float]
Sums = tuple[float, float, float, int]
"""What a growing bar keeps besides its prices: turnover, sums of bids and asks, their number."""


def _trade(event: MarketEvent) -> Sample | None:
    if isinstance(event, Quote):
        return None
    price, size = event.price, event.size
    return price, price, price, price, size


def _mid(event: MarketEvent) -> Sample | None:
    if not isinstance(event, Quote) or event.bid <= 0 or event.ask <= 0:
        return None
    price = event.mid
    return price, price, price, price, 0.0


def _bid(event: MarketEvent) -> Sample | None:
    if not isinstance(event, Quote) or event.bid <= 0:
        return None
    price = event.bid
    return price, price, price, price, 0.0


def _ask(event: MarketEvent) -> Sample | None:
    if not isinstance(event, Quote) or event.ask <= 0:
        return None
    price = event.ask
    return price, price, price, price, 0.0


_SAMPLERS: Final[dict[str, Callable[[MarketEvent], Sample | None]]] = {
    "TRADES": _trade,
    "ADJUSTED_LAST": _trade,
    "AGGTRADES": _trade,
    "YIELD_LAST": _trade,
    "MIDPOINT": _mid,
    "BID": _bid,
    "ASK": _ask,
    "YIELD_BID": _bid,
    "YIELD_ASK": _ask,
}


@final
class BarBuilder:
    """Turns events in time order into bars.

    Intraday bars lie on multiples of their size in the venue's wall time and do not begin before
    the session does; longer ones are made of trade dates.

    Args:
        hours: The venue's sessions.
        template: Name of the contract's session template.
        size: Bar size.
        what: IB's whatToShow, one with prices of trades or one side of the quotes, or BID_ASK.
        use_rth: Leave out what happens outside regular trading hours.

    Attributes:
        current: The bar that grows, `None` before the first event.
        samples_taken: Events that were of the right kind so far.
    """

    def __init__(
        self, hours: HoursBook, template: str, size: BarSize, what: str, *, use_rth: bool
    ) -> None:
        self._hours = hours
        self._template = template
        self._zone = hours.zone(template)
        self._size = size
        self._sides = what == "BID_ASK"
        self._sampler = _SAMPLERS.get(what, _trade)
        self._has_volume = self._sampler is _trade and not self._sides
        self._use_rth = use_rth
        self._until_ns = 0
        self._sessions: list[Session] = []
        self._opens: list[int] = []
        self._known_until = 0
        self._bid_sum = self._ask_sum = 0.0
        self._samples = 0
        self._turnover = 0.0
        self.current: Bar | None = None
        self.samples_taken = 0

    @property
    def until_ns(self) -> int:
        """End of the current bar's interval."""
        return self._until_ns

    def bar_start(self, ts_ns: int) -> int:
        """Return the start of the intraday bar that a moment lies in; longer bars keep it."""
        return self._interval(ts_ns)[0] if self._size.is_intraday else ts_ns

    def resume(self, bar: Bar, until_ns: int, sums: Sums) -> None:
        """Go on from a bar that others built, instead of from nothing."""
        self.current = bar
        self._until_ns = until_ns
        self._turnover, self._bid_sum, self._ask_sum, self._samples = sums

    def add(self, event: MarketEvent) -> Bar | None:
        """Take an event in; return the bar that it completed, if it began a new one."""
        if self._sides:
            return self._add_sides(event)
        sample = self._sampler(event)
        if sample is None:
            return None
        self.samples_taken += 1
        price, size = sample[0], sample[4]
        current = self.current
        if current is not None and event.ts_ns < self._until_ns:
            current.high = max(current.high, price)
            current.low = min(current.low, price)
            current.close = price
            if self._has_volume:
                self._add_volume(current, price, size)
            return None
        return self._begin(event.ts_ns, (price, price, price, price), size)

    def _add_sides(self, event: MarketEvent) -> Bar | None:
        if not isinstance(event, Quote) or event.bid <= 0 or event.ask <= 0:
            return None
        self.samples_taken += 1
        current = self.current
        finished = None
        if current is None or event.ts_ns >= self._until_ns:
            prices = (event.bid, event.ask, event.bid, event.ask)
            before = current
            finished = self._begin(event.ts_ns, prices, 0.0)
            current = self.current
            if current is None or event.ts_ns >= self._until_ns:
                return finished
            if current is not before:
                self._bid_sum = self._ask_sum = 0.0
                self._samples = 0
        self._samples += 1
        self._bid_sum += event.bid
        self._ask_sum += event.ask
        current.open = round(self._bid_sum / self._samples, _PRICE_DIGITS)
        current.close = round(self._ask_sum / self._samples, _PRICE_DIGITS)
        current.low = min(current.low, event.bid)
        current.high = max(current.high, event.ask)
        return finished

    def _add_volume(self, bar: Bar, price: float, size: float) -> None:
        bar.volume = round(bar.volume + size, 8)
        bar.count += 1
        self._turnover += price * size
        if bar.volume:
            bar.wap = average_price(self._turnover, bar.volume)

    def _begin(
        self, ts_ns: int, prices: tuple[float, float, float, float], size: float
    ) -> Bar | None:
        place = self._place(ts_ns)
        if place is None:
            return None
        finished = self.current
        start_ns, until_ns, date = place
        if finished is not None and not self._size.is_intraday and self._same(finished.date, date):
            # The next day of the same week or month.
            finished.date = date
            self._until_ns = until_ns
            finished.high = max(finished.high, prices[1])
            finished.low = min(finished.low, prices[2])
            finished.close = prices[3]
            if self._has_volume:
                self._add_volume(finished, prices[3], size)
            return None
        blank = 0.0 if self._has_volume else -1.0
        bar = Bar(start_ns, date, *prices, blank, blank, int(blank))
        self._turnover = 0.0
        self.current = bar
        self._until_ns = until_ns
        if self._has_volume:
            bar.wap = prices[0]
            self._add_volume(bar, prices[0], size)
        return finished

    def _same(self, last: dt.date, date: dt.date) -> bool:
        if self._size.name == "1 week":
            return last.isocalendar()[:2] == date.isocalendar()[:2]
        if self._size.name == "1 month":
            return (last.year, last.month) == (date.year, date.month)
        return last == date

    def _place(self, ts_ns: int) -> tuple[int, int, dt.date] | None:
        """Return start, end and trade date of the bar that a moment belongs to."""
        session = self._session(ts_ns)
        segment = _segment(session, ts_ns, use_rth=self._use_rth) if session else None
        if segment is None and self._use_rth:
            return None
        if not self._size.is_intraday:
            if session is None:
                date = self._hours.trade_date(self._template, ts_ns)
                return ts_ns, ts_ns + _SECOND_NS, date
            open_ns = session.liquid[0][0] if self._use_rth else session.open_ns
            until = segment[1] if segment else session.close_ns
            return open_ns, until, session.date
        start, until = self._interval(ts_ns)
        if segment is not None:
            start, until = max(start, segment[0]), min(until, segment[1])
        date = session.date if session else self._hours.local_date(self._template, ts_ns)
        return start, until, date

    def _interval(self, ts_ns: int) -> tuple[int, int]:
        return interval_of(ts_ns, self._size.seconds, self._zone)

    def _session(self, ts_ns: int) -> Session | None:
        if ts_ns >= self._known_until:
            first = self._hours.local_date(self._template, ts_ns)
            day = dt.timedelta(days=1)
            last = first + day * 40
            self._sessions = self._hours.between(self._template, first - day, last)
            self._opens = [session.open_ns for session in self._sessions]
            self._known_until = ts_ns + 30 * 86_400 * _SECOND_NS
        position = bisect_right(self._opens, ts_ns) - 1
        if position < 0:
            return None
        session = self._sessions[position]
        return session if ts_ns < session.close_ns else None


def average_price(turnover: float, volume: float) -> float:
    """Return the average price to eight digits, as `BulkBuilder` computes it: ties fall alike."""
    if abs(turnover) < _EXACT_TO:
        turnover = round(turnover * 1e6) / 1e6
    price = turnover / volume
    return round(price * 1e8) / 1e8 if abs(price) < _WHOLE_TO else price


def _segment(session: Session, ts_ns: int, *, use_rth: bool) -> tuple[int, int] | None:
    for segment in session.liquid if use_rth else session.trading:
        if segment[0] <= ts_ns < segment[1]:
            return segment
    return None
