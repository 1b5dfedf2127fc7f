"""Scale orders: ladders of components with profit-takers."""

import importlib.util
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim import wire
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.orders.scales import Ladder

_SPEC = importlib.util.spec_from_file_location(
    "test_desk_market", Path(__file__).with_name("test_desk.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
Market = _MODULE.Market

D = Decimal
ZIGZAG = [
    (0, 50.08, 50.10, 1000, 1000),
    (1, 49.98, 50.00, 1000, 1000),
    (2, 49.88, 49.90, 1000, 1000),
    (3, 49.78, 49.80, 1000, 1000),
    (4, 49.96, 49.98, 1000, 1000),
    (5, 49.83, 49.85, 1000, 1000),
]


@pytest.fixture
def market(tmp_path):
    return Market(tmp_path, ZIGZAG)


def ladder(market, **changes):
    fields = {
        "lmtPrice": 50.00,
        "scaleInitLevelSize": 300,
        "scaleSubsLevelSize": 200,
        "scalePriceIncrement": 0.10,
        **changes,
    }
    return market.place(1, "BUY", 700, "LMT", **fields)


def test_each_component_waits_for_its_own_price(market):
    order = ladder(market)
    market.run(1.5)
    assert market.fills(1) == [(D(300), D("50.0"))]
    market.run(1)
    assert market.fills(1)[1:] == [(D(200), D("49.9"))]
    market.run(1)
    assert market.fills(1)[2:] == [(D(200), D("49.8"))]
    assert order.status == "Filled"


def test_a_filled_component_attaches_its_profit_taker(market):
    order = ladder(market, scaleProfitOffset=0.05)
    market.run(2.5)
    first, second = market.desk.registry.children(order)
    assert [one.request.lmtPrice for one in (first, second)] == [50.05, 49.95]
    assert [one.quantity for one in (first, second)] == [300, 200]
    assert all(one.attached and one.api_id == 0 and one.is_bound for one in (first, second))
    assert first.request.action == "SELL"
    market.run(2)  # up to 49.96 bid
    assert second.status == "Filled"
    assert not first.is_final


def test_a_taken_profit_restores_the_component(market):
    order = ladder(market, scaleProfitOffset=0.05, scaleAutoReset=True, lmtPrice=49.90)
    market.run(4.5)  # 300 at 49.90, 200 at 49.80, then 300 and 200 sold at the bid of 49.96
    assert order.quantity == 700 + 300 + 200
    assert order.filled == 500
    market.run(1)  # the ask is 49.85: the first component is bought again
    assert order.filled == 800
    assert market.simulation.accounts.default.position(market.contract).quantity == 300


def test_the_end_of_a_scale_ends_its_profit_takers(market):
    order = ladder(market, scaleProfitOffset=0.50)
    market.run(1.5)
    (taker,) = market.desk.registry.children(order)
    market.desk.cancel((1, 1))
    assert (order.status, taker.status) == ("Cancelled", "Cancelled")


def test_a_change_keeps_what_was_filled(market):
    order = ladder(market)
    market.run(1.5)
    market.place(
        1,
        "BUY",
        900,
        "LMT",
        lmtPrice=50.00,
        scaleInitLevelSize=300,
        scaleSubsLevelSize=200,
        scalePriceIncrement=0.10,
    )
    market.run(1)
    assert [size for size, _ in market.fills(1)] == [300, 200]
    assert order.remaining == 400


def test_what_had_been_filled_before_is_skipped(market):
    ladder(market, scaleInitFillQty=300)
    market.run(1.5)
    assert market.fills(1) == []
    market.run(1)
    assert market.fills(1) == [(D(200), D("49.9"))]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scalePriceIncrement": -0.1}, 408),
        ({"scalePriceIncrement": None}, 408),
        ({"scaleInitLevelSize": None}, 419),
        ({"scaleInitLevelSize": 0}, 417),
        ({"scaleInitLevelSize": 900}, 417),
        ({"scaleSubsLevelSize": 0}, 410),
        ({"scaleProfitOffset": -0.1}, 418),
        ({"scaleAutoReset": True}, 446),
        ({"scalePriceAdjustValue": 0.1}, 447),
        ({"scalePriceAdjustInterval": 5}, 447),
        ({"scalePriceAdjustValue": 0.1, "scalePriceAdjustInterval": -5}, 448),
        ({"scaleTable": "1;2"}, 10340),
        ({"scaleRandomPercent": True}, 10340),
    ],
)
def test_a_scale_that_cannot_be_worked_is_refused(market, changes, code):
    with pytest.raises(RequestRefused) as caught:
        ladder(market, **changes)
    assert caught.value.code == code
    assert market.desk.registry.orders == []


def test_limits_move_with_time_when_they_shall(market):
    order = ladder(market, lmtPrice=49.50, scalePriceAdjustValue=0.10, scalePriceAdjustInterval=1)
    market.run(2.5)
    assert order.ladder.limit == D("49.70")
    market.run(1)  # 49.80 meets the ask of 49.80
    assert market.fills(1) == [(D(300), D("49.8"))]


@given(
    st.integers(1, 2000),
    st.integers(1, 500),
    st.integers(0, 500),
    st.integers(1, 100),
    st.sampled_from(["BUY", "SELL"]),
)
def test_components_add_up_and_step_away_from_the_market(total, first, further, cents, action):
    first = min(first, total)
    made = Ladder(
        wire.Order(
            action=action,
            totalQuantity=D(total),
            lmtPrice=500.0,
            scaleInitLevelSize=first,
            scaleSubsLevelSize=further or None,
            scalePriceIncrement=cents / 100,
        )
    ).components
    assert sum(one.size for one in made) == total
    assert made[0].size == first
    assert {one.size for one in made[1:-1]} <= {D(further or first)}
    sign = -1 if action == "BUY" else 1
    steps = {after.price - before.price for before, after in pairwise(made)}
    assert steps <= {D(cents) / 100 * sign}
