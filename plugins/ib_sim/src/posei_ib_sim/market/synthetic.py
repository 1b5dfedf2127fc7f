"""Seeded synthetic prices with random access in time.

The logarithm of the price is a sum of smooth value noise at periods from four years down to one
minute, each amplitude growing with the square root of its period, as in a random walk. Any moment
can be evaluated on its own, so history and stream come from one function and agree by construction.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.market.bars_to_ticks import BaseBar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_ib_sim.contracts.hours import HoursBook
    from posei_ib_sim.contracts.model import SimContract

__all__ = ["SyntheticBars"]

_MINUTE: Final = 60
_PERIODS: Final = tuple(_MINUTE * 4**power for power in range(11))  # 1 minute ... about 2 years
_SECOND_NS: Final = 1_000_000_000


@lru_cache(maxsize=65_536)
def _lattice(key: bytes, octave: int, index: int) -> float:
    raw = hashlib.blake2b(
        octave.to_bytes(2, "big") + index.to_bytes(8, "big"), key=key, digest_size=8
    ).digest()
    return int.from_bytes(raw, "big") / 2**63 - 1.0


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
        self._key = f"{seed}/{contract.con_id}".encode()
        self._scale = daily_volatility / math.sqrt(86_400)
        self._tick = float(contract.min_tick)

    def bars(self, start_ns: int, end_ns: int) -> Iterator[BaseBar]:
        """Yield the minute bars that overlap `start_ns` to `end_ns`, in order."""
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
                    yield from self._segment(max(open_ns, start_ns), min(close_ns, end_ns))
            first = first.fromordinal(last.toordinal() + 1)
            if self._hours.local_date(hours, end_ns) < first:
                return

    def price(self, second: float) -> float:
        """Return the price at a UNIX second, on the contract's tick."""
        total = 0.0
        for octave, period in enumerate(_PERIODS):
            position = second / period
            index = math.floor(position)
            share = position - index
            smooth = share * share * (3.0 - 2.0 * share)
            left = _lattice(self._key, octave, index)
            right = _lattice(self._key, octave, index + 1)
            total += (left + (right - left) * smooth) * math.sqrt(period)
        return self._snap(self._contract.reference_price * math.exp(self._scale * total))

    def _segment(self, start_ns: int, end_ns: int) -> Iterator[BaseBar]:
        minute_ns = _MINUTE * _SECOND_NS
        current = start_ns - start_ns % minute_ns
        while current < end_ns:
            yield self._bar(current, current + minute_ns)
            current += minute_ns

    def _bar(self, start_ns: int, end_ns: int) -> BaseBar:
        second = start_ns // _SECOND_NS
        open_, close = self.price(second), self.price(second + _MINUTE - 1)
        wiggle = [_lattice(self._key, 100 + n, second) for n in range(3)]
        reach = max(self._tick, open_ * self._scale * 8.0)
        high = self._snap(max(open_, close) + abs(wiggle[0]) * reach)
        low = self._snap(min(open_, close) - abs(wiggle[1]) * reach)
        volume = 0.0
        if self._contract.has_trades and self._contract.sec_type != "IND":
            unit = 1.0 if self._contract.sec_type in {"FUT", "OPT", "FOP"} else 100.0
            volume = unit * (12 + int((wiggle[2] + 1.0) * 200))
        return BaseBar(
            start_ns, end_ns, open_, max(high, open_, close), min(low, open_, close), close, volume
        )

    def _snap(self, price: float) -> float:
        return round(round(price / self._tick) * self._tick, 10)
