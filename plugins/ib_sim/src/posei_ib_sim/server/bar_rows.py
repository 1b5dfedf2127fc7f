"""A table of bars as the columns of an answer."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import numpy as np

from posei_ib_sim import wire

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from posei_ib_sim.history.table import BarTable
    from posei_ib_sim.market.columns import Floats

__all__ = ["rows_of"]

_SECOND_NS: Final = 1_000_000_000
_HOUR: Final = 3_600
_DAY: Final = 86_400


def rows_of(table: BarTable, zone: ZoneInfo, *, intraday: bool, epoch: bool) -> wire.BarRows:
    """Return bars as history writes them, with dates in a zone or as UNIX seconds."""
    seconds = (table.start // _SECOND_NS).tolist()
    dates: list[str] | list[int] = seconds
    if not intraday:
        dates = _days(table.date.tolist())
    elif not epoch:
        dates = _wall_times(seconds, zone)
    volumes: list[str] | list[int] = [-1] * len(table)
    averages: list[str] | list[float] | list[int] = [-1] * len(table)
    if len(table) and table.count[0] >= 0:
        volumes, averages = _quantities(table.volume), table.wap.tolist()
        if not wire.are_plain(table.wap):
            averages = wire.texts_of(table.wap.tolist())
    prices = np.array((table.open, table.high, table.low, table.close))
    return wire.BarRows(dates, prices, volumes, averages, table.count)


def _days(ordinals: list[int]) -> list[str]:
    return [f"{dt.date.fromordinal(ordinal):%Y%m%d}" for ordinal in ordinals]


def _wall_times(seconds: list[int], zone: ZoneInfo) -> list[str]:
    # The hours of a range share few dates, and its seconds few times of day.
    ahead: dict[int, int] = {}
    days: dict[int, str] = {}
    clocks: dict[int, str] = {}
    suffix = f" {zone.key}"
    texts = []
    for second in seconds:
        hour = second // _HOUR
        shift = ahead.get(hour)
        if shift is None:
            offset = dt.datetime.fromtimestamp(second, zone).utcoffset()
            shift = ahead[hour] = int(offset.total_seconds()) if offset is not None else 0
        day, clock = divmod(second + shift, _DAY)
        date = days.get(day)
        if date is None:
            date = days[day] = f"{dt.date.fromordinal(719_163 + day):%Y%m%d} "
        time = clocks.get(clock)
        if time is None:
            minutes, rest = divmod(clock, 60)
            time = clocks[clock] = f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}{suffix}"
        texts.append(date + time)
    return texts


def _quantities(values: Floats) -> list[str] | list[int]:
    whole = np.rint(values)
    if (whole == values).all():
        wholes: list[int] = whole.astype(np.int64).tolist()
        return wholes
    return [text.removesuffix(".0") for text in wire.texts_of(values.tolist())]
