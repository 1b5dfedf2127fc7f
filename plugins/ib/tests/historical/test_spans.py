"""From what people write about time to a span."""

import datetime as dt

import pytest

from posei_trader.adapters.interactive_brokers.historical.spans import span_of
from posei_trader.errors import InvalidRequest

NOW = 1_715_000_000 * 10**9


def naive(text):
    return dt.datetime.fromisoformat(text)


def at(text):
    return int(naive(text).timestamp()) * 10**9


def test_naive_times_follow_the_clocks_of_each_day():
    start, end = span_of(
        naive("2023-11-01T09:30"), naive("2023-11-06T16:30"), None, "America/New_York", NOW
    )
    assert start == at("2023-11-01T13:30:00+00:00")
    assert end == at("2023-11-06T21:30:00+00:00")


def test_without_an_end_the_span_reaches_until_now():
    assert span_of(None, None, "60 S", "UTC", NOW) == (NOW - 60 * 10**9, NOW)


@pytest.mark.parametrize(
    ("duration", "start"),
    [
        ("5 D", "2024-03-26T10:00:00+00:00"),
        ("1 W", "2024-03-24T10:00:00+00:00"),
        ("1 M", "2024-02-29T10:00:00+00:00"),  # the last day of the shorter month
        ("13 M", "2023-02-28T10:00:00+00:00"),
        ("1 Y", "2023-03-31T10:00:00+00:00"),
        ("3600 s", "2024-03-31T09:00:00+00:00"),
    ],
)
def test_a_duration_reaches_back_by_the_calendar(duration, start):
    end = naive("2024-03-31T10:00:00+00:00")
    assert span_of(None, end, duration, "UTC", NOW)[0] == at(start)


@pytest.mark.parametrize("duration", ["5", "D 5", "5 X", "0 D", "-1 D", "five days"])
def test_a_duration_that_cannot_be_read_is_refused(duration):
    with pytest.raises(InvalidRequest, match=r"(?s)a number and one of S, D, W, M, Y"):
        span_of(None, None, duration, "UTC", NOW)


@pytest.mark.parametrize("duration", ["9999 Y", "30000 M", "999999 W", "99999999 D", f"{10**20} S"])
def test_a_duration_beyond_the_calendar_is_refused(duration):
    with pytest.raises(InvalidRequest, match="beyond the calendar") as refused:
        span_of(None, None, duration, "UTC", NOW)
    assert (refused.value.field, refused.value.value) == ("duration", duration)


def test_either_a_start_or_a_duration_is_needed():
    for start, duration in ((None, None), (naive("2024-01-01"), "5 D")):
        with pytest.raises(InvalidRequest, match="either a start or a duration"):
            span_of(start, None, duration, "UTC", NOW)


def test_the_end_may_not_come_before_the_start():
    with pytest.raises(InvalidRequest, match="the end must lie after the start") as refused:
        span_of(naive("2024-01-02"), naive("2024-01-01"), None, "UTC", NOW)
    assert refused.value.value == "2024-01-02 00:00:00 UTC to 2024-01-01 00:00:00 UTC"


def test_an_unknown_zone_is_named():
    with pytest.raises(InvalidRequest, match=r"(?s)unknown time zone.*Mars/Base"):
        span_of(naive("2024-01-01"), None, None, "Mars/Base", NOW)
    with pytest.raises(InvalidRequest, match="unknown time zone"):
        span_of(None, None, "5 D", "Mars/Base", NOW)  # even where no time needs it


def test_a_span_in_the_future_is_refused():
    with pytest.raises(InvalidRequest, match="not begun yet"):
        span_of(naive("2029-01-01"), naive("2030-01-01"), None, "UTC", NOW)


@pytest.mark.parametrize("moment", ["2023-11-01", dt.date(2023, 11, 1), 1_700_000_000])
@pytest.mark.parametrize("field", ["start_date_time", "end_date_time"])
def test_what_is_no_datetime_is_refused_with_an_example(moment, field):
    start = moment if field == "start_date_time" else naive("2023-11-01")
    end = moment if field == "end_date_time" else None
    with pytest.raises(InvalidRequest, match="a moment is a datetime") as refused:
        span_of(start, end, None, "UTC", NOW)
    assert refused.value.field == field
