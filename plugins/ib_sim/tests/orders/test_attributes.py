"""Attributes that decide how an order trades: whole, hidden, patient, windowed, adjustable."""

import importlib.util
import json
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
Market, FALLING, FALLING_TRADES = _MODULE.Market, _MODULE.FALLING, _MODULE.FALLING_TRADES

D = Decimal
STILL = [(s, 50.00, 50.02, 300, 300) for s in range(20)]


def errors(market):
    return [entry[2] for entry in market.sink.log if entry[0] == "error"]


# ---------------------------------------------------------------------- size


def test_all_or_none_is_never_filled_in_part(tmp_path):
    quotes = [(0, 50.00, 50.02, 300, 300), (3, 50.00, 50.02, 300, 900)]
    market = Market(tmp_path, quotes, [(1, 49.90, 80), (2, 49.90, 600)])
    taking = market.place(1, "BUY", 800, "LMT", lmtPrice=50.02, allOrNone=True)
    resting = market.place(2, "BUY", 500, "LMT", lmtPrice=49.95, allOrNone=True)
    market.run(1.5)
    assert resting.fills == []
    market.run(1)
    assert market.fills(2) == [(D(500), D("49.95"))]
    assert taking.fills == []
    market.run(1)
    assert market.fills(1) == [(D(800), D("50.02"))]


def test_a_minimum_quantity_holds_for_the_first_fill(tmp_path):
    quotes = [(0, 50.0, 50.02, 300, 100), (1, 50.0, 50.02, 300, 250), (2, 50.0, 50.02, 300, 20)]
    market = Market(tmp_path, quotes)
    market.place(1, "BUY", 300, "LMT", lmtPrice=50.02, minQty=200)
    market.run(0.5)
    assert market.fills(1) == []
    market.run(2)
    assert [size for size, _ in market.fills(1)] == [250, 20]


def test_an_iceberg_queues_again_with_each_part_it_shows(tmp_path):
    trades = [(1, 50.00, 400), (2, 50.00, 150), (3, 50.00, 500)]
    market = Market(tmp_path, [(0, 50.00, 50.02, 300, 300)], trades)
    market.run(0.5)
    market.place(1, "BUY", 250, "LMT", lmtPrice=50.00, displaySize=100)
    market.run(1)
    assert market.fills(1) == [(D(100), D("50.0"))]  # 300 were ahead
    market.run(1)
    assert len(market.fills(1)) == 1  # 300 are ahead of the next part
    market.run(1)
    assert market.fills(1)[1:] == [(D(100), D("50.0"))]


def test_a_sweep_takes_the_rows_behind_the_best_one_up_to_its_limit(tmp_path):
    market = Market(tmp_path, [(0, 50.00, 50.02, 300, 300)])
    market.place(1, "BUY", 5000, "LMT", lmtPrice=50.04, sweepToFill=True, tif="IOC")
    market.place(2, "BUY", 5000, "LMT", lmtPrice=50.04, tif="IOC")
    market.run(0.5)
    prices = [price for _, price in market.fills(1)]
    assert prices == [D("50.02"), D("50.03"), D("50.04")]
    assert market.fills(1)[0] == (D(300), D("50.02"))
    assert market.order(1).status == "Cancelled"
    assert market.fills(2) == []


def test_a_discretionary_amount_takes_but_does_not_show(tmp_path):
    quotes = [(0, 50.00, 50.05, 300, 300), (2, 50.00, 50.03, 300, 50)]
    market = Market(tmp_path, quotes, [(1, 50.02, 40)])
    market.place(1, "BUY", 100, "LMT", lmtPrice=50.00, discretionaryAmt=0.03)
    market.run(1.5)
    assert market.fills(1) == []  # a print at 50.02 is above where it rests
    market.run(1)
    assert market.fills(1) == [(D(50), D("50.03"))]


def test_a_block_of_fewer_than_fifty_is_refused(tmp_path):
    with pytest.raises(RequestRefused, match="117"):
        Market(tmp_path, STILL).place(1, "BUY", 10, blockOrder=True)


# ---------------------------------------------------------------------- money


@pytest.fixture
def crypto(tmp_path):
    market = Market(tmp_path, STILL, start="2024-03-05 15:00:00")
    market.contract = market.simulation.contracts.named("BTC.USD@PAXOS")
    return market


