"""Orders whose limit follows a volatility, a benchmark or the best competing price."""

import importlib.util
import math
from decimal import Decimal
from pathlib import Path

import pytest

from posei_ib_sim import wire
from posei_ib_sim.config import SimulatedIBGatewayConfig
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.simulation import Simulation

_SPEC = importlib.util.spec_from_file_location(
    "test_desk_market", Path(__file__).with_name("test_desk.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
Market, FALLING = _MODULE.Market, _MODULE.FALLING

D = Decimal


def pegged(market, **changes):
    fields = {
        "referenceContractId": market.contract.con_id,
        "startingPrice": 49.50,
        "stockRefPrice": 50.00,
        "peggedChangeAmount": 0.02,
        "referenceChangeAmount": 0.01,
        **changes,
    }
    return market.place(1, "BUY", 100, "PEG BENCH", **fields)


def test_a_pegged_order_moves_with_its_benchmark(tmp_path):
    market = Market(tmp_path, FALLING)
    order = pegged(market, isPeggedChangeAmountDecrease=True)
    market.run(0.5)  # the benchmark is at 50.01, a cent above its start
    assert order.limit_price == D("49.48")
    market.run(1)  # at 49.91: nine cents below, so the order is 18 cents above
    assert order.limit_price == D("49.68")
    market.run(1)  # at 49.81 the limit is 49.88, above the ask
    assert market.fills(1) == [(D(100), D("49.82"))]


def test_a_benchmark_that_leaves_its_range_ends_the_order(tmp_path):
    market = Market(tmp_path, FALLING)
    order = pegged(market, stockRangeLower=49.85)
    market.run(1.5)
    assert order.status == "Submitted"
    market.run(1)
    assert order.status == "Cancelled"


def test_a_competing_order_beats_the_best_price_but_not_the_middle(tmp_path):
    market = Market(tmp_path, [(0, 50.00, 50.10, 300, 300), (2, 50.00, 50.02, 300, 300)])
    order = market.place(1, "BUY", 100, "PEG BEST", competeAgainstBestOffset=0.02)
    market.run(0.5)
    assert order.limit_price == D("50.02")
    market.run(3)
    assert order.limit_price == D("50.01")


def test_a_competing_order_may_stand_at_the_middle(tmp_path):
    market = Market(tmp_path, [(0, 50.00, 50.10, 300, 300)])
    order = market.place(
        1, "SELL", 100, "PEG BEST", competeAgainstBestOffset=math.inf, midOffsetAtWhole=0.01
    )
    market.run(0.5)
    assert order.limit_price == D("50.06")


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("VOL", {"volatility": 20.0}, 387),
        ("PEG BENCH", {"peggedChangeAmount": 0.01}, 321),
        (
            "PEG BENCH",
            {
                "peggedChangeAmount": 0.01,
                "referenceChangeAmount": 0.01,
                "referenceContractId": 424242,
            },
            321,
        ),
    ],
)
def test_a_limit_that_cannot_be_computed_refuses_the_order(tmp_path, kind, fields, code):
    market = Market(tmp_path, FALLING)
    with pytest.raises(RequestRefused) as caught:
        market.place(1, "BUY", 100, kind, **fields)
    assert caught.value.code == code


def test_a_volatility_order_buys_options_up_to_its_volatility():
    desk, clock, option = _option_market()

    def place(order_id, action, quantity, volatility, kind):
        desk.place(
            (1, order_id),
            option,
            wire.Order(
                action=action,
                totalQuantity=D(quantity),
                orderType="VOL",
                volatility=volatility,
                volatilityType=kind,
                transmit=True,
            ),
        )
        return desk.registry.get((1, order_id))

    rich = place(1, "BUY", 1, 90.0, 2)
    poor = place(2, "BUY", 1, 1.0, 2)
    clock.advance(600 * 10**9)
    assert rich.status == "Filled"
    assert poor.status == "Submitted"
    assert rich.limit_price > rich.fills[0].price
    daily = place(3, "SELL", 1, 90 / math.sqrt(252), 1)
    clock.advance(60 * 10**9)
    assert float(daily.limit_price) == pytest.approx(float(rich.limit_price), rel=0.1)


def test_a_volatility_order_ends_when_the_underlying_leaves_its_range():
    desk, clock, option = _option_market()
    strike = float(option.strike)
    for order_id, (low, high) in enumerate(((0.0, strike * 2), (strike * 2, 0.0)), 1):
        request = wire.Order(
            action="BUY",
            totalQuantity=D(1),
            orderType="VOL",
            volatility=1.0,
            volatilityType=2,
            stockRangeLower=low,
            stockRangeUpper=high,
            transmit=True,
        )
        desk.place((1, order_id), option, request)
    clock.advance(60 * 10**9)
    statuses = [desk.registry.get((1, number)).status for number in (1, 2)]
    assert statuses == ["Submitted", "Cancelled"]


def _option_market():
    """A synthetic market's desk and clock, and a call at the money."""
    sink = _MODULE.Recorder()
    simulation = Simulation(
        SimulatedIBGatewayConfig(speed="step", start="2024-03-05T15:00:00"), sink
    )
    underlying = simulation.contracts.named("AAPL")
    chain = simulation.option_chains(underlying.con_id, "SMART")[0]
    spot = simulation.feed.board(underlying).mark
    option = simulation.contract_of(
        wire.Contract(
            symbol="AAPL",
            secType="OPT",
            exchange="SMART",
            currency="USD",
            lastTradeDateOrContractMonth=min(day for day in chain.expirations if day > "20240320"),
            strike=min(chain.strikes, key=lambda strike: abs(strike - spot)),
            right="C",
        )
    )
    return simulation.desk, simulation.clock, option
