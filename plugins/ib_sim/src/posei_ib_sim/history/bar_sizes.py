"""IB's bar sizes, durations and kinds of data, and the times it writes."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from posei_ib_sim.errors import RequestRefused

__all__ = [
    "BAR_SIZES",
    "WHAT_TO_SHOW",
    "BarSize",
    "Duration",
    "format_time",
    "parse_bar_size",
    "parse_duration",
    "parse_moment",
]

_INVALID: Final = 321
# Beyond, calendars and calculations with dates end.
_YEARS: Final = range(1900, 2200)
WHAT_TO_SHOW: Final = frozenset(
    {
        "TRADES",
        "MIDPOINT",
        "BID",
        "ASK",
        "BID_ASK",
        "ADJUSTED_LAST",
        "AGGTRADES",
        "HISTORICAL_VOLATILITY",
        "OPTION_IMPLIED_VOLATILITY",
        "FEE_RATE",
        "YIELD_BID",
        "YIELD_ASK",
        "YIELD_BID_ASK",
        "YIELD_LAST",
        "SCHEDULE",
    }
)
"""Every whatToShow that IB knows."""


class BarSize(msgspec.Struct, frozen=True):
    """One of IB's bar sizes; `seconds` is 0 for those made of trade dates."""

    name: str
    seconds: int

    @property
    def is_intraday(self) -> bool:
        """Whether bars are shorter than a day."""
        return self.seconds > 0


def _sizes() -> dict[str, BarSize]:
    seconds = {f"{n} secs": n for n in (1, 5, 10, 15, 30)}
    seconds |= {"1 min": 60} | {f"{n} mins": n * 60 for n in (2, 3, 5, 10, 15, 20, 30)}
    seconds |= {"1 hour": 3600} | {f"{n} hours": n * 3600 for n in (2, 3, 4, 8)}
    seconds |= {"1 day": 0, "1 week": 0, "1 month": 0}
    return {name: BarSize(name, length) for name, length in seconds.items()}


BAR_SIZES: Final[dict[str, BarSize]] = _sizes()
"""Bar sizes by IB's name."""

_ALIASES: Final = {
    "1 sec": "1 secs",
    "60 secs": "1 min",
    "1 mins": "1 min",
    "60 mins": "1 hour",
    "1 hours": "1 hour",
    "1D": "1 day",
    "1 days": "1 day",
    "1W": "1 week",
    "1 weeks": "1 week",
    "1M": "1 month",
    "1 months": "1 month",
}


class Duration(msgspec.Struct, frozen=True):
    """How far back a request reaches: `count` of seconds, days, weeks, months or years."""

    count: int
    unit: str


def parse_bar_size(text: str) -> BarSize:
    """Return the bar size of a setting.

    Raises:
        RequestRefused: IB knows no such size.
    """
    name = _ALIASES.get(text.strip(), text.strip())
    size = BAR_SIZES.get(name)
    if size is None:
        raise RequestRefused(
            _INVALID,
            f"Error validating request.-'bQ' : cause - Historical data bar size setting is "
            f"invalid. Legal ones are: {', '.join(BAR_SIZES)}",
        )
    return size


def parse_duration(text: str) -> Duration:
    """Return the duration of a setting such as "2 D".

    Raises:
        RequestRefused: It is no positive number with one of the units S, D, W, M, Y.
    """
    number, _, unit = text.strip().partition(" ")
    unit = (unit or "S").upper()
    if not number.isdigit() or int(number) == 0 or unit not in {"S", "D", "W", "M", "Y"}:
        raise RequestRefused(
            _INVALID,
            f"Error validating request.-'bQ' : cause - Historical data query duration {text!r} "
            "is invalid. Write a number, a space and one of S, D, W, M, Y",
        )
    return Duration(int(number), unit)


def parse_moment(text: str, default_zone: ZoneInfo) -> int | None:
    """Return a request's date and time in UNIX nanoseconds, `None` for an empty one.

    Understood are "YYYYMMDD HH:MM:SS [zone]", "YYYYMMDD-HH:MM:SS" (UTC) and "YYYYMMDD".

    Raises:
        RequestRefused: It is none of these.
    """
    cleaned = " ".join(text.split())
    if not cleaned:
        return None
    try:
        moment = _moment(cleaned, default_zone)
    except (ValueError, ZoneInfoNotFoundError):
        moment = None
    if moment is None or moment.year not in _YEARS:
        raise RequestRefused(
            _INVALID,
            f"Error validating request.-'bQ' : cause - The date, time, or time-zone {text!r} "
            "entered is invalid. The correct format is yyyymmdd hh:mm:ss xx/xxxx where "
            "yyyymmdd and xx/xxxx are optional, or yyyymmdd-hh:mm:ss for UTC",
        )
    return int(moment.timestamp()) * 1_000_000_000


def _moment(text: str, default_zone: ZoneInfo) -> dt.datetime:
    if "-" in text:
        plain = text.rstrip("Z").split(" ", maxsplit=1)[0]
        return dt.datetime.strptime(plain, "%Y%m%d-%H:%M:%S").replace(tzinfo=dt.UTC)
    date, _, rest = text.partition(" ")
    clock, _, zone_name = rest.partition(" ")
    zone = ZoneInfo(zone_name) if zone_name else default_zone
    clock = clock or "00:00:00"
    return dt.datetime.strptime(f"{date} {clock}", "%Y%m%d %H:%M:%S").replace(tzinfo=zone)


def format_time(ts_ns: int, zone: ZoneInfo, *, with_zone: bool = True) -> str:
    """Write a moment as IB does: "20260402 09:30:00 US/Eastern"."""
    moment = dt.datetime.fromtimestamp(ts_ns // 1_000_000_000, zone)
    if with_zone:
        return f"{moment:%Y%m%d %H:%M:%S} {zone.key}"
    return f"{moment:%Y%m%d  %H:%M:%S}"
