"""The calendars that ship with this package: decades of holidays and early closes, in a small file.

A fresh gateway needs no second to start because of them. Written anew with

    python -m posei_ib_sim.contracts.shipped_calendars

when `exchange_calendars` knows more, or a session template takes another calendar.
"""

from __future__ import annotations

import datetime as dt
import functools
import sys
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Dates = tuple[tuple[dt.date, int | None], ...]

__all__ = ["shipped_dates", "table_of", "write_tables"]

_FILE: Final = "calendars.json"
_DECADES: Final = range(1990, 2040, 10)
_DAY: Final = dt.timedelta(days=1)
_SATURDAY: Final = 5


class _Table(msgspec.Struct, frozen=True):
    """A calendar's first and last date, and where it departs from every weekday to its close.

    Early closes are UNIX seconds by date.
    """

    first: dt.date
    last: dt.date
    closed: tuple[dt.date, ...]
    weekend: tuple[dt.date, ...]
    early: dict[dt.date, int]


class _Tables(msgspec.Struct, frozen=True):
    source: str
    calendars: dict[str, _Table]


def shipped_dates(code: str, first: dt.date, last: dt.date) -> Dates | None:
    """Return the sessions of a calendar as `session_dates` does, `None` where none is shipped."""
    table = _tables().calendars.get(code)
    if table is None or first < table.first or last > table.last:
        return None
    closed, weekend = frozenset(table.closed), frozenset(table.weekend)
    days = (first + _DAY * number for number in range((last - first).days + 1))
    return tuple(
        (day, table.early[day] * 1_000_000_000 if day in table.early else None)
        for day in days
        if (day.weekday() < _SATURDAY and day not in closed) or day in weekend
    )


def table_of(dates: Iterable[tuple[dt.date, int | None]], first: dt.date, last: dt.date) -> _Table:
    """Return sessions as a table that covers a first and a last date."""
    sessions = dict(dates)
    days = [first + _DAY * number for number in range((last - first).days + 1)]
    return _Table(
        first,
        last,
        tuple(day for day in days if day.weekday() < _SATURDAY and day not in sessions),
        tuple(day for day in sessions if day.weekday() >= _SATURDAY),
        {day: close // 1_000_000_000 for day, close in sessions.items() if close is not None},
    )


def write_tables(
    codes: Iterable[str], computed: Callable[[str, dt.date, dt.date], Dates], path: Path
) -> None:
    """Write the tables of calendars, as far as each reaches, to a file."""
    tables = {}
    for code in sorted(codes):
        decades = [
            (dt.date(year, 1, 1), dt.date(year + 9, 12, 31), dates)
            for year in _DECADES
            if (dates := _if_reached(code, year, computed)) is not None
        ]
        sessions = [session for _, _, some in decades for session in some]
        tables[code] = table_of(sessions, decades[0][0], decades[-1][1])
    version = metadata.version("exchange_calendars")
    text = msgspec.json.encode(_Tables(f"exchange_calendars {version}", tables))
    path.write_bytes(msgspec.json.format(text, indent=0) + b"\n")


def _if_reached(
    code: str, year: int, computed: Callable[[str, dt.date, dt.date], Dates]
) -> Dates | None:
    from posei_ib_sim.errors import ConfigurationError  # noqa: PLC0415 - for the writer alone

    try:
        return computed(code, dt.date(year, 1, 1), dt.date(year + 9, 12, 31))
    except ConfigurationError:
        return None


@functools.cache
def _tables() -> _Tables:
    data = (resources.files("posei_ib_sim.contracts") / _FILE).read_bytes()
    return msgspec.json.decode(data, type=_Tables)


def main() -> None:
    """Write the file anew, next to this one."""
    from posei_ib_sim.contracts.calendars import computed_dates  # noqa: PLC0415 - imports us
    from posei_ib_sim.contracts.hours import HOURS  # noqa: PLC0415 - likewise

    codes = {template.calendar for template in HOURS.values()} - {"week", "always"}
    path = Path(__file__).with_name(_FILE)
    write_tables(codes, computed_dates, path)
    sys.stdout.write(f"{path}: {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
