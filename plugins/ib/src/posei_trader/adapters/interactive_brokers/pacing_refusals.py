"""When IB refuses the pace: history waits, and one request at a time finds out whether it goes on.

IB counts by login. Another program, or TWS itself, may have used up what ten minutes allow; then
nothing that is asked sooner is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.pacing import HistoricalCost

__all__ = ["BackOff"]

_SECOND: Final = 1_000_000_000
_FIRST_PAUSE_NS: Final = 5 * _SECOND
_LONGEST_PAUSE_NS: Final = 60 * _SECOND


@final
class BackOff:
    """What the last refusals say about the next requests.

    The first refusal holds all history for a moment. Afterwards only small bars and ticks wait if
    nothing else was refused: longer bars do not count for the ten minutes.

    Args:
        patience_ns: How long after the first refusal to go on, if nothing is answered.
    """

    def __init__(self, patience_ns: int) -> None:
        self._patience_ns = patience_ns
        self._since: int | None = None
        self._last = self._until = self._all_until = self._pause_ns = 0
        self._is_small = False
        self._probe: HistoricalCost | None = None

    def refused(self, cost: HistoricalCost, now_ns: int) -> bool:
        """Take note of a refusal; return whether to ask again."""
        if self._since is None or now_ns - self._last > self._patience_ns:
            self._since = now_ns
            self._is_small = cost.is_small
            self._probe = None
            self._pause_ns = _FIRST_PAUSE_NS
            self._until = self._all_until = now_ns + self._pause_ns
        elif cost is self._probe:
            self._probe = None
            self._pause_ns = min(2 * self._pause_ns, _LONGEST_PAUSE_NS)
            self._until = now_ns + self._pause_ns
        self._is_small = self._is_small and cost.is_small
        self._last = now_ns
        return now_ns - self._since <= self._patience_ns

    def sent(self, cost: HistoricalCost) -> None:
        """Take note of a request: while others wait, it is the one that finds out."""
        if self._concerns(is_small=cost.is_small):
            self._probe = cost

    def answered(self, cost: HistoricalCost) -> None:
        """Take note of an answer: if it was waited for, all go on."""
        if cost is self._probe:
            self._since = self._probe = None
            self._until = self._all_until = 0

    def ended(self, cost: HistoricalCost | None) -> None:
        """Take note that a request has ended, None for one of which nobody knows which."""
        if cost is None or cost is self._probe:
            self._probe = None

    def is_closed(self, *, is_small: bool) -> bool:
        """Return whether such a request has to wait for the one that finds out."""
        return self._probe is not None and self._concerns(is_small=is_small)

    def until_ns(self, *, is_small: bool) -> int:
        """Return the end of the pause for such a request."""
        return self._until if self._concerns(is_small=is_small) else self._all_until

    def _concerns(self, *, is_small: bool) -> bool:
        return self._since is not None and (is_small or not self._is_small)
