"""Building thousands of bars from columns of ticks: what `BarBuilder` does event by event.

Both give the same bars; the tests hold them against each other.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple, final

import numpy as np

from posei_ib_sim.history.intervals import intervals_of
from posei_ib_sim.history.table import BarTable
from posei_ib_sim.market.columns import TickMatrix, Wanted, middle

if TYPE_CHECKING:
    import numpy.typing as npt

    from posei_ib_sim.contracts.hours import HoursBook
    from posei_ib_sim.history.aggregate import BarBuilder
    from posei_ib_sim.history.bar_sizes import BarSize
    from posei_ib_sim.market.columns import Floats, Moments, TickColumns

__all__ = ["BulkBuilder", "OutsideSessions"]

_QUOTED: Final = frozenset({"MIDPOINT", "BID", "ASK", "YIELD_BID", "YIELD_ASK"})
_DAY: Final = dt.timedelta(days=1)
_DAY_NS: Final = 86_400_000_000_000
_AHEAD: Final = 30 * _DAY
_ZERO: Final = np.zeros(1)
_EXACT_TO: Final = 9e9
_WHOLE_TO: Final = 9e7  # products with 1e8 are whole doubles up to here


class OutsideSessions(Exception):  # noqa: N818 - no failure: the ticks need the other builder
    """Some ticks lie outside all sessions; only event by event their bars can be told."""


class _Segments(NamedTuple):
    """Stretches of trading: opens, closes, key and trade date of what each belongs to."""

    opens: Moments
    closes: Moments
    sessions: Moments
    dates: Moments
    groups: Moments


class _Place(NamedTuple):
    """Of the bars that samples belong to: key, start, end and trade date."""

    key: Moments
    start: Moments
    until: Moments
    date: Moments


class _Samples(NamedTuple):
    """What counts, in time order: ticks, or source bars that lie within one bar each.

    Of BID_ASK, `high` and `last` are asks, `first` and `low` bids, and volume and turnover the
    sums of bids and of asks.
    """

    ts: Moments
    first: Floats
    high: Floats
    low: Floats
    last: Floats
    volume: Floats
    turnover: Floats
    number: Moments

    def some(self, rows: npt.NDArray[np.bool_]) -> _Samples:
        """Return those of some rows."""
        prices = (self.first[rows], self.high[rows], self.low[rows], self.last[rows])
        sums = (self.volume[rows], self.turnover[rows])
        return _Samples(self.ts[rows], *prices, *sums, self.number[rows])


class _Part(NamedTuple):
    """Bars of one block; the first and the last may go on in the neighbouring blocks."""

    key: Moments
    start: Moments
    until: Moments
    date: Moments
    first: Floats
    high: Floats
    low: Floats
    last: Floats
    volume: Floats
    turnover: Floats
    samples: Moments


@final
class BulkBuilder:
    """Turns blocks of ticks, in time order, into a table of bars.

    Args:
        hours: The venue's sessions.
        template: Name of the contract's session template.
        size: Bar size.
        what: As for `BarBuilder`.
        use_rth: Leave out what happens outside regular trading hours.

    Attributes:
        parts: Bars so far; those that lie in two blocks count twice.
    """

    def __init__(
        self, hours: HoursBook, template: str, size: BarSize, what: str, *, use_rth: bool
    ) -> None:
        self._hours = hours
        self._template = template
        self._zone = hours.zone(template)
        self._size = size
        self._what = what
        self._use_rth = use_rth
        self._known_from, self._known_until = 0, -1
        self._known = _Segments(*np.zeros((5, 0), np.int64))
        self._parts: list[_Part] = []
        self.parts = 0

    @property
    def wanted(self) -> Wanted:
        """Which ticks the bars are made of."""
        if self._what == "BID_ASK":
            return Wanted.QUOTES
        return Wanted.QUOTE_ENDS if self._what in _QUOTED else Wanted.TRADES

    def add(self, ticks: TickColumns | TickMatrix) -> None:
        """Take a block in.

        Raises:
            OutsideSessions: A tick lies outside all sessions, and not only regular hours are
                wanted.
        """
        if isinstance(ticks, TickMatrix):
            part = self._of_matrix(ticks)
            if part is None:
                self.add(ticks.rows())
                return
        else:
            part = self._of_rows(ticks)
        if part is not None:
            self._parts.append(part)
            self.parts += len(part.key)

    def finish(self, builder: BarBuilder) -> BarTable:
        """Return all bars; the last one becomes the current one of `builder`."""
        if not self._parts:
            return BarTable.of([])
        whole = _joined(self._parts)
        count = np.full(len(whole.key), -1, np.int64)
        volume = wap = np.full(len(whole.key), -1.0)
        first, last = whole.first, whole.last
        if self._what == "BID_ASK":
            first = np.round(whole.volume / whole.samples, 10)
            last = np.round(whole.turnover / whole.samples, 10)
        elif self.wanted is Wanted.TRADES:
            count = whole.samples
            volume = _eight_digits(whole.volume)
            safe = np.where(volume > 0.0, volume, 1.0)
            wap = np.where(
                volume > 0.0, _eight_digits(_six_digits(whole.turnover) / safe), whole.first
            )
        table = BarTable(
            whole.start, whole.date, (first, whole.high, whole.low, last), volume, wap, count
        )
        (current,) = table.cut(len(table) - 1, len(table)).bars()
        sums = (float(whole.turnover[-1]), 0.0, 0.0, 0)
        if self._what == "BID_ASK":
            sums = (0.0, float(whole.volume[-1]), float(whole.turnover[-1]), int(whole.samples[-1]))
        builder.resume(current, int(whole.until[-1]), sums)
        return table

    def _of_rows(self, ticks: TickColumns) -> _Part | None:
        samples = self._sampled(ticks)
        if samples is None or not len(samples.ts):
            return None
        segments = self._segments(int(samples.ts[0]), int(samples.ts[-1]))
        place, inside = _placed(segments, samples.ts)
        if not inside.all():
            if not self._use_rth:
                raise OutsideSessions
            samples = samples.some(inside)
            place = place[inside]
            if not len(samples.ts):
                return None
        return _grouped(samples, self._bars_of(samples.ts, segments, place))

    def _of_matrix(self, ticks: TickMatrix) -> _Part | None:
        """Reduce each source bar first; `None` where a bar of theirs lies in two of ours."""
        segments = self._segments(int(ticks.first_ns[0]), int(ticks.last_ns[-1]))
        place, inside = _placed(segments, ticks.first_ns)
        if not (inside.all() and (ticks.last_ns < segments.closes[place]).all()):
            return None
        bars = self._bars_of(ticks.first_ns, segments, place)
        if not (ticks.last_ns < bars.until).all():
            return None
        samples = self._reduced(ticks)
        return None if samples is None else _grouped(samples, bars)

    def _reduced(self, ticks: TickMatrix) -> _Samples | None:
        ts = ticks.first_ns
        if self.wanted is Wanted.TRADES:
            if ticks.price is None or ticks.size is None:
                return None
            count = np.full(len(ts), len(ticks.price))
            turnover = (ticks.price * ticks.size).sum(axis=0)
            return _Samples(ts, *ticks.ends, ticks.size.sum(axis=0), turnover, count)
        if ticks.bid is None or ticks.ask is None:
            return None
        if not (ticks.bid.min() > 0 and ticks.ask.min() > 0):
            return None
        count = np.full(len(ts), len(ticks.bid))
        nothing = np.zeros(len(ts))
        if self._what == "BID_ASK":
            _, _, low, _ = _ends(ticks.bid)
            first, high, _, last = _ends(ticks.ask)
            sums = ticks.bid.sum(axis=0), ticks.ask.sum(axis=0)
            return _Samples(ts, first, high, low, last, *sums, count)
        if self._what == "MIDPOINT":
            # The middle grows with the sum, so it is enough to round four of them.
            first, high, low, last = middle(np.stack(_ends(ticks.bid + ticks.ask)), _ZERO)
            return _Samples(ts, first, high, low, last, nothing, nothing, count)
        side = ticks.ask if self._what in {"ASK", "YIELD_ASK"} else ticks.bid
        return _Samples(ts, *_ends(side), nothing, nothing, count)

    def _sampled(self, ticks: TickColumns) -> _Samples | None:
        if self.wanted is not Wanted.TRADES:
            return None if ticks.bid is None else self._quotes(ticks)
        if ticks.price is None:
            return None
        rows = ~np.isnan(ticks.price)
        ts, price, size = (
            one if rows.all() else one[rows] for one in (ticks.ts, ticks.price, ticks.size)
        )
        return _Samples(ts, price, price, price, price, size, price * size, np.ones(len(ts), int))

    def _quotes(self, ticks: TickColumns) -> _Samples:
        bids, asks = ticks.bid, ticks.ask
        # Comparisons with NaN are false: rows without a quote go here as well.
        rows = (bids > 0) | (self._what in {"ASK", "YIELD_ASK"})
        rows &= (asks > 0) | (self._what in {"BID", "YIELD_BID"})
        ts = ticks.ts
        if not rows.all():
            ts, bids, asks = ts[rows], bids[rows], asks[rows]
        count = np.ones(len(ts), int)
        if self._what == "BID_ASK":
            return _Samples(ts, bids, asks, bids, asks, bids, asks, count)
        value = asks if self._what in {"ASK", "YIELD_ASK"} else bids
        if self._what == "MIDPOINT":
            value = middle(bids, asks)
        nothing = np.zeros(len(ts))
        return _Samples(ts, value, value, value, value, nothing, nothing, count)

    def _bars_of(self, ts: Moments, segments: _Segments, place: npt.NDArray[np.intp]) -> _Place:
        """Return which bar each moment belongs to."""
        closes, dates = segments.closes[place], segments.dates[place]
        if not self._size.is_intraday:
            return _Place(segments.groups[place], segments.sessions[place], closes, dates)
        begin, end = intervals_of(ts, self._size.seconds, self._zone)
        start = np.maximum(begin, segments.opens[place])
        return _Place(start, start, np.minimum(end, closes), dates)

    def _segments(self, first_ns: int, last_ns: int) -> _Segments:
        """Return the trading around a range; blocks of ticks come in time order."""
        if not self._known_from <= first_ns <= last_ns < self._known_until:
            first = self._hours.local_date(self._template, first_ns)
            last = self._hours.local_date(self._template, last_ns)
            self._known_from = first_ns
            self._known_until = last_ns + _AHEAD.days * _DAY_NS
            self._known = self._segments_of(first - _DAY, last + _AHEAD + 2 * _DAY)
        return self._known

    def _segments_of(self, first: dt.date, last: dt.date) -> _Segments:
        rows = []
        for session in self._hours.between(self._template, first, last):
            segments = session.liquid if self._use_rth else session.trading
            if not segments:
                continue
            date = session.date.toordinal()
            group = self._group(session.date)
            begin = segments[0][0] if self._use_rth else session.open_ns
            rows += [(opened, closed, begin, date, group) for opened, closed in segments]
        table = np.array(rows, np.int64).reshape(len(rows), 5).T
        return _Segments(*table)

    def _group(self, date: dt.date) -> int:
        if self._size.name == "1 week":
            return (date.toordinal() - 1) // 7
        if self._size.name == "1 month":
            return date.year * 12 + date.month
        return date.toordinal()


def _grouped(samples: _Samples, bars: _Place) -> _Part:
    """Return samples as the bars that they belong to."""
    _, first, high, low, last, volume, turnover, number = samples
    return _combined(_Part(*bars, first, high, low, last, volume, turnover, number))


def _joined(parts: list[_Part]) -> _Part:
    """Return parts as one; a bar that lies in several is put together."""
    return _combined(_Part(*(np.concatenate(column) for column in zip(*parts, strict=True))))


def _combined(part: _Part) -> _Part:
    """Return bars in time order with those of the same key as one."""
    new, end = _runs(part.key)
    if len(new) == len(part.key):
        return part
    return _Part(
        part.key[new],
        part.start[new],
        part.until[end],
        part.date[end],
        part.first[new],
        np.maximum.reduceat(part.high, new),
        np.minimum.reduceat(part.low, new),
        part.last[end],
        np.add.reduceat(part.volume, new),
        np.add.reduceat(part.turnover, new),
        np.add.reduceat(part.samples, new),
    )


def _runs(keys: Moments) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return where runs of equal keys begin, and where they end."""
    new = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return new, np.concatenate((new[1:], [len(keys)])) - 1


def _placed(segments: _Segments, ts: Moments) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Return the segment of each moment, and whether it is in it at all."""
    place = np.searchsorted(segments.opens, ts, "right") - 1
    if not len(segments.opens):
        return place, np.zeros(len(ts), bool)
    return place, (place >= 0) & (ts < segments.closes[place])


def _ends(values: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the first, highest, lowest and last of each column."""
    return values[0], values.max(axis=0), values.min(axis=0), values[-1]


def _eight_digits(values: Floats) -> Floats:
    return np.where(np.abs(values) < _WHOLE_TO, np.round(values, 8), values)


def _six_digits(values: Floats) -> Floats:
    return np.where(np.abs(values) < _EXACT_TO, np.round(values, 6), values)
