"""Bars as messages, each finished one made once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.server.translate import bar_message

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from posei_ib_sim import wire
    from posei_ib_sim.history import Bar

    _Entry = tuple[Bar, wire.HistoricalDataBar]

__all__ = ["BarMessages"]

_MOST: Final = 50_000


@final
class BarMessages:
    """Remembers the messages of bars that cannot change any more."""

    def __init__(self) -> None:
        # By identity: bars are mutable while they grow. Keeping the bar keeps its id taken.
        self._known: dict[tuple[str, bool, bool], dict[int, _Entry]] = {}

    def of(
        self, bars: list[Bar], zone: ZoneInfo, *, intraday: bool, epoch: bool
    ) -> tuple[wire.HistoricalDataBar, ...]:
        """Return the messages of bars; only the last of them may still be growing."""
        if sum(map(len, self._known.values())) > _MOST:
            self._known.clear()
        known = self._known.setdefault((zone.key, intraday, epoch), {})

        def made(bar: Bar) -> _Entry:
            message = bar_message(bar, zone, intraday=intraday, epoch=epoch)
            entry = known[id(bar)] = (bar, message)
            return entry

        messages = [(known.get(id(bar)) or made(bar))[1] for bar in bars[:-1]]
        messages += [bar_message(b, zone, intraday=intraday, epoch=epoch) for b in bars[-1:]]
        return tuple(messages)
