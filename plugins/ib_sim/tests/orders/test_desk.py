"""The order desk on a small replayed market, without any socket."""

import datetime as dt
from decimal import Decimal

import pytest

from posei_ib_sim import wire
from posei_ib_sim.config import SimulatedIBGatewayConfig
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.market import ReplayFile
from posei_ib_sim.simulation import Simulation

SECOND = 10**9
D = Decimal


class Recorder:
    """An order sink that keeps what it is told, in order."""

    def __init__(self):
        self.log = []
        self.texts = []

    def open_order(self, order):
        self.log.append(("openOrder", order.order_id, order.status))

    def order_status(self, order):
        self.log.append(("orderStatus", order.order_id, order.status))

    def execution(self, fill):
        self.log.append(("execDetails", fill.order_id, fill.quantity, fill.price))

    def commission(self, fill):
        self.log.append(("commission", fill.order_id, fill.commission))

    def order_error(self, client_id, order_id, code, text, reject_json=""):
        self.log.append(("error", order_id, code))
        self.texts.append((text, reject_json))

    def account_changed(self, account_id):
        return


class Market:
    """A simulation of one stock, its quotes and trades given as rows (second, ...)."""

    def __init__(self, tmp_path, quotes=(), trades=(), start="2024-03-05 15:00:00", **settings):
        begin = dt.datetime.fromisoformat(start).replace(tzinfo=dt.UTC)
        files = []
        if quotes:
            lines = ["timestamp,bid,ask,bid_size,ask_size"]
            lines += [
                f"{begin + dt.timedelta(seconds=s)},{b},{a},{bs},{as_}"
                for s, b, a, bs, as_ in quotes
            ]
            path = tmp_path / "KO_quotes.csv"
            path.write_text("\n".join(lines) + "\n")
            files.append(ReplayFile(path=str(path)))
        if trades:
            lines = ["timestamp,price,size"]
            lines += [f"{begin + dt.timedelta(seconds=s)},{p},{n}" for s, p, n in trades]
            path = tmp_path / "KO_trades.csv"
            path.write_text("\n".join(lines) + "\n")
            files.append(ReplayFile(path=str(path)))
        self.sink = Recorder()
        config = SimulatedIBGatewayConfig(
            replay=files, speed="step", repeat_status=False, **settings
        )
        self.simulation = Simulation(config, self.sink)
        self.desk = self.simulation.desk
        self.contract = self.simulation.contracts.named("KO")

    def place(self, order_id, action, quantity, kind="MKT", **fields):
        settings = {"transmit": True, **fields}
        request = wire.Order(action=action, totalQuantity=D(quantity), orderType=kind, **settings)
        self.desk.place((1, order_id), self.contract, request)
        return self.desk.registry.get((1, order_id))

    def run(self, seconds):
        self.simulation.clock.advance(int(seconds * SECOND))

    def order(self, order_id):
        return self.desk.registry.get((1, order_id))

    def fills(self, order_id):
        return [(fill.quantity, fill.price) for fill in self.order(order_id).fills]


FALLING = [
    (0, 50.00, 50.02, 300, 300),
    (1, 49.90, 49.92, 300, 300),
    (2, 49.80, 49.82, 300, 300),
    (3, 49.70, 49.72, 300, 300),
    (4, 49.90, 49.92, 300, 300),
]
FALLING_TRADES = [(s + 0.5, bid + 0.01, 100) for s, bid, *_ in FALLING]


