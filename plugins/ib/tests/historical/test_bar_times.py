"""When bars open and close."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.historical.bar_times import (
    close_ns,
    floor_to_period,
    open_ns,
)
from posei_trader.model.bars import BarSpecification

DAY = 86_400 * 10**9


def at(text):
    return int(dt.datetime.fromisoformat(text).timestamp()) * 10**9


def spec(text):
    return BarSpecification.from_str(f"{text}-LAST")


@pytest.mark.parametrize(
    ("size", "date", "opens", "closes"),
    [
        ("1-MINUTE", "1700000040", "2023-11-14T22:14:00+00:00", "2023-11-14T22:15:00+00:00"),
        ("5-SECOND", "1700000045", "2023-11-14T22:14:05+00:00", "2023-11-14T22:14:10+00:00"),
        (
            "1-HOUR",
            "20231114 17:00:00 US/Eastern",
            "2023-11-14T22:00:00+00:00",
            "2023-11-14T23:00:00+00:00",
        ),
    ],
)
def test_intraday_bars_open_at_their_stamp_and_close_a_length_later(size, date, opens, closes):
    assert open_ns(date, spec(size)) == at(opens)
    assert close_ns(date, spec(size)) == at(closes)


@pytest.mark.parametrize(
    ("size", "date", "opens", "last"),
    [
        ("1-DAY", "20231106", "2023-11-06", "2023-11-06"),
        ("1-WEEK", "20231110", "2023-11-06", "2023-11-10"),  # a Friday
        ("1-WEEK", "20231122", "2023-11-20", "2023-11-22"),  # an unfinished week
        ("1-MONTH", "20240229", "2024-02-01", "2024-02-29"),
    ],
)
def test_dated_bars_open_at_midnight_of_their_first_day_and_end_with_their_last(
    size, date, opens, last
):
    assert open_ns(date, spec(size)) == at(f"{opens}T00:00:00+00:00")
    assert close_ns(date, spec(size)) == at(f"{last}T00:00:00+00:00") + DAY - 1


@given(
    st.sampled_from(["1-MINUTE", "1-DAY", "1-WEEK", "1-MONTH"]),
    st.integers(10**18, 2 * 10**18),
)
def test_a_period_begins_at_or_before_every_moment_in_it(size, moment):
    start = floor_to_period(moment, spec(size))
    assert start <= moment < start + 32 * DAY
    assert floor_to_period(start, spec(size)) == start
