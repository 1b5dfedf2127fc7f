"""From what people write about time to a span in nanoseconds."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from posei_trader.adapters.interactive_brokers.historical.segmentation import check_span
from posei_trader.adapters.interactive_brokers.venue_time import (
    from_nanos,
    localized,
    to_nanos,
    zone,
)
from posei_trader.errors import InvalidRequest

_DURATION: Final = re.compile(r"\s*(\d+)\s*([SDWMY])\s*", re.IGNORECASE)
_DAYS: Final = {"D": 1, "W": 7}
_CLOCKS_APART_NS: Final = 86_400 * 1_000_000_000
"""How far the venue's clock may be ahead of ours."""
_MONTHS: Final = {"M": 1, "Y": 12}
_FIRST_YEAR: Final = 1800
"""An earlier start is a slip of the pen."""


def span_of(
    start: dt.datetime | None,
    end: dt.datetime | None,
    duration: str | None,
    tz_name: str,
    now_ns: int,
) -> tuple[int, int]:
    """Return a span as UNIX ns UTC.

    Args:
        start: First moment; naive times are read in `tz_name`.
        end: End, not included; None for now.
        duration: Instead of a start, how long before the end: ``"5 D"``, ``"3600 S"``.
        tz_name: IANA name of the zone of naive times.
        now_ns: Now.

    Raises:
        InvalidRequest: both or neither of start and duration are given, the duration cannot be
            read, the zone is unknown, the span is empty or begins in the future, or what is given
            is no datetime.
    """
    zone(tz_name)  # a misspelt zone is an error even where no time needs it
    for name, moment in (("start_date_time", start), ("end_date_time", end)):
        if moment is not None and not isinstance(moment, dt.datetime):
            raise InvalidRequest(
                "a moment is a datetime",
                field=name,
                value=moment,
                remedy="write datetime.datetime(2023, 11, 1, 9, 30)",
            )
    end_ns = now_ns if end is None else to_nanos(localized(end, tz_name))
    if (start is None) == (duration is None):
        raise InvalidRequest(
            "give either a start or a duration",
            field="start_date_time, duration",
            value=(start, duration),
            remedy="for example start_date_time=datetime(2023, 11, 1, 9, 30), or duration='5 D'",
        )
    if start is not None:
        if start.year < _FIRST_YEAR:
            raise InvalidRequest(
                "nothing was recorded so long ago",
                field="start_date_time",
                value=start,
                remedy="write the year with four digits: 2023",
            )
        start_ns = to_nanos(localized(start, tz_name))
    else:
        start_ns = _before(end_ns, duration or "")
    check_span(start_ns, end_ns)
    if start_ns > now_ns + _CLOCKS_APART_NS:
        raise InvalidRequest(
            "the span has not begun yet",
            field="start_date_time",
            value=f"{from_nanos(start_ns):%Y-%m-%d %X} UTC",
            remedy="ask for the past",
        )
    return start_ns, end_ns


def _before(end_ns: int, duration: str) -> int:
    match = _DURATION.fullmatch(duration)
    if match is None or int(match[1]) == 0:
        raise InvalidRequest(
            "a duration is a number and one of S, D, W, M, Y",
            field="duration",
            value=duration,
            remedy="write '5 D', '3600 S' or '1 Y'",
        )
    count, unit = int(match[1]), match[2].upper()
    moment = from_nanos(end_ns)
    try:
        if unit == "S":
            before = moment - dt.timedelta(seconds=count)
        elif unit in _DAYS:
            before = moment - dt.timedelta(days=count * _DAYS[unit])
        else:
            months = moment.year * 12 + moment.month - 1 - count * _MONTHS[unit]
            year, month = divmod(months, 12)
            day = min(moment.day, _last_day(year, month + 1))
            before = moment.replace(year=year, month=month + 1, day=day)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            "the duration reaches back beyond the calendar",
            field="duration",
            value=duration,
            remedy="IB's history begins some decades ago: write '30 Y' at most",
        ) from error
    return to_nanos(before) + end_ns % 1_000


def _last_day(year: int, month: int) -> int:
    after = dt.date(year + month // 12, month % 12 + 1, 1)
    return (after - dt.timedelta(days=1)).day
