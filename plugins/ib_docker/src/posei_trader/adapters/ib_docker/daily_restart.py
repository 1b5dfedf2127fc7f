"""When the program will restart next, from the time of day that it was given: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def next_restart(time_of_day: str, time_zone: str, now: datetime) -> datetime | None:
    """Return the next moment, UTC, at which the daily restart is due; None if it cannot be told.

    Args:
        time_of_day: As IBC writes it, such as "11:59 PM".
        time_zone: The zone of the program.
        now: The present, with a time zone.
    """
    try:
        zone = ZoneInfo(time_zone)
        wanted = datetime.strptime(time_of_day.strip(), "%I:%M %p").time()  # noqa: DTZ007 - a time of day
    except (ZoneInfoNotFoundError, ValueError):
        return None
    today = now.astimezone(zone).date()
    for day in (today, today + timedelta(days=1)):
        due = datetime.combine(day, wanted, zone)
        if due > now:
            return due.astimezone(UTC)
    return None
