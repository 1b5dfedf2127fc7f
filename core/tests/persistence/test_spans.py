"""Moments as people write them, to the nanosecond."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from posei_trader.errors import InvalidRequest
from posei_trader.persistence.spans import FOREVER, bounds, to_nanos

MOMENT = 1_704_150_000_123_456_789


@pytest.mark.parametrize(
    "moment",
    [
        "2024-01-01T23:00:00.123456789Z",
        "2024-01-01 18:00:00,123456789-05:00",
        "20240101T230000.123456789Z",
        pd.Timestamp(MOMENT, tz="UTC"),
        pd.Timestamp(MOMENT).tz_localize("UTC").tz_convert("America/New_York"),
        pd.Timestamp(MOMENT),
        np.int64(MOMENT),
        MOMENT,
    ],
)
def test_no_nanosecond_is_lost(moment):
    assert to_nanos(moment, "start") == MOMENT


def test_seven_decimals_are_seven():
    assert to_nanos("2024-01-01T23:00:00.1234567Z", "start") == MOMENT - 89


def test_a_date_is_its_midnight_in_utc():
    assert to_nanos(dt.date(2024, 1, 2), "start") == to_nanos("2024-01-02", "start")


@pytest.mark.parametrize(
    "moment",
    [1.7e18, np.datetime64(MOMENT, "ns"), pd.NaT, "2024-01-01T23:00:00.1234567891Z", [1]],
)
def test_what_is_no_time_is_refused(moment):
    with pytest.raises(InvalidRequest, match="start is no time") as refused:
        to_nanos(moment, "start")
    assert refused.value.field == "start"
    assert "ISO 8601" in refused.value.remedy


def test_what_lies_beyond_all_that_can_be_stored_is_its_edge():
    assert bounds(dt.date(1, 1, 1), dt.date(9999, 1, 1)) == (0, FOREVER)
    assert bounds(2**80, 2**81) == (FOREVER, FOREVER)
