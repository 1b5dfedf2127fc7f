"""Bars of several answers as columns: joined, in order, each once, clipped to a span."""

from __future__ import annotations

import itertools
import operator
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

from posei_trader.adapters.interactive_brokers.client.messages import GaplessSeconds, SizeColumn
from posei_trader.adapters.interactive_brokers.historical.bar_times import open_seconds
from posei_trader.model.bars import NANOS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posei_trader.adapters.interactive_brokers.client.messages import HistoricalBars
    from posei_trader.model.bars import BarSpecification

__all__ = ["BarColumns"]


class BarColumns(NamedTuple):
    """What bars are made of, without an object a bar.

    Attributes:
        opened: When each bar opened, whole seconds since 1970, UTC.
        dates: IB's own, see `HistoricalBars`, like the others; `opened` itself where they are that.
    """

    opened: Sequence[float]
    dates: Sequence[float | str]
    opens: Sequence[float]
    highs: Sequence[float]
    lows: Sequence[float]
    closes: Sequence[float]
    volumes: Sequence[int | None]

    @classmethod
    def of(cls, bars: HistoricalBars, spec: BarSpecification) -> BarColumns:
        """Read IB's times.

        Raises:
            InvalidRequest: one of IB's texts is no time.
        """
        opened = open_seconds(bars.dates, spec)
        return cls(opened, bars.dates, bars.opens, bars.highs, bars.lows, bars.closes, bars.volumes)

    @classmethod
    def joined(cls, parts: Sequence[BarColumns]) -> BarColumns:
        """Return the bars of several answers; of the same bar the one of the last part stays."""
        if len(parts) == 1:
            return parts[0].in_order()
        opened, dates, *others = zip(*parts, strict=True) if parts else ((),) * len(cls._fields)
        whole = _chained(opened)
        are_same = all(map(operator.is_, opened, dates))
        columns = map(_chained, others)
        return cls(whole, whole if are_same else _chained(dates), *columns).in_order()

    def in_order(self) -> BarColumns:
        """Return the bars ascending, each once."""
        opened = self.opened
        if isinstance(opened, GaplessSeconds) or all(
            map(operator.lt, opened, itertools.islice(opened, 1, None))
        ):
            return self
        rows = {moment: row for row, moment in enumerate(opened)}
        return self.rows([rows[moment] for moment in sorted(rows)])

    def clipped(self, start_ns: int, end_ns: int) -> BarColumns:
        """Return the bars that opened in a span, its end not included; they must be in order.

        Args:
            start_ns: First moment, UNIX ns UTC.
            end_ns: End, UNIX ns UTC.
        """
        opened = self.opened.numbers if isinstance(self.opened, GaplessSeconds) else self.opened
        first, stop = (bisect_left(opened, _whole_second(ns)) for ns in (start_ns, end_ns))
        if first == 0 and stop == len(opened):
            return self
        return self._taken(lambda values: values[first:stop])

    def rows(self, rows: list[int]) -> BarColumns:
        """Return some of the bars, by their numbers."""
        return self._taken(lambda values: [values[row] for row in rows])

    def _taken(self, take: Callable[[Sequence[Any]], Any]) -> BarColumns:
        return BarColumns(*map(take, self))


def _whole_second(moment_ns: int) -> int:
    """Return the first whole second that is not before a moment."""
    return -(-moment_ns // NANOS_PER_SECOND)


def _chained(parts: Sequence[Any]) -> Any:
    if all(isinstance(part, SizeColumn) for part in parts):
        return SizeColumn(_chained([part.numbers for part in parts]))
    if all(isinstance(part, GaplessSeconds) for part in parts):
        joined = GaplessSeconds.joined(parts)
        if joined is not None:
            return joined
    parts = [part.numbers if isinstance(part, GaplessSeconds) else part for part in parts]
    if not all(isinstance(part, array) for part in parts):
        return list(itertools.chain.from_iterable(parts))
    whole = parts[0][:0]
    for part in parts:
        whole.extend(part)
    return whole
