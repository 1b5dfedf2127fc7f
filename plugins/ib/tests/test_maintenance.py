"""Windows follow the wall clock of their zone, over midnight and over changes of summer time."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.config import (
    IBConnectionConfig,
    InteractiveBrokersDataClientConfig,
)
from posei_trader.adapters.interactive_brokers.maintenance import (
    ASIA_PACIFIC,
    EUROPE,
    NORTH_AMERICA,
    IBMaintenanceWindow,
    window_at,
)
from posei_trader.errors import PoseiError

SECOND = 10**9
HOUR = 3600 * SECOND


def ns(text):
    return int(dt.datetime.fromisoformat(text).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("windows", "moment", "end"),
    [
        (NORTH_AMERICA, "2024-03-05T05:14:59+00:00", None),
        (NORTH_AMERICA, "2024-03-05T05:15:00+00:00", "2024-03-05T06:45:00+00:00"),
        (NORTH_AMERICA, "2024-03-05T06:44:59+00:00", "2024-03-05T06:45:00+00:00"),
        (NORTH_AMERICA, "2024-03-05T06:45:00+00:00", None),
        # Friday evening to Saturday; the daily window of Saturday does not exist
        (NORTH_AMERICA, "2024-03-09T04:00:00+00:00", "2024-03-09T08:00:00+00:00"),
        (NORTH_AMERICA, "2024-03-09T08:00:00+00:00", None),
        # summer time has begun in America, not yet in Europe
        (NORTH_AMERICA, "2024-03-12T04:15:00+00:00", "2024-03-12T05:45:00+00:00"),
        (EUROPE, "2024-03-12T05:25:00+00:00", "2024-03-12T06:45:00+00:00"),
        (EUROPE, "2024-07-12T04:25:00+00:00", "2024-07-12T05:45:00+00:00"),
        (ASIA_PACIFIC, "2024-07-12T12:15:00+00:00", "2024-07-12T13:15:00+00:00"),
    ],
)
def test_published_windows_are_where_ib_says(windows, moment, end):
    found = window_at(windows, ns(moment))
    assert (None if found is None else found[1]) == (None if end is None else ns(end))


def test_an_end_that_is_not_later_lies_on_the_next_day():
    window = IBMaintenanceWindow(start="23:45", end="00:45", days=["sun"])
    assert window.end_ns(ns("2024-03-04T05:00:00+00:00")) == ns("2024-03-04T05:45:00+00:00")
    assert window.end_ns(ns("2024-03-05T05:00:00+00:00")) is None


@given(st.integers(ns("2020-01-01T00:00:00+00:00"), ns("2030-01-01T00:00:00+00:00")))
def test_a_moment_in_a_window_is_before_its_end_and_the_end_is_outside(moment):
    for window in {*NORTH_AMERICA, *EUROPE, *ASIA_PACIFIC}:
        end = window.end_ns(moment)
        if end is not None:
            assert moment < end <= moment + 5 * HOUR
            assert window.end_ns(end) is None
            assert window.end_ns(end - SECOND) == end


@pytest.mark.parametrize(
    "settings",
    [
        {"start": "23:45"},
        {"start": "25:00", "end": "01:00"},
        {"start": 2345, "end": "01:00"},
        {"start": "23:45", "end": "01:00", "days": ["FUNDAY"]},
        {"start": "23:45", "end": "01:00", "time_zone": "Mars/Olympus"},
    ],
)
def test_a_window_that_cannot_be_is_refused(settings):
    with pytest.raises(PoseiError):
        IBMaintenanceWindow.from_mapping(settings)


def test_windows_can_be_written_in_a_file():
    config = InteractiveBrokersDataClientConfig.from_mapping(
        {
            "connection": {
                "probe_interval": 5,
                "maintenance_windows": [
                    {"start": "23:40", "end": "23:55", "time_zone": "Europe/Berlin"}
                ],
            }
        }
    )
    (window,) = config.connection.maintenance_windows
    assert str(window) == "MON,TUE,WED,THU,FRI,SAT,SUN 23:40-23:55 Europe/Berlin"
    assert IBConnectionConfig().maintenance_windows == NORTH_AMERICA
