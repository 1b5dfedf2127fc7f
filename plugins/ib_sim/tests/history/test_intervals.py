"""Intraday bars where clocks change."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from posei_ib_sim.history.intervals import interval_of, intervals_of

CHICAGO = ZoneInfo("America/Chicago")
SECOND = 10**9


def utc(text):
    moment = dt.datetime.fromisoformat(f"{text}+00:00")
    return int(moment.timestamp()) * SECOND


def shown(interval):
    return [f"{dt.datetime.fromtimestamp(ns // SECOND, dt.UTC):%d %H:%M}" for ns in interval]


@pytest.mark.parametrize(
    ("moment", "seconds", "expected"),
    [
        ("2024-03-05 15:07", 3600, ["05 15:00", "05 16:00"]),
        ("2024-03-05 15:07", 14_400, ["05 14:00", "05 18:00"]),
        # On 10 March 2024, 02:00 CST (08:00 UTC) was 03:00 CDT: 0 to 4 o'clock took three hours.
        ("2024-03-10 07:59", 14_400, ["10 06:00", "10 09:00"]),
        ("2024-03-10 08:00", 14_400, ["10 06:00", "10 09:00"]),
        ("2024-03-10 09:00", 14_400, ["10 09:00", "10 13:00"]),
        ("2024-03-10 07:59", 3600, ["10 07:00", "10 08:00"]),
        ("2024-03-10 08:00", 3600, ["10 08:00", "10 09:00"]),
        # On 3 November, 02:00 CDT (07:00 UTC) was 01:00 CST: 0 to 4 o'clock took five hours.
        ("2024-11-03 05:30", 14_400, ["03 05:00", "03 10:00"]),
        ("2024-11-03 09:30", 14_400, ["03 05:00", "03 10:00"]),
        ("2024-11-03 10:00", 14_400, ["03 10:00", "03 14:00"]),
        ("2024-11-03 06:30", 3600, ["03 06:00", "03 07:00"]),
        ("2024-11-03 07:30", 3600, ["03 07:00", "03 08:00"]),
        ("2024-11-03 06:30", 7200, ["03 05:00", "03 08:00"]),
    ],
)
def test_an_interval_lies_on_the_wall_clock(moment, seconds, expected):
    assert shown(interval_of(utc(moment), seconds, CHICAGO)) == expected


@pytest.mark.parametrize("day", ["2024-03-05", "2024-03-09", "2024-11-02"])
@pytest.mark.parametrize("seconds", [1, 30, 900, 1200, 3600, 10_800, 28_800])
def test_intervals_of_two_days_follow_each_other_without_a_gap(day, seconds):
    begin = utc(f"{day} 00:00")
    step = max(600, seconds // 7) * SECOND
    ts = np.arange(begin, begin + 2 * 86_400 * SECOND, step, dtype=np.int64)
    starts, ends = intervals_of(ts, seconds, CHICAGO)
    assert (starts <= ts).all()
    assert (ts < ends).all()
    alone = [interval_of(one, seconds, CHICAGO) for one in ts.tolist()]
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == alone
    for end in sorted(set(ends.tolist()))[:-1]:
        assert interval_of(end, seconds, CHICAGO)[0] == end
