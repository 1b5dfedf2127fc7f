"""Executions that change afterwards, and what they do to cash, positions and profit."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest

from posei_ib_sim.errors import ConfigurationError

_SPEC = importlib.util.spec_from_file_location(
    "test_desk_market", Path(__file__).with_name("test_desk.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
Market, FALLING = _MODULE.Market, _MODULE.FALLING

D = Decimal


@pytest.fixture
def market(tmp_path):
    """100 shares bought at 50.02, as one fill."""
    market = Market(tmp_path, FALLING)
    market.place(1, "BUY", 100)
    market.run(0.5)
    return market


def account(market):
    return market.simulation.accounts.default


def test_a_corrected_price_changes_cash_cost_and_the_orders_average(market):
    (fill,) = market.desk.registry.fills
    assert fill.price == D("50.02")
    market.sink.log.clear()
    corrected = market.desk.correct(fill, D("50.00"))
    assert corrected.exec_id == fill.exec_id[:-2] + "02"
    assert account(market).cash["USD"] == 1_000_000 - D("5000.00") - 1
    assert account(market).position(market.contract).cost == D("5001.00")
    assert market.order(1).average_price == D("50.0")
    assert [kind for kind, *_ in market.sink.log] == [
        "execDetails",
        "openOrder",
        "orderStatus",
        "commission",
    ]
    assert market.desk.registry.fills == [corrected]


def test_a_correction_counts_up_from_the_latest_revision_only(market):
    (fill,) = market.desk.registry.fills
    second = market.desk.correct(fill, D("50.01"))
    third = market.desk.correct(second, D("50.00"))
    assert third.exec_id.endswith(".03")
    with pytest.raises(ConfigurationError, match="latest revision"):
        market.desk.correct(fill, D("49.99"))


def test_a_correction_of_the_opening_changes_the_profit_of_the_closing(market):
    market.place(2, "SELL", 100)
    market.run(1)
    opening, closing = market.desk.registry.fills
    assert closing.realized == (D("49.90") - D("50.02")) * 100 - 2 - (closing.commission - 1)
    before = closing.realized
    market.desk.correct(opening, D("50.00"))
    assert market.desk.registry.fills[1].realized == before + 2
    assert account(market).realized["USD"] == before + 2
    assert account(market).cash["USD"] == 1_000_000 + before + 2


def test_a_corrected_size_changes_the_position(market):
    (fill,) = market.desk.registry.fills
    market.desk.correct(fill, fill.price, D(60))
    assert account(market).position(market.contract).quantity == 60
    assert market.order(1).filled == 60


def test_a_bust_takes_the_trade_and_its_commission_back(market):
    (fill,) = market.desk.registry.fills
    busted = market.desk.bust(fill)
    assert (busted.quantity, busted.commission) == (0, 0)
    assert account(market).cash["USD"] == 1_000_000
    assert account(market).position(market.contract).quantity == 0
    assert account(market).commissions["USD"] == 0
    assert market.desk.registry.fills == []
    assert market.order(1).filled == 0
    assert market.order(1).is_final
