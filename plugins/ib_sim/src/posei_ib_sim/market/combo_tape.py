"""The tape of a combo: what its legs' quotes make together."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.market.events import MarketEvent, Quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posei_ib_sim.market.tape import Tape

__all__ = ["ComboTape"]

# Quotes older than this do not count when a range begins.
_MEMORY_NS: Final = 86_400_000_000_000


@final
class ComboTape:
    """Quotes of a combo, one whenever a leg's quote changes and all legs are quoted.

    Args:
        legs: Tape and signed ratio of each leg.
    """

    def __init__(self, legs: Sequence[tuple[Tape, int]]) -> None:
        self._legs = legs

    @property
    def first_ns(self) -> int | None:
        """Time of the first event of the leg that begins last; `None` when none begins."""
        known = [tape.first_ns for tape, _ in self._legs if tape.first_ns is not None]
        return max(known, default=None)

    @property
    def last_ns(self) -> int | None:
        """Time of the last event of any leg; `None` when one never ends."""
        ends = [tape.last_ns for tape, _ in self._legs]
        return None if None in ends else max(end for end in ends if end is not None)

    def events(self, start_ns: int, end_ns: int) -> Iterator[MarketEvent]:
        """Yield the events of a range."""
        quotes: list[Quote | None] = [None] * len(self._legs)
        streams = [
            _numbered(number, tape.events(start_ns - _MEMORY_NS, end_ns))
            for number, (tape, _) in enumerate(self._legs)
        ]
        for number, event in heapq.merge(*streams, key=lambda item: item[1].ts_ns):
            if not isinstance(event, Quote):
                continue
            quotes[number] = event
            if event.ts_ns >= start_ns:
                combined = self._combined(event.ts_ns, quotes)
                if combined is not None:
                    yield combined

    def _combined(self, ts_ns: int, quotes: Sequence[Quote | None]) -> Quote | None:
        bid = ask = 0.0
        bid_size = ask_size = float("inf")
        for quote, (_, ratio) in zip(quotes, self._legs, strict=True):
            if quote is None or quote.bid_size <= 0 or quote.ask_size <= 0:
                return None
            count = abs(ratio)
            near, far = (quote.bid, quote.ask) if ratio > 0 else (-quote.ask, -quote.bid)
            near_size, far_size = (
                (quote.bid_size, quote.ask_size) if ratio > 0 else (quote.ask_size, quote.bid_size)
            )
            bid, ask = bid + near * count, ask + far * count
            bid_size = min(bid_size, near_size // count)
            ask_size = min(ask_size, far_size // count)
        return Quote(ts_ns, round(bid, 10), round(ask, 10), bid_size, ask_size)


def _numbered(number: int, events: Iterator[MarketEvent]) -> Iterator[tuple[int, MarketEvent]]:
    for event in events:
        yield number, event
