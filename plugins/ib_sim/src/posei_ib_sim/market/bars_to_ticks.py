"""Turning bars into plausible ticks whose aggregate is the bars, exactly.

Everything is a function of the bar, its place in time and a seed: the same bar gives the same
ticks whether it is streamed, asked for as history, or replayed tomorrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar, final

import msgspec
import numpy as np

from posei_ib_sim.market.columns import BarColumns, TickColumns, TickMatrix, Wanted, rounded
from posei_ib_sim.market.noise import key_of, uniform

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from posei_ib_sim.market.columns import Floats, Moments
    from posei_ib_sim.market.events import MarketEvent

    Flags = npt.NDArray[np.bool_]

__all__ = ["BarExpander", "BaseBar"]

Number = TypeVar("Number", bound=np.generic)

_SIDES: Final = 4
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
        points = _SIDES if bars.ask is not None else self._points
        # The order of the numbers drawn: path, times, sizes of trades, displayed sizes.
        path_noise, time_noise, size_noise, *shown_noise = np.split(
            uniform(self._key, bars.start, 0, 5 * points), 5
        )
        price = size = kept = None
        if bars.ask is not None:
            bid, ask = _sides(bars, bars.ask)
        elif not self._trades:
            bid, ask = self._beside(self._path(bars, path_noise))
        else:
            price = self._path(bars, path_noise)
            kept = _distinct(price, bars.volume)
            bid, ask = self._around(price, bars)
            size = _sizes(bars.volume, kept, size_noise)
        shown = (self._lot * (1.0 + np.floor(noise * 20.0)) for noise in shown_noise)
        ticks = (_times(bars, kept, time_noise), bid, ask, *shown, price, size)
        return TickColumns(*(None if one is None else _in_a_row(one, kept) for one in ticks))

    def matrix(self, bars: BarColumns, wanted: Wanted) -> TickMatrix | None:
        """Return either the trades of bars or their quotes, without sizes.

        `None` where bars have different numbers of ticks, or none of that kind.
        """
        if wanted is Wanted.TRADES and (bars.ask is not None or not self._trades):
            return None
        price = size = bid = ask = None
        if bars.ask is not None:
            bid, ask = _sides(bars, bars.ask)
        elif wanted is Wanted.QUOTE_ENDS and not self._trades:
            # Such quotes follow the price at both sides: they have their ends where it has.
            bid, ask = self._beside(_anchors(bars))
        else:
            path = self._path(bars, uniform(self._key, bars.start, 0, self._points - _SIDES))
            if not self._trades:
                bid, ask = self._beside(path)
            elif _distinct(path, bars.volume) is not None:
                return None
            elif wanted is Wanted.TRADES:
                drawn = uniform(self._key, bars.start, 2 * self._points, self._points)
                price, size = path, _sizes(bars.volume, None, drawn)
            else:
                bid, ask = self._around(path, bars)
        return TickMatrix(
            (bars.start, _last_moments(bars)),
            (bid, ask),
            (price, size),
            lambda: self.columns(bars),
            (bars.open, bars.high, bars.low, bars.close),
        )

    def _path(self, bars: BarColumns, noise: Floats) -> Floats:
        """Return prices that lead from open to close by way of the extremes, a row a tick."""
        anchors = _anchors(bars)
        extra = self._points - _SIDES
        between = (extra // 3, extra // 3, extra - 2 * (extra // 3))
        legs = np.repeat(range(_SIDES - 1), between)
        steps = np.concatenate([np.arange(1, count + 1) for count in between])[:, None]
        share = (steps - 0.5 + noise[:extra]) / (np.take(between, legs)[:, None] + 1)
        line = anchors[legs] + (anchors[1:] - anchors[:-1])[legs] * share
        path = np.empty((self._points, len(bars)))
        # Each tick between lies behind those before it and the anchors of their legs.
        path[np.arange(extra) + legs + 1] = np.clip(
            rounded(np.rint(line / self._tick) * self._tick), bars.low, bars.high
        )
        path[np.cumsum((0, *between)) + range(_SIDES)] = anchors
        return path

    def _beside(self, path: Floats) -> tuple[Floats, Floats]:
        return rounded(path - self._tick), rounded(path + self._tick)

    def _around(self, path: Floats, bars: BarColumns) -> tuple[Floats, Floats]:
        """Return quotes with each price at one of their sides."""
        rises = bars.close >= bars.open
        before = np.concatenate((np.where(rises, bars.open, bars.close)[None], path[:-1]))
        lifted = (path > before) | ((path == before) & rises)
        other = rounded(path + np.where(lifted, -self._tick, self._tick))
        return np.minimum(path, other), np.maximum(path, other)


def _anchors(bars: BarColumns) -> Floats:
    """Return open, the extremes and close; an up bar usually dips first, a down bar rises first."""
    return np.stack(_ordered(bars, bars.open, bars.high, bars.low, bars.close))


def _ordered(
    bars: BarColumns, open_: Floats, high: Floats, low: Floats, close: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    rises = bars.close >= bars.open
    return open_, np.where(rises, low, high), np.where(rises, high, low), close


def _sides(bars: BarColumns, asks: tuple[Floats, Floats, Floats, Floats]) -> tuple[Floats, Floats]:
    return _anchors(bars), np.stack(_ordered(bars, *asks))


def _in_a_row(ticks: npt.NDArray[Number], kept: Flags | None) -> npt.NDArray[Number]:
    """Return ticks bar by bar."""
    return ticks.T.ravel() if kept is None else ticks.T[kept.T]


def _distinct(path: Floats, volume: Floats) -> Flags | None:
    """Merge equal neighbours of bars whose volume is too small for a trade at each point."""
    if volume.min() >= len(path):
        return None
    kept = np.ones(path.shape, bool)
    kept[1:] = (path[1:] != path[:-1]) | (volume >= len(path))
    return None if kept.all() else kept


def _last_moments(bars: BarColumns) -> Moments:
    length = bars.end - bars.start
    moments: Moments = bars.end - np.maximum(1, np.minimum(length // 60, _SECOND_NS))
    return moments


def _times(bars: BarColumns, kept: Flags | None, noise: Floats) -> Moments:
    last = _last_moments(bars)
    ranks: Moments = np.arange(len(noise))[:, None] if kept is None else kept.cumsum(axis=0) - 1
    ends: Moments = ranks[-1]
    share = (ranks + (noise - 0.5) * 0.6) / np.maximum(ends, 1)
    times: Moments = bars.start + ((last - bars.start) * share).astype(np.int64)
    times = np.where(ranks == ends, last, times)
    return np.where(ranks == 0, bars.start, times)


def _sizes(volume: Floats, kept: Flags | None, noise: Floats) -> Floats:
    """Split volumes over the trades of their bars, so that they add up."""
    counts = len(noise) if kept is None else kept.sum(axis=0)
    half = volume * 0.5 / counts
    parts: Floats = np.maximum(1.0, np.floor(noise * half + half))
    uneven = (volume < counts) | (volume != np.rint(volume))
    if uneven.any():
        parts = np.where(uneven, np.round(volume / counts, 8), parts)
    if kept is None:
        parts[-1] = np.round(volume - parts[:-1].sum(axis=0), 8)
        return parts
    is_last = kept.cumsum(axis=0) == counts
    rest = volume - np.where(kept & ~is_last, parts, 0.0).sum(axis=0)
    sizes: Floats = np.where(is_last, np.round(rest, 8), parts)
    return sizes