def test_an_amount_of_money_buys_what_it_can(crypto):
    order = crypto.place(1, "BUY", 0, cashQty=1000.0, tif="IOC")
    price = crypto.simulation.feed.board(crypto.contract).quote.ask
    size = order.quantity
    assert size * D(str(price)) <= 1000 < (size + D("0.0001")) * D(str(price))
    crypto.run(120)
    assert order.status == "Filled"
    spent = sum(fill.quantity * fill.price for fill in order.fills)
    assert float(spent) == pytest.approx(1000, rel=0.01)


def test_an_amount_is_divided_by_the_limit_of_a_limit_order(crypto):
    order = crypto.place(1, "BUY", 0, "LMT", lmtPrice=20_000.0, cashQty=500.0)
    assert order.quantity == D("0.025")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"quantity": 1, "tif": "IOC"}, 10289),
        ({"quantity": 1, "cashQty": 100.0, "tif": "IOC"}, 10293),
        ({"quantity": 0, "cashQty": 100.0}, 10052),
        ({"quantity": 0, "kind": "LMT", "lmtPrice": 20_000.0}, 434),
    ],
)
def test_crypto_orders_need_the_right_one_of_size_and_money(crypto, fields, code):
    with pytest.raises(RequestRefused) as caught:
        crypto.place(1, "BUY", **fields)
    assert caught.value.code == code


def test_stocks_are_not_bought_by_amount(tmp_path):
    with pytest.raises(RequestRefused, match="10244"):
        Market(tmp_path, STILL).place(1, "BUY", 0, cashQty=1000.0)


# ---------------------------------------------------------------------- prices


def test_a_post_only_order_that_would_take_is_rejected(tmp_path):
    market = Market(tmp_path, STILL)
    market.run(0.5)
    crossing = market.place(1, "BUY", 100, "LMT", lmtPrice=50.02, postOnly=True)
    resting = market.place(2, "BUY", 100, "LMT", lmtPrice=50.01, postOnly=True)
    assert (crossing.status, resting.status) == ("Inactive", "Submitted")
    assert errors(market) == [201]


def test_a_limit_too_far_through_the_market_names_its_override(tmp_path):
    market = Market(tmp_path, STILL, limit_percent=3)
    market.run(0.5)
    assert market.place(1, "BUY", 100, "LMT", lmtPrice=55.0).status == "Inactive"
    text, reject = market.sink.texts[-1]
    assert "3% through the market" in text
    assert json.loads(reject)["rejects"][0]["8229"] == "PRICEPCT"
    override = {"advancedErrorOverride": "8229=PRICEPCT"}
    assert market.place(2, "BUY", 100, "LMT", lmtPrice=55.0, **override).status == "Submitted"
    override = {"overridePercentageConstraints": True}
    assert market.place(3, "SELL", 100, "LMT", lmtPrice=40.0, **override).status == "Submitted"
    assert market.place(4, "BUY", 100, "LMT", lmtPrice=30.0).status == "Submitted"


# ---------------------------------------------------------------------- triggers


def stop(market, method, action="SELL", price=49.85):
    return market.place(1, action, 100, "STP", auxPrice=price, triggerMethod=method)


@pytest.mark.parametrize(
    ("method", "second"),
    [
        (2, 2.5),  # the trade at 49.81
        (3, 3.5),  # the second trade below
        (4, 2.0),  # the ask at 49.82
        (1, 3.0),  # the second ask below
        (7, 2.0),  # whichever comes first
        (8, 2.0),  # the middle at 49.81
    ],
)
def test_each_trigger_method_looks_at_its_own_prices(tmp_path, method, second):
    market = Market(tmp_path, FALLING, FALLING_TRADES)
    order = stop(market, method)
    market.run(second - 0.1)
    assert not order.triggered
    market.run(0.2)
    assert order.triggered


def test_an_unknown_trigger_method_is_refused(tmp_path):
    with pytest.raises(RequestRefused, match="146"):
        stop(Market(tmp_path, FALLING), 5)


