"""When IB is expected to be away: published and configured windows, as facts about the clock.

A window makes a connection patient, not blind: it is still watched and opened again, but what
happens in a window is no alarm, and attempts that fail in one do not use up the attempts that are
allowed.

    >>> daily, weekend = NORTH_AMERICA
    >>> str(weekend)
    'FRI 23:00-03:00 America/New_York'

Source of the published windows: the system status page of Interactive Brokers.
"""

# Annotations here are read at run time, by pydantic: no postponed evaluation.

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Final, Literal, final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator

from posei_trader.config import PoseiConfig
from posei_trader.errors import InvalidRequest

__all__ = [
    "ASIA_PACIFIC",
    "EUROPE",
    "NORTH_AMERICA",
    "IBMaintenanceWindow",
    "window_at",
]

_SECOND: Final = 1_000_000_000
_DAY: Final = dt.timedelta(days=1)
_DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")

Day = Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]


def _known(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidRequest(
            "there is no such time zone",
            field="time_zone",
            value=zone,
            remedy="write an IANA name such as America/New_York",
        ) from error
    return zone


def _upper(value: object) -> object:
    if isinstance(value, str):
        return value.upper()
    if isinstance(value, list | tuple | set | frozenset):
        return [_upper(one) for one in value]
    return value


def _time_of_day(value: object) -> object:
    """Let files say ``"23:45"``; a number is no time of day."""
    if isinstance(value, str | dt.time):
        return value
    raise ValueError("write the time of day as '23:45'")


TimeOfDay = Annotated[dt.time, BeforeValidator(_time_of_day)]


@final
class IBMaintenanceWindow(PoseiConfig):
    """Say when TWS, IB Gateway or IB's servers are expected to be away.

    An end that is not later than the start lies on the next day. Times are of the wall clock in
    the zone, so the window follows its daylight saving time.
    """

    days: Annotated[frozenset[Day], BeforeValidator(_upper)] = frozenset(_DAYS)
    """The days on which it starts."""
    start: TimeOfDay
    end: TimeOfDay
    time_zone: Annotated[str, AfterValidator(_known)] = "America/New_York"

    def end_ns(self, moment_ns: int) -> int | None:
        """Return when the window ends that a moment lies in, None when it lies in none.

        Args:
            moment_ns: UNIX ns UTC.
        """
        zone = ZoneInfo(self.time_zone)
        moment = dt.datetime.fromtimestamp(moment_ns / _SECOND, dt.UTC)
        today = moment.astimezone(zone).date()
        for day in (today, today - _DAY):
            if _DAYS[day.weekday()] not in self.days:
                continue
            start = dt.datetime.combine(day, self.start, zone)
            last = day if self.end > self.start else day + _DAY
            end = dt.datetime.combine(last, self.end, zone)
            # Compared in UTC: between times of one zone, Python ignores daylight saving time.
            if start.astimezone(dt.UTC) <= moment < end.astimezone(dt.UTC):
                return int(end.timestamp()) * _SECOND
        return None

    def __str__(self) -> str:
        days = ",".join(day for day in _DAYS if day in self.days)
        return f"{days} {self.start:%H:%M}-{self.end:%H:%M} {self.time_zone}"


def _daily(start: str, end: str, zone: str) -> IBMaintenanceWindow:
    days = frozenset(_DAYS) - {"SAT"}
    return IBMaintenanceWindow.model_validate(
        {"days": days, "start": start, "end": end, "time_zone": zone}
    )


_WEEKEND: Final = IBMaintenanceWindow.model_validate(
    {"days": ["FRI"], "start": "23:00", "end": "03:00"}
)

NORTH_AMERICA: Final = (_daily("00:15", "01:45", "America/New_York"), _WEEKEND)
"""Accounts in IB's North American data centres: each night but Saturday's, and the weekend."""

EUROPE: Final = (_daily("06:25", "07:45", "Europe/Zurich"), _WEEKEND)
"""Accounts in IB's European data centres."""

ASIA_PACIFIC: Final = (
    _daily("04:45", "06:05", "Asia/Hong_Kong"),
    _daily("20:15", "21:15", "Asia/Hong_Kong"),
    _WEEKEND,
)
"""Accounts in IB's Asian data centres."""


def window_at(
    windows: Sequence[IBMaintenanceWindow], moment_ns: int
) -> tuple[IBMaintenanceWindow, int] | None:
    """Return the window that a moment lies in and its end, UNIX ns UTC; the one that ends last."""
    found = [(window, end) for window in windows if (end := window.end_ns(moment_ns)) is not None]
    return max(found, key=lambda one: one[1], default=None)
