"""IB's texts for moments in time, both ways.

IB runs on Java: a short zone name means what it means there ("EST" is five hours behind UTC the
whole year, "CST" and "PST" follow the clocks of Chicago and Los Angeles).
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from posei_trader.errors import InvalidRequest

NANOS_PER_SECOND: Final = 1_000_000_000

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_TEXT: Final = re.compile(
    r"(?P<date>\d{8})(?:(?:-| +)(?P<time>\d{2}:\d{2}:\d{2})(?: *(?P<zone>[A-Za-z][\w/+\-]*))?)?"
)

_ZONES: Final[dict[str, str]] = {
    "AET": "Australia/Sydney",
    "CST": "America/Chicago",
    "CTT": "Asia/Shanghai",
    "ECT": "Europe/Paris",
    "HKT": "Asia/Hong_Kong",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "PST": "America/Los_Angeles",
    "Z": "UTC",
}

_FIXED: Final[dict[str, dt.tzinfo]] = {
    "EST": dt.timezone(dt.timedelta(hours=-5), "EST"),
    "MST": dt.timezone(dt.timedelta(hours=-7), "MST"),
    "HST": dt.timezone(dt.timedelta(hours=-10), "HST"),
}


@functools.lru_cache(maxsize=256)
def zone(name: str) -> dt.tzinfo:
    """Return a time zone by the name that IB or the user gives it.

    Raises:
        InvalidRequest: nobody knows the name.
    """
    fixed = _FIXED.get(name)
    if fixed is not None:
        return fixed
    try:
        return ZoneInfo(_ZONES.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidRequest(
            "unknown time zone",
            field="time zone",
            value=name,
            remedy="give an IANA name such as 'America/New_York', or 'UTC'",
        ) from error


def to_nanos(moment: dt.datetime) -> int:
    """Return an aware datetime as UNIX ns, exactly."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * NANOS_PER_SECOND + delta.microseconds * 1_000


def from_nanos(nanos: int) -> dt.datetime:
    """Return UNIX ns as an aware UTC datetime, cut to microseconds."""
    return _EPOCH + dt.timedelta(microseconds=nanos // 1_000)


def localized(moment: dt.datetime, tz_name: str) -> dt.datetime:
    """Return a moment in UTC; one without a zone is read in `tz_name`, by the clocks of its day.

    Of a time that the clocks show twice, the first is meant.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(tz_name))
    return moment.astimezone(dt.UTC)


@functools.lru_cache(maxsize=4096)
def parse_time(text: str, default_zone: str = "UTC") -> int:
    """Return UNIX ns of one of IB's texts.

    Understood are ``YYYYMMDD``, ``YYYYMMDD HH:MM:SS [ZONE]``, ``YYYYMMDD-HH:MM:SS`` (UTC), and
    seconds since the epoch.

    Args:
        text: What IB sent.
        default_zone: The zone of a text with a space and no zone.

    Raises:
        InvalidRequest: it is none of these.
    """
    stripped = text.strip()
    if stripped.isdigit() and len(stripped) != len("YYYYMMDD"):
        return int(stripped) * NANOS_PER_SECOND
    match = _TEXT.fullmatch(stripped)
    if match is None:
        raise _not_a_time(text)
    clock = match["time"]
    is_utc_form = clock is not None and stripped[8] == "-"
    name = match["zone"] or ("UTC" if is_utc_form or clock is None else default_zone)
    tz = zone(name)
    try:
        moment = _moment(match["date"], clock or "00:00:00", tz)
    except ValueError as error:
        raise _not_a_time(text) from error
    return to_nanos(moment)


def _moment(date: str, clock: str, tz: dt.tzinfo) -> dt.datetime:
    """Return a moment, in a third of the time that `strptime` takes.

    Raises:
        ValueError: there is no such day or time of day.
    """
    day = int(date[:4]), int(date[4:6]), int(date[6:])
    return dt.datetime(*day, int(clock[:2]), int(clock[3:5]), int(clock[6:]), tzinfo=tz)


def _not_a_time(text: str) -> InvalidRequest:
    return InvalidRequest(
        "not a time as IB writes it",
        field="time",
        value=text,
        remedy="give 'YYYYMMDD HH:MM:SS ZONE', for example '20240315 09:30:00 US/Eastern'",
    )


def format_utc(nanos: int) -> str:
    """Return ``YYYYMMDD HH:MM:SS UTC``, as orders and their conditions want it."""
    return from_nanos(nanos).strftime("%Y%m%d %H:%M:%S UTC")


def format_utc_dashed(nanos: int) -> str:
    """Return ``YYYYMMDD-HH:MM:SS``, the form of UTC in requests for history."""
    return from_nanos(nanos).strftime("%Y%m%d-%H:%M:%S")