def test_an_adjustable_stop_becomes_a_trailing_one_at_its_trigger(tmp_path):
    quotes = [(s, 50.00 + s * 0.1, 50.02 + s * 0.1, 300, 300) for s in range(8)]
    quotes += [(8, 50.30, 50.32, 300, 300)]
    trades = [(s + 0.5, bid, 10) for s, bid, *_ in quotes]
    market = Market(tmp_path, quotes, trades)
    order = market.place(
        1,
        "SELL",
        100,
        "STP",
        auxPrice=49.50,
        triggerPrice=50.30,
        adjustedOrderType="TRAIL",
        adjustedStopPrice=50.00,
        adjustedTrailingAmount=0.20,
        adjustableTrailingUnit=0,
    )
    market.run(3.2)
    assert (order.request.orderType, order.stop_price) == ("STP", D("49.5"))
    market.run(1)  # the trade at 50.30
    assert order.request.orderType == "TRAIL"
    market.run(4)  # the highest trade was 50.70
    assert order.stop_price == D("50.5")
    market.run(2)
    assert order.triggered


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("triggerPrice", 361),
        ("adjustedStopPrice", 362),
        ("adjustedStopLimitPrice", 363),
    ],
)
def test_an_adjustable_stop_has_to_be_complete(tmp_path, missing, code):
    fields = {
        "triggerPrice": 50.3,
        "adjustedStopPrice": 50.0,
        "adjustedStopLimitPrice": 49.9,
        "adjustedOrderType": "STP LMT",
    }
    del fields[missing]
    with pytest.raises(RequestRefused) as caught:
        Market(tmp_path, STILL).place(1, "SELL", 100, "STP", auxPrice=49.0, **fields)
    assert caught.value.code == code


def test_a_trailing_limit_follows_its_stop_at_its_offset(tmp_path):
    market = Market(tmp_path, FALLING, FALLING_TRADES)
    order = market.place(
        1, "BUY", 100, "TRAIL LIMIT", trailingPercent=0.2, trailStopPrice=50.5, lmtPriceOffset=0.02
    )
    market.run(3.8)
    assert order.stop_price == D("49.81")  # 49.71 and 0.2 percent, rounded up to the tick
    market.run(1)
    assert (order.triggered, order.fills) == (True, [])  # 49.83 is below the ask of 49.92


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 158),
        ({"trailingPercent": 120.0}, 159),
        ({"kind": "TRAIL LIMIT", "auxPrice": 0.1}, 321),
    ],
)
def test_a_trailing_order_needs_its_distance(tmp_path, fields, code):
    with pytest.raises(RequestRefused) as caught:
        Market(tmp_path, STILL).place(1, "SELL", 100, **{"kind": "TRAIL", **fields})
    assert caught.value.code == code


# ---------------------------------------------------------------------- time


def test_an_order_trades_within_its_active_time_only(tmp_path):
    market = Market(tmp_path, STILL)
    order = market.place(
        1,
        "BUY",
        900,
        tif="GTC",
        activeStartTime="20240305 10:00:05 US/Eastern",
        activeStopTime="20240305 10:00:07 US/Eastern",
    )
    market.run(4.9)
    assert (order.held, order.fills) == ("time", [])
    market.run(10)
    assert [fill.ts_ns // 10**9 % 60 for fill in order.fills] == [6, 7][: len(order.fills)]
    assert (order.held, order.status) == ("stopped", "PreSubmitted")
    market.place(1, "BUY", 900, tif="GTC")
    market.run(3)
    assert order.status == "Filled"


def test_a_duration_ends_an_order(tmp_path):
    market = Market(tmp_path, STILL)
    order = market.place(1, "BUY", 100, "LMT", lmtPrice=40.0, duration=5)
    market.run(4.9)
    assert order.status == "Submitted"
    market.run(0.2)
    assert order.status == "Cancelled"


def test_day_until_cancelled_deactivates_at_the_end_of_the_day(tmp_path):
    market = Market(tmp_path, [*FALLING, (86_400, 50.0, 50.02, 300, 300)])
    order = market.place(1, "BUY", 100, "LMT", lmtPrice=40.0, tif="DTC")
    market.run(7 * 3600)
    assert order.status == "Inactive"
    assert 202 not in errors(market)


def test_an_auction_order_takes_the_opening_price(tmp_path):
    market = Market(
        tmp_path,
        [(0, 50.0, 50.02, 300, 300), (3600, 50.1, 50.12, 300, 300)],
        [(1801, 50.5, 20)],
        start="2024-03-05 14:00:00",
    )
    market.run(600)
    order = market.place(1, "BUY", 400, "MTL", tif="AUC")
    assert order.held == "opening"
    market.run(1800)
    assert market.fills(1) == [(D(400), D("50.5"))]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "STP", "auxPrice": 51.0, "tif": "OPG"}, 111),
        ({"kind": "STP", "auxPrice": 51.0, "tif": "AUC"}, 111),
        ({"kind": "MOC", "tif": "GTC"}, 113),
        ({"tif": "GTD", "goodTillDate": "20240304-15:00:00"}, 334),
        ({"tif": "GTD", "goodTillDate": "soon"}, 321),
        ({"goodAfterTime": "later"}, 321),
        ({"activeStopTime": "later"}, 321),
    ],
)
def test_a_time_that_cannot_be_leaves_no_order_behind(tmp_path, fields, code):
    market = Market(tmp_path, STILL)
    with pytest.raises(RequestRefused) as caught:
        market.place(1, "BUY", 100, **fields)
    assert caught.value.code == code
    assert market.desk.registry.orders == []


