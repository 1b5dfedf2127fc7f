"""How much has been traded in the last minutes, second by second."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.clock import NANOSECONDS

if TYPE_CHECKING:
    from posei_ib_sim.market import Trade

__all__ = ["RecentTrades"]

_MINUTE: Final = 60
_LONGEST_S: Final = 10 * _MINUTE


@final
class RecentTrades:
    """Numbers and sizes of trades of the last ten minutes."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int, float]] = deque(maxlen=_LONGEST_S)

    def add(self, trade: Trade) -> None:
        """Take a trade in; they come in time order."""
        second = trade.ts_ns // NANOSECONDS
        number, volume = 1, trade.size
        if self._seconds and self._seconds[-1][0] == second:
            _, before, traded = self._seconds.pop()
            number, volume = before + 1, traded + trade.size
        self._seconds.append((second, number, volume))

    def total(self, minutes: int) -> tuple[int, float]:
        """Return the number and the size of the trades of the minutes before the last one."""
        if not self._seconds:
            return 0, 0.0
        since = self._seconds[-1][0] - minutes * _MINUTE
        recent = [(number, volume) for second, number, volume in self._seconds if second > since]
        return sum(number for number, _ in recent), sum(volume for _, volume in recent)
