"""Sessions of contract details, and the moment at which a contract expires."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.instruments.sessions import (
    expiry_ns,
    sessions,
    today_in,
)
from posei_trader.adapters.interactive_brokers.instruments.time_zones import zone_of

CME_WEEK = (
    "20240614:1700-20240614:1600;20240616:1700-20240617:1600;20240617:1700-20240618:1600;"
    "20240618:1700-20240619:1200;20240619:1700-20240620:1600;20240620:1700-20240621:0830;"
    "20240622:CLOSED"
)


def moment(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def expiry(date: str, hours: str = "", zone: str = "US/Central", last: str = "") -> int:
    return expiry_ns(date, last_trade_time=last, hours=hours, zone_name=zone)


def test_new_and_old_forms_of_sessions_are_read() -> None:
    new = sessions("20260406:0400-20260406:2000;20260405:CLOSED")
    assert [(s.open.hour, s.close.hour) for s in new] == [(4, 20)]
    old = sessions("20090507:0700-1830,1830-2330;20090508:CLOSED")
    assert [(s.open.hour, s.close.hour) for s in old] == [(7, 18), (18, 23)]
    overnight = sessions("20090507:1700-1600")
    assert overnight[0].close - overnight[0].open == dt.timedelta(hours=23)


def test_midnight_may_be_written_2400() -> None:
    (session,) = sessions("20240601:0000-20240601:2400")
    assert session.close.isoformat() == "2024-06-02T00:00:00"


def test_it_expires_with_the_session_of_the_expiry_day_not_with_the_last_one() -> None:
    assert expiry("20240619", CME_WEEK) == moment("2024-06-19T12:00-05:00")
    assert expiry("20240618", CME_WEEK) == moment("2024-06-18T16:00-05:00")


def test_the_last_trade_time_counts_inside_that_session() -> None:
    assert expiry("20240618", CME_WEEK, last="09:16:00") == moment("2024-06-18T09:16-05:00")
    # After-hours trading that ended in the night before is not the end of the day.
    hongkong = "20240327:1715-20240328:0300;20240328:0915-20240328:1200,20240328:1300-20240328:1630"
    assert expiry("20240328", hongkong, "Hongkong", "03:00:00") == moment("2024-03-28T16:30+08:00")


def test_a_day_that_is_not_listed_has_the_last_trade_time() -> None:
    assert expiry("20241220", CME_WEEK, last="08:30:00") == moment("2024-12-20T08:30-06:00")


def test_a_day_that_is_not_listed_ends_as_days_usually_do() -> None:
    assert expiry("20241220", CME_WEEK) == moment("2024-12-20T16:00-06:00")


def test_without_sessions_it_expires_at_the_end_of_the_day() -> None:
    assert expiry("20241220", "") == moment("2024-12-21T00:00-06:00")


@pytest.mark.parametrize("date", ["", "202412", "20241301", "tomorrow"])
def test_without_a_date_there_is_no_expiry(date: str) -> None:
    assert expiry(date, CME_WEEK) == 0


@pytest.mark.parametrize(
    ("zone", "summer", "winter"),
    [
        ("US/Eastern", -4, -5),
        ("EST", -4, -5),
        ("EST (Eastern Standard Time)", -4, -5),
        ("CST", -5, -6),
        ("MET", 2, 1),
        ("GB-Eire", 1, 0),
        ("JST", 9, 9),
        ("Japan", 9, 9),
        ("Hongkong", 8, 8),
        ("Australia/NSW", 10, 11),
        ("America/Chicago", -5, -6),
    ],
)
def test_ibs_zones_follow_the_exchanges_clock(zone: str, summer: int, winter: int) -> None:
    found = zone_of(zone)
    assert found is not None
    for month, hours in ((7, summer), (1, winter)):
        offset = dt.datetime(2024, month, 1, tzinfo=found).utcoffset()
        assert offset == dt.timedelta(hours=hours)


def test_an_unknown_zone_is_taken_for_utc_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert expiry("20240619", CME_WEEK, "Mars/Olympus") == moment("2024-06-19T12:00+00:00")
    assert "Mars/Olympus" in caplog.text


def test_today_is_the_date_at_the_exchange() -> None:
    late = moment("2024-06-18T23:30-04:00")
    assert today_in("US/Eastern", late) == dt.date(2024, 6, 18)
    assert today_in("Japan", late) == dt.date(2024, 6, 19)
    assert today_in("", late) == dt.date(2024, 6, 19)


@given(st.text(alphabet="0123456789:-,;CLOSED ", max_size=60))
def test_garbled_hours_never_break(hours: str) -> None:
    assert expiry("20240619", hours) >= moment("2024-06-19T00:00-05:00")
