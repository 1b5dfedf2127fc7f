"""What is missing where a market was open: stored moments against trading sessions.

A gap is no error by itself. A bar of trades is missing where nothing traded, and a tick is missing
where nothing happened; a missing session is what deserves a look.
"""

from __future__ import annotations

import bisect
import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import BarAggregation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posei_trader.model.bars import BarSpecification
    from posei_trader.persistence.sessions import Session

__all__ = ["CALENDAR", "Gap", "bar_gaps", "first_open", "tick_gaps"]

_HOUR: Final = 3_600 * NANOS_PER_SECOND
_QUARTER: Final = 900 * NANOS_PER_SECOND
_DAY: Final = 24 * _HOUR
CALENDAR: Final = frozenset({BarAggregation.DAY, BarAggregation.WEEK, BarAggregation.MONTH})
"""Bars of the calendar's days, not of the clock's hours."""
_EPOCH_ORDINAL: Final = dt.date(1970, 1, 1).toordinal()


class Gap(NamedTuple):
    """A stretch of trading without data.

    Attributes:
        start_ns: First moment without data, UNIX ns UTC.
        end_ns: End, UNIX ns UTC, not included.
        missing: Bars that could be there; 0 for ticks, of which nobody knows how many there were.
        is_whole_session: Whether a session has no data at all.
    """

    start_ns: int
    end_ns: int
    missing: int
    is_whole_session: bool


def bar_gaps(
    opens: Sequence[int],
    spec: BarSpecification,
    sessions: Sequence[Session],
    start_ns: int,
    end_ns: int,
) -> list[Gap]:
    """Return where bars are missing.

    Up to an hour, a bar is expected at the open of a session and at each multiple of its length
    after it, or, in zones of half hours, as much later as most bars of the span are; of longer
    intraday bars, whose grid differs from venue to venue, every moment of a session has to lie in
    one. Days, weeks and months are expected where they have a session.

    Args:
        opens: When the bars that are there opened, UNIX ns UTC, ascending.
        spec: Which bars.
        sessions: When the market was open, ascending, apart from each other.
        start_ns: First moment to look at.
        end_ns: End, not included.
    """
    length = spec.nanos
    if spec.aggregation in CALENDAR:
        return _period_gaps(opens, spec, sessions, start_ns, end_ns)
    if length is None:
        return tick_gaps(opens, sessions, start_ns, end_ns)
    gaps: list[Gap] = []
    present = set(opens)
    phase = _phase(present, length, sessions)
    for session in sessions:
        if session.open_ns < end_ns and start_ns < session.close_ns:
            if length <= _HOUR:
                gaps += _missing_opens(present, length, phase, session, start_ns, end_ns)
            else:
                gaps += _holes(opens, length, session, start_ns, end_ns)
    return gaps


def first_open(spec: BarSpecification, moment_ns: int) -> int:
    """Return the earliest open that a bar can have whose interval a moment lies in.

    Args:
        spec: Which bars.
        moment_ns: UNIX ns UTC.
    """
    if spec.aggregation in CALENDAR:
        return _period_of(moment_ns, spec.aggregation)
    return moment_ns - (spec.nanos or 1) + 1


def tick_gaps(
    moments: Sequence[int], sessions: Sequence[Session], start_ns: int, end_ns: int
) -> list[Gap]:
    """Return the sessions, clipped to the span, in which nothing happened at all.

    Args:
        moments: When something happened, UNIX ns UTC, ascending.
        sessions: When the market was open.
        start_ns: First moment to look at.
        end_ns: End, not included.
    """
    gaps: list[Gap] = []
    for session in sessions:
        first, last = max(session.open_ns, start_ns), min(session.close_ns, end_ns)
        if first >= last:
            continue
        place = bisect.bisect_left(moments, first)
        if place == len(moments) or moments[place] >= last:
            gaps.append(Gap(first, last, 0, True))
    return gaps


def _phase(present: set[int], length: int, sessions: Sequence[Session]) -> int:
    """Return how much later than at multiples of their length bars open: by a venue's own clock."""
    if length > _HOUR or _QUARTER % length == 0:
        return 0  # no zone and no session differs by less than a quarter of an hour
    inside = present.difference(session.open_ns for session in sessions)
    commonest = Counter(moment % length for moment in inside).most_common(1)
    return commonest[0][0] if commonest else 0


def _missing_opens(
    present: set[int], length: int, phase: int, session: Session, start_ns: int, end_ns: int
) -> Iterator[Gap]:
    expected = [moment for moment in _grid(session, length, phase) if start_ns <= moment < end_ns]
    missing = [moment for moment in expected if moment not in present]
    whole = bool(expected) and len(missing) == len(expected)
    run: list[int] = []
    place = {moment: number for number, moment in enumerate(expected)} if missing else {}
    for moment in missing:
        if run and place[moment] != place[run[-1]] + 1:
            yield _run_of(run, length, phase, session, whole=False)
            run = []
        run.append(moment)
    if run:
        yield _run_of(run, length, phase, session, whole=whole)


def _grid(session: Session, length: int, phase: int) -> Iterator[int]:
    yield session.open_ns
    yield from range(_next(session.open_ns, length, phase), session.close_ns, length)


def _next(moment: int, length: int, phase: int) -> int:
    return moment - (moment - phase) % length + length


def _run_of(run: list[int], length: int, phase: int, session: Session, *, whole: bool) -> Gap:
    end = _next(run[-1], length, phase)
    return Gap(run[0], min(end, session.close_ns), len(run), whole)


def _holes(
    opens: Sequence[int], length: int, session: Session, start_ns: int, end_ns: int
) -> list[Gap]:
    first, last = max(session.open_ns, start_ns), min(session.close_ns, end_ns)
    begin, end = bisect.bisect_right(opens, first - length), bisect.bisect_left(opens, last)
    if begin >= end:
        return [Gap(first, last, -(-(last - first) // length), True)] if first < last else []
    covered = first
    holes: list[Gap] = []
    for opened in (*opens[begin:end], last):
        if opened - covered >= length:
            holes.append(Gap(covered, opened, (opened - covered) // length, False))
        covered = max(covered, opened + length)
    return holes


def _period_gaps(
    opens: Sequence[int],
    spec: BarSpecification,
    sessions: Sequence[Session],
    start_ns: int,
    end_ns: int,
) -> list[Gap]:
    present = {_period_of(moment, spec.aggregation) for moment in opens}
    wanted = sorted(
        {
            _period_of(session.day, spec.aggregation)
            for session in sessions
            if start_ns <= session.open_ns and session.close_ns <= end_ns
        }
    )
    gaps: list[Gap] = []
    for period in wanted:
        if period in present:
            continue
        end = _after(period, spec.aggregation)
        if gaps and gaps[-1].end_ns == period:
            gaps[-1] = Gap(gaps[-1].start_ns, end, gaps[-1].missing + 1, True)
        else:
            gaps.append(Gap(period, end, 1, True))
    return gaps


def _period_of(moment: int, unit: BarAggregation) -> int:
    day = moment - moment % _DAY
    date = dt.date.fromordinal(day // _DAY + _EPOCH_ORDINAL)
    if unit is BarAggregation.WEEK:
        return day - date.weekday() * _DAY
    if unit is BarAggregation.MONTH:
        return day - (date.day - 1) * _DAY
    return day


def _after(period: int, unit: BarAggregation) -> int:
    if unit is BarAggregation.DAY:
        return period + _DAY
    if unit is BarAggregation.WEEK:
        return period + 7 * _DAY
    return _period_of(period + 32 * _DAY, unit)
