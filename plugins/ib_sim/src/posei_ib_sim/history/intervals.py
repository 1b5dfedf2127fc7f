"""Where intraday bars begin and end: on multiples of their length in the venue's wall time."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from posei_ib_sim.market.columns import Moments

__all__ = ["interval_of", "intervals_of"]

_SECOND_NS: Final = 1_000_000_000
_HOUR: Final = 3_600
# Zones lie whole multiples of this many seconds apart, and change by such.
_FINEST: Final = 1_800


def interval_of(ts_ns: int, seconds: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return start and end of the interval that a moment lies in.

    Where clocks change, an interval may be an hour shorter or longer than `seconds`; the hour that
    passes twice is two intervals of an hour.
    """
    second = ts_ns // _SECOND_NS
    ahead = _ahead(second, zone)
    start = (second + ahead) // seconds * seconds - ahead
    end = start + seconds
    if _ahead(start - _HOUR, zone) != ahead or _ahead(end + _HOUR, zone) != ahead:
        start, end = _about_a_change(second, seconds, zone)
    return start * _SECOND_NS, end * _SECOND_NS


def intervals_of(ts: Moments, seconds: int, zone: ZoneInfo) -> tuple[Moments, Moments]:
    """Return the same for moments in time order."""
    first, last = int(ts[0]) // _SECOND_NS, int(ts[-1]) // _SECOND_NS
    margin = seconds + _HOUR
    ahead = _ahead(first - margin, zone)
    days = range(first - margin, last + margin + 86_400, 86_400)
    if all(_ahead(second, zone) == ahead for second in days):
        length, shift = seconds * _SECOND_NS, ahead * _SECOND_NS
        start = (ts + shift) // length * length - shift
        return start, start + length
    step = math.gcd(seconds, _FINEST) * _SECOND_NS
    pieces, rows = np.unique(ts // step, return_inverse=True)
    known = np.array([interval_of(one * step, seconds, zone) for one in pieces.tolist()], np.int64)
    return known[rows, 0], known[rows, 1]


def _about_a_change(second: int, seconds: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return the unbroken stretch around a second in which the wall shows one interval."""
    step = math.gcd(seconds, _FINEST)

    def shown(at: int) -> tuple[int, int]:
        ahead = _ahead(at, zone)
        # Short intervals of the hour that passes twice are told apart.
        return (at + ahead) // seconds, ahead if seconds <= _HOUR else 0

    here = shown(second)
    start = second // step * step
    end = start + step
    while shown(start - step) == here:
        start -= step
    while shown(end) == here:
        end += step
    return start, end


def _ahead(second: int, zone: ZoneInfo) -> int:
    offset = dt.datetime.fromtimestamp(second, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
