from __future__ import annotations

import csv
import datetime as dt

import pytest

from posei_trader.demo.prices import bundled_stocks, users_file
from posei_trader.errors import DataFileError, InvalidRequest

VENUES = {"XCME": "CME"}


def test_the_bundled_prices_begin_on_the_day_asked_for(tmp_path):
    made = bundled_stocks(tmp_path, dt.date(2012, 1, 1))
    assert [(p.contract, p.instrument_id) for p in made] == [
        ("IBM", "IBM.NYSE"),
        ("MSFT", "MSFT.NASDAQ"),
        ("GOOG", "GOOG.NASDAQ"),
    ]
    rows = list(csv.DictReader(made[0].path.read_text().splitlines()))
    assert rows[0]["date"] == "2012-01-03"
    assert rows[0]["open"] == "186.73"
    assert rows[-1]["date"] == "2013-03-01"


@pytest.mark.parametrize(
    ("name", "contract", "instrument_id"),
    [
        ("6EH4.XCME_1min_bars.csv.gz", "6EH4", "6EH4.CME"),
        ("usdjpy-ticks.csv", "USD.JPY", "USD/JPY.IDEALPRO"),
    ],
)
def test_a_file_may_be_named_after_what_it_holds(tmp_path, name, contract, instrument_id):
    (tmp_path / name).touch()
    prices = users_file(tmp_path / name, None, VENUES)
    assert (prices.contract, prices.instrument_id) == (contract, instrument_id)


def test_the_instrument_may_be_given(tmp_path):
    (tmp_path / "x.csv").touch()
    assert users_file(tmp_path / "x.csv", "AAPL.NASDAQ", VENUES).contract == "AAPL"
    with pytest.raises(InvalidRequest, match="which instrument"):
        users_file(tmp_path / "x.csv", None, VENUES)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataFileError, match="no such data file") as caught:
        users_file(tmp_path / "none.csv", None, VENUES)
    assert caught.value.value.endswith("none.csv")
