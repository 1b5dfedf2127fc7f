"""IB's time zone names: IANA names, old and new, and the abbreviations of older servers."""

from __future__ import annotations

import functools
import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["zone_of"]

# Abbreviations that IB uses for the exchange's civil time. Some are IANA names of fixed offsets,
# which would be an hour wrong in summer: these meanings go first.
_CIVIL: Final = {
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "EST5EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "CST6CDT": "America/Chicago",
    "MST": "America/Denver",
    "PST": "America/Los_Angeles",
    "GB": "Europe/London",
    "GB-EIRE": "Europe/London",
    "BST": "Europe/London",
    "MET": "Europe/Berlin",
    "CET": "Europe/Berlin",
    "EET": "Europe/Helsinki",
    "BET": "America/Sao_Paulo",
    "ECT": "Europe/Paris",
    "JST": "Asia/Tokyo",
    "JAPAN": "Asia/Tokyo",
    "CTT": "Asia/Shanghai",
    "HKT": "Asia/Hong_Kong",
    "HONGKONG": "Asia/Hong_Kong",
    "SGT": "Asia/Singapore",
    "KST": "Asia/Seoul",
    "IST": "Asia/Kolkata",
    "AET": "Australia/Sydney",
    "AEST": "Australia/Sydney",
    "AUSTRALIA/NSW": "Australia/Sydney",
    "ISRAEL": "Asia/Jerusalem",
    "US/EASTERN": "America/New_York",
    "US/CENTRAL": "America/Chicago",
    "US/MOUNTAIN": "America/Denver",
    "US/PACIFIC": "America/Los_Angeles",
    "UNIVERSAL": "UTC",
    "Z": "UTC",
}
# "EST (Eastern Standard Time)": the form of servers before 2020.
_EXPLAINED: Final = re.compile(r"\s*\(.*\)\s*$")


@functools.cache
def zone_of(name: str) -> ZoneInfo | None:
    """Return the zone that IB means, None when nobody knows the name."""
    short = _EXPLAINED.sub("", name).strip()
    if not short:
        return None
    try:
        return ZoneInfo(_CIVIL.get(short.upper(), short))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