# ---------------------------------------------------------------------- families


def bracket(market, quantity=500, **entry):
    market.place(1, "BUY", quantity, "LMT", lmtPrice=50.02, transmit=False, **entry)
    market.place(2, "SELL", quantity, "LMT", lmtPrice=51.0, parentId=1, transmit=False)
    market.place(3, "SELL", quantity, "STP", auxPrice=49.0, parentId=1)
    return [market.order(number) for number in (1, 2, 3)]


def test_exits_protect_what_a_cancelled_entry_had_filled(tmp_path):
    market = Market(tmp_path, [(0, 50.00, 50.02, 300, 300), (9, 50.0, 50.05, 300, 300)])
    entry, target, stop = bracket(market)
    market.run(1)
    assert entry.filled == 300
    market.desk.cancel((1, 1))
    assert [one.quantity for one in (target, stop)] == [300, 300]
    assert [one.status for one in (target, stop)] == ["Submitted", "PreSubmitted"]
    assert (target.held, stop.held) == ("", "")


def test_an_exit_may_cancel_its_entry(tmp_path):
    market = Market(tmp_path, STILL)
    market.place(1, "BUY", 100, "LMT", lmtPrice=40.0, transmit=False)
    market.place(2, "SELL", 100, "LMT", lmtPrice=60.0, parentId=1, autoCancelParent=True)
    market.desk.cancel((1, 2))
    assert [market.order(n).status for n in (1, 2)] == ["Cancelled", "Cancelled"]


def test_a_changed_entry_keeps_its_exits_waiting(tmp_path):
    market = Market(tmp_path, STILL)
    market.place(1, "BUY", 100, "LMT", lmtPrice=40.0, transmit=False)
    market.place(2, "SELL", 100, "LMT", lmtPrice=60.0, parentId=1)
    market.place(1, "BUY", 100, "LMT", lmtPrice=50.02)
    assert market.order(2).held == "parent"
    market.run(1)
    assert [market.order(n).status for n in (1, 2)] == ["Filled", "Submitted"]


def test_a_reducing_group_takes_every_partial_fill_into_account(tmp_path):
    market = Market(tmp_path, [(s, 50.00, 50.02, 100, 100) for s in range(6)])
    market.place(1, "BUY", 250, "LMT", lmtPrice=50.02, ocaGroup="g", ocaType=2)
    market.place(2, "BUY", 250, "LMT", lmtPrice=40.00, ocaGroup="g", ocaType=2)
    left = []
    for _ in range(3):
        market.run(1)
        left.append(market.order(2).quantity)
    assert left[:2] == [150, 50]
    assert [market.order(n).status for n in (1, 2)] == ["Filled", "Cancelled"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"parentId": 1}, 10341),
        ({"ocaGroup": "h", "ocaType": 1}, 10326),
        ({"ocaGroup": "g", "ocaType": 3}, 10327),
    ],
)
def test_ties_between_orders_cannot_be_changed(tmp_path, changes, code):
    market = Market(tmp_path, STILL)
    market.place(1, "BUY", 100, "LMT", lmtPrice=40.0)
    market.place(2, "BUY", 100, "LMT", lmtPrice=40.0, ocaGroup="g", ocaType=1)
    with pytest.raises(RequestRefused) as caught:
        market.place(
            2, "BUY", 100, "LMT", lmtPrice=41.0, **{"ocaGroup": "g", "ocaType": 1, **changes}
        )
    assert caught.value.code == code
    assert market.order(2).request.lmtPrice == 40.0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"displaySize": 100}, 10020),
        ({"displaySize": 50, "discretionaryAmt": 0.1}, 157),
        ({"minQty": 200}, 321),
        ({"minTradeQty": 200}, 10303),
        ({"kind": "MKT", "discretionaryAmt": 0.1}, 325),
        ({"shortSaleSlot": 1}, 348),
        ({"shortSaleSlot": 5}, 347),
        ({"action": "SSHORT", "shortSaleSlot": 2}, 352),
        ({"action": "SSHORT", "shortSaleSlot": 1, "designatedLocation": "X"}, 353),
        ({"ocaType": 4}, 321),
        ({"deactivate": True}, 10340),
        ({"kind": "VOL", "volatility": -5.0}, 371),
        ({"kind": "VOL", "volatility": 5.0, "volatilityType": 7}, 367),
        ({"duration": 0}, 321),
    ],
)
def test_an_attribute_that_does_not_fit_has_its_code(tmp_path, fields, code):
    market = Market(tmp_path, STILL)
    settings = {"action": "BUY", "kind": "LMT", "lmtPrice": 45.0, **fields}
    with pytest.raises(RequestRefused) as caught:
        market.place(1, quantity=100, **settings)
    assert caught.value.code == code
    assert market.desk.registry.orders == []


