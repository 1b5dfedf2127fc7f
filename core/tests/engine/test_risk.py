from __future__ import annotations

from decimal import Decimal

import pytest
from rig import Rig
from venue import AAPL, SECOND, Venue, equity, quote, trade

from posei_trader.config import LiveRiskEngineConfig
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AssetClass, OrderSide, TradingState
from posei_trader.model.identifiers import InstrumentId, Symbol
from posei_trader.model.instruments import Index, PriceBand
from posei_trader.model.values import Price, Quantity

INDEX = InstrumentId("^SPX.SIM")


def rig_with(instrument=None, **limits):
    venue = Venue()
    if instrument is not None:
        venue.instruments[instrument.id] = instrument
    return Rig(venue, risk=LiveRiskEngineConfig(**limits))


def rule(rig, order):
    denial = rig.risk.check_order(order)
    return None if denial is None else denial.rule


def market(rig, quantity="10", side="BUY", instrument_id=AAPL, **options):
    return rig.factory.market(instrument_id, OrderSide(side), Quantity(quantity), **options)


def limit(rig, price, quantity="10", side="BUY"):
    return rig.factory.limit(AAPL, OrderSide(side), Quantity(quantity), Price(price))


def test_a_good_order_passes():
    assert rule(rig_with(), market(rig_with())) is None


def test_an_unknown_instrument_is_denied_with_a_remedy():
    rig = rig_with()
    denial = rig.risk.check_order(market(rig, instrument_id=InstrumentId("X.SIM")))
    assert denial.rule == "INSTRUMENT_UNKNOWN"
    assert "load_ids" in str(denial)


def test_an_index_cannot_be_traded():
    index = Index(
        id=INDEX,
        raw_symbol=Symbol("SPX"),
        asset_class=AssetClass.INDEX,
        quote_currency=Currency.of("USD"),
        price_precision=2,
        price_increment=Price("0.01"),
    )
    rig = rig_with(index)
    assert rule(rig, market(rig, instrument_id=INDEX)) == "INSTRUMENT_NOT_TRADABLE"


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("10", None),
        ("10.5", "QUANTITY_INCREMENT"),
        ("15", "QUANTITY_INCREMENT"),
        ("5", "QUANTITY_INCREMENT"),
        ("110", "QUANTITY_MAX"),
        ("20", None),
    ],
)
def test_quantities_keep_the_instruments_increment_and_maximum(quantity, expected):
    rig = rig_with(
        equity(AAPL, size_increment=Quantity("10"), max_quantity=Quantity("100")),
    )
    assert rule(rig, market(rig, quantity)) == expected


def test_quantities_keep_the_instruments_minimum():
    rig = rig_with(equity(AAPL, min_quantity=Quantity("5")))
    assert rule(rig, market(rig, "4")) == "QUANTITY_MIN"
    assert rule(rig, market(rig, "5")) is None


def test_an_amount_of_money_is_no_quantity_of_units():
    rig = rig_with(equity(AAPL, max_quantity=Quantity("100")))
    assert rule(rig, market(rig, "1000.50", quote_quantity=True)) is None


def test_prices_keep_the_tick_size_also_where_it_depends_on_the_price():
    bands = (
        PriceBand(Price("0"), Price("0.01")),
        PriceBand(Price("100"), Price("0.05")),
    )
    rig = rig_with(equity(AAPL, price_bands=bands))
    assert rule(rig, limit(rig, "99.99")) is None
    assert rule(rig, limit(rig, "100.01")) == "PRICE_INCREMENT"
    assert rule(rig, limit(rig, "100.05")) is None
    stop = rig.factory.stop_market(AAPL, OrderSide.BUY, Quantity("1"), Price("100.01"))
    assert rule(rig, stop) == "TRIGGER_PRICE_INCREMENT"


def test_the_value_of_an_order_is_limited():
    rig = rig_with(max_notional_per_order={AAPL: Decimal(1_000)})
    assert rule(rig, limit(rig, "100.00")) is None
    assert rule(rig, limit(rig, "100.01")) == "MAX_ORDER_NOTIONAL"
    assert rule(rig, market(rig)) == "PRICE_UNKNOWN"
    rig.data.trade_tick(trade(AAPL, "99.00", "1", 1))
    assert rule(rig, market(rig)) is None
    rig.data.quote_tick(quote(AAPL, "99.00", "100.01", 2))
    assert rule(rig, market(rig)) == "MAX_ORDER_NOTIONAL"
    assert rule(rig, market(rig, side="SELL")) is None
    assert rule(rig, market(rig, "1001", quote_quantity=True)) == "MAX_ORDER_NOTIONAL"
    stop = rig.factory.stop_market(AAPL, OrderSide.BUY, Quantity("10"), Price("101.00"))
    assert rule(rig, stop) == "MAX_ORDER_NOTIONAL"


