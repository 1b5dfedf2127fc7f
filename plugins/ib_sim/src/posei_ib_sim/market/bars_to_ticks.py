"""Turning bars into plausible ticks whose aggregate is the bars, exactly.

Everything is a function of the bar, its place in time and a seed: the same bar gives the same
ticks whether it is streamed, asked for as history, or replayed tomorrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, final

import msgspec
import numpy as np

from posei_ib_sim.market.columns import BarColumns, TickColumns, TickMatrix, rounded
from posei_ib_sim.market.noise import key_of, uniform

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from posei_ib_sim.market.columns import Floats, Moments
    from posei_ib_sim.market.events import MarketEvent

    Flags = npt.NDArray[np.bool_]

__all__ = ["BarExpander", "BaseBar"]

_SIDES: Final = 4
# How many numbers are drawn for each tick: with sizes of quotes, and without.
_ALL: Final = 5
_UNSIZED: Final = 3
_SECOND_NS: Final = 1_000_000_000


class BaseBar(msgspec.Struct, frozen=True, gc=False):
    """A source bar over `start_ns` (included) to `end_ns` (excluded).

    Bars of quotes carry the ask side in the `ask_*` fields and no volume.
    """

    start_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    ask_open: float = 0.0
    ask_high: float = 0.0
    ask_low: float = 0.0
    ask_close: float = 0.0

    @property
    def has_ask(self) -> bool:
        """Whether the bar is one of quotes, bid and ask."""
        return self.ask_high > 0.0


class _Ticks(NamedTuple):
    """Ticks of bars, one bar a row; `kept` names those that are real, `None` all."""

    bid: Floats | None = None
    ask: Floats | None = None
    price: Floats | None = None
    size: Floats | None = None
    kept: Flags | None = None


@final
class BarExpander:
    """Expands bars of one instrument into ticks.

    Args:
        seed: Makes the choice of times and sizes repeatable.
        con_id: Makes it differ between instruments.
        tick: Minimum price increment; the spread is one tick.
        trades: Whether the venue prints trades; otherwise the bar's prices are midpoints.
        lot: Typical unit of displayed size.
        points: Ticks per bar, at least 4 (open, the two extremes, close).
    """

    def __init__(
        self, *, seed: int, con_id: int, tick: float, trades: bool, lot: float, points: int = 4
    ) -> None:
        self._key: Final = key_of(seed, con_id)
        self._tick = tick
        self._trades = trades
        self._lot = lot
        self._points = max(4, points)

    def expand(self, bar: BaseBar) -> Iterator[MarketEvent]:
        """Yield the bar's quotes and trades in time order; each trade follows its quote."""
        return self.columns(BarColumns.of([bar])).events()

    def columns(self, bars: BarColumns) -> TickColumns:
        """Return the ticks of bars."""
        noise = self._noise(bars, _ALL)
        points = self._points_of(bars)
        quotes = self._ticks(bars, noise, trades=False)
        if bars.ask is None and self._trades:
            traded = self._ticks(bars, noise, trades=True)
            quotes = quotes._replace(price=traded.price, size=traded.size)
        lots = self._lot * (1.0 + np.floor(noise[:, 3 * points :] * 20.0))
        return _rows(bars, quotes, noise, (lots[:, :points], lots[:, points:]))

    def matrix(self, bars: BarColumns, *, trades: bool) -> TickMatrix | None:
        """Return either the trades of bars or their quotes, without sizes.

        `None` where bars have different numbers of ticks, or none of that kind.
        """
        if trades and (bars.ask is not None or not self._trades):
            return None
        noise = self._noise(bars, _UNSIZED)
        ticks = self._ticks(bars, noise, trades=trades)
        if ticks.kept is not None:
            return None
        return TickMatrix(
            (bars.start, _last_moments(bars)),
            (ticks.bid, ticks.ask),
            (ticks.price, ticks.size),
            lambda: _rows(bars, ticks, noise, (None, None)),
            (bars.open, bars.high, bars.low, bars.close),
        )

    def _points_of(self, bars: BarColumns) -> int:
        return _SIDES if bars.ask is not None else self._points

    def _noise(self, bars: BarColumns, numbers: int) -> Floats:
        # The order of the numbers drawn: path, times, sizes of trades, displayed sizes.
        return uniform(self._key, bars.start, self._points_of(bars) * numbers)

    def _ticks(self, bars: BarColumns, noise: Floats, *, trades: bool) -> _Ticks:
        rises = bars.close >= bars.open
        if bars.ask is not None:
            return _Ticks(*_sides(bars, bars.ask, rises))
        path = self._path(bars, noise, rises)
        if not self._trades:
            return _Ticks(rounded(path - self._tick), rounded(path + self._tick))
        kept = _distinct(path, bars.volume)
        if not trades:
            return _Ticks(*self._around_trades(path, bars, rises), kept=kept)
        points = self._points
        size = _sizes(bars.volume, kept, noise[:, 2 * points : 3 * points])
        return _Ticks(price=path, size=size, kept=kept)

    def _path(self, bars: BarColumns, noise: Floats, rises: Flags) -> Floats:
        # An up bar usually dips first, a down bar rises first.
        anchors = (
            bars.open,
            np.where(rises, bars.low, bars.high),
            np.where(rises, bars.high, bars.low),
            bars.close,
        )
        extra = self._points - _SIDES
        between = (extra // 3, extra // 3, extra - 2 * (extra // 3))
        path = np.empty((len(bars), self._points))
        path[:, 0] = anchors[0]
        column, drawn = 1, 0
        for start, end, count in zip(anchors, anchors[1:], between, strict=False):
            if count:
                steps = np.arange(1, count + 1) - 0.5 + noise[:, drawn : drawn + count]
                line = start[:, None] + (end - start)[:, None] * steps / (count + 1)
                snapped = rounded(np.rint(line / self._tick) * self._tick)
                inside = np.clip(snapped, bars.low[:, None], bars.high[:, None])
                path[:, column : column + count] = inside
            path[:, column + count] = end
            column, drawn = column + count + 1, drawn + count
        return path

    def _around_trades(self, path: Floats, bars: BarColumns, rises: Flags) -> tuple[Floats, Floats]:
        before = np.empty_like(path)
        before[:, 0] = np.where(rises, bars.open, bars.close)
        before[:, 1:] = path[:, :-1]
        lifted = (path > before) | ((path == before) & rises[:, None])
        below, above = rounded(path - self._tick), rounded(path + self._tick)
        return np.where(lifted, below, path), np.where(lifted, path, above)


def _rows(
    bars: BarColumns,
    ticks: _Ticks,
    noise: Floats,
    shown: tuple[Floats, Floats] | tuple[None, None],
) -> TickColumns:
    some = ticks.bid if ticks.bid is not None else ticks.price
    points = 0 if some is None else some.shape[1]
    times = _times(bars, ticks.kept, noise[:, points : 2 * points])
    columns = (times, ticks.bid, ticks.ask, *shown, ticks.price, ticks.size)
    flat = ticks.kept
    return TickColumns(
        *(None if one is None else one.ravel() if flat is None else one[flat] for one in columns)
    )


def _sides(
    bars: BarColumns, asks: tuple[Floats, Floats, Floats, Floats], rises: Flags
) -> tuple[Floats, Floats]:
    def ordered(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
        first, second = np.where(rises, low, high), np.where(rises, high, low)
        return np.column_stack((open_, first, second, close))

    return ordered(bars.open, bars.high, bars.low, bars.close), ordered(*asks)


def _distinct(path: Floats, volume: Floats) -> Flags | None:
    """Merge equal neighbours of bars whose volume is too small for a trade at each point."""
    if volume.min() >= path.shape[1]:
        return None
    kept = np.ones(path.shape, bool)
    kept[:, 1:] = (path[:, 1:] != path[:, :-1]) | (volume >= path.shape[1])[:, None]
    return None if kept.all() else kept


def _last_moments(bars: BarColumns) -> Moments:
    length = bars.end - bars.start
    moments: Moments = bars.end - np.maximum(1, np.minimum(length // 60, _SECOND_NS))
    return moments


def _times(bars: BarColumns, kept: Flags | None, noise: Floats) -> Moments:
    last = _last_moments(bars)[:, None]
    begin = bars.start[:, None]
    points = noise.shape[1]
    ranks: Moments = np.arange(points)[None, :] if kept is None else kept.cumsum(axis=1) - 1
    ends: Moments = ranks[:, -1:]
    share = (ranks + (noise - 0.5) * 0.6) / np.maximum(ends, 1)
    times: Moments = begin + ((last - begin) * share).astype(np.int64)
    times = np.where(ranks == ends, last, times)
    times[:, 0] = bars.start
    if kept is not None:
        times = np.where(ranks == 0, begin, times)
    return times


def _sizes(volume: Floats, kept: Flags | None, noise: Floats) -> Floats:
    """Split volumes over the trades of their bars, so that they add up."""
    total = volume[:, None]
    points = noise.shape[1]
    counts = np.full(total.shape, points) if kept is None else kept.sum(axis=1, keepdims=True)
    parts: Floats = np.maximum(1.0, np.floor(total * (0.5 + noise * 0.5) / counts))
    uneven = (total < counts) | (total != np.rint(total))
    if uneven.any():
        parts = np.where(uneven, np.round(total / counts, 8), parts)
    if kept is None:
        parts[:, -1] = np.round(volume - parts[:, :-1].sum(axis=1), 8)
        return parts
    ranks = kept.cumsum(axis=1) - 1
    is_last = ranks == counts - 1
    rest = total - np.where(kept & ~is_last, parts, 0.0).sum(axis=1, keepdims=True)
    sizes: Floats = np.where(is_last, np.round(rest, 8), parts)
    return sizes
