"""When the next daily restart is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.ib_docker.daily_restart import next_restart


@pytest.mark.parametrize(
    ("time_of_day", "zone", "now", "due"),
    [
        ("11:59 PM", "Etc/UTC", "2026-11-23T05:00:00", "2026-11-23T23:59:00"),
        ("11:59 PM", "Etc/UTC", "2026-11-23T23:59:00", "2026-11-24T23:59:00"),
        ("12:30 AM", "Etc/UTC", "2026-12-31T05:00:00", "2027-01-01T00:30:00"),
        ("11:45 PM", "America/New_York", "2026-11-23T05:00:00", "2026-11-24T04:45:00"),
        # The clocks go back on 1 November: the day before, New York is an hour closer to UTC.
        ("11:45 PM", "America/New_York", "2026-10-31T12:00:00", "2026-11-01T03:45:00"),
        ("11:45 PM", "America/New_York", "2026-11-01T12:00:00", "2026-11-02T04:45:00"),
    ],
)
def test_the_next_one_is_found_in_the_zone_of_the_program(time_of_day, zone, now, due):
    found = next_restart(time_of_day, zone, datetime.fromisoformat(f"{now}+00:00"))
    assert found == datetime.fromisoformat(f"{due}+00:00")


@pytest.mark.parametrize(("time_of_day", "zone"), [("soon", "Etc/UTC"), ("11:59 PM", "Mars/Moon")])
def test_what_cannot_be_told_is_none(time_of_day, zone):
    assert next_restart(time_of_day, zone, datetime.now(UTC)) is None


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds the zone
    hour=st.integers(1, 12),
    minute=st.integers(0, 59),
    half=st.sampled_from(["AM", "PM"]),
    zone=st.sampled_from(["Etc/UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_it_is_always_in_the_future_and_within_a_day(now, hour, minute, half, zone):
    due = next_restart(f"{hour:02}:{minute:02} {half}", zone, now)
    assert timedelta(0) < due - now <= timedelta(hours=25)
