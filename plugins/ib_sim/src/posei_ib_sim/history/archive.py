"""Bars that are over and will never change, kept so that they are computed once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.history.table import BarTable

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["BarArchive", "Shelf"]

_MOST_BARS: Final = 500_000


@final
class Shelf:
    """Finished intraday bars of one series, without a gap from `from_ns` up to `until_ns`.

    Attributes:
        bars: In time order.
        from_ns: Start of the first interval that was looked at.
        until_ns: Start of the first interval that was not.
    """

    def __init__(self, start_ns: int) -> None:
        self.bars = BarTable.of([])
        self.from_ns = start_ns
        self.until_ns = start_ns

    def append(self, bars: BarTable, until_ns: int) -> None:
        """Add the bars that follow."""
        self.bars = self.bars.with_more(bars)
        self.until_ns = max(self.until_ns, until_ns)


@final
class BarArchive:
    """Shelves by series; the ones used longest ago make room when there are too many bars."""

    def __init__(self) -> None:
        self._shelves: OrderedDict[Hashable, Shelf] = OrderedDict()

    def shelf(self, series: Hashable, start_ns: int) -> Shelf:
        """Return the series' shelf if it reaches back to a moment, else a new empty one."""
        shelf = self._shelves.get(series)
        if shelf is None or not shelf.from_ns <= start_ns <= shelf.until_ns:
            shelf = self._shelves[series] = Shelf(start_ns)
        self._shelves.move_to_end(series)
        return shelf

    def tidy(self) -> None:
        """Throw the oldest shelves away until few enough bars are left."""
        while len(self._shelves) > 1 and self.held > _MOST_BARS:
            self._shelves.popitem(last=False)

    @property
    def held(self) -> int:
        """Bars on all shelves."""
        return sum(len(shelf.bars) for shelf in self._shelves.values())
