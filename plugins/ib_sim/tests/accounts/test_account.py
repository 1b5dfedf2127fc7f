"""The books of an account: exact to the last decimal, whatever is traded in whatever order."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim.accounts import Account, Position, order_commission
from posei_ib_sim.contracts import ContractFactory, HoursBook
from posei_ib_sim.contracts.model import SimContract

D = Decimal


def contract(sec_type="STK", multiplier="", currency="USD", symbol="X"):
    return SimContract(
        con_id=1,
        symbol=symbol,
        sec_type=sec_type,
        exchange="SMART",
        currency=currency,
        local_symbol=symbol,
        trading_class=symbol,
        min_tick=D("0.01"),
        hours="US_STOCK",
        zone="US/Eastern",
        routes=("SMART",),
        multiplier=multiplier,
    )


def account():
    return Account("DU1", "USD", {"USD": D(100_000)})


def test_a_round_trip_in_a_stock_leaves_profit_less_commissions():
    books, stock = account(), contract()
    assert books.apply_fill(stock, D(100), D("10.00"), D("1.00"), "USD") is None
    assert books.position(stock).average_cost == D("10.01")
    realized = books.apply_fill(stock, D(-100), D("11.00"), D("1.00"), "USD")
    assert realized == D("98.00")
    assert books.cash["USD"] == D("100098.00")
    assert books.position(stock).quantity == 0
    assert books.position(stock).cost == 0


def test_a_short_sale_gains_when_the_price_falls():
    books, stock = account(), contract()
    books.apply_fill(stock, D(-50), D("20.00"), D("1.00"), "USD")
    assert books.cash["USD"] == D("100999.00")
    assert books.apply_fill(stock, D(50), D("18.00"), D("1.00"), "USD") == D("98.00")


def test_a_reversal_closes_one_side_and_opens_the_other():
    books, stock = account(), contract()
    books.apply_fill(stock, D(100), D("10.00"), D("1.00"), "USD")
    realized = books.apply_fill(stock, D(-150), D("10.50"), D("1.50"), "USD")
    assert realized == D("48.00")
    position = books.position(stock)
    assert position.quantity == D(-50)
    assert position.cost == D("-525.00") + D("0.50")


def test_futures_move_cash_only_when_they_are_closed():
    books, future = account(), contract("FUT", multiplier="125000")
    books.apply_fill(future, D(3), D("1.09705"), D("6.75"), "USD")
    assert books.cash["USD"] == D("99993.25")
    books.apply_fill(future, D(-3), D("1.09755"), D("6.75"), "USD")
    assert books.cash["USD"] == D("100000") + D("187.50") - D("13.50")


def test_spot_forex_exchanges_two_balances():
    books, pair = account(), contract("CASH", symbol="EUR")
    books.apply_fill(pair, D(20_000), D("1.08505"), D("2.00"), "USD")
    assert books.cash["EUR"] == D(20_000)
    assert books.cash["USD"] == D(100_000) - D("21701.00") - D("2.00")


def test_cents_quoted_contracts_use_the_magnifier():
    corn = msgspec.structs.replace(contract("FUT", multiplier="5000"), price_magnifier=100)
    books = account()
    books.apply_fill(corn, D(1), D("440.25"), D(0), "USD")
    assert books.apply_fill(corn, D(-1), D("441.25"), D(0), "USD") == D("50.00")


trades = st.lists(
    st.tuples(
        st.integers(-500, 500).filter(bool),
        st.integers(1, 100_000).map(lambda cents: D(cents) / 100),
        st.integers(0, 500).map(lambda cents: D(cents) / 100),
    ),
    min_size=1,
    max_size=30,
)


@given(trades, st.sampled_from(["STK", "FUT", "CRYPTO"]), st.integers(1, 100_000))
def test_no_cent_is_lost_or_made(fills, sec_type, last_cents):
    """Cash and position value change by exactly what the fills did, however they are booked."""
    traded = contract(sec_type)
    books = account()
    last = D(last_cents) / 100
    flow = D(0)
    for quantity, price, commission in fills:
        books.apply_fill(traded, D(quantity), price, commission, "USD")
        flow -= D(quantity) * price + commission
    position = books.position(traded)
    held = sum(D(quantity) for quantity, _, _ in fills)
    assert position.quantity == held
    total = flow + held * last
    assert books.cash["USD"] + position.equity(last) - D(100_000) == total
    assert position.realized + position.unrealized(last) == total


@pytest.mark.parametrize(
    ("row", "quantity", "value", "owed"),
    [
        ({"symbol": "KO"}, 100, 6000, "1.00"),
        ({"symbol": "KO"}, 1000, 60_000, "5.00"),
        ({"symbol": "KO"}, 10, 20, "0.20"),
        ({"symbol": "SAP", "primary": "IBIS", "currency": "EUR"}, 10, 1750, "3.00"),
    ],
)
def test_stock_commissions_follow_the_published_schedule(row, quantity, value, owed):
    import datetime as dt

    factory = ContractFactory(HoursBook(), dt.date(2024, 1, 2))
    stock = factory.stock(row)
    assert order_commission(stock, D(quantity), D(value)) == D(owed)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_partial_fills_cost_what_one_fill_would(parts):
    stock = contract()
    price = D("50.00")
    charged = total = D(0)
    for part in parts:
        total += part
        charged += order_commission(stock, total, total * price) - charged
    assert charged == order_commission(stock, D(sum(parts)), sum(parts) * price)


def test_a_flat_position_has_no_average_cost():
    assert Position(contract()).average_cost == 0


def test_daily_settlement_pays_the_variation_in_cash_and_changes_no_total():
    books, future = account(), contract("FUT", multiplier="50")
    books.apply_fill(future, D(2), D("5000.00"), D("4.50"), "USD")
    books.settle(future, D("5010.00"))
    position = books.position(future)
    assert books.cash["USD"] == D("100000") - D("4.50") + 1000
    assert position.equity(D("5010.00")) == 0
    assert position.unrealized(D("5010.00")) == D("1000") - D("4.50")
    books.settle(future, D("5004.00"))
    assert books.cash["USD"] == D("100000") - D("4.50") + 400
    assert books.apply_fill(future, D(-1), D("5006.00"), D("2.25"), "USD") == D("295.50")
    assert books.cash["USD"] == D("100000") - D("6.75") + 400 + 100
    books.apply_fill(future, D(-1), D("5006.00"), D("2.25"), "USD")
    assert books.cash["USD"] == D("100000") - D("9.00") + 600
    assert (position.settled, position.cost, position.fees) == (0, 0, 0)


def test_an_amended_fill_is_settled_anew():
    books, future = account(), contract("FUT", multiplier="50")
    books.apply_fill(future, D(1), D("5000.00"), D("2.25"), "USD", "a.01")
    books.settle(future, D("5010.00"))
    books.amend(future, "a.01", "a.02", D(1), D("4990.00"))
    assert books.cash["USD"] == D("100000") - D("2.25") + 1000
    assert books.position(future).equity(D("5010.00")) == 0
    books.amend(future, "a.02", "a.03", D(0), D("4990.00"))
    assert books.cash["USD"] == 100_000
    assert books.position(future).quantity == 0


PRICES = st.integers(min_value=1, max_value=9999).map(lambda n: D(n) / 4)
SIZES = st.integers(min_value=-5, max_value=5).filter(bool).map(D)


@given(
    st.lists(st.tuples(SIZES, PRICES), min_size=1, max_size=8),
    st.data(),
)
def test_an_amended_history_equals_one_that_was_so_from_the_start(fills, data):
    kind = data.draw(st.sampled_from(["STK", "FUT"]))
    which = data.draw(st.integers(min_value=0, max_value=len(fills) - 1))
    price = data.draw(PRICES)
    amended, fresh = account(), account()
    thing = contract(kind, multiplier="5" if kind == "FUT" else "")
    for number, (size, paid) in enumerate(fills):
        amended.apply_fill(thing, size, paid, D("1.25"), "USD", f"{number}.01")
    amended.amend(thing, f"{which}.01", f"{which}.02", fills[which][0], price)
    for number, (size, paid) in enumerate(fills):
        fresh.apply_fill(thing, size, price if number == which else paid, D("1.25"), "USD")
    assert amended.cash == fresh.cash
    assert amended.realized == fresh.realized
    assert amended.position(thing) == fresh.position(thing)
