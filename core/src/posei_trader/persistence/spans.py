"""Spans of time as people write them: datetimes, ISO texts, nanoseconds."""

from __future__ import annotations

import datetime as dt
from typing import Final, TypeAlias

from posei_trader.errors import InvalidRequest

__all__ = ["FOREVER", "TimeLike", "bounds", "to_nanos"]

TimeLike: TypeAlias = int | str | dt.datetime | None
"""UNIX nanoseconds, an ISO text, a datetime (UTC without a zone), or None for no bound."""

FOREVER: Final = 2**63 - 1


def bounds(start: TimeLike, end: TimeLike) -> tuple[int, int]:
    """Return both ends of a span, UNIX ns UTC; None is as far as there is anything.

    Raises:
        InvalidRequest: the end lies before the start, or is no time.
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
    return first, last


def to_nanos(moment: int | str | dt.datetime, field: str) -> int:
    """Turn a moment into UNIX nanoseconds; one without a zone is UTC.

    Raises:
        InvalidRequest: the text is no ISO 8601 date or time.
    """
    if isinstance(moment, int):
        return moment
    if isinstance(moment, str):
        try:
            moment = dt.datetime.fromisoformat(moment)
        except ValueError as error:
            raise InvalidRequest(
                f"{field} is no ISO 8601 time",
                field=field,
                value=moment,
                remedy="give something like '2024-01-02T15:30:00Z'",
            ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
