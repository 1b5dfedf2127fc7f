"""Sessions: holidays, early closes, daylight saving; facts from the exchanges' own calendars."""

import datetime as dt

import pytest

from posei_ib_sim.contracts import HoursBook


@pytest.fixture(scope="module")
def hours():
    return HoursBook()


def moment(text):
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("template", "utc", "is_open"),
    [
        ("US_STOCK", "2024-03-08T14:30:00", True),  # winter: 09:30 is 14:30
        ("US_STOCK", "2024-03-11T13:30:00", True),  # summer: 09:30 is 13:30
        ("US_STOCK", "2024-03-08T13:30:00", False),
        ("US_STOCK", "2024-07-04T15:00:00", False),  # Independence Day
        ("US_STOCK", "2024-11-29T17:59:00", True),  # the day after Thanksgiving closes at 13:00
        ("US_STOCK", "2024-11-29T18:00:00", False),
        ("LSE", "2024-05-06T10:00:00", False),  # early May bank holiday
        ("FOREX", "2024-03-08T21:59:00", True),  # Friday 16:59 in New York
        ("FOREX", "2024-03-08T22:01:00", False),
        ("FOREX", "2024-03-10T21:14:00", False),  # Sunday before 17:15
        ("FOREX", "2024-03-10T21:16:00", True),
        ("CRYPTO", "2024-12-25T03:00:00", True),
        ("HONG_KONG", "2024-03-05T04:30:00", False),  # lunch
        ("HONG_KONG", "2024-03-05T05:30:00", True),
    ],
)
def test_venues_are_open_when_they_were(hours, template, utc, is_open):
    assert hours.is_open(template, moment(utc), liquid=True) is is_open


def test_a_futures_session_begins_the_evening_before_its_date(hours):
    # Sunday 17:00 in Chicago belongs to Monday.
    assert hours.trade_date("CME_INDEX", moment("2024-03-10T22:30:00")) == dt.date(2024, 3, 11)
    # The hour from 16:00 to 17:00 rests.
    assert not hours.is_open("CME_INDEX", moment("2024-03-11T21:30:00"))


def test_hours_are_described_as_ib_writes_them(hours):
    text = hours.describe("US_STOCK", moment("2024-03-28T15:00:00"), liquid=True)
    assert text.split(";") == [
        "20240328:0930-20240328:1600",
        "20240329:CLOSED",  # Good Friday
        "20240330:CLOSED",
        "20240331:CLOSED",
        "20240401:0930-20240401:1600",
        "20240402:0930-20240402:1600",
    ]


def test_the_next_open_skips_a_long_weekend(hours):
    friday_evening = moment("2024-05-24T21:00:00")
    opens = hours.next_open("US_STOCK", friday_evening, liquid=True)
    assert opens == moment("2024-05-28T13:30:00")


@pytest.mark.parametrize(
    ("template", "year", "count"),
    # The exchange's own count of trading days, and the weekdays but two of spot forex.
    [("US_STOCK", 2024, 252), ("US_STOCK", 2023, 250), ("FOREX", 2024, 260)],
)
def test_a_year_has_its_trading_days_whatever_was_asked_for_before(hours, template, year, count):
    middle = dt.date(year, 6, 14)
    hours.between(template, middle, middle)
    year = (dt.date(year, 1, 1), dt.date(year, 12, 31))
    sessions = hours.between(template, *year)
    assert len(sessions) == count
    assert hours.dates(template, *year) == [session.date for session in sessions]
    assert [session.open_ns for session in sessions] == sorted({s.open_ns for s in sessions})
