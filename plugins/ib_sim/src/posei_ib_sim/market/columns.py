"""Bars and ticks by the thousand, as columns of numbers instead of objects.

What is streamed and what history answers is made of the same columns, so they agree; a year of
minutes takes seconds this way.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, Protocol, final, runtime_checkable

import msgspec
import numpy as np

from posei_ib_sim.market.events import MarketEvent, Quote, Trade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from posei_ib_sim.market.bars_to_ticks import BaseBar

    Floats = npt.NDArray[np.float64]
    Moments = npt.NDArray[np.int64]

__all__ = [
    "BarColumns",
    "ColumnTape",
    "TickColumns",
    "TickMatrix",
    "Wanted",
    "merged",
    "middle",
    "rounded",
]

# Where doubles lie further apart than half a unit of the last digit, rounding changes nothing.
_TEN_DIGITS_TO: Final = 524_288.0
_TWELVE_DIGITS_TO: Final = 8_192.0


def rounded(values: Floats) -> Floats:
    """Return values rounded to 10 digits, each the double nearest to its decimal."""
    return _to_digits(values, 10, _TEN_DIGITS_TO)


def middle(bids: Floats, asks: Floats) -> Floats:
    """Return what `Quote.mid` says of each pair."""
    return _to_digits((bids + asks) / 2.0, 12, _TWELVE_DIGITS_TO)


def _to_digits(values: Floats, digits: int, limit: float) -> Floats:
    near = np.round(values, digits)
    if values.size and not (values.max() < limit and values.min() > -limit):
        return np.where(np.abs(values) < limit, near, values)
    return near


class Wanted(enum.Enum):
    """Which ticks somebody asks for."""

    TRADES = enum.auto()
    QUOTES = enum.auto()
    QUOTE_ENDS = enum.auto()
    """The first, highest, lowest and last quotes of each source bar at least, in time order."""


@final
class BarColumns:
    """Source bars in time order; `ask` holds open, high, low and close of bars of quotes."""

    __slots__ = ("ask", "close", "end", "high", "low", "open", "start", "volume")

    def __init__(
        self,
        start: Moments,
        end: Moments,
        prices: tuple[Floats, Floats, Floats, Floats],
        volume: Floats,
        ask: tuple[Floats, Floats, Floats, Floats] | None = None,
    ) -> None:
        self.start, self.end, self.volume, self.ask = start, end, volume, ask
        self.open, self.high, self.low, self.close = prices

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.start)

    @classmethod
    def of(cls, bars: Sequence[BaseBar]) -> BarColumns:
        """Return bars as columns; they all have an ask side, or none has."""

        def column(name: str) -> Floats:
            return np.array([getattr(bar, name) for bar in bars], np.float64)

        ask = None
        if bars and bars[0].has_ask:
            ask = (column("ask_open"), column("ask_high"), column("ask_low"), column("ask_close"))
        return cls(
            np.array([bar.start_ns for bar in bars], np.int64),
            np.array([bar.end_ns for bar in bars], np.int64),
            (column("open"), column("high"), column("low"), column("close")),
            column("volume"),
            ask,
        )

    def cut(self, first: int, last: int) -> BarColumns:
        """Return the bars numbered `first` up to `last`."""
        rows = slice(first, last)
        prices = (self.open[rows], self.high[rows], self.low[rows], self.close[rows])
        ask = None
        if self.ask is not None:
            ask = (self.ask[0][rows], self.ask[1][rows], self.ask[2][rows], self.ask[3][rows])
        return BarColumns(self.start[rows], self.end[rows], prices, self.volume[rows], ask)


class TickColumns(msgspec.Struct, frozen=True, gc=False):
    """Ticks in time order; a row holds a quote, a trade, or a quote and the trade after it.

    Attributes:
        ts: UNIX nanoseconds.
        bid: NaN where a row has no quote; `None` when no row has one.
        ask: Likewise.
        bid_size: Likewise; also `None` where sizes of quotes were not asked for.
        ask_size: Likewise.
        price: NaN where a row has no trade; `None` when no row has one.
        size: Likewise.
    """

    ts: Any
    bid: Any = None
    ask: Any = None
    bid_size: Any = None
    ask_size: Any = None
    price: Any = None
    size: Any = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ts)

    @classmethod
    def of(cls, events: Sequence[MarketEvent]) -> TickColumns:
        """Return events as columns, one row each."""
        rows = [
            (e.bid, e.ask, e.bid_size, e.ask_size, np.nan, np.nan)
            if isinstance(e, Quote)
            else (np.nan, np.nan, np.nan, np.nan, e.price, e.size)
            for e in events
        ]
        table = np.array(rows, np.float64).reshape(len(rows), 6)
        return cls(np.array([event.ts_ns for event in events], np.int64), *table.T)

    def take(self, rows: slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> TickColumns:
        """Return some of the rows."""
        columns = (self.ts, self.bid, self.ask, self.bid_size, self.ask_size, self.price, self.size)
        return TickColumns(*(None if column is None else column[rows] for column in columns))

    def between(self, start_ns: int, end_ns: int) -> TickColumns:
        """Return the rows with `start_ns <= ts < end_ns`."""
        low, high = np.searchsorted(self.ts, (start_ns, end_ns))
        return self if (low, high) == (0, len(self)) else self.take(slice(int(low), int(high)))

    def events(self) -> Iterator[MarketEvent]:
        """Yield the rows as events; a trade follows the quote of its row."""
        times = self.ts.tolist()
        quotes = trades = None
        if self.bid is not None:
            columns = (self.bid, self.ask, self.bid_size, self.ask_size)
            quotes = zip(*(column.tolist() for column in columns), strict=True)
        if self.price is not None:
            trades = zip(self.price.tolist(), self.size.tolist(), strict=True)
        if trades is None and quotes is not None:
            for ts_ns, (bid, ask, bid_size, ask_size) in zip(times, quotes, strict=True):
                yield Quote(ts_ns, bid, ask, bid_size, ask_size)
            return
        for ts_ns in times:
            if quotes is not None:
                bid, ask, bid_size, ask_size = next(quotes)
                if bid == bid:  # noqa: PLR0124 - NaN alone differs from itself
                    yield Quote(ts_ns, bid, ask, bid_size, ask_size)
            if trades is not None:
                price, size = next(trades)
                if price == price:  # noqa: PLR0124 - likewise
                    yield Trade(ts_ns, price, size)


@final
class TickMatrix:
    """Ticks of source bars, as many of each, one bar a column; no bar has an empty side.

    Attributes:
        first_ns: Time of each bar's first tick.
        last_ns: Time of each bar's last tick.
        bid: As in `TickColumns`, one row a tick, or `None` when quotes were not asked for.
        ask: Likewise.
        price: One row a tick, or `None` when trades were not asked for.
        size: Likewise.
        rows: Makes the same ticks as rows, with all there are.
        ends: First, highest, lowest and last trade of each bar; of no use for quotes.
    """

    __slots__ = ("ask", "bid", "ends", "first_ns", "last_ns", "price", "rows", "size")

    def __init__(
        self,
        moments: tuple[Moments, Moments],
        quotes: tuple[Floats | None, Floats | None],
        trades: tuple[Floats | None, Floats | None],
        rows: Callable[[], TickColumns],
        ends: tuple[Floats, Floats, Floats, Floats],
    ) -> None:
        self.first_ns, self.last_ns = moments
        self.bid, self.ask = quotes
        self.price, self.size = trades
        self.rows = rows
        self.ends = ends


@runtime_checkable
class ColumnTape(Protocol):
    """A tape that also gives its events as columns."""

    def columns(self, start_ns: int, end_ns: int) -> Iterator[TickColumns]:
        """Yield the events with `start_ns <= ts < end_ns` in blocks of thousands, in time order."""
        ...

    def blocks(
        self, start_ns: int, end_ns: int, wanted: Wanted
    ) -> Iterator[TickColumns | TickMatrix]:
        """Yield the trades or the quotes of a range, as matrices where that is sooner done.

        What was not asked for, and sizes of quotes, may be there as well.
        """
        ...


def merged(parts: Sequence[TickColumns]) -> TickColumns:
    """Return the rows of several in time order; at equal times the order of `parts` decides."""
    ts = np.concatenate([part.ts for part in parts])
    order = np.argsort(ts, kind="stable")

    def joined(name: str) -> Floats | None:
        columns = [getattr(part, name) for part in parts]
        if all(column is None for column in columns):
            return None
        filled = [
            np.full(len(part), np.nan) if column is None else column
            for part, column in zip(parts, columns, strict=True)
        ]
        return np.concatenate(filled)[order]

    names = ("bid", "ask", "bid_size", "ask_size", "price", "size")
    return TickColumns(ts[order], *(joined(name) for name in names))
