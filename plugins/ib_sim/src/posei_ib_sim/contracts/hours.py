"""Trading and liquid hours of venues: session templates filled with the days of real calendars.

A template says when a session opens and closes in the venue's own zone, relative to its trade date
(a futures session opens the evening before). Which dates are sessions, and which close early, comes
from :mod:`.calendars`; spot forex and crypto follow fixed weeks.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, final
from zoneinfo import ZoneInfo

from posei_ib_sim.contracts.calendars import prepare
from posei_ib_sim.contracts.sessions import FIXED_CALENDARS, HoursTemplate, Session, SessionDays

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HOURS", "HoursBook", "HoursTemplate", "Session"]

_DAY: Final = dt.timedelta(days=1)
_MOST_DESCRIBED: Final = 1024


def _at(hour: int, minute: int = 0) -> int:
    return hour * 60 + minute


def _eve(hour: int, minute: int = 0) -> int:
    return _at(hour, minute) - 24 * 60


def _day(open_: int, close: int) -> tuple[tuple[int, int], ...]:
    return ((open_, close),)


HOURS: Final[dict[str, HoursTemplate]] = {
    "US_STOCK": HoursTemplate(
        zone="US/Eastern",
        calendar="XNYS",
        trading=_day(_at(4), _at(20)),
        liquid=_day(_at(9, 30), _at(16)),
        late_minutes=240,
    ),
    "US_OPTION": HoursTemplate(
        zone="US/Eastern",
        calendar="XNYS",
        trading=_day(_at(9, 30), _at(16)),
        liquid=_day(_at(9, 30), _at(16)),
    ),
    "US_INDEX": HoursTemplate(
        zone="US/Eastern",
        calendar="XNYS",
        trading=_day(_at(9, 30), _at(16, 15)),
        liquid=_day(_at(9, 30), _at(16, 15)),
    ),
    "US_BOND": HoursTemplate(
        zone="US/Eastern",
        calendar="XNYS",
        trading=_day(_at(8), _at(17)),
        liquid=_day(_at(8), _at(17)),
    ),
    "CME_INDEX": HoursTemplate(
        zone="US/Central",
        calendar="CMES",
        trading=_day(_eve(17), _at(16)),
        liquid=_day(_at(8, 30), _at(16)),
    ),
    "CME_FX": HoursTemplate(
        zone="US/Central",
        calendar="CMES",
        trading=_day(_eve(17), _at(16)),
        liquid=_day(_at(7, 20), _at(14)),
    ),
    "CBOT_GRAIN": HoursTemplate(
        zone="US/Central",
        calendar="XNYS",
        trading=((_eve(19), _at(7, 45)), (_at(8, 30), _at(13, 20))),
        liquid=_day(_at(8, 30), _at(13, 20)),
    ),
    "NYMEX": HoursTemplate(
        zone="US/Eastern",
        calendar="CMES",
        trading=_day(_eve(18), _at(17)),
        liquid=_day(_at(9, 30), _at(17)),
    ),
    "NYBOT": HoursTemplate(
        zone="US/Eastern",
        calendar="XNYS",
        trading=_day(_at(4, 15), _at(13, 30)),
        liquid=_day(_at(4, 15), _at(13, 30)),
    ),
    "LSE": HoursTemplate(
        zone="GB-Eire",
        calendar="XLON",
        trading=_day(_at(8), _at(16, 35)),
        liquid=_day(_at(8), _at(16, 30)),
    ),
    "XETRA": HoursTemplate(
        zone="MET",
        calendar="XETR",
        trading=_day(_at(9), _at(17, 35)),
        liquid=_day(_at(9), _at(17, 30)),
    ),
    "EURONEXT": HoursTemplate(
        zone="MET",
        calendar="XPAR",
        trading=_day(_at(9), _at(17, 35)),
        liquid=_day(_at(9), _at(17, 30)),
    ),
    "SWISS": HoursTemplate(
        zone="MET",
        calendar="XSWX",
        trading=_day(_at(9), _at(17, 30)),
        liquid=_day(_at(9), _at(17, 20)),
    ),
    "EUREX": HoursTemplate(
        zone="MET",
        calendar="XEUR",
        trading=_day(_at(1, 10), _at(22)),
        liquid=_day(_at(9), _at(17, 30)),
    ),
    "ICEEU": HoursTemplate(
        zone="GB-Eire",
        calendar="XLON",
        trading=_day(_at(1), _at(21)),
        liquid=_day(_at(8), _at(17, 30)),
    ),
    "TORONTO": HoursTemplate(
        zone="US/Eastern",
        calendar="XTSE",
        trading=_day(_at(9, 30), _at(16)),
        liquid=_day(_at(9, 30), _at(16)),
    ),
    "HONG_KONG": HoursTemplate(
        zone="Hongkong",
        calendar="XHKG",
        trading=((_at(9, 30), _at(12)), (_at(13), _at(16))),
        liquid=((_at(9, 30), _at(12)), (_at(13), _at(16))),
    ),
    "HKFE": HoursTemplate(
        zone="Hongkong",
        calendar="XHKG",
        trading=((_at(9, 15), _at(12)), (_at(13), _at(16, 30)), (_at(17, 15), _at(27))),
        liquid=((_at(9, 15), _at(12)), (_at(13), _at(16, 30))),
    ),
    "TOKYO": HoursTemplate(
        zone="Japan",
        calendar="XTKS",
        trading=((_at(9), _at(11, 30)), (_at(12, 30), _at(15))),
        liquid=((_at(9), _at(11, 30)), (_at(12, 30), _at(15))),
    ),
    "SNFE": HoursTemplate(
        zone="Australia/NSW",
        calendar="XASX",
        trading=((_eve(17, 10), _at(7)), (_at(9, 50), _at(16, 30))),
        liquid=_day(_at(9, 50), _at(16, 30)),
    ),
    "FOREX": HoursTemplate(
        zone="US/Eastern",
        calendar="week",
        trading=_day(_eve(17, 15), _at(17)),
        liquid=_day(_eve(17, 15), _at(17)),
    ),
    "CRYPTO": HoursTemplate(
        zone="US/Central",
        calendar="always",
        trading=_day(_at(0), _at(24)),
        liquid=_day(_at(0), _at(24)),
    ),
}
"""Session templates by name; every contract names one."""


@final
class HoursBook:
    """Sessions of every template; one book serves a whole simulation."""

    def __init__(self) -> None:
        self._days: dict[str, SessionDays] = {}
        # Every contract of a venue is described by the same text all day.
        self._described: dict[tuple[str, dt.date, bool, int], str] = {}

    @staticmethod
    def prepare(templates: Iterable[str], year: int) -> None:
        """Load the calendars of templates for the decades around a year; may take seconds."""
        prepare({HOURS[template].calendar for template in templates} - FIXED_CALENDARS, year)

    @staticmethod
    def zone(template: str) -> ZoneInfo:
        """Return the time zone of a template."""
        return ZoneInfo(HOURS[template].zone)

    def between(self, template: str, first: dt.date, last: dt.date) -> list[Session]:
        """Return the sessions whose trade date lies in `first` to `last`, both included."""
        return self._of(template).between(first, last)

    def dates(self, template: str, first: dt.date, last: dt.date) -> list[dt.date]:
        """Return the trade dates of the same sessions, far sooner where nothing else is wanted."""
        return self._of(template).dates(first, last)

    def around(self, template: str, ts_ns: int, days: int = 5) -> list[Session]:
        """Return the sessions within `days` calendar days of a moment, in order."""
        date = self.local_date(template, ts_ns)
        return self.between(template, date - _DAY * days, date + _DAY * days)

    def local_date(self, template: str, ts_ns: int) -> dt.date:
        """Return the calendar date of a moment in the venue's zone."""
        zone = self.zone(template)
        return dt.datetime.fromtimestamp(ts_ns // 1_000_000_000, zone).date()

    def session_at(self, template: str, ts_ns: int) -> Session | None:
        """Return the session that trades at a moment, `None` while the venue is closed."""
        for session in self.around(template, ts_ns, 2):
            if session.open_ns <= ts_ns < session.close_ns:
                return session
        return None

    def is_open(self, template: str, ts_ns: int, *, liquid: bool = False) -> bool:
        """Tell whether the venue trades at a moment, in regular hours only when `liquid`."""
        session = self.session_at(template, ts_ns)
        if session is None:
            return False
        segments = session.liquid if liquid else session.trading
        return any(start <= ts_ns < end for start, end in segments)

    def next_open(self, template: str, ts_ns: int, *, liquid: bool = False) -> int | None:
        """Return the next start of trading after a moment, `None` if none within 15 days."""
        for session in self.around(template, ts_ns, 15):
            for start, _ in session.liquid if liquid else session.trading:
                if start > ts_ns:
                    return start
        return None

    def next_close(self, template: str, ts_ns: int, *, liquid: bool = False) -> int:
        """Return the end of the session that trades at a moment, or of the next one.

        Where the calendar knows no session within 15 days, it is the same time tomorrow.
        """
        for session in self.around(template, ts_ns, 15):
            segments = session.liquid if liquid else session.trading
            if segments and segments[-1][1] > ts_ns:
                return segments[-1][1]
        return ts_ns + 86_400_000_000_000

    def stamp(self, template: str, ts_ns: int) -> str:
        """Write a moment in the venue's zone, as IB's order messages do."""
        zone = self.zone(template)
        moment = dt.datetime.fromtimestamp(ts_ns // 1_000_000_000, zone)
        return f"{moment:%Y-%m-%d %H:%M:%S} {zone.key}"

    def trade_date(self, template: str, ts_ns: int) -> dt.date:
        """Return the trade date a moment belongs to; between sessions, that of the next one."""
        for session in self.around(template, ts_ns, 15):
            if ts_ns < session.close_ns:
                return session.date
        return self.local_date(template, ts_ns)

    def describe(self, template: str, ts_ns: int, *, liquid: bool, days: int = 6) -> str:
        """Return the hours of the coming days as IB writes them in contract details."""
        first = self.local_date(template, ts_ns)
        key = (template, first, liquid, days)
        text = self._described.get(key)
        if text is None:
            if len(self._described) >= _MOST_DESCRIBED:
                self._described.clear()
            text = self._described[key] = self._describe(template, first, liquid=liquid, days=days)
        return text

    def _of(self, template: str) -> SessionDays:
        days = self._days.get(template)
        if days is None:
            days = self._days[template] = SessionDays(HOURS[template])
        return days

    def _describe(self, template: str, first: dt.date, *, liquid: bool, days: int) -> str:
        known = {s.date: s for s in self.between(template, first, first + _DAY * days)}
        zone = self.zone(template)
        parts = []
        for offset in range(days):
            date = first + _DAY * offset
            session = known.get(date)
            if session is None:
                parts.append(f"{date:%Y%m%d}:CLOSED")
                continue
            for start, end in session.liquid if liquid else session.trading:
                parts.append(f"{_stamp(start, zone)}-{_stamp(end, zone)}")
        return ";".join(parts)


def _stamp(ts_ns: int, zone: ZoneInfo) -> str:
    return f"{dt.datetime.fromtimestamp(ts_ns // 1_000_000_000, zone):%Y%m%d:%H%M}"