# ---------------------------------------------------------------------- conditions


def condition(market, **fields):
    return wire.OrderCondition(conId=market.contract.con_id, exchange="SMART", **fields)


@pytest.mark.parametrize(
    ("method", "second"), [(2, 3.5), (4, 3.0), (7, 3.0), (8, 3.0), (3, None), (1, None)]
)
def test_a_price_condition_goes_by_its_trigger_method(tmp_path, method, second):
    market = Market(tmp_path, FALLING, FALLING_TRADES)
    wanted = condition(market, type=1, isMore=False, price=49.75, triggerMethod=method)
    order = market.place(1, "BUY", 100, conditions=(wanted,))
    if second is None:  # only one quote and one trade are below
        market.run(10)
        assert order.held == "conditions"
        return
    market.run(second - 0.1)
    assert order.held == "conditions"
    market.run(0.2)
    assert order.held == ""


def test_a_volume_condition_counts_the_days_trades(tmp_path):
    market = Market(tmp_path, FALLING, FALLING_TRADES)
    wanted = condition(market, type=6, isMore=True, volume=300)
    order = market.place(1, "BUY", 100, conditions=(wanted,))
    market.run(2.2)
    assert order.held == "conditions"
    market.run(0.5)  # the third hundred
    assert order.held == ""


def test_a_percent_change_is_from_the_close_before(tmp_path):
    day = 86_400
    market = Market(
        tmp_path,
        [(0, 50.0, 50.02, 300, 300), (day, 50.0, 50.02, 300, 300), (day + 9, 51, 51.02, 300, 300)],
        [(1, 50.00, 10), (day + 1, 50.40, 10), (day + 2, 50.60, 10)],
    )
    wanted = condition(market, type=7, isMore=True, changePercent=1.0)
    order = market.place(1, "BUY", 100, "LMT", lmtPrice=40.0, conditions=(wanted,), tif="GTC")
    market.run(day + 1.5)
    assert order.held == "conditions"
    market.run(1)
    assert order.held == ""


def test_a_margin_condition_looks_at_the_cushion(tmp_path):
    market = Market(tmp_path, STILL, initial_cash={"USD": 10_000})
    low = condition(market, type=4, isMore=False, percent=90)
    order = market.place(1, "SELL", 100, "LMT", lmtPrice=60.0, conditions=(low,))
    market.run(1.5)
    assert order.held == "conditions"
    market.place(2, "BUY", 100)
    market.run(2)
    assert order.held == ""


def test_an_execution_condition_waits_for_a_fill_of_its_symbol(tmp_path):
    market = Market(tmp_path, STILL)
    fill = wire.OrderCondition(type=5, symbol="KO", secType="STK", exchange="SMART")
    order = market.place(1, "SELL", 100, "LMT", lmtPrice=60.0, conditions=(fill,))
    market.run(1.5)
    assert order.held == "conditions"
    market.place(2, "BUY", 100)
    market.run(2)
    assert order.held == ""


@pytest.mark.parametrize(("ignore", "held"), [(False, "conditions"), (True, "session")])
def test_prices_outside_regular_hours_count_only_when_they_shall(tmp_path, ignore, held):
    market = Market(
        tmp_path,
        [(0, 50.0, 50.02, 300, 300), (60, 49.0, 49.02, 300, 300)],
        [(61, 49.0, 10)],
        start="2024-03-05 13:00:00",
    )
    wanted = condition(market, type=1, isMore=False, price=49.5)
    order = market.place(
        1, "BUY", 100, "LMT", lmtPrice=40.0, conditions=(wanted,), conditionsIgnoreRth=ignore
    )
    market.run(70)
    assert order.held == held


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "STP", "auxPrice": 51.0},
        {"kind": "MKT", "conditionsCancelOrder": True},
    ],
)
def test_conditions_fit_some_order_types_only(tmp_path, fields):
    market = Market(tmp_path, STILL)
    wanted = condition(market, type=1, isMore=True, price=51.0)
    with pytest.raises(RequestRefused, match="148"):
        market.place(1, "BUY", 100, conditions=(wanted,), **fields)
