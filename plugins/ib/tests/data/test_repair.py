"""Interruptions of tick streams on a clock that the test moves."""

from __future__ import annotations

import pytest

from posei_trader.adapters.interactive_brokers.data.bars import RealTimeBars, SecondBars
from posei_trader.adapters.interactive_brokers.data.quotes import LevelOneQuotes, TickByTickQuotes
from posei_trader.adapters.interactive_brokers.data.trades import TickByTickTrades
from posei_trader.errors import RequestTimeout
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.enums import AggressorSide, TradeFlag
from posei_trader.model.identifiers import TradeId
from posei_trader.model.requests import DataKind
from posei_trader.model.ticks import TradeTick

UNIT = 10**9
START = 1_709_650_800
FIVES = BarType.from_str("AAPL.NASDAQ-5-SECOND-LAST-EXTERNAL")
SECONDS = BarType.from_str("AAPL.NASDAQ-1-SECOND-LAST-EXTERNAL")


def past(aapl, second, price):
    side = AggressorSide.NO_AGGRESSOR
    ts = (START + second) * UNIT
    return TradeTick(aapl, round(price * UNIT), UNIT, 2, 0, side, TradeId(f"h{second}"), ts, ts)


def bar(bar_type, second, close=100):
    ts = (START + second) * UNIT
    return Bar(bar_type, 100 * UNIT, 101 * UNIT, 99 * UNIT, close * UNIT, 1, 2, 0, ts, ts)


@pytest.fixture
def trades(make_context):
    return TickByTickTrades(make_context(kind=DataKind.TRADE_TICKS))


def print_(trades, second, price):
    trades.trade(START + second, price, UNIT, 0, "", "")


def at(clock, second):
    clock.advance_to((START + second) * UNIT)


