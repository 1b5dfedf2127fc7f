"""Seeded synthetic prices with random access in time.

The logarithm of the price is a sum of smooth value noise at periods from two years down to one
minute, each amplitude growing with the square root of its period, as in a random walk. Any moment
can be evaluated on its own, so history and stream come from one function and agree by construction.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, final

import numpy as np

from posei_ib_sim.market.columns import BarColumns, rounded
from posei_ib_sim.market.noise import key_of, lattice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_ib_sim.contracts.hours import HoursBook
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.market.columns import Floats, Moments

__all__ = ["SyntheticBars"]

_MINUTE: Final = 60
_OCTAVES: Final = 11  # periods of 1, 4, 16 ... minutes, up to about 2 years
_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = _MINUTE * _SECOND_NS
_WIGGLES: Final = (100, 101, 102)


@final
class SyntheticBars:
    """Minute bars of one contract during its trading sessions.

    Args:
        contract: Gives the reference price, tick and sessions.
        hours: The sessions.
        seed: The simulation's seed.
        daily_volatility: Standard deviation of a day's log return, roughly.
    """

    def __init__(
        self,
        contract: SimContract,
        hours: HoursBook,
        *,
        seed: int,
        daily_volatility: float = 0.012,
    ) -> None:
        self._contract = contract
        self._hours = hours
        self._key = key_of(seed, contract.con_id)
        self._scale = daily_volatility / math.sqrt(86_400)
        self._tick = float(contract.min_tick)

    def columns(self, start_ns: int, end_ns: int, block: int) -> Iterator[BarColumns]:
        """Yield the minute bars that overlap `start_ns` to `end_ns`, about `block` at a time."""
        pieces: list[Moments] = []
        count = 0
        for first, last in self._spans(start_ns, end_ns):
            for begin in range(first, last, block * _MINUTE_NS):
                stop = min(last, begin + block * _MINUTE_NS)
                pieces.append(np.arange(begin, stop, _MINUTE_NS, dtype=np.int64))
                count += len(pieces[-1])
                if count >= block:
                    yield self._bars(np.concatenate(pieces))
                    pieces, count = [], 0
        if pieces:
            yield self._bars(np.concatenate(pieces))

    def _spans(self, start_ns: int, end_ns: int) -> Iterator[tuple[int, int]]:
        """Yield the whole minutes of regular trading in a range, as start and end."""
        hours = self._contract.hours
        first = self._hours.local_date(hours, start_ns)
        step = 64
        while True:
            last = first.fromordinal(first.toordinal() + step)
            for session in self._hours.between(hours, first, last):
                for open_ns, close_ns in session.liquid:
                    if close_ns <= start_ns:
                        continue
                    if open_ns >= end_ns:
                        return
                    begin = max(open_ns, start_ns)
                    yield begin - begin % _MINUTE_NS, min(close_ns, end_ns)
            first = first.fromordinal(last.toordinal() + 1)
            if self._hours.local_date(hours, end_ns) < first:
                return

    def _bars(self, starts: Moments) -> BarColumns:
        minutes = starts // _MINUTE_NS
        open_, close = self._ends(minutes)
        above, below, traded = lattice(self._key, _WIGGLES, minutes)
        reach = np.maximum(self._tick, open_ * self._scale * 8.0)
        first, second = np.maximum(open_, close), np.minimum(open_, close)
        volume = np.zeros(len(starts))
        if self._contract.has_trades and self._contract.sec_type != "IND":
            unit = 1.0 if self._contract.sec_type in {"FUT", "OPT", "FOP"} else 100.0
            volume = unit * (12.0 + np.floor((traded + 1.0) * 200.0))
        return BarColumns(
            starts,
            starts + _MINUTE_NS,
            (
                open_,
                np.maximum(first, self._snap(first + np.abs(above) * reach)),
                np.minimum(second, self._snap(second - np.abs(below) * reach)),
                close,
            ),
            volume,
        )

    def _ends(self, minutes: Moments) -> tuple[Floats, Floats]:
        """Return the prices at the begin and the end of minutes; one's end is the next's begin."""
        last = np.flatnonzero(np.append(minutes[1:] - minutes[:-1] != 1, [True]))
        # The end of each unbroken run of minutes stands behind the beginnings.
        prices = self._prices(np.insert(minutes, last + 1, minutes[last] + 1))
        ends = last + 1 + np.arange(len(last))
        return np.delete(prices, ends), np.delete(prices, np.append([0], ends[:-1] + 1))

    def _prices(self, minutes: Moments) -> Floats:
        """Return the price at the begin of UNIX minutes in time order, on the contract's tick."""
        # The shortest period is a minute: there is nothing to smooth.
        (total,) = lattice(self._key, (0,), minutes)
        for octave in range(1, _OCTAVES):
            total += self._octave(octave, minutes)
        total *= math.sqrt(_MINUTE)
        return self._snap(self._contract.reference_price * np.exp(self._scale * total))

    def _octave(self, octave: int, minutes: Moments) -> Floats:
        bits = 2 * octave
        places = minutes >> bits
        share = (minutes - (places << bits)) * 0.5**bits
        first, last = int(places[0]), int(places[-1])
        (known,) = lattice(self._key, (octave,), np.arange(first, last + 2))
        known *= 2.0**octave
        places -= first
        smooth = share * share * (3.0 - 2.0 * share)
        values: Floats = known[places] + np.diff(known)[places] * smooth
        return values

    def _snap(self, prices: Floats) -> Floats:
        return rounded(np.rint(prices / self._tick) * self._tick)
