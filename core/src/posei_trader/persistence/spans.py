"""Spans of time as people write them: datetimes, ISO texts, nanoseconds."""

from __future__ import annotations

import datetime as dt
import operator
import re
from typing import Final, SupportsIndex, TypeAlias

from posei_trader.errors import InvalidRequest

__all__ = ["FOREVER", "TimeLike", "bounds", "to_nanos"]

TimeLike: TypeAlias = SupportsIndex | str | dt.date | None
"""A moment of time, or None for no bound.

UNIX nanoseconds as a whole number, an ISO text, a datetime (UTC without a zone), or a date, whose
midnight in UTC is meant.
"""

FOREVER: Final = 2**63 - 1

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_FINER: Final = re.compile(r"[.,]\d{6}(\d+)")
_MOST_DIGITS: Final = 3
"""The decimals of a second beyond its microseconds, of which Python's datetimes know nothing."""


def bounds(start: TimeLike, end: TimeLike) -> tuple[int, int]:
    """Return both ends of a span, UNIX ns UTC; None is as far as there is anything.

    Raises:
        InvalidRequest: the end lies before the start, or one of them is no time.
    """
    first = 0 if start is None else to_nanos(start, "start")
    last = FOREVER if end is None else to_nanos(end, "end")
    if last < first:
        raise InvalidRequest(
            "the end lies before the start",
            field="end",
            value=end,
            remedy=f"give a moment after {start}",
        )
    # Nothing is stored outside of what 64 bits can tell.
    return min(max(first, 0), FOREVER), min(max(last, 0), FOREVER)


def to_nanos(moment: SupportsIndex | str | dt.date, field: str) -> int:
    """Turn a moment into UNIX nanoseconds; one without a zone is UTC.

    Raises:
        InvalidRequest: it is no moment, or the text is no ISO 8601 date or time.
    """
    finer = 0
    if isinstance(moment, str):
        moment, finer = _parsed(moment, field)
    if isinstance(moment, dt.datetime):
        # What pandas makes is a datetime that knows its nanoseconds.
        finer += getattr(moment, "nanosecond", 0)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
    elif isinstance(moment, dt.date):
        moment = dt.datetime(moment.year, moment.month, moment.day, tzinfo=dt.UTC)
    else:
        return _whole(moment, field)
    if moment != moment:  # noqa: PLR0124 - pandas' "not a time" is a datetime that equals nothing
        raise _no_time(moment, field)
    since = moment - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return seconds * 1_000_000_000 + since.microseconds * 1_000 + finer


def _whole(moment: object, field: str) -> int:
    try:
        return operator.index(moment)  # type: ignore[arg-type]
    except TypeError as error:
        raise _no_time(moment, field) from error


def _parsed(text: str, field: str) -> tuple[dt.datetime, int]:
    """Return a moment to the microsecond, and its nanoseconds beyond that."""
    finer = _FINER.search(text)
    digits = finer[1] if finer else ""
    if len(digits) > _MOST_DIGITS:
        raise _no_time(text, field)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(
            f"{field} is no ISO 8601 time",
            field=field,
            value=text,
            remedy="give something like '2024-01-02T15:30:00Z'",
        ) from error
    return moment, int(digits.ljust(_MOST_DIGITS, "0"))


def _no_time(moment: object, field: str) -> InvalidRequest:
    return InvalidRequest(
        f"{field} is no time",
        field=field,
        value=moment,
        remedy="give UNIX nanoseconds as a whole number, a datetime or date, or an ISO 8601 text "
        "with at most nine decimals",
    )
