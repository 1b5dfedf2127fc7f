"""Trading sessions in contract details, and the moment at which a contract expires.

IB lists a few days: ``20260406:0400-20260406:2000;20260407:CLOSED``, older servers
``20090507:0700-1830,1830-2330``. Times are local to the contract's `timeZoneId`.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections import Counter
from typing import Final, NamedTuple

from posei_trader.adapters.interactive_brokers.instruments.time_zones import zone_of
from posei_trader.logs import get_logger

__all__ = ["Segment", "expiry_ns", "parse_date", "sessions", "start_of_day_ns", "today_in"]

_LOG: Final = get_logger("InteractiveBrokersInstrumentProvider")
_RANGE: Final = re.compile(r"(?:(\d{8}):)?(\d{4})-(?:(\d{8}):)?(\d{4})")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_NS: Final = 1_000_000_000


class Segment(NamedTuple):
    """An uninterrupted piece of trading, in local wall time."""

    open: dt.datetime
    close: dt.datetime


@functools.lru_cache(maxsize=512)
def sessions(hours: str) -> tuple[Segment, ...]:
    """Return the segments that `tradingHours` or `liquidHours` lists, in their order."""
    found: list[Segment] = []
    for day in hours.split(";"):
        date, _, _ = day.strip().partition(":")
        for part in day.split(","):
            # Only the first range of an old-style day repeats the date.
            if match := _RANGE.search(part):
                from_date, start, to_date, end = match.groups()
                opened = _moment(from_date or date, start)
                closed = _moment(to_date or from_date or date, end)
                if opened is not None and closed is not None:
                    if closed <= opened:
                        closed += dt.timedelta(days=1)
                    found.append(Segment(opened, closed))
    return tuple(found)


def _moment(date: str, clock: str) -> dt.datetime | None:
    day = parse_date(date)
    if day is None:
        return None
    hour, minute = int(clock[:2]), int(clock[2:])
    # 2400 is midnight at the end of the day.
    return dt.datetime.combine(day, dt.time()) + dt.timedelta(hours=hour, minutes=minute)


def parse_date(text: str) -> dt.date | None:
    """Return the date of ``YYYYMMDD``, None when the text is none."""
    if len(text) != 8 or not text.isdigit():
        return None
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


@functools.lru_cache(maxsize=4096)
def expiry_ns(date: str, *, last_trade_time: str, hours: str, zone_name: str) -> int:
    """Return the last moment of trading, UNIX ns UTC; 0 when there is no date.

    It is the end of the session that closes on that day, or the clock time that IB gives with the
    date where that lies inside it. IB lists a few days only; for a later day it is IB's clock time,
    else the usual end of the listed sessions, else the end of the day. A zone that nobody knows is
    taken for UTC, with a warning.
    """
    day = parse_date(date)
    if day is None:
        return 0
    last = _last_moment(day, last_trade_time, sessions(hours))
    return _utc_ns(last, zone_name)


@functools.lru_cache(maxsize=256)
def start_of_day_ns(date: str, zone_name: str) -> int:
    """Return the first moment of a day at the exchange, UNIX ns UTC; 0 when there is no date."""
    day = parse_date(date)
    return 0 if day is None else _utc_ns(_start_of(day), zone_name)


def _utc_ns(local: dt.datetime, zone_name: str) -> int:
    zone: dt.tzinfo | None = zone_of(zone_name)
    if zone is None:
        if zone_name:
            _LOG.warning("unknown time zone, taken for UTC", zone=zone_name, time=str(local))
        zone = dt.UTC
    return int(local.replace(tzinfo=zone).timestamp()) * _NS


def _last_moment(day: dt.date, last_trade_time: str, listed: tuple[Segment, ...]) -> dt.datetime:
    midnight = _start_of(day)
    stated = None
    if match := _CLOCK.match(last_trade_time.strip()):
        hour, minute, second = (int(part or 0) for part in match.groups())
        stated = midnight + dt.timedelta(hours=hour, minutes=minute, seconds=second)
    last = _last_segments(listed)
    if day in last:
        inside = stated is not None and last[day].open < stated <= last[day].close
        return stated if stated is not None and inside else last[day].close
    if stated is not None:
        return stated
    if not last:
        return midnight + dt.timedelta(days=1)
    usual = Counter(segment.close - _start_of(date) for date, segment in last.items())
    # The commonest close; of equally common ones the latest, so that nothing expires too soon.
    return midnight + max(usual, key=lambda offset: (usual[offset], offset))


def _last_segments(listed: tuple[Segment, ...]) -> dict[dt.date, Segment]:
    """Return the segment that closes last on each day."""
    last: dict[dt.date, Segment] = {}
    for segment in listed:
        # One that ends at midnight belongs to the day that ends there.
        day = (segment.close - dt.timedelta(microseconds=1)).date()
        if day not in last or segment.close > last[day].close:
            last[day] = segment
    return last


def _start_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())


def today_in(zone_name: str, now_ns: int) -> dt.date:
    """Return the date in a contract's zone; in UTC where the zone is unknown."""
    zone = zone_of(zone_name) or dt.UTC
    return dt.datetime.fromtimestamp(now_ns / _NS, tz=zone).date()
