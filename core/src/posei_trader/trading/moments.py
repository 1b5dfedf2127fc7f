"""Aware datetimes and UNIX nanoseconds, exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from posei_trader.errors import InvalidRequest

__all__ = ["from_ns", "span_ns", "to_ns"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_ns(moment: datetime, field: str) -> int:
    """Return a moment in UNIX nanoseconds.

    Raises:
        InvalidRequest: it has no time zone.
    """
    if moment.tzinfo is None:
        raise InvalidRequest(
            "a moment needs a time zone",
            field=field,
            value=moment.isoformat(),
            remedy="pass tzinfo=datetime.UTC or a zoneinfo.ZoneInfo",
        )
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def from_ns(ns: int) -> datetime:
    """Return UNIX nanoseconds as an aware datetime in UTC, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=ns // 1_000)


def span_ns(span: timedelta) -> int:
    """Return a span in nanoseconds."""
    return span // _MICROSECOND * 1_000
