"""Hedges: orders that grow with the fills of their parent."""

import importlib.util
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

D = Decimal
SECOND = 10**9


class Desk:
    """A synthetic market's desk, its clock, and contracts by name."""

    def __init__(self):
        self.sink = _MODULE.Recorder()
        config = SimulatedIBGatewayConfig(
            speed="step", start="2024-03-05T15:00:00", repeat_status=False
        )
        self.simulation = Simulation(config, self.sink)
        self.desk = self.simulation.desk

    def named(self, name):
        return self.simulation.contracts.named(name)

    def option(self, right="C"):
        stock = self.named("AAPL")
        chain = self.simulation.option_chains(stock.con_id, "SMART")[0]
        spot = self.simulation.feed.board(stock).mark
        return self.simulation.contract_of(
            wire.Contract(
                symbol="AAPL",
                secType="OPT",
                exchange="SMART",
                currency="USD",
                lastTradeDateOrContractMonth=min(d for d in chain.expirations if d > "20240320"),
                strike=min(chain.strikes, key=lambda strike: abs(strike - spot)),
                right=right,
            )
        )

    def place(self, order_id, contract, action, quantity, kind="MKT", **fields):
        request = wire.Order(
            action=action,
            totalQuantity=D(quantity),
            orderType=kind,
            **{"transmit": True, **fields},
        )
        self.desk.place((1, order_id), contract, request)
        return self.desk.registry.get((1, order_id))

    def run(self, seconds):
        self.simulation.clock.advance(int(seconds * SECOND))


@pytest.fixture
def desk():
    return Desk()


def test_a_pair_hedge_trades_its_ratio_of_every_fill(desk):
    parent = desk.place(1, desk.named("KO"), "BUY", 5000, transmit=False)
    hedge = desk.place(2, desk.named("IBM"), "SELL", 0, hedgeType="P", hedgeParam="0.5", parentId=1)
    assert (hedge.held, hedge.quantity, hedge.status) == ("hedge", 0, "PreSubmitted")
    desk.run(20)
    assert 0 < hedge.quantity <= 2500
    desk.run(600)
    assert parent.status == hedge.status == "Filled"
    assert len(parent.fills) > 1
    assert hedge.filled == 2500


def test_a_beta_hedge_matches_money_times_beta(desk):
    parent = desk.place(1, desk.named("KO"), "BUY", 1000, transmit=False)
    hedge = desk.place(
        2, desk.named("IBM"), "SELL", 77, hedgeType="B", hedgeParam="1.2", parentId=1
    )
    desk.run(300)
    spent = sum(fill.quantity * fill.price for fill in parent.fills)
    earned = sum(fill.quantity * fill.price for fill in hedge.fills)
    assert float(earned / spent) == pytest.approx(1.2, rel=0.03)


def test_a_currency_hedge_sells_what_was_spent(desk):
    parent = desk.place(1, desk.named("SAP@IBIS"), "BUY", 1000, transmit=False)
    hedge = desk.place(2, desk.named("EUR.USD"), "BUY", 0, hedgeType="F", parentId=1)
    desk.run(300)
    spent = sum(fill.quantity * fill.price for fill in parent.fills)
    assert hedge.status == "Filled"
    assert abs(hedge.filled - spent) <= len(parent.fills)


def test_a_delta_hedge_makes_options_neutral(desk):
    option = desk.option("C")
    desk.place(1, option, "BUY", 10, transmit=False)
    hedge = desk.place(2, desk.named("AAPL"), "SELL", 0, hedgeType="D", parentId=1)
    desk.run(600)
    assert hedge.status == "Filled"
    assert 350 <= hedge.filled <= 650  # ten calls at the money
    assert desk.simulation.accounts.default.position(desk.named("AAPL")).quantity == -hedge.filled


def test_a_volatility_order_hedges_itself_with_an_attached_order(desk):
    option = desk.option("P")
    order = desk.place(
        1, option, "BUY", 4, "VOL", volatility=90.0, volatilityType=2, deltaNeutralOrderType="MKT"
    )
    desk.run(600)
    assert order.status == "Filled"
    hedges = [one for one in desk.desk.registry.orders if one.attached]
    assert {one.request.action for one in hedges} == {"BUY"}
    assert all(one.status == "Filled" and one.contract.symbol == "AAPL" for one in hedges)
    assert 120 <= sum(one.filled for one in hedges) <= 280


def test_a_hedge_without_anything_to_hedge_ends_with_its_parent(desk):
    parent = desk.place(1, desk.named("KO"), "BUY", 100, "LMT", lmtPrice=1.0, transmit=False)
    hedge = desk.place(2, desk.named("IBM"), "SELL", 0, hedgeType="P", hedgeParam="1", parentId=1)
    desk.desk.cancel((1, 1))
    assert (parent.status, hedge.status) == ("Cancelled", "Cancelled")


def test_the_largest_size_of_a_hedge_is_kept(desk):
    desk.place(1, desk.named("KO"), "BUY", 1000, transmit=False)
    hedge = desk.place(
        2,
        desk.named("IBM"),
        "SELL",
        0,
        hedgeType="P",
        hedgeParam="1",
        hedgeMaxSize=150,
        parentId=1,
    )
    desk.run(300)
    assert hedge.filled == 150


@pytest.mark.parametrize(
    ("contract", "fields", "code"),
    [
        ("IBM", {"hedgeType": "X"}, 10007),
        ("IBM", {"hedgeType": "B", "hedgeParam": "much"}, 10008),
        ("IBM", {"hedgeType": "P", "hedgeParam": "-1"}, 10009),
        ("IBM", {"hedgeType": "D"}, 10010),
        ("USD.JPY", {"hedgeType": "P", "parentId": 9}, 10006),
        ("GBP.JPY", {"hedgeType": "F"}, 10007),
    ],
)
def test_a_hedge_that_cannot_be_computed_is_refused(desk, contract, fields, code):
    desk.place(1, desk.named("KO"), "BUY", 100, transmit=False)
    with pytest.raises(RequestRefused) as caught:
        desk.place(2, desk.named(contract), "SELL", 0, **{"parentId": 1, **fields})
    assert caught.value.code == code


def test_a_delta_hedge_in_the_wrong_direction_is_refused(desk):
    desk.place(1, desk.option("P"), "BUY", 1, transmit=False)
    with pytest.raises(RequestRefused, match="must be BUY"):
        desk.place(2, desk.named("AAPL"), "SELL", 0, hedgeType="D", parentId=1)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"deltaNeutralOrderType": "STP"}, 380),
        ({"deltaNeutralOrderType": "LMT"}, 378),
    ],
)
def test_a_volatility_orders_hedge_has_to_be_complete(desk, fields, code):
    with pytest.raises(RequestRefused) as caught:
        desk.place(1, desk.option(), "BUY", 1, "VOL", volatility=20.0, **fields)
    assert caught.value.code == code
