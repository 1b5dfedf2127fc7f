"""Bars as columns, for answers that hold thousands of them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, final

import numpy as np

from posei_ib_sim.history.aggregate import Bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_ib_sim.market.columns import Floats, Moments

__all__ = ["BarTable"]

_PRICES: Final = ("open", "high", "low", "close", "volume", "wap")


@final
class BarTable:
    """Bars in time order, each column as in `Bar`; `date` is counted in days as `toordinal`."""

    __slots__ = ("close", "count", "date", "high", "low", "open", "start", "volume", "wap")

    def __init__(
        self,
        start: Moments,
        date: Moments,
        prices: tuple[Floats, Floats, Floats, Floats],
        volume: Floats,
        wap: Floats,
        count: Moments,
    ) -> None:
        self.start, self.date, self.volume, self.wap, self.count = start, date, volume, wap, count
        self.open, self.high, self.low, self.close = prices

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.start)

    @classmethod
    def of(cls, bars: Sequence[Bar]) -> BarTable:
        """Return bars as a table."""
        numbers = {
            name: np.array([getattr(bar, name) for bar in bars], np.float64) for name in _PRICES
        }
        return cls(
            np.array([bar.start_ns for bar in bars], np.int64),
            np.array([bar.date.toordinal() for bar in bars], np.int64),
            (numbers["open"], numbers["high"], numbers["low"], numbers["close"]),
            numbers["volume"],
            numbers["wap"],
            np.array([bar.count for bar in bars], np.int64),
        )

    def bars(self) -> list[Bar]:
        """Return the bars as objects."""
        columns = (
            self.start.tolist(),
            map(dt.date.fromordinal, self.date.tolist()),
            *(getattr(self, name).tolist() for name in _PRICES),
            self.count.tolist(),
        )
        return [Bar(*row) for row in zip(*columns, strict=True)]

    def between(self, start_ns: int, end_ns: int) -> BarTable:
        """Return the bars that begin at or after a moment and before another."""
        low, high = np.searchsorted(self.start, (start_ns, end_ns)).tolist()
        return self.cut(low, high)

    def cut(self, first: int, last: int) -> BarTable:
        """Return the bars numbered `first` up to `last`."""
        rows = slice(first, last)
        prices = (self.open[rows], self.high[rows], self.low[rows], self.close[rows])
        return BarTable(
            self.start[rows],
            self.date[rows],
            prices,
            self.volume[rows],
            self.wap[rows],
            self.count[rows],
        )

    def with_more(self, more: BarTable) -> BarTable:
        """Return these bars and those that follow."""
        if not len(more):
            return self
        if not len(self):
            return more

        def joined(name: str) -> Floats:
            return np.concatenate((getattr(self, name), getattr(more, name)))

        return BarTable(
            np.concatenate((self.start, more.start)),
            np.concatenate((self.date, more.date)),
            (joined("open"), joined("high"), joined("low"), joined("close")),
            joined("volume"),
            joined("wap"),
            np.concatenate((self.count, more.count)),
        )
