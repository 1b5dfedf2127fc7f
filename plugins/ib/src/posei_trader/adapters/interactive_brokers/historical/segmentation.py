"""How a span of history is cut into requests that IB accepts, without a gap between them.

Rules of IB: a request names its end and a duration; each bar size has a longest duration; durations
in seconds reach to one day; bars of a day or longer need durations of whole days or more; a
continuous future can only be asked up to now. A bar in which a request begins or ends comes as what
is inside of it, and nothing says so. So requests meet between bars where the clock tells where that
is, and are asked for past their ends where it does not.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Final

import msgspec

from posei_trader.adapters.interactive_brokers.historical.bar_specs import CALENDAR_BARS, bar_size
from posei_trader.adapters.interactive_brokers.historical.bar_times import floor_to_period
from posei_trader.adapters.interactive_brokers.venue_time import from_nanos
from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import NANOS_PER_SECOND, BarSpecification
from posei_trader.model.enums import BarAggregation

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
_YEAR: Final = 365 * _DAY
_SHORTEST: Final = 30
# A trading day ends at most a day after the midnight (UTC) that ends its date, weekends apart.
_OVERLAP: Final = 3 * _DAY * NANOS_PER_SECOND
_HALF_HOUR: Final = 1_800 * NANOS_PER_SECOND
_CALENDAR_SLACK: Final = 2 * _DAY * NANOS_PER_SECOND
_CLOCK_SLACK: Final = 60 * NANOS_PER_SECOND
_LONGEST_PERIOD: Final = {
    BarAggregation.DAY: _DAY * NANOS_PER_SECOND,
    BarAggregation.WEEK: _WEEK * NANOS_PER_SECOND,
    BarAggregation.MONTH: 31 * _DAY * NANOS_PER_SECOND,
}

LONGEST_SECONDS: Final[dict[str, int]] = {
    "1 secs": 1_800,
    "5 secs": 3_600,
    "10 secs": 14_400,
    "15 secs": 14_400,
    "30 secs": 28_800,
    "1 min": _DAY,
    "2 mins": 2 * _DAY,
    "3 mins": _WEEK,
    "5 mins": _WEEK,
    "10 mins": _WEEK,
    "15 mins": _WEEK,
    "20 mins": _WEEK,
    # IB says a month; four weeks are never more than one, whatever its length.
    "30 mins": 4 * _WEEK,
    "1 hour": 4 * _WEEK,
    "2 hours": 4 * _WEEK,
    "3 hours": 4 * _WEEK,
    "4 hours": 4 * _WEEK,
    "8 hours": 4 * _WEEK,
    "1 day": _YEAR,
    "1 week": _YEAR,
    "1 month": _YEAR,
}
"""IB's published longest duration of one request, by bar size."""


class Segment(msgspec.Struct, frozen=True):
    """One request: the bars of `duration` before `end_ns`.

    Attributes:
        start_ns: Where what is wanted of it starts; IB may send more.
        end_ns: Where it ends; 0 for now, which is the only end a continuous future may have.
        duration: IB's text, for example ``5 D``; at least as long as the segment.
        ask_until_ns: The end to give IB, not before `end_ns`: a bar that goes on after it would
            come as half of a bar.
    """

    start_ns: int
    end_ns: int
    duration: str
    ask_until_ns: int


def segments(
    start_ns: int,
    end_ns: int,
    spec: BarSpecification,
    limit_ns: int | None = None,
    busy: Sequence[tuple[int, int]] = (),
) -> list[Segment]:
    """Return the requests that cover a span, newest first, each as long as IB allows.

    Neighbours meet exactly, unless nothing lies between them: the start of one is the end of the
    next. Bars of a day and longer are cut where a bar begins, and so are those of which the clock
    says where that is.

    Args:
        start_ns: First moment, UNIX ns UTC; of bars of a day and longer, the bar around it counts.
        end_ns: End, UNIX ns UTC, not included.
        spec: Which bars.
        limit_ns: How far after the end IB may be asked, so that the last bar comes whole; None for
            the end itself.
        busy: Starts and ends, UNIX ns UTC, ascending, apart from each other: what lies between
            them is not asked for. Empty for all of the span.

    Raises:
        InvalidRequest: the span is empty.
        Unsupported: IB has no such bars.
    """
    size = bar_size(spec)
    check_span(start_ns, end_ns)
    longest = LONGEST_SECONDS[size] * NANOS_PER_SECOND
    limit = end_ns if limit_ns is None else max(end_ns, limit_ns)
    parts: list[Segment] = []
    begun = [begin for begin, _ in busy]
    end = end_ns
    while end > start_ns:
        if busy:
            last = bisect.bisect_left(begun, end) - 1
            end = min(end, busy[last][1]) if last >= 0 else start_ns
            if end <= start_ns:
                break
        ask_until = min(limit, _whole_until(end, spec))
        start = _start(ask_until - longest, start_ns, spec)
        reach = ask_until - floor_to_period(start, spec)
        parts.append(Segment(start, end, duration_text(_seconds(reach), spec), ask_until))
        end = start
    return parts