def shown(sink):
    return [
        (t.ts_event // UNIT - START, t.price_raw / UNIT, bool(t.flags & TradeFlag.BACKFILLED))
        for t in sink.trades
    ]


async def test_missed_trades_come_before_what_waited_for_them(trades, sink, clock, host, aapl):
    print_(trades, 0, 100.0)
    at(clock, 30)
    trades.stream_restarted("the connection was lost")
    print_(trades, 31, 103.0)
    print_(trades, 31, 104.0)
    assert shown(sink) == [(0, 100.0, False)]
    host.answer = [past(aapl, *row) for row in ((0, 100.0), (5, 101.0), (31, 102.0), (31, 103.0),
                                                 (31, 104.0))]  # fmt: skip
    at(clock, 33)
    await host.settled()
    assert host.asked == [(START * UNIT, (START + 32) * UNIT)]
    assert shown(sink) == [
        (0, 100.0, False),
        (5, 101.0, True),
        (31, 102.0, True),
        (31, 103.0, False),
        (31, 104.0, False),
    ]
    print_(trades, 34, 105.0)
    assert shown(sink)[-1] == (34, 105.0, False)
    assert sink.gaps == []
    assert len({tick.trade_id for tick in sink.trades}) == 6


async def test_nothing_is_fetched_before_ib_was_asked_for_the_stream_again(
    trades, sink, clock, host, aapl
):
    print_(trades, 0, 100.0)
    host.is_opened = False
    trades.stream_restarted("the connection was lost")
    at(clock, 60)
    assert host.asked == []
    host.is_opened = True
    host.answer = [past(aapl, 55, 101.0)]
    at(clock, 70)
    await host.settled()
    assert shown(sink) == [(0, 100.0, False), (55, 101.0, True)]


async def test_an_interruption_during_a_repair_repairs_both(trades, sink, clock, host, aapl):
    print_(trades, 0, 100.0)
    trades.stream_restarted("first")
    print_(trades, 10, 101.0)
    at(clock, 11)
    trades.stream_restarted("second")
    print_(trades, 20, 103.0)
    host.answer = [past(aapl, *row) for row in ((0, 100.0), (10, 101.0), (15, 102.0), (20, 103.0))]
    at(clock, 30)
    await host.settled()
    assert shown(sink) == [
        (0, 100.0, False),
        (10, 101.0, True),
        (15, 102.0, True),
        (20, 103.0, False),
    ]


async def test_what_cannot_be_fetched_is_announced_and_the_stream_goes_on(
    trades, sink, clock, host
):
    print_(trades, 0, 100.0)
    at(clock, 30)
    trades.stream_restarted("the connection was lost")
    print_(trades, 31, 103.0)
    host.answer = RequestTimeout("no answer", field="x", remedy="wait")
    at(clock, 40)
    await host.settled()
    assert shown(sink) == [(0, 100.0, False), (31, 103.0, False)]
    [(_, start, end, reason)] = sink.gaps
    assert (start, end, reason) == (START * UNIT, (START + 31) * UNIT, "no answer")


async def test_only_the_allowed_span_is_fetched_and_the_rest_is_announced(
    make_context, sink, clock, host, aapl
):
    host.ticks_limit_ns = 60 * UNIT
    trades = TickByTickTrades(make_context(kind=DataKind.TRADE_TICKS))
    print_(trades, 0, 100.0)
    at(clock, 100)
    host.lost = (START + 2) * UNIT
    trades.stream_restarted("the connection was lost")
    print_(trades, 101, 103.0)
    host.answer = [past(aapl, second, 101.0) for second in (10, 50, 80)]
    at(clock, 110)
    await host.settled()
    assert host.asked == [((START + 42) * UNIT, (START + 102) * UNIT)]
    [(_, start, end, _reason)] = sink.gaps
    assert (start, end) == (START * UNIT, (START + 42) * UNIT)
    assert [row[0] for row in shown(sink)] == [0, 50, 80, 101]


async def test_a_closed_stream_delivers_nothing_of_what_is_being_fetched(
    trades, sink, clock, host, aapl
):
    print_(trades, 0, 100.0)
    trades.stream_restarted("the connection was lost")
    host.answer = [past(aapl, 5, 101.0)]
    at(clock, 10)
    trades.close()
    await host.settled()
    at(clock, 60)
    assert shown(sink) == [(0, 100.0, False)]


async def test_a_stream_that_had_brought_nothing_announces_the_gap(trades, sink, clock, host):
    at(clock, 30)
    host.lost = (START + 10) * UNIT
    trades.stream_restarted("the connection was lost")
    [(_, start, end, reason)] = sink.gaps
    assert (start, end) == ((START + 10) * UNIT, (START + 30) * UNIT)
    assert reason == "the connection was lost"


async def test_in_a_replay_whose_time_is_not_ours_the_next_trade_says_up_to_when(
    trades, sink, clock, host, aapl
):
    clock.advance_to((START + 3 * 365 * 86_400) * UNIT)
    print_(trades, 0, 100.0)
    trades.stream_restarted("the connection was lost")
    clock.advance(60 * UNIT)
    assert host.asked == []
    print_(trades, 20, 103.0)
    host.answer = [past(aapl, 0, 100.0), past(aapl, 10, 101.0), past(aapl, 20, 103.0)]
    clock.advance(10 * UNIT)
    await host.settled()
    assert [row[0] for row in shown(sink)] == [0, 10, 20]


def test_level_one_cannot_be_fetched_so_the_gap_is_announced(make_context, sink, clock, host):
    quotes = LevelOneQuotes(make_context(), ignore_size_updates=False)
    at(clock, 50)
    host.lost = (START + 20) * UNIT
    quotes.stream_restarted("the connection was lost")
    [(_, start, end, _reason)] = sink.gaps
    assert (start, end) == ((START + 20) * UNIT, (START + 50) * UNIT)


async def test_tick_by_tick_quotes_are_back_filled_and_marked(make_context, sink, clock, host):
    quotes = TickByTickQuotes(make_context())
    quotes.quote(START, 100.0, 100.02, UNIT, UNIT, 0)
    missed = sink.quotes[0]
    at(clock, 10)
    quotes.stream_restarted("the connection was lost")
    host.answer = [missed, type(missed)(*[getattr(missed, n) for n in missed.__struct_fields__[:7]],
                                        (START + 4) * UNIT, 0)]  # fmt: skip
    at(clock, 20)
    await host.settled()
    assert [(q.ts_event // UNIT - START, q.is_backfilled) for q in sink.quotes] == [
        (0, False),
        (4, True),
    ]
    assert sink.quotes[1].ts_init >= (START + 10) * UNIT


async def test_the_bar_in_which_a_stream_went_on_is_taken_from_history(
    make_context, sink, clock, host
):
    bars = RealTimeBars(make_context(bar_type=FIVES), FIVES)
    bars.realtime_bar(START, 100.0, 101.0, 99.0, 100.0, UNIT, None, 1)
    at(clock, 12)
    bars.stream_restarted("the connection was lost")
    at(clock, 15)
    bars.realtime_bar(START + 10, 100.0, 101.0, 99.0, 99.5, UNIT, None, 1)
    host.answer = [bar(FIVES, second) for second in (0, 5, 10)]
    at(clock, 30)
    await host.settled()
    assert [(b.ts_event // UNIT - START, b.close_raw // UNIT) for b in sink.bars] == [
        (0, 100),
        (5, 100),
        (10, 100),
    ]
    bars.realtime_bar(START + 10, 100.0, 101.0, 99.0, 99.5, UNIT, None, 1)
    assert len(sink.bars) == 3


async def test_an_unfinished_second_is_not_published_by_the_clock_while_ib_is_out_of_reach(
    make_context, sink, clock, host
):
    bars = SecondBars(make_context(bar_type=SECONDS), SECONDS)
    bars.trade(START, 100.0, UNIT, 0, "", "")
    at(clock, 3)
    bars.trade(START + 4, 100.0, UNIT, 0, "", "")
    host.is_out = True
    at(clock, 20)
    assert len(sink.bars) == 1
    host.is_out = False
    bars.stream_restarted("the connection was lost")
    host.answer = [bar(SECONDS, second) for second in (0, 4, 9)]
    at(clock, 40)
    await host.settled()
    assert [(b.ts_event // UNIT - START, b.is_backfilled) for b in sink.bars] == [
        (0, False),
        (4, True),
        (9, True),
    ]


async def test_a_second_goes_out_after_an_outage_that_did_not_touch_it(
    make_context, sink, clock, host
):
    bars = SecondBars(make_context(bar_type=SECONDS), SECONDS)
    bars.trade(START, 100.0, UNIT, 0, "", "")
    host.is_out = True
    at(clock, 10)
    assert sink.bars == []
    host.is_out = False
    at(clock, 12)
    assert len(sink.bars) == 1
