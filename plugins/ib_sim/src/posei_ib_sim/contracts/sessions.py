"""Sessions of a venue: its template laid over the dates on which it trades."""

from __future__ import annotations

import bisect
import datetime as dt
import functools
from typing import TYPE_CHECKING, Final, final
from zoneinfo import ZoneInfo

import msgspec

from posei_ib_sim.contracts.calendars import decade, session_dates

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FIXED_CALENDARS", "HoursTemplate", "Session", "SessionDays"]

FIXED_CALENDARS: Final = frozenset({"week", "always"})
"""Names of calendars that are no exchange's: weekdays, and every day."""

_DAY: Final = dt.timedelta(days=1)
_MINUTE_NS: Final = 60_000_000_000
_NOON: Final = dt.time(12)
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()


class HoursTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """When a venue trades, as minutes from local midnight of the trade date.

    Attributes:
        zone: IB's name of the venue's time zone; an IANA name.
        calendar: Code in `exchange_calendars`, or "week" (Monday to Friday) or "always".
        trading: Segments (open, close) of all trading; negative minutes lie on the eve.
        liquid: Segments of regular trading hours.
        late_minutes: Minutes that extended trading goes on after an early close.
    """

    zone: str
    calendar: str
    trading: tuple[tuple[int, int], ...]
    liquid: tuple[tuple[int, int], ...]
    late_minutes: int = 0


class Session(msgspec.Struct, frozen=True):
    """One trading session; segments are (open, close) in UNIX nanoseconds."""

    date: dt.date
    trading: tuple[tuple[int, int], ...]
    liquid: tuple[tuple[int, int], ...]

    @property
    def open_ns(self) -> int:
        """First moment of trading."""
        return self.trading[0][0]

    @property
    def close_ns(self) -> int:
        """End of trading."""
        return self.trading[-1][1]


def _wall_ns(date: dt.date, minutes: int, zone: ZoneInfo) -> int:
    """Return the moment that is so many minutes from the midnight of a date, by the wall clock."""
    ahead = _ahead(date.toordinal() - 2, zone)
    if ahead == _ahead(date.toordinal() + 2, zone):
        # No change of the clocks is near, as on most days.
        days = date.toordinal() - _EPOCH
        return (days * 86_400 + minutes * 60 - ahead) * 1_000_000_000
    wall = dt.datetime.combine(date, dt.time()) + dt.timedelta(minutes=minutes)
    return int(wall.replace(tzinfo=zone).timestamp()) * 1_000_000_000


@functools.lru_cache(maxsize=65_536)
def _ahead(ordinal: int, zone: ZoneInfo) -> int:
    noon = dt.datetime.combine(dt.date.fromordinal(ordinal), _NOON, tzinfo=zone)
    offset = noon.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _segment_ns(
    date: dt.date, segment: tuple[int, int], zone: ZoneInfo, cap_ns: int | None
) -> tuple[int, int] | None:
    start, end = (_wall_ns(date, minutes, zone) for minutes in segment)
    if cap_ns is not None:
        end = min(end, cap_ns)
    return (start, end) if end > start else None


@final
class SessionDays:
    """The sessions of one template, filled month by month as they are asked for.

    Args:
        template: When the venue trades.
    """

    def __init__(self, template: HoursTemplate) -> None:
        self._template = template
        self._zone = ZoneInfo(template.zone)
        self._years: dict[int, Sequence[tuple[dt.date, int | None]]] = {}
        self._months: set[int] = set()
        self._sessions: list[Session] = []
        self._dates: list[dt.date] = []

    def dates(self, first: dt.date, last: dt.date) -> list[dt.date]:
        """Return the trade dates in `first` to `last`, both included."""
        years = range(first.year, last.year + 1)
        return [date for year in years for date, _ in self._year(year) if first <= date <= last]

    def between(self, first: dt.date, last: dt.date) -> list[Session]:
        """Return the sessions of those dates."""
        for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
            if month not in self._months:
                self._fill(month)
        low = bisect.bisect_left(self._dates, first)
        return self._sessions[low : bisect.bisect_right(self._dates, last)]

    def _fill(self, month: int) -> None:
        rows = [row for row in self._year(month // 12) if row[0].month == month % 12 + 1]
        fresh = [self._session(date, early) for date, early in rows]
        place = bisect.bisect_left(self._dates, dt.date(month // 12, month % 12 + 1, 1))
        self._sessions[place:place] = fresh
        self._dates[place:place] = [session.date for session in fresh]
        # Only now: a month whose calendar failed must fail again, not look like one long holiday.
        self._months.add(month)

    def _year(self, year: int) -> Sequence[tuple[dt.date, int | None]]:
        rows = self._years.get(year)
        if rows is None:
            rows = self._years[year] = self._dates_of(year)
        return rows

    def _dates_of(self, year: int) -> Sequence[tuple[dt.date, int | None]]:
        if self._template.calendar not in FIXED_CALENDARS:
            # Calendars come by the decade, which is hardly dearer.
            known = session_dates(self._template.calendar, *decade(year))
            return [row for row in known if row[0].year == year]
        first = dt.date(year, 1, 1)
        every = [first + _DAY * n for n in range((dt.date(year, 12, 31) - first).days + 1)]
        if self._template.calendar == "always":
            return [(date, None) for date in every]
        holidays = {(1, 1), (12, 25)}  # spot forex rests on these two days and at weekends
        return [(d, None) for d in every if d.weekday() < 5 and (d.month, d.day) not in holidays]

    def _session(self, date: dt.date, early_close_ns: int | None) -> Session:
        template = self._template
        late_ns = None
        if early_close_ns is not None:
            late_ns = early_close_ns + template.late_minutes * _MINUTE_NS
        trading = (_segment_ns(date, part, self._zone, late_ns) for part in template.trading)
        liquid = (_segment_ns(date, part, self._zone, early_close_ns) for part in template.liquid)
        return Session(
            date,
            tuple(part for part in trading if part is not None),
            tuple(part for part in liquid if part is not None),
        )
