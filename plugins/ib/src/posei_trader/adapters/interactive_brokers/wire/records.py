"""Ticks and bars as they come off the wire: immutable, exact, outside the garbage collector.

Sizes and volumes are integers in units of 10^-9, None where IB left them unset. Prices are IB's own
numbers, before any price magnifier. Times are whole seconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag, StrEnum, unique

import msgspec

from posei_trader.adapters.interactive_brokers.wire.bar_dates import date_text

__all__ = [
    "BarRecord",
    "HistoricalBars",
    "HistoricalMidpoint",
    "HistoricalQuote",
    "HistoricalTrade",
    "QuoteMask",
    "TickKind",
    "TradeMask",
]


@unique
class TickKind(StrEnum):
    """Name a tick-by-tick stream as IB does."""

    LAST = "Last"
    ALL_LAST = "AllLast"
    BID_ASK = "BidAsk"
    MID_POINT = "MidPoint"


class QuoteMask(IntFlag):
    """Marks of a quote; one meaning for streamed and historical ticks, whose bits IB swaps."""

    NONE = 0
    BID_PAST_LOW = 1
    ASK_PAST_HIGH = 2


class TradeMask(IntFlag):
    """Marks of a trade."""

    NONE = 0
    PAST_LIMIT = 1
    UNREPORTED = 2


class BarRecord(msgspec.Struct, frozen=True, gc=False):
    """One bar as IB sent it.

    Attributes:
        date: IB's text: ``YYYYMMDD`` for daily and longer bars, else seconds since 1970.
        volume: In units of 10^-9; None where unset, -10^9 (IB's -1) for data without volume.
        wap: The volume-weighted average price, None where unset.
        count: How many trades; -1 for data without trades.
    """

    date: str
    open: float
    high: float
    low: float
    close: float
    volume: int | None
    wap: float | None
    count: int


class HistoricalBars(msgspec.Struct, frozen=True):
    """An answer to a request for bars, as parallel columns, ascending as IB sent them.

    Columns serve Arrow and NumPy without an object a bar; :meth:`rows` makes the objects.

    Attributes:
        dates: See `BarRecord.date`, like the other columns; a whole number may stand for its text.
        counts: Whole numbers of whichever type.
        start: What IB says is the start of the answer, empty where it does not.
        end: What IB says is its end.
    """

    dates: Sequence[float | str]
    opens: Sequence[float]
    highs: Sequence[float]
    lows: Sequence[float]
    closes: Sequence[float]
    volumes: Sequence[int | None]
    waps: Sequence[float | None]
    counts: Sequence[float]
    start: str = ""
    end: str = ""

    @classmethod
    def empty(cls) -> HistoricalBars:
        """Return an answer without bars."""
        return cls([], [], [], [], [], [], [], [])

    def __len__(self) -> int:
        return len(self.dates)

    def joined(self, later: HistoricalBars) -> HistoricalBars:
        """Return the bars of this and of a later part of the same answer."""
        start, end = self.start or later.start, later.end or self.end
        if not len(self) or not len(later):
            return msgspec.structs.replace(self if len(self) else later, start=start, end=end)
        return HistoricalBars(
            [*self.dates, *later.dates],
            [*self.opens, *later.opens],
            [*self.highs, *later.highs],
            [*self.lows, *later.lows],
            [*self.closes, *later.closes],
            [*self.volumes, *later.volumes],
            [*self.waps, *later.waps],
            [*self.counts, *later.counts],
            start,
            end,
        )

    def rows(self) -> list[BarRecord]:
        """Return the bars as objects."""
        return list(
            map(
                BarRecord,
                map(date_text, self.dates),
                self.opens,
                self.highs,
                self.lows,
                self.closes,
                self.volumes,
                self.waps,
                map(int, self.counts),
            )
        )


class HistoricalTrade(msgspec.Struct, frozen=True, gc=False):
    """A trade of the past; `mask` is a `TradeMask`."""

    time_s: int
    price: float
    size: int | None
    mask: int
    exchange: str
    conditions: str


class HistoricalQuote(msgspec.Struct, frozen=True, gc=False):
    """A quote of the past; `mask` is a `QuoteMask`."""

    time_s: int
    bid: float
    ask: float
    bid_size: int | None
    ask_size: int | None
    mask: int


class HistoricalMidpoint(msgspec.Struct, frozen=True, gc=False):
    """A midpoint of the past."""

    time_s: int
    price: float
    size: int | None
