"""Trading permissions, short sales, presets and the opening auction."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest

from posei_ib_sim import wire
from posei_ib_sim.errors import RequestRefused

_SPEC = importlib.util.spec_from_file_location(
    "test_desk_market", Path(__file__).with_name("test_desk.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
Market, FALLING = _MODULE.Market, _MODULE.FALLING

D = Decimal
NEW_YORK_OPENS = 30 * 60
# Seconds from 14:00 UTC, half an hour before the opening in New York.
OPENING = [(0, 49.00, 49.10, 300, 300), (NEW_YORK_OPENS + 5, 50.00, 50.02, 300, 300)]
PRINTS = [(10, 49.05, 100), (NEW_YORK_OPENS + 2, 50.50, 5000), (NEW_YORK_OPENS + 9, 50.01, 100)]


@pytest.fixture
def early(tmp_path):
    """A market half an hour before its opening print at 50.50."""
    market = Market(tmp_path, OPENING, PRINTS, start="2024-03-05 14:00:00")
    market.run(60)
    return market


def errors(market):
    return [entry[2] for entry in market.sink.log if entry[0] == "error"]


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"trading_permissions": ("FUT", "OPT")}, 460), ({"restricted_symbols": ("KO",)}, 203)],
)
def test_what_may_not_be_traded_is_refused_and_not_previewed(tmp_path, settings, code):
    market = Market(tmp_path, FALLING, **settings)
    with pytest.raises(RequestRefused) as placed:
        market.place(1, "BUY", 100)
    with pytest.raises(RequestRefused) as previewed:
        market.desk.preview(
            market.contract, wire.Order(action="BUY", totalQuantity=D(1), orderType="MKT")
        )
    assert placed.value.code == previewed.value.code == code
    assert market.desk.registry.orders == []


def test_an_order_of_another_client_is_not_found(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(7, "BUY", 100, "LMT", lmtPrice=40.0)
    with pytest.raises(RequestRefused, match="135"):
        market.desk.cancel((2, 7))
    assert not market.order(7).is_final


@pytest.mark.parametrize(("tif", "told"), [("", [10349]), ("DAY", []), ("GTC", [])])
def test_a_preset_time_in_force_is_told(tmp_path, tif, told):
    market = Market(tmp_path, FALLING, order_presets=True)
    market.place(1, "BUY", 100, tif=tif)
    assert errors(market) == told
    market.run(1)
    assert market.order(1).status == "Filled"


def test_a_short_sale_without_shares_waits_until_they_are_found(tmp_path):
    market = Market(tmp_path, FALLING, shortable_shares={"KO": 50})
    order = market.place(1, "SELL", 100)
    assert (order.status, order.why_held) == ("PreSubmitted", "locate")
    assert errors(market) == [404]
    market.run(2.5)
    assert market.fills(1) == []
    market.desk.lend("KO", D(80))
    assert order.held == "locate"
    assert errors(market) == [404]
    market.desk.lend("KO", D(100))
    assert (order.status, order.why_held) == ("Submitted", "")
    market.run(1)
    assert market.fills(1) == [(D(100), D("49.7"))]


def test_shares_already_sold_short_cannot_be_borrowed_again(tmp_path):
    market = Market(tmp_path, FALLING, shortable_shares={"KO": 150})
    market.place(1, "SELL", 100)
    market.run(1)
    assert market.place(2, "SELL", 100).held == "locate"
    assert market.place(3, "SELL", 50).held == ""


def test_selling_what_is_held_needs_no_shares(tmp_path):
    market = Market(tmp_path, FALLING, shortable_shares={"KO": 0})
    market.place(1, "BUY", 100)
    market.run(1)
    assert market.place(2, "SELL", 100).held == ""
    market.run(1)
    assert market.order(2).status == "Filled"


def test_a_market_order_for_the_opening_fills_whole_at_the_opening_print(early):
    order = early.place(1, "BUY", 400, tif="OPG")
    assert (order.status, order.held) == ("PreSubmitted", "opening")
    assert errors(early) == [399]
    early.run(NEW_YORK_OPENS)
    assert early.fills(1) == [(D(400), D("50.5"))]


def test_a_limit_order_for_the_opening_takes_the_print_or_ends(early):
    early.place(1, "BUY", 100, "LMT", lmtPrice=50.60, tif="OPG")
    early.place(2, "BUY", 100, "LMT", lmtPrice=50.40, tif="OPG")
    early.run(NEW_YORK_OPENS)
    assert early.fills(1) == [(D(100), D("50.5"))]
    assert (early.fills(2), early.order(2).status) == ([], "Cancelled")


def test_an_order_for_the_opening_sent_during_the_session_waits_for_the_next(tmp_path):
    day = 86_400
    market = Market(
        tmp_path, [*FALLING, (day, 51.0, 51.02, 300, 300)], [(1, 49.95, 10), (day - 1500, 52.0, 10)]
    )
    market.run(2)
    market.place(1, "SELL", 100, tif="OPG")
    market.run(7 * 3600)
    assert market.order(1).status == "PreSubmitted"
    market.run(day)
    assert market.fills(1) == [(D(100), D("52.0"))]


def test_only_market_and_limit_orders_may_wait_for_the_opening(early):
    with pytest.raises(RequestRefused, match="OPG"):
        early.place(1, "BUY", 100, "STP", auxPrice=51.0, tif="OPG")
