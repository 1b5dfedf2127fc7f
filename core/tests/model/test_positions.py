from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.errors import InvalidRequest
from posei_trader.model.accounts import AccountBalance, AccountState
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AccountType, AssetClass, OrderSide, PositionSide
from posei_trader.model.events import OrderFilled
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    PositionId,
    StrategyId,
    Symbol,
    TradeId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.instruments import FuturesContract
from posei_trader.model.positions import Position, signed
from posei_trader.model.values import Money, Price, Quantity

ES = FuturesContract(
    id=InstrumentId("ESH4.CME"),
    raw_symbol=Symbol("ESH4"),
    asset_class=AssetClass.INDEX,
    quote_currency=Currency.of("USD"),
    price_precision=2,
    price_increment=Price("0.25"),
    multiplier=Quantity("50"),
    underlying="ES",
)


def fill(number, side, quantity, price, commission=None):
    return OrderFilled(
        trader_id=TraderId("T-1"),
        strategy_id=StrategyId("S-1"),
        instrument_id=ES.id,
        client_order_id=ClientOrderId(f"O-{number}"),
        ts_event=number,
        ts_init=number,
        venue_order_id=VenueOrderId("1"),
        account_id=AccountId("IB-DU1"),
        trade_id=TradeId(f"E{number}"),
        order_side=side,
        last_qty=Quantity(quantity),
        last_px=Price(price),
        commission=commission,
    )


def make():
    return Position(PositionId("P-1"), ES, AccountId("IB-DU1"), StrategyId("S-1"))


trades = st.lists(
    st.tuples(
        st.sampled_from(OrderSide),
        st.integers(min_value=1, max_value=20),
        st.integers(min_value=3000, max_value=6000),
    ),
    min_size=1,
    max_size=30,
)


@given(trades)
def test_profit_equals_the_cash_that_flowed_plus_the_value_of_what_is_held(steps):
    position = make()
    cash = Decimal(0)
    for number, (side, quantity, price) in enumerate(steps):
        position.apply(fill(number, side, str(quantity), str(price), Money("2.10", "USD")))
        cash -= signed(side, Quantity(str(quantity))) * price * 50 + Decimal("2.10")
    mark = Price("4321.25")
    expected = cash + position.signed_qty * mark.as_decimal() * 50
    # Averages are rounded at 28 digits, so the identity holds far below a cent, not to the digit.
    assert abs(position.total_pnl(mark).as_decimal() - expected) < Decimal("1e-12")


def test_a_position_opens_grows_shrinks_reverses_and_closes():
    position = make()
    assert position.side is PositionSide.FLAT
    position.apply(fill(1, OrderSide.BUY, "2", "4000"))
    position.apply(fill(2, OrderSide.BUY, "2", "4010"))
    assert (position.side, position.avg_px_open) == (PositionSide.LONG, Decimal(4005))
    position.apply(fill(3, OrderSide.SELL, "1", "4015"))
    assert position.realized_pnl == Money(500, "USD")
    assert position.ts_opened == 1
    position.apply(fill(4, OrderSide.SELL, "5", "4000"))
    assert (position.side, position.avg_px_open) == (PositionSide.SHORT, Decimal(4000))
    assert position.realized_pnl == Money(500 - 750, "USD")
    assert position.ts_opened == 4
    assert position.unrealized_pnl(Price("3999")) == Money(100, "USD")
    position.apply(fill(5, OrderSide.BUY, "2", "3990"))
    assert not position.is_open
    assert (position.ts_closed, position.avg_px_open) == (5, 0)
    assert position.realized_pnl == Money(750, "USD")
    assert position.quantity == Quantity("0")
    assert "FLAT" in repr(position)


def test_a_commission_that_comes_late_replaces_what_was_known():
    position = make()
    position.apply(fill(1, OrderSide.BUY, "1", "4000"))
    position.set_commission(TradeId("E1"), Money("2.05", "USD"))
    position.set_commission(TradeId("E1"), Money("2.10", "USD"))
    assert position.commissions == [Money("2.10", "USD")]
    assert position.realized_pnl == Money("-2.10", "USD")
    with pytest.raises(InvalidRequest, match="not counted"):
        position.set_commission(TradeId("E9"), Money("1", "USD"))


def test_a_fill_counts_once():
    position = make()
    position.apply(fill(1, OrderSide.BUY, "1", "4000"))
    assert position.has_trade(TradeId("E1"))
    with pytest.raises(InvalidRequest, match="counted already"):
        position.apply(fill(1, OrderSide.BUY, "1", "4000"))


def test_a_balance_adds_up():
    usd = AccountBalance(Money(10, "USD"), Money(4, "USD"), Money(6, "USD"))
    state = AccountState(
        account_id=AccountId("IB-DU1"),
        account_type=AccountType.MARGIN,
        base_currency=Currency.of("USD"),
        balances=(usd,),
    )
    assert state.balance(Currency.of("USD")) is usd
    assert state.balance(Currency.of("EUR")) is None
    with pytest.raises(InvalidRequest, match="locked plus free"):
        AccountBalance(Money(10, "USD"), Money(4, "USD"), Money(5, "USD"))
