"""When a market was open: IB's schedule, and what is done where there is none."""

from __future__ import annotations

import datetime as dt

import pytest

from posei_trader.adapters.interactive_brokers.client.messages import HistoricalSchedule
from posei_trader.adapters.interactive_brokers.common import IBContract, IBContractDetails
from posei_trader.adapters.interactive_brokers.historical.trading_hours import (
    repeated,
    schedule_sessions,
)
from posei_trader.errors import DataFileError
from posei_trader.persistence.sessions import Session


def at(text):
    return int(dt.datetime.fromisoformat(f"{text}+00:00").timestamp()) * 10**9


def test_the_times_of_a_schedule_are_local_although_they_are_written_as_utc_elsewhere():
    schedule = HistoricalSchedule(
        "20231103-09:30:00",
        "20231106-16:00:00",
        "US/Eastern",
        (
            ("20231103-09:30:00", "20231103-16:00:00", "20231103"),
            ("20231106-09:30:00", "20231106-16:00:00", "20231106"),
        ),
    )
    assert schedule_sessions(schedule) == [
        Session(at("2023-11-03T13:30"), at("2023-11-03T20:00"), at("2023-11-03T00:00")),
        Session(at("2023-11-06T14:30"), at("2023-11-06T21:00"), at("2023-11-06T00:00")),
    ]


@pytest.mark.parametrize(
    ("zone", "opened", "match"),
    [("Moon/Base", "20231103-09:30:00", "time zone"), ("US/Eastern", "soon", "time that is none")],
)
def test_a_schedule_that_cannot_be_read_is_refused(zone, opened, match):
    with pytest.raises(DataFileError, match=match):
        schedule_sessions(HistoricalSchedule("", "", zone, ((opened, opened, "20231103"),)))


def test_listed_hours_are_repeated_week_by_week_across_the_end_of_summer_time():
    details = IBContractDetails(
        contract=IBContract(),
        timeZoneId="US/Central",
        tradingHours="20240310:1700-20240311:1600;20240311:1700-20240312:1600;20240316:CLOSED",
        liquidHours="20240311:0830-20240311:1500;20240316:CLOSED",
    )
    found = repeated(details, at("2023-10-29T00:00"), at("2023-11-07T00:00"), use_rth=False)
    assert found == [
        Session(at("2023-10-29T22:00"), at("2023-10-30T21:00"), at("2023-10-30T00:00")),
        Session(at("2023-10-30T22:00"), at("2023-10-31T21:00"), at("2023-10-31T00:00")),
        Session(at("2023-11-05T23:00"), at("2023-11-06T22:00"), at("2023-11-06T00:00")),
        Session(at("2023-11-06T23:00"), at("2023-11-07T22:00"), at("2023-11-07T00:00")),
    ]
    assert repeated(details, at("2023-11-06T00:00"), at("2023-11-07T00:00"), use_rth=True) == [
        Session(at("2023-11-06T14:30"), at("2023-11-06T21:00"), at("2023-11-06T00:00"))
    ]
    nothing = IBContractDetails(
        contract=IBContract(), timeZoneId="", tradingHours=details.tradingHours
    )
    assert repeated(nothing, 0, at("2023-11-07T00:00"), use_rth=False) == []
