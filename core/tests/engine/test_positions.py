"""Positions against a ledger that knows nothing of averages."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from venue import AAPL, USD, equity

from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import SimulatedClock
from posei_trader.engine.positions import PositionKeeper
from posei_trader.model.enums import OmsType, OrderSide, PositionSide
from posei_trader.model.events import OrderFillAmended, OrderFilled
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    PositionId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.values import Money, Price, Quantity

TERMS = {
    "trader_id": TraderId("T-1"),
    "strategy_id": StrategyId("S-1"),
    "instrument_id": AAPL,
    "ts_event": 1,
    "ts_init": 1,
}
POSITION = PositionId(f"{AAPL}-S-1")


def fill(number, signed, price, **terms):
    return OrderFilled(
        **{
            **TERMS,
            "client_order_id": ClientOrderId(f"O-{number}"),
            "venue_order_id": VenueOrderId("V"),
            "account_id": AccountId("SIM-001"),
            "trade_id": TradeId(f"E{number}"),
            "order_side": OrderSide.BUY if signed > 0 else OrderSide.SELL,
            "last_qty": Quantity(abs(signed)),
            "last_px": Price(price),
            **terms,
        }
    )


def amendment(number, **terms):
    return OrderFillAmended(
        **TERMS,
        client_order_id=ClientOrderId(f"O-{number}"),
        trade_id=TradeId(f"E{number}"),
        **terms,
    )


class Kept:
    def __init__(self):
        self.cache = Cache()
        self.keeper = PositionKeeper(self.cache, SimulatedClock(9))

    def fill(self, *arguments, oms_type=OmsType.NETTING, named=None, **terms):
        return self.keeper.fill(fill(*arguments, **terms), equity(AAPL), oms_type, named)

    @property
    def position(self):
        return self.cache.position(POSITION)


def names(events):
    return [type(event).__name__ for event in events]


SIGNED = st.integers(-20, 20).filter(bool)
PRICES = st.decimals("1", "200", places=2)


@given(
    st.lists(st.tuples(SIGNED, PRICES, st.decimals("0", "3", places=4)), min_size=1, max_size=25),
    PRICES,
)
def test_profit_equals_cash_plus_the_value_of_what_is_held(trades, mark):
    """Cash flow accounting has no averages: total profit must be cash plus holdings at the mark."""
    kept = Kept()
    cash, held = Fraction(0), 0
    for number, (signed, price, cost) in enumerate(trades):
        kept.fill(number, signed, price, commission=Money(cost, USD))
        cash -= signed * Fraction(price) + Fraction(cost)
        held += signed
    position = kept.position
    expected = cash + held * Fraction(mark)
    total = Fraction(position.total_pnl(Price(mark)).as_decimal())
    assert position.signed_qty == held
    assert abs(total - expected) < Fraction(1, 10**15)
    if held == 0:
        assert abs(Fraction(position.realized_pnl.as_decimal()) - cash) < Fraction(1, 10**15)


@given(st.lists(SIGNED, min_size=1, max_size=20))
def test_events_tell_every_opening_and_closing_in_order(moves):
    kept = Kept()
    held, is_open = 0, False
    for number, signed in enumerate(moves):
        for event in kept.fill(number, signed, "10"):
            name = type(event).__name__
            assert name == "PositionOpened" if not is_open else name != "PositionOpened"
            is_open = name != "PositionClosed"
            assert (event.side is PositionSide.FLAT) == (not is_open)
            assert (event.signed_qty == 0) == (not is_open)
        held += signed
        assert event.signed_qty == held
        assert is_open == (held != 0)


def test_a_turn_is_a_closing_and_an_opening():
    kept = Kept()
    kept.fill(1, 10, "10")
    closed, opened = kept.fill(2, -15, "12")
    assert names([closed, opened]) == ["PositionClosed", "PositionOpened"]
    assert (closed.signed_qty, closed.avg_px_open, closed.side) == (0, 0, PositionSide.FLAT)
    assert (opened.signed_qty, opened.avg_px_open) == (-5, 12)
    assert opened.realized_pnl == Money("20", USD)


def test_a_fill_is_counted_once():
    kept = Kept()
    assert names(kept.fill(1, 10, "10")) == ["PositionOpened"]
    assert kept.fill(1, 10, "10") == []
    assert kept.position.signed_qty == 10


def test_accounts_are_kept_apart():
    kept = Kept()
    kept.fill(1, 10, "10")
    kept.fill(2, 5, "10", account_id=AccountId("SIM-002"))
    kept.fill(3, 5, "10", account_id=AccountId("SIM-002"))
    assert kept.position.signed_qty == 10
    assert kept.cache.position(PositionId(f"{POSITION}-SIM-002")).signed_qty == 10


def test_hedging_makes_a_position_for_each_order_or_as_it_is_named():
    kept = Kept()
    kept.fill(1, 10, "10", oms_type=OmsType.HEDGING)
    kept.fill(2, -4, "10", oms_type=OmsType.HEDGING)
    kept.fill(3, -4, "10", oms_type=OmsType.HEDGING, position_id=PositionId("P-9"))
    kept.fill(4, -10, "11", oms_type=OmsType.HEDGING, named=PositionId(f"{AAPL}-O-1"))
    held = {position.id: position.signed_qty for position in kept.cache.positions()}
    assert held == {f"{AAPL}-O-1": 0, f"{AAPL}-O-2": -4, "P-9": -4}


def test_a_commission_that_comes_later_joins_the_costs_also_of_a_flat_position():
    kept = Kept()
    kept.fill(1, 10, "10")
    kept.fill(2, -10, "11")
    [event] = kept.keeper.amend(amendment(2, commission=Money("1.25", USD)))
    assert names([event]) == ["PositionChanged"]
    assert event.realized_pnl == Money("8.75", USD)
    [event] = kept.keeper.amend(amendment(2, commission=Money("1.00", USD)))
    assert event.realized_pnl == Money("9.00", USD)


def test_an_amendment_of_nothing_or_of_an_unknown_fill_changes_nothing():
    kept = Kept()
    kept.fill(1, 10, "10")
    assert kept.keeper.amend(amendment(7, commission=Money("1", USD))) == []
    [event] = kept.keeper.amend(amendment(1))
    assert event.signed_qty == 10


@given(
    st.lists(st.tuples(SIGNED, PRICES), min_size=1, max_size=12),
    st.data(),
)
def test_a_correction_gives_what_the_right_fills_would_have_given(trades, data):
    kept = Kept()
    for number, (signed, price) in enumerate(trades):
        kept.fill(number, signed, price)
    number = data.draw(st.integers(0, len(trades) - 1))
    price = data.draw(PRICES)
    size = data.draw(st.integers(0, 20))
    kept.keeper.amend(amendment(number, last_px=Price(price), last_qty=Quantity(size)))

    sign = 1 if trades[number][0] > 0 else -1
    trades[number] = (sign * size, price)
    right = Kept()
    for other, (signed, at) in enumerate(trades):
        if signed:
            right.fill(other, signed, at)
    expected = right.position
    assert kept.position.signed_qty == (expected.signed_qty if expected else 0)
    if expected:
        assert kept.position.avg_px_open == expected.avg_px_open
        assert kept.position.realized_pnl == expected.realized_pnl


def test_a_bust_of_the_only_fill_closes_the_position():
    kept = Kept()
    kept.fill(1, 10, "10")
    [event] = kept.keeper.amend(amendment(1, last_qty=Quantity("0")))
    assert names([event]) == ["PositionClosed"]
    assert kept.position.realized_pnl == Money("0", USD)
    assert kept.position.signed_qty == Decimal(0)
