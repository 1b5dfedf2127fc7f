"""Orders that algorithms work in slices, over time and against the market's volume."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.market.events import Quote, Trade
from posei_ib_sim.orders.algos import AlgoProgress

_SPEC = importlib.util.spec_from_file_location(
    "test_desk_market", Path(__file__).with_name("test_desk.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
Market = _MODULE.Market

D = Decimal
SECOND = 10**9
# Ten minutes at one price, a quote each second; a hundred shares printed each five seconds.
QUOTES = [(s, 50.00, 50.02, 500, 500) for s in range(601)]
TRADES = [(s + 0.5, 50.01, 100) for s in range(0, 600, 5)]


@pytest.fixture
def market(tmp_path):
    return Market(tmp_path, QUOTES, TRADES)


def place(market, algo, quantity=600, kind="MKT", action="BUY", **parameters):
    fields = {key: value for key, value in parameters.items() if key in {"lmtPrice", "tif"}}
    tags = {key: value for key, value in parameters.items() if key not in fields}
    return market.place(1, action, quantity, kind, algoStrategy=algo, algoParams=tags, **fields)


def test_a_time_weighted_order_trades_evenly_until_its_end(market):
    order = place(market, "Twap", endTime="20240305-15:10:00", strategyType="Marketable")
    filled = []
    for _ in range(10):
        market.run(60)
        filled.append(int(order.filled))
    steps = [after - before for before, after in zip([0, *filled], filled, strict=False)]
    assert all(59 <= step <= 70 for step in steps[:-1])
    assert order.status == "Filled"
    assert len(order.fills) > 60


def test_what_is_left_at_the_end_is_cancelled_unless_it_may_go_on(market):
    order = place(market, "Twap", kind="LMT", lmtPrice=45.0, endTime="20240305-15:05:00", tif="GTC")
    market.run(299)
    assert order.status == "Submitted"
    market.run(2)
    assert (order.status, order.fills) == ("Cancelled", [])


def test_an_order_that_may_go_on_does(market):
    order = place(
        market,
        "Twap",
        kind="LMT",
        lmtPrice=45.0,
        endTime="20240305-15:05:00",
        allowPastEndTime="1",
    )
    market.run(400)
    assert order.status == "Submitted"


def test_a_start_by_the_clock_of_a_zone_is_waited_for(market):
    order = place(market, "Twap", startTime="10:05:00 US/Eastern", endTime="20240305-15:08:00")
    market.run(299)
    assert order.fills == []
    market.run(120)
    assert order.filled > 300


def test_a_percentage_of_volume_follows_what_the_market_prints(market):
    order = place(market, "PctVol", quantity=2000, pctVol="0.2")
    market.run(300)  # sixty prints of 100
    assert order.filled == D(60) * 100 / 5
    assert all(fill.quantity == 20 for fill in order.fills)


def test_volume_caps_a_volume_weighted_order(market):
    order = place(market, "Vwap", quantity=6000, maxPctVol="0.1", endTime="20240305-15:10:00")
    market.run(300)
    assert order.filled == D(60) * 100 / 10


def test_an_arrival_price_order_trades_most_at_its_beginning(market):
    order = place(
        market,
        "ArrivalPx",
        maxPctVol="1",
        riskAversion="Aggressive",
        endTime="20240305-15:10:00",
    )
    market.run(120)
    assert order.filled > 200
    market.run(480)
    assert order.status == "Filled"


def test_a_patient_adaptive_order_waits_for_the_middle_before_it_pays_the_spread(market):
    urgent = place(market, "Adaptive", quantity=100, adaptivePriority="Urgent")
    market.run(1)
    assert [fill.price for fill in urgent.fills] == [D("50.02")]
    patient = market.place(
        2,
        "BUY",
        100,
        "MKT",
        algoStrategy="Adaptive",
        algoParams={"adaptivePriority": "Patient"},
    )
    market.run(20)
    assert patient.fills == []
    market.run(30)
    assert {fill.price for fill in patient.fills} == {D("50.01")}


def test_a_completion_is_forced_when_the_volume_did_not_allow_it(market):
    def run(order_id, force):
        return market.place(
            order_id,
            "BUY",
            400,
            "MKT",
            algoStrategy="ArrivalPx",
            algoParams={
                "maxPctVol": "0.01",
                "forceCompletion": force,
                "endTime": "20240305-15:05:00",
                "allowPastEndTime": "1",
            },
        )

    forced, free = run(1, "1"), run(2, "0")
    market.run(299)
    assert forced.status == "Filled"
    assert free.filled < 100


def test_an_order_may_match_the_last_price(market):
    order = place(
        market, "Twap", quantity=60, strategyType="Matching Last", endTime="20240305-15:02:00"
    )
    market.run(119)
    assert {fill.price for fill in order.fills} == {D("50.01")}


def test_dark_ice_shows_its_display_size_only(tmp_path):
    market = Market(tmp_path, [(0, 50.00, 50.02, 300, 300)], [(1, 50.00, 500), (2, 50.00, 250)])
    market.run(0.5)
    order = place(market, "DarkIce", 400, "LMT", lmtPrice=50.00, displaySize="100")
    market.run(3)
    assert [fill.quantity for fill in order.fills] == [100]


def test_a_passive_order_joins_its_own_side(market):
    order = place(
        market, "Vwap", maxPctVol="1", noTakeLiq="1", action="SELL", endTime="20240305-15:02:00"
    )
    market.run(119)
    assert order.fills == []  # nobody lifts the offer of 50.02


@pytest.mark.parametrize(
    ("algo", "parameters", "code"),
    [
        ("Jeff", {}, 439),
        ("Twap", {"speed": "1"}, 443),
        ("Vwap", {}, 441),
        ("Vwap", {"maxPctVol": "1.5"}, 441),
        ("Vwap", {"maxPctVol": "a lot"}, 441),
        ("Adaptive", {"adaptivePriority": "Calm"}, 441),
        ("Twap", {"strategyType": "Cheap"}, 441),
        ("Twap", {"endTime": "later"}, 441),
        ("Twap", {"endTime": "20240305-14:00:00"}, 441),
        ("Twap", {"allowPastEndTime": "perhaps"}, 441),
        ("DarkIce", {"displaySize": "0"}, 441),
        ("Twap", {"monetaryValue": "5000"}, 441),
    ],
)
def test_an_algorithm_that_cannot_be_is_refused(market, algo, parameters, code):
    with pytest.raises(RequestRefused) as caught:
        place(market, algo, **parameters)
    assert caught.value.code == code
    assert market.desk.registry.orders == []


def test_an_algorithm_fits_market_and_limit_orders_and_cannot_be_changed(market):
    with pytest.raises(RequestRefused, match="442"):
        market.place(1, "BUY", 100, "STP", auxPrice=51.0, algoStrategy="Twap")
    market.place(1, "BUY", 100, "LMT", lmtPrice=45.0, algoStrategy="Twap")
    with pytest.raises(RequestRefused, match="440"):
        market.place(1, "BUY", 100, "LMT", lmtPrice=45.0, algoStrategy="Adaptive")


events = st.lists(
    st.tuples(st.integers(0, 600), st.integers(0, 5000)), min_size=1, max_size=40
).map(sorted)


@given(
    events,
    st.sampled_from(
        [
            ("Twap", {}),
            ("Vwap", {"maxPctVol": "0.25"}),
            ("ArrivalPx", {"maxPctVol": "0.5", "riskAversion": "Passive"}),
            ("PctVol", {"pctVol": "0.1"}),
            ("Adaptive", {}),
        ]
    ),
    st.integers(1, 5000).map(D),
)
def test_what_is_released_only_grows_and_keeps_to_size_and_share(rows, algo, total):
    name, parameters = algo
    progress = AlgoProgress(name, parameters, 0, 600 * SECOND)
    before, volume = D(0), D(0)
    share = D(parameters.get("maxPctVol") or parameters.get("pctVol") or "1e9")
    for second, size in rows:
        trade = Trade(second * SECOND, 50.0, float(size))
        progress.follow(Quote(second * SECOND, 49.9, 50.1, 1.0, 1.0), total, D(1))
        progress.follow(trade, total, D(1))
        volume += size
        assert before <= progress.released <= total
        assert progress.released <= max(volume * share, before) or share > 1
        assert progress.released == progress.released.to_integral_value()
        before = progress.released
    if name in {"Twap", "Adaptive"}:
        progress.follow(Trade(600 * SECOND, 50.0, 1.0), total, D(1))
        assert progress.released == total