def _whole_until(end_ns: int, spec: BarSpecification) -> int:
    """Return until when to ask, so that every bar that opens before an end is whole."""
    if spec.aggregation in CALENDAR_BARS:
        return end_ns + _OVERLAP
    length = spec.nanos or 0
    return _ceil(end_ns, length) * length if is_on_clock(length) else end_ns + length


def _start(earliest_ns: int, start_ns: int, spec: BarSpecification) -> int:
    """Return where a request starts that can reach back to a moment and has to reach a start."""
    if floor_to_period(start_ns, spec) >= earliest_ns:
        return start_ns
    if spec.aggregation in CALENDAR_BARS:
        return next_period(earliest_ns, spec)
    length = spec.nanos or 0
    return _ceil(earliest_ns, length) * length if is_on_clock(length) else earliest_ns


def is_on_clock(length: int) -> bool:
    """Return whether bars begin at multiples of their length, in zones of half hours too."""
    return _HALF_HOUR % length == 0


def next_period(moment_ns: int, spec: BarSpecification) -> int:
    """Return the first moment, not before another, at which a bar of a day or longer begins."""
    begun = floor_to_period(moment_ns, spec)
    if begun == moment_ns:
        return begun
    return floor_to_period(begun + _LONGEST_PERIOD[spec.aggregation], spec)


def open_ended(start_ns: int, now_ns: int, spec: BarSpecification) -> Segment:
    """Return the one request for everything from a start until now.

    A week or a month that reaches back further than IB's longest duration is left out: IB would
    send a part of it.

    Raises:
        InvalidRequest: the start lies ahead, or more is wanted than one request may bring.
        Unsupported: IB has no such bars.
    """
    size = bar_size(spec)
    check_span(start_ns, now_ns)
    longest = LONGEST_SECONDS[size] * NANOS_PER_SECOND
    # A leap year is a year, and time goes on while a start is computed.
    slack = _CALENDAR_SLACK if spec.aggregation in CALENDAR_BARS else _CLOCK_SLACK
    if now_ns - start_ns > longest + slack:
        raise InvalidRequest(
            "Interactive Brokers serves a continuous future up to now only, in one request",
            field="start",
            value=f"{_spoken(now_ns - start_ns)} of {spec}",
            remedy=f"ask for {_spoken(longest)} at most, for longer bars, "
            "or for the single contracts",
        )
    start, begun = start_ns, floor_to_period(start_ns, spec)
    if begun < now_ns - longest - slack:
        start = begun = next_period(now_ns - longest, spec)
    duration = duration_text(_seconds(min(now_ns - begun, longest)), spec)
    return Segment(start, 0, duration, 0)


def _spoken(nanos: int) -> str:
    seconds = nanos / NANOS_PER_SECOND
    return f"{seconds / _DAY:.4g} days" if seconds >= _DAY else f"{seconds:.0f} seconds"


def check_span(start_ns: int, end_ns: int) -> None:
    """Check that a span is not empty.

    Raises:
        InvalidRequest: its end does not lie after its start.
    """
    if end_ns <= start_ns:
        raise InvalidRequest(
            "the end must lie after the start",
            field="start, end",
            value=" to ".join(
                f"{from_nanos(ns):%Y-%m-%d %H:%M:%S} UTC" for ns in (start_ns, end_ns)
            ),
            remedy="exchange them, or leave the end out for now",
        )


def duration_text(seconds: int, spec: BarSpecification) -> str:
    """Return the shortest duration of IB's that covers so many seconds of such bars."""
    if spec.aggregation is BarAggregation.MONTH:
        months = -(-seconds // (28 * _DAY))
        return f"{months} M" if months <= 12 else f"{_ceil(seconds, _YEAR)} Y"
    if spec.aggregation is BarAggregation.WEEK:
        # A week's bar needs its whole week.
        weeks = _ceil(seconds, _WEEK) + 1
        return f"{weeks} W" if weeks <= 52 else f"{_ceil(seconds, _YEAR)} Y"
    if seconds <= _DAY and spec.aggregation not in CALENDAR_BARS:
        return f"{max(_SHORTEST, seconds)} S"
    if seconds % _WEEK == 0 and seconds < _YEAR:
        return f"{seconds // _WEEK} W"
    days = _ceil(seconds, _DAY)
    return f"{days} D" if days < 365 else f"{_ceil(seconds, _YEAR)} Y"


def _seconds(nanos: int) -> int:
    return _ceil(nanos, NANOS_PER_SECOND)


def _ceil(value: int, unit: int) -> int:
    return -(-value // unit)