def test_events_come_in_the_order_seen_from_real_gateways(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(1, "BUY", 100)
    market.run(1)
    assert market.sink.log == [
        ("openOrder", 1, "Submitted"),
        ("orderStatus", 1, "Submitted"),
        ("execDetails", 1, D(100), D("50.02")),
        ("openOrder", 1, "Filled"),
        ("orderStatus", 1, "Filled"),
        ("commission", 1, D("1.00")),
    ]


def test_an_execution_may_come_before_the_first_open_order(tmp_path):
    market = Market(tmp_path, FALLING, fill_on="standing_quote", executions_first=True)
    market.run(0.5)
    market.place(1, "BUY", 100)
    assert market.sink.log == []
    market.run(0)
    assert [entry[0] for entry in market.sink.log] == [
        "execDetails",
        "openOrder",
        "orderStatus",
        "commission",
        "openOrder",
        "orderStatus",
    ]
    market.place(2, "BUY", 100, "LMT", lmtPrice=40.0)
    market.run(0)
    assert market.sink.log[6:] == [("openOrder", 2, "Submitted"), ("orderStatus", 2, "Submitted")]


def test_a_sell_stop_goes_off_at_the_trade_and_sells_at_the_bid(tmp_path):
    market = Market(tmp_path, FALLING, FALLING_TRADES)
    order = market.place(1, "SELL", 100, "STP", auxPrice=49.85)
    assert order.status == "PreSubmitted"
    market.run(2.2)
    assert order.fills == []
    market.run(0.5)  # the trade at 49.81
    assert market.fills(1) == [(D(100), D("49.8"))]


def test_a_stop_limit_rests_at_its_limit_once_triggered(tmp_path):
    market = Market(tmp_path, FALLING, FALLING_TRADES)
    market.place(1, "SELL", 100, "STP LMT", auxPrice=49.85, lmtPrice=49.90)
    market.run(3.8)
    assert market.order(1).status == "Submitted"
    assert market.fills(1) == []
    market.run(1)
    assert market.fills(1) == [(D(100), D("49.9"))]


def test_an_if_touched_order_buys_when_the_price_comes_down(tmp_path):
    market = Market(tmp_path, FALLING, FALLING_TRADES)
    market.place(1, "BUY", 100, "MIT", auxPrice=49.75)
    market.run(10)
    assert market.fills(1) == [(D(100), D("49.72"))]


def test_a_trailing_stop_follows_and_goes_off_at_the_turn(tmp_path):
    market = Market(tmp_path, FALLING, FALLING_TRADES)
    market.place(1, "BUY", 100, "TRAIL", auxPrice=0.15, trailStopPrice=50.30)
    market.run(3.8)
    assert market.order(1).stop_price == D("49.86")  # 49.71 + 0.15
    market.run(1)
    assert market.fills(1) == [(D(100), D("49.92"))]


def test_a_bracket_waits_for_its_parent_and_one_exit_cancels_the_other(tmp_path):
    market = Market(tmp_path, FALLING, FALLING_TRADES)
    market.place(1, "BUY", 100, "LMT", lmtPrice=49.92, transmit=False)
    market.place(2, "SELL", 100, "LMT", lmtPrice=51.00, parentId=1, transmit=False)
    assert market.sink.log == []
    market.place(3, "SELL", 100, "STP", auxPrice=49.75, parentId=1)
    assert [market.order(n).held for n in (1, 2, 3)] == ["", "parent", "parent"]
    market.run(1.2)
    assert market.order(1).status == "Filled"
    assert market.order(2).status == "Submitted"
    market.run(5)
    assert market.order(3).status == "Filled"
    assert market.order(2).status == "Cancelled"
    assert market.simulation.accounts.default.position(market.contract).quantity == 0


def test_cancelling_a_parent_cancels_its_children(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(1, "BUY", 100, "LMT", lmtPrice=40.0, transmit=False)
    market.place(2, "SELL", 100, "LMT", lmtPrice=60.0, parentId=1)
    market.desk.cancel((1, 1))
    assert [market.order(n).status for n in (1, 2)] == ["Cancelled", "Cancelled"]


def test_a_fill_in_a_cancelling_group_ends_the_others(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(1, "BUY", 100, "LMT", lmtPrice=49.92, ocaGroup="g", ocaType=1)
    market.place(2, "BUY", 100, "LMT", lmtPrice=49.72, ocaGroup="g", ocaType=1)
    market.run(10)
    assert [market.order(n).status for n in (1, 2)] == ["Filled", "Cancelled"]


def test_a_partial_fill_in_a_reducing_group_reduces_the_others(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(1, "BUY", 400, "LMT", lmtPrice=50.02, ocaGroup="g", ocaType=3)
    market.place(2, "BUY", 400, "LMT", lmtPrice=40.00, ocaGroup="g", ocaType=3)
    market.run(0.5)
    assert market.fills(1) == [(D(300), D("50.02"))]
    assert market.order(2).quantity == 100


def test_immediate_or_cancel_takes_what_is_there(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(1, "BUY", 500, "LMT", lmtPrice=50.02, tif="IOC")
    market.run(0.5)
    assert market.fills(1) == [(D(300), D("50.02"))]
    assert market.order(1).status == "Cancelled"


def test_fill_or_kill_takes_all_or_nothing(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(1, "BUY", 500, "LMT", lmtPrice=50.02, tif="FOK")
    market.place(2, "BUY", 300, "LMT", lmtPrice=50.02, tif="FOK")
    market.run(0.5)
    assert (market.fills(1), market.order(1).status) == ([], "Cancelled")
    assert market.fills(2) == [(D(300), D("50.02"))]


def test_orders_share_what_a_quote_shows_first_come_first_served(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(1, "BUY", 200)
    market.place(2, "BUY", 200)
    market.run(0.5)
    assert market.fills(1) == [(D(200), D("50.02"))]
    assert market.fills(2) == [(D(100), D("50.02"))]


def test_a_resting_order_waits_behind_the_size_that_was_there(tmp_path):
    quotes = [(0, 50.00, 50.02, 300, 300)]
    trades = [(1, 50.00, 200), (2, 50.00, 150), (3, 50.00, 500)]
    market = Market(tmp_path, quotes, trades)
    market.run(0.5)
    market.place(1, "BUY", 100, "LMT", lmtPrice=50.00)
    market.run(1)
    assert market.fills(1) == []  # 200 of the 300 ahead
    market.run(1)
    assert market.fills(1) == [(D(50), D("50.0"))]  # 100 ahead, then 50
    market.run(1)
    assert market.fills(1)[-1] == (D(50), D("50.0"))


def test_a_print_through_the_limit_fills_at_the_limit(tmp_path):
    market = Market(tmp_path, [(0, 50.00, 50.02, 300, 300)], [(1, 49.90, 80), (2, 50.01, 10)])
    market.run(0.5)
    market.place(1, "BUY", 100, "LMT", lmtPrice=49.95)
    market.run(5)
    assert market.fills(1) == [(D(80), D("49.95"))]


def test_good_till_date_ends_an_order_at_its_time(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(1, "BUY", 100, "LMT", lmtPrice=40.0, tif="GTD", goodTillDate="20240305-15:00:02")
    market.run(1.9)
    assert market.order(1).status == "Submitted"
    market.run(0.2)
    assert market.order(1).status == "Cancelled"


def test_good_after_time_holds_an_order_back(tmp_path):
    market = Market(tmp_path, FALLING)
    order = market.place(1, "BUY", 100, goodAfterTime="20240305-15:00:02")
    assert order.status == "PreSubmitted"
    market.run(10)
    assert market.fills(1) == [(D(100), D("49.72"))]


def test_a_day_order_ends_with_the_session_and_a_lasting_one_does_not(tmp_path):
    market = Market(tmp_path, [*FALLING, (86_400, 50.0, 50.02, 300, 300)])
    market.place(1, "BUY", 100, "LMT", lmtPrice=40.0)
    market.place(2, "BUY", 100, "LMT", lmtPrice=40.0, tif="GTC")
    market.run(7 * 3600)
    assert [market.order(n).status for n in (1, 2)] == ["Cancelled", "Submitted"]


def test_a_day_order_outlives_a_session_in_which_nothing_moved_any_more(tmp_path):
    market = Market(tmp_path, [*FALLING, (86_400, 50.0, 50.02, 300, 300)])
    market.run(10)
    market.place(1, "BUY", 100)
    market.run(86_400)
    assert market.fills(1) == [(D(100), D("50.02"))]


def test_orders_for_a_closed_market_warn_and_wait_for_the_open(tmp_path):
    market = Market(
        tmp_path,
        [(0, 50.0, 50.02, 300, 300), (3600, 50.1, 50.12, 300, 300)],
        start="2024-03-05 14:00:00",
    )
    market.run(600)  # 09:10 in New York
    order = market.place(1, "BUY", 100)
    assert order.status == "PreSubmitted"
    assert ("error", 1, 399) in market.sink.log
    market.run(21 * 60)
    assert order.status == "Submitted"
    market.run(3600)
    assert market.fills(1) == [(D(100), D("50.12"))]


def test_a_market_on_close_order_fills_at_the_last_price(tmp_path):
    market = Market(tmp_path, FALLING, FALLING_TRADES)
    market.place(1, "BUY", 100, "MOC")
    market.run(8 * 3600)
    assert market.fills(1) == [(D(100), D("49.91"))]


def test_the_rest_of_a_market_to_limit_order_rests_at_the_fill(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(1, "SELL", 500, "MTL")
    market.run(3.5)
    assert market.fills(1) == [(D(300), D("50.0"))]
    assert market.order(1).limit_price == D("50.0")


def test_a_price_condition_holds_an_order_until_it_is_met(tmp_path):
    market = Market(tmp_path, FALLING)
    condition = wire.OrderCondition(
        type=1, isMore=False, price=49.75, conId=market.contract.con_id, exchange="SMART"
    )
    order = market.place(1, "BUY", 100, conditions=(condition,))
    assert order.status == "PreSubmitted"
    market.run(10)
    assert market.fills(1) == [(D(100), D("49.92"))]


def test_conditions_combine_with_and_and_or(tmp_path):
    market = Market(tmp_path, FALLING)
    never = wire.OrderCondition(
        type=1, isMore=True, price=99.0, conId=market.contract.con_id, isConjunctionConnection=True
    )
    later = wire.OrderCondition(type=3, isMore=True, time="20240305-15:00:02")
    either = wire.OrderCondition(type=1, isMore=True, price=99.0, conId=market.contract.con_id)
    market.place(1, "BUY", 100, conditions=(never, later))
    market.place(2, "BUY", 100, conditions=(either, later))
    market.run(10)
    assert market.fills(1) == []
    assert market.fills(2) == [(D(100), D("49.72"))]


def test_conditions_may_cancel_instead(tmp_path):
    market = Market(tmp_path, FALLING)
    condition = wire.OrderCondition(type=1, isMore=False, price=49.85, conId=market.contract.con_id)
    market.place(
        1, "BUY", 100, "LMT", lmtPrice=40.0, conditions=(condition,), conditionsCancelOrder=True
    )
    market.run(10)
    assert market.order(1).status == "Cancelled"


def test_a_condition_that_cannot_be_evaluated_refuses_the_order(tmp_path):
    market = Market(tmp_path, FALLING)
    with pytest.raises(RequestRefused, match="condition type 9"):
        market.place(1, "BUY", 100, conditions=(wire.OrderCondition(type=9),))
    with pytest.raises(RequestRefused, match="conId 424242"):
        market.place(
            1, "BUY", 100, conditions=(wire.OrderCondition(type=1, conId=424242, price=1.0),)
        )


@pytest.mark.parametrize(
    ("change", "code"),
    [({"action": "SELL"}, 105), ({"kind": "LMT", "lmtPrice": 49.001}, 110)],
)
def test_a_refused_change_leaves_the_order_as_it_was(tmp_path, change, code):
    market = Market(tmp_path, FALLING)
    order = market.place(1, "BUY", 100, "LMT", lmtPrice=40.0)
    before = order.request
    with pytest.raises(RequestRefused) as caught:
        market.place(
            1, **{"action": "BUY", "quantity": 100, "kind": "LMT", "lmtPrice": 41.0, **change}
        )
    assert caught.value.code == code
    assert order.request == before
    assert order.status == "Submitted"


def test_ids_must_rise_and_finished_orders_cannot_change(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(5, "BUY", 100)
    with pytest.raises(RequestRefused, match="103"):
        market.place(4, "BUY", 100)
    market.run(1)
    with pytest.raises(RequestRefused, match="104"):
        market.place(5, "BUY", 200)
    with pytest.raises(RequestRefused, match="10148"):
        market.desk.cancel((1, 5))
    with pytest.raises(RequestRefused, match="10147"):
        market.desk.cancel((1, 99))


def test_an_order_beyond_the_means_is_rejected_and_reducing_one_never_is(tmp_path):
    market = Market(tmp_path, FALLING, initial_cash={"USD": 10_000})
    order = market.place(1, "BUY", 1000)
    assert order.status == "Inactive"
    assert market.sink.log[0] == ("error", 1, 201)
    market.place(2, "BUY", 300)
    market.run(1)
    market.place(3, "SELL", 300)
    assert market.order(3).status == "Submitted"


def test_global_cancel_ends_every_open_order(tmp_path):
    market = Market(tmp_path, FALLING)
    market.place(1, "BUY", 100, "LMT", lmtPrice=40.0)
    market.place(2, "SELL", 100, "LMT", lmtPrice=60.0, transmit=False)
    assert market.desk.cancel_all() == 2
    assert market.desk.registry.open_orders() == []
    assert market.desk.cancel_all() == 0


def test_ids_are_the_same_in_every_run_of_a_seed(tmp_path):
    runs = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        market = Market(folder, FALLING, seed=42)
        market.place(1, "BUY", 100)
        market.run(1)
        (fill,) = market.desk.registry.fills
        runs.append((fill.exec_id, fill.perm_id, fill.ts_ns, fill.price))
    assert runs[0] == runs[1]


def test_a_preview_costs_nothing(tmp_path):
    market = Market(tmp_path, FALLING)
    market.run(0.5)
    request = wire.Order(action="BUY", totalQuantity=D(1000), orderType="MKT")
    preview = market.desk.preview(market.contract, request)
    assert preview.commission == D("5.00")
    assert preview.initial_after - preview.initial_before == D("50.01") * 1000 / 2
    assert market.desk.registry.orders == []
