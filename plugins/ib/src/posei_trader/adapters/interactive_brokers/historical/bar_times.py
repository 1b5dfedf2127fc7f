"""When a bar of IB opened and when it could be known: from its text and the size alone.

Intraday bars carry the second they opened at. Bars of a day and longer carry a date: for days it is
the trading day, for weeks and months the last day that they cover.
"""

from __future__ import annotations

import datetime as dt
import functools
from array import array
from typing import TYPE_CHECKING, Final, TypeGuard

from posei_trader.adapters.interactive_brokers.client.messages import GaplessSeconds, date_text
from posei_trader.adapters.interactive_brokers.historical.bar_specs import CALENDAR_BARS
from posei_trader.adapters.interactive_brokers.venue_time import parse_time
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import BarAggregation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.model.bars import BarSpecification

_DAY_NS: Final = 86_400 * NANOS_PER_SECOND
_EPOCH_ORDINAL: Final = dt.date(1970, 1, 1).toordinal()

TRADED_LATE_NS: Final = 7_200 * NANOS_PER_SECOND
"""How long after the midnight (UTC) that ends a day it can be traded: after hours last to 01:00."""

_LEAST_EPOCH: Final = 100_000_000
"""Seconds since 1970 have nine digits or more; a date has eight."""


def open_ns(date: str, spec: BarSpecification) -> int:
    """Return when a bar opened, UNIX ns UTC; a day starts at midnight UTC of its date.

    Raises:
        InvalidRequest: IB's text is no time.
    """
    if spec.aggregation not in CALENDAR_BARS:
        # Streams carry epoch seconds: ten digits, the quick way.
        if len(date) >= 9 and date.isdecimal():
            return int(date) * NANOS_PER_SECOND
        return parse_time(date)
    return _period(date[:8], spec.aggregation)[0]


def open_seconds(dates: Sequence[float | str], spec: BarSpecification) -> Sequence[float]:
    """Return when each of many bars opened, in whole seconds since 1970, UTC; see :func:`open_ns`.

    Raises:
        InvalidRequest: one of IB's texts is no time.
    """
    if spec.aggregation not in CALENDAR_BARS and _are_epochs(dates):
        return dates
    return [open_ns(date_text(date), spec) // NANOS_PER_SECOND for date in dates]


def _are_epochs(dates: Sequence[float | str]) -> TypeGuard[Sequence[float]]:
    if isinstance(dates, GaplessSeconds):
        return dates[0] >= _LEAST_EPOCH
    return isinstance(dates, array) and min(dates, default=_LEAST_EPOCH) >= _LEAST_EPOCH


def times_of(
    opened: Sequence[float], dates: Sequence[float | str], spec: BarSpecification
) -> tuple[list[int], list[int]]:
    """Return when each of many bars opened and when each is complete, UNIX ns UTC.

    Args:
        opened: See :func:`open_seconds`.
        dates: IB's.
        spec: Which bars.

    Raises:
        InvalidRequest: one of IB's texts is no time.
    """
    length = 0 if spec.aggregation in CALENDAR_BARS else spec.nanos or 0
    if isinstance(opened, GaplessSeconds) and opened.step * NANOS_PER_SECOND == length:
        # Each bar ends when the next begins: one integer for both halves what they take.
        first = int(opened[0]) * NANOS_PER_SECOND
        moments = list(range(first, first + (len(opened) + 1) * length, length))
        return moments[:-1], moments[1:]
    moments = [int(second) * NANOS_PER_SECOND for second in opened]
    return moments, close_times(dates, moments, spec)


def close_times(
    dates: Sequence[float | str], opened: Sequence[int], spec: BarSpecification
) -> list[int]:
    """Return when each of many bars is complete, UNIX ns UTC; see :func:`close_ns`.

    Args:
        dates: IB's.
        opened: When each opened, UNIX ns UTC.
        spec: Which bars.

    Raises:
        InvalidRequest: one of IB's texts is no time.
    """
    if spec.aggregation not in CALENDAR_BARS:
        length = spec.nanos or 0
        return [moment + length for moment in opened]
    return [close_ns(date_text(date), spec) for date in dates]


def close_ns(date: str, spec: BarSpecification) -> int:
    """Return when a bar is complete, UNIX ns UTC: the first moment after it, less one for dates.

    Raises:
        InvalidRequest: IB's text is no time.
    """
    if spec.aggregation not in CALENDAR_BARS:
        return open_ns(date, spec) + (spec.nanos or 0)
    return _period(date[:8], spec.aggregation)[1]


@functools.lru_cache(maxsize=8192)
def _period(date: str, unit: BarAggregation) -> tuple[int, int]:
    last = parse_time(date)
    day = dt.date.fromordinal(last // _DAY_NS + _EPOCH_ORDINAL)
    first = last
    if unit is BarAggregation.WEEK:
        first = last - day.weekday() * _DAY_NS
    elif unit is BarAggregation.MONTH:
        first = last - (day.day - 1) * _DAY_NS
    return first, last + _DAY_NS - 1


def floor_to_period(moment_ns: int, spec: BarSpecification) -> int:
    """Return where the period begins in which a moment lies; the moment itself for intraday bars.

    A request from noon on wants that day's daily bar too.
    """
    if spec.aggregation not in CALENDAR_BARS:
        return moment_ns
    midnight = moment_ns - moment_ns % _DAY_NS
    day = dt.date.fromordinal(midnight // _DAY_NS + _EPOCH_ORDINAL)
    return _period(f"{day.year:04}{day:%m%d}", spec.aggregation)[0]
