"""Ticks a page at a time: IB answers up to a thousand, and finishes the second that it is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, TypeVar

from posei_trader.adapters.interactive_brokers.venue_time import format_utc_dashed
from posei_trader.model.bars import NANOS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

__all__ = ["PAGE", "Page", "walk"]

PAGE: Final = 1_000
"""How many ticks IB sends at most for one request."""

_DAY_S: Final = 86_400


class _Row(Protocol):
    """A tick of the past."""

    @property
    def time_s(self) -> int:
        """Return its second."""


_RowT = TypeVar("_RowT", bound=_Row)


class Page(NamedTuple, Generic[_RowT]):
    """Ticks of whole seconds.

    Attributes:
        rows: The ticks, ascending.
        until_ns: Up to here everything is known, UNIX ns UTC, not included.
    """

    rows: list[_RowT]
    until_ns: int


async def walk(
    ask: Callable[[str], Awaitable[Sequence[_RowT]]], start_ns: int, end_ns: int, now_ns: int
) -> AsyncGenerator[Page[_RowT], None]:
    """Walk forward through a span, a page at a time.

    IB's ticks are stamped to the second and a page may end inside one, so the last second of a
    full page is asked for again. After a short page there may be more on a later day.

    Args:
        ask: Fetches the ticks from a moment on.
        start_ns: First moment, UNIX ns UTC.
        end_ns: End, not included.
        now_ns: Now: later than that there is nothing.
    """
    second, last = start_ns // NANOS_PER_SECOND, -(-end_ns // NANOS_PER_SECOND)
    last = min(last, now_ns // NANOS_PER_SECOND + 1)
    while second < last:
        answer = await ask(format_utc_dashed(second * NANOS_PER_SECOND))
        rows = [row for row in answer if second <= row.time_s < last]
        if answer and answer[-1].time_s >= last:
            second = last
        elif len(answer) >= PAGE and rows and rows[-1].time_s > second:
            second = rows[-1].time_s
            rows = [row for row in rows if row.time_s < second]
        elif rows:
            second = rows[-1].time_s + 1
        else:
            second = (second // _DAY_S + 1) * _DAY_S
        yield Page(rows, second * NANOS_PER_SECOND)
