"""IB's texts for moments in time."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.venue_time import (
    format_utc,
    format_utc_dashed,
    from_nanos,
    localized,
    parse_time,
    to_nanos,
)
from posei_trader.errors import InvalidRequest


def instant(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20230223 00:43:36 America/New_York", "2023-02-23T05:43:36+00:00"),
        ("20230223 00:43:36 Universal", "2023-02-23T00:43:36+00:00"),
        ("20250225-15:15:00", "2025-02-25T15:15:00+00:00"),
        ("20250225-15:15:00Z", "2025-02-25T15:15:00+00:00"),
        ("20250309 03:30:00 US/Eastern", "2025-03-09T07:30:00+00:00"),
        ("20250309  03:30:00 US/Eastern", "2025-03-09T07:30:00+00:00"),
        ("20240315 09:30:00 EST", "2024-03-15T14:30:00+00:00"),
        ("20240715 09:30:00 EST", "2024-07-15T14:30:00+00:00"),
        ("20240715 09:30:00 CST", "2024-07-15T14:30:00+00:00"),
        ("20240715 09:30:00 JST", "2024-07-15T00:30:00+00:00"),
        ("20240715 09:30:00 EST5EDT", "2024-07-15T13:30:00+00:00"),
        ("20240102", "2024-01-02T00:00:00+00:00"),
        ("1700000000", "2023-11-14T22:13:20+00:00"),
    ],
)
def test_a_time_of_ib_is_read_in_its_own_zone(text, moment):
    assert parse_time(text) == instant(moment)


def test_a_time_without_a_zone_is_read_in_the_default_zone():
    assert parse_time("20240702 09:30:00", "America/New_York") == instant(
        "2024-07-02T13:30:00+00:00"
    )


@pytest.mark.parametrize("text", ["", "soon", "2024-03-15", "20241301", "20240315 25:00:00"])
def test_what_is_no_time_is_refused_with_the_form_to_use(text):
    with pytest.raises(InvalidRequest, match="not a time as IB writes it"):
        parse_time(text)


def test_an_unknown_zone_is_refused_by_name():
    with pytest.raises(InvalidRequest, match=r"(?s)unknown time zone.*Mars/Base"):
        parse_time("20240315 09:30:00 Mars/Base")


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_both_utc_forms_read_back_to_the_same_second(seconds):
    nanos = seconds * 10**9
    assert parse_time(format_utc(nanos)) == nanos
    assert parse_time(format_utc_dashed(nanos)) == nanos


@given(st.integers(min_value=0, max_value=4 * 10**18))
def test_nanoseconds_survive_the_way_through_datetime_to_the_microsecond(nanos):
    assert to_nanos(from_nanos(nanos)) == nanos - nanos % 1_000


def test_the_clocks_of_each_day_decide_the_offset_of_a_naive_time():
    # The example of the specification crosses the end of summer time on 5 November 2023.
    start = localized(dt.datetime.fromisoformat("2023-11-01T09:30"), "America/New_York")
    end = localized(dt.datetime.fromisoformat("2023-11-06T16:30"), "America/New_York")
    assert start.isoformat() == "2023-11-01T13:30:00+00:00"
    assert end.isoformat() == "2023-11-06T21:30:00+00:00"


def test_an_aware_time_keeps_its_own_zone():
    moment = dt.datetime(2023, 7, 1, 9, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert localized(moment, "America/New_York").isoformat() == "2023-07-01T00:30:00+00:00"
