"""Trades: ids, flags, the inferred aggressor, and the fallback to level one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.data.prevailing import Prevailing
from posei_trader.adapters.interactive_brokers.data.trades import (
    LevelOneTrades,
    TickByTickTrades,
    aggressor_of,
)
from posei_trader.model.enums import AggressorSide, MarketStatus, TradeFlag

UNIT = 10**9


def prevailing(bid, ask):
    best = Prevailing()
    best.bid_raw, best.ask_raw = bid, ask
    return best


def test_two_equal_prints_in_one_second_have_different_ids(make_context, sink):
    trades = TickByTickTrades(make_context())
    for _ in range(2):
        trades.trade(1_700_000_000, 100.0, 5 * UNIT, 0, "ARCA", "")
    assert len({tick.trade_id for tick in sink.trades}) == 2


def test_another_run_never_repeats_an_id(make_context, sink, clock):
    TickByTickTrades(make_context()).trade(1, 100.0, UNIT, 0, "", "")
    clock.advance_to(clock.timestamp_ns() + 1)
    TickByTickTrades(make_context()).trade(1, 100.0, UNIT, 0, "", "")
    assert len({tick.trade_id for tick in sink.trades}) == 2


def test_marks_of_the_tape_are_kept(make_context, sink):
    trades = TickByTickTrades(make_context())
    for mask in (0, 1, 2, 3):
        trades.trade(1, 100.0, UNIT, mask, "", "")
    assert [tick.flags for tick in sink.trades] == [
        TradeFlag.NONE,
        TradeFlag.PAST_LIMIT,
        TradeFlag.UNREPORTED,
        TradeFlag.PAST_LIMIT | TradeFlag.UNREPORTED,
    ]


def test_the_aggressor_is_inferred_from_the_prevailing_quote_and_marked(make_context, sink):
    context = make_context(prevailing=prevailing(100 * UNIT, 100 * UNIT + UNIT // 50))
    trades = TickByTickTrades(context)
    for price in (100.02, 100.0, 100.01):
        trades.trade(1, price, UNIT, 0, "", "")
    assert [tick.aggressor_side for tick in sink.trades] == [
        AggressorSide.BUYER,
        AggressorSide.SELLER,
        AggressorSide.NO_AGGRESSOR,
    ]
    assert [bool(tick.flags & TradeFlag.AGGRESSOR_INFERRED) for tick in sink.trades] == [
        True,
        True,
        False,
    ]


sides = st.one_of(st.none(), st.integers(-5, 5))


@given(st.integers(-6, 6), sides, sides)
def test_nobody_is_both_buyer_and_seller(price, bid, ask):
    side = aggressor_of(price, prevailing(bid, ask))
    if side is AggressorSide.BUYER:
        assert ask is not None
        assert price >= ask
    if side is AggressorSide.SELLER:
        assert bid is not None
        assert price <= bid
    if bid is None and ask is None:
        assert side is AggressorSide.NO_AGGRESSOR


def test_a_halt_is_a_status_and_no_trade(make_context, sink):
    trades = TickByTickTrades(make_context())
    trades.trade(1, 0.0, 0, 1, "", "")
    trades.trade(2, 0.0, 0, 1, "", "")
    trades.trade(3, 100.0, UNIT, 0, "", "")
    assert [one.status for one in sink.statuses] == [MarketStatus.HALTED, MarketStatus.OPEN]
    assert len(sink.trades) == 1


def test_real_time_volume_makes_trades(make_context, sink):
    trades = LevelOneTrades(make_context())
    trades.tick_string(48, "100.25;3.5;1700000000123;45;100.2;true")
    trades.tick_string(48, ";0.5;1700000000200;45;100.2;false")
    trades.tick_price(4, 100.25, 3 * UNIT, 0)
    (tick,) = sink.trades
    assert (str(tick.price), tick.size_raw) == ("100.25", 3_500_000_000)
    assert tick.ts_event == 1_700_000_000_123_000_000


def test_real_time_volume_that_comes_again_makes_no_second_trade(make_context, sink):
    trades = LevelOneTrades(make_context())
    trades.tick_string(48, "100.25;3;1700000000123;45;100.2;true")
    trades.stream_restarted("the connection was lost")
    trades.tick_string(48, "100.25;3;1700000000123;45;100.2;true")
    assert len(sink.trades) == 1
    trades.tick_string(48, "100.25;3;1700000000123;48;100.2;true")
    assert len(sink.trades) == 2


def test_live_last_prices_make_no_trades(make_context, sink):
    """What they tell comes as real-time volume too, with its time."""
    trades = LevelOneTrades(make_context())
    for number in range(3):
        trades.tick_price(4, 100.25 + number, 3 * UNIT, 0)
        trades.tick_size(5, 3 * UNIT)
    assert sink.trades == []


def told(sink):
    return [(str(t.price), t.size_raw // UNIT) for t in sink.trades]


def test_changes_of_the_delayed_last_price_and_size_make_trades(make_context, sink, clock):
    trades = LevelOneTrades(make_context())
    trades.tick_price(68, 100.25, 3 * UNIT, 0)  # was printed before
    trades.tick_size(71, 3 * UNIT)
    trades.tick_size(71, 4 * UNIT)
    trades.tick_string(88, "1709650000")
    trades.tick_price(68, 100.5, 4 * UNIT, 0)
    trades.tick_size(71, 4 * UNIT)
    assert told(sink) == [("100.25", 4), ("100.50", 4)]
    assert [t.ts_event for t in sink.trades] == [clock.timestamp_ns(), 1_709_650_000 * UNIT]


@pytest.mark.parametrize("none", [None, 0])
def test_a_delayed_price_without_a_size_waits_for_its_own(make_context, sink, none):
    trades = LevelOneTrades(make_context())
    trades.tick_price(68, 100.25, none, 0)
    trades.tick_size(71, 3 * UNIT)
    trades.tick_price(68, 100.5, none, 0)
    assert told(sink) == []
    trades.tick_size(71, 3 * UNIT)
    assert told(sink) == [("100.50", 3)]


def test_the_delayed_last_price_after_an_interruption_is_no_trade(make_context, sink):
    trades = LevelOneTrades(make_context())
    trades.tick_price(68, 100.25, 3 * UNIT, 0)
    trades.stream_restarted("the connection was lost")
    trades.tick_price(68, 101.0, 3 * UNIT, 0)
    assert told(sink) == []
    trades.tick_price(68, 101.25, 3 * UNIT, 0)
    assert told(sink) == [("101.25", 3)]


def test_while_data_is_delayed_only_the_last_price_makes_trades_and_then_volume(make_context, sink):
    trades = LevelOneTrades(make_context())
    trades.market_data_type(3)
    trades.tick_price(68, 100.25, 3 * UNIT, 0)
    trades.tick_price(68, 100.5, 3 * UNIT, 0)
    trades.tick_string(48, "100.5;3;1700000000123;45;100.2;true")
    trades.market_data_type(1)
    trades.tick_string(48, "100.75;5;1700000000123;50;100.2;true")
    assert told(sink) == [("100.50", 3), ("100.75", 5)]