def test_the_rate_of_orders_is_limited_within_any_second():
    rig = rig_with(max_orders_per_second=3)
    order = market(rig)
    assert [rule(rig, order) for _ in range(5)] == [None] * 3 + ["ORDER_RATE"] * 2
    rig.clock.advance(SECOND - 1)
    assert rule(rig, order) == "ORDER_RATE"
    rig.clock.advance(1)
    assert [rule(rig, order) for _ in range(4)] == [None] * 3 + ["ORDER_RATE"]


def test_changes_are_checked_by_the_same_rules():
    rig = rig_with(max_notional_per_order={AAPL: Decimal(1_000)}, max_orders_per_second=2)
    order = limit(rig, "100.00")

    def check(**terms):
        change = {"quantity": None, "price": None, "trigger_price": None, **terms}
        denial = rig.risk.check_change(order, **change)
        return None if denial is None else denial.rule

    assert check() == "NOTHING_TO_CHANGE"
    assert check(price=Price("100.001")) == "PRICE_INCREMENT"
    assert check(trigger_price=Price("100.001")) == "TRIGGER_PRICE_INCREMENT"
    assert check(quantity=Quantity("1.5")) == "QUANTITY_INCREMENT"
    assert check(price=Price("100.01")) == "MAX_ORDER_NOTIONAL"
    assert check(quantity=Quantity("11")) == "MAX_ORDER_NOTIONAL"
    assert check(quantity=Quantity("9"), price=Price("100.01")) is None
    assert check(quantity=Quantity("9")) is None
    assert check(quantity=Quantity("9")) == "ORDER_RATE"
    rig.risk.set_trading_state(TradingState.REDUCING, "test")
    assert check(price=Price("99.00")) == "TRADING_REDUCING"
    assert check(quantity=Quantity("12")) == "TRADING_REDUCING"
    rig.clock.advance(SECOND)
    assert check(quantity=Quantity("3")) is None
    unknown = market(rig, instrument_id=InstrumentId("X.SIM"))
    assert rig.risk.check_change(unknown, Quantity("1"), None, None).rule == "INSTRUMENT_UNKNOWN"


def test_halted_lets_nothing_through(caplog):
    rig = rig_with()
    rig.risk.set_trading_state(TradingState.HALTED, "kill switch")
    rig.risk.set_trading_state(TradingState.HALTED, "again")
    assert rule(rig, market(rig)) == "TRADING_HALTED"
    assert caplog.text.count("trading state") == 1
    assert rig.risk.trading_state is TradingState.HALTED


def test_reducing_lets_through_only_what_makes_the_position_smaller():
    rig = rig_with()
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", 1))
    rig.market(AAPL, "BUY", "10")
    working = rig.limit(AAPL, "SELL", "3", "110.00")
    rig.risk.set_trading_state(TradingState.REDUCING, "test")
    assert rule(rig, market(rig, "1", "BUY")) == "TRADING_REDUCING"
    assert rule(rig, market(rig, "8", "SELL")) == "TRADING_REDUCING"
    assert rule(rig, market(rig, "7", "SELL")) is None
    rig.commands.cancel_order(working)
    assert rule(rig, market(rig, "8", "SELL")) == "TRADING_REDUCING"
    rig.run()
    assert rule(rig, market(rig, "8", "SELL")) is None
    rig.risk.set_trading_state(TradingState.ACTIVE, "test")
    assert rule(rig, market(rig, "1", "BUY")) is None


def test_a_bypass_skips_the_limits_but_never_a_halt():
    rig = rig_with(bypass=True)
    order = market(rig, "0.5")
    assert rule(rig, order) is None
    assert rig.risk.check_change(order, None, None, None) is None
    rig.risk.set_trading_state(TradingState.HALTED, "test")
    assert rule(rig, order) == "TRADING_HALTED"
