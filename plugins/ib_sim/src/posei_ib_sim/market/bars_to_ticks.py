"""Turning a bar into plausible ticks whose aggregate is the bar, exactly.

Everything is a function of the bar, its place in time and a seed: the same bar gives the same
ticks whether it is streamed, asked for as history, or replayed tomorrow.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.market.events import MarketEvent, Quote, Trade

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BarExpander", "BaseBar"]

_DENOMINATOR: Final = 2**16


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
        self._key: Final = f"{seed}/{con_id}".encode()
        self._tick = tick
        self._trades = trades
        self._lot = lot
        self._points = max(4, points)

    def expand(self, bar: BaseBar) -> Iterator[MarketEvent]:
        """Yield the bar's quotes and trades in time order; each trade follows its quote."""
        noise = self._noise(bar.start_ns)
        rises = bar.close >= bar.open
        if bar.has_ask:
            yield from self._quotes_of_sides(bar, noise, rises=rises)
            return
        path = self._path(bar, noise, rises=rises)
        if not self._trades:
            for ts_ns, price in zip(self._times(bar, len(path), noise), path, strict=True):
                half = self._tick
                yield self._quote(ts_ns, price - half, price + half, noise)
            return
        path, sizes = _sized(path, bar.volume, noise)
        previous = bar.open if rises else bar.close
        for ts_ns, price, size in zip(self._times(bar, len(path), noise), path, sizes, strict=True):
            lifted = price > previous or (price == previous and rises)
            bid, ask = (price - self._tick, price) if lifted else (price, price + self._tick)
            yield self._quote(ts_ns, bid, ask, noise)
            yield Trade(ts_ns, price, size)
            previous = price

    def _quotes_of_sides(
        self, bar: BaseBar, noise: _Noise, *, rises: bool
    ) -> Iterator[MarketEvent]:
        lower = (bar.low, bar.ask_low)
        upper = (bar.high, bar.ask_high)
        extremes = (lower, upper) if rises else (upper, lower)
        sides = ((bar.open, bar.ask_open), *extremes, (bar.close, bar.ask_close))
        for ts_ns, (bid, ask) in zip(self._times(bar, 4, noise), sides, strict=True):
            yield self._quote(ts_ns, bid, ask, noise)

    def _path(self, bar: BaseBar, noise: _Noise, *, rises: bool) -> list[float]:
        # An up bar usually dips first, a down bar rises first.
        extremes = (bar.low, bar.high) if rises else (bar.high, bar.low)
        anchors = (bar.open, *extremes, bar.close)
        extra = self._points - 4
        if not extra:
            return list(anchors)
        between = (extra // 3, extra // 3, extra - 2 * (extra // 3))
        path = [anchors[0]]
        for start, end, count in zip(anchors, anchors[1:], between, strict=False):
            for step in range(1, count + 1):
                line = start + (end - start) * (step + noise.next() - 0.5) / (count + 1)
                snapped = round(round(line / self._tick) * self._tick, 10)
                path.append(min(max(snapped, bar.low), bar.high))
            path.append(end)
        return path

    def _times(self, bar: BaseBar, count: int, noise: _Noise) -> list[int]:
        length = bar.end_ns - bar.start_ns
        last = bar.end_ns - max(1, min(length // 60, 1_000_000_000))
        span = last - bar.start_ns
        times = [bar.start_ns]
        for position in range(1, count - 1):
            share = (position + (noise.next() - 0.5) * 0.6) / (count - 1)
            times.append(bar.start_ns + int(span * share))
        if count > 1:
            times.append(last)
        return times

    def _quote(self, ts_ns: int, bid: float, ask: float, noise: _Noise) -> Quote:
        return Quote(
            ts_ns,
            round(bid, 10),
            round(ask, 10),
            self._lot * (1 + int(noise.next() * 20)),
            self._lot * (1 + int(noise.next() * 20)),
        )

    def _noise(self, ts_ns: int) -> _Noise:
        return _Noise(hashlib.blake2b(ts_ns.to_bytes(8, "big"), key=self._key[:64]).digest())


@final
class _Noise:
    """Repeatable numbers in [0, 1) drawn from a digest, extended as needed."""

    __slots__ = ("_digest", "_position")

    def __init__(self, digest: bytes) -> None:
        self._digest = digest
        self._position = 0

    def next(self) -> float:
        if self._position >= len(self._digest):
            self._digest = hashlib.blake2b(self._digest).digest()
            self._position = 0
        position = self._position
        self._position = position + 2
        return int.from_bytes(self._digest[position : position + 2], "big") / _DENOMINATOR


def _sized(path: list[float], volume: float, noise: _Noise) -> tuple[list[float], list[float]]:
    """Split a bar's volume over its prices; equal neighbours merge when it is too small."""
    if volume < len(path):
        path = [p for i, p in enumerate(path) if i == 0 or p != path[i - 1]]
    count = len(path)
    if volume < count or volume != int(volume):
        part = round(volume / count, 8)
        return path, [*([part] * (count - 1)), round(volume - part * (count - 1), 8)]
    whole = int(volume)
    sizes = []
    left = whole
    for position in range(count - 1):
        rest = count - 1 - position
        share = int(whole * (0.5 + noise.next() * 0.5) / count)
        size = max(1, min(share, left - rest))
        sizes.append(float(size))
        left -= size
    sizes.append(float(left))
    return path, sizes
