"""Ticks that came together are delivered as they would be one by one."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.data.prevailing import Prevailing
from posei_trader.adapters.interactive_brokers.data.quotes import TickByTickQuotes
from posei_trader.adapters.interactive_brokers.data.trades import TickByTickTrades
from posei_trader.adapters.interactive_brokers.wire.tick_columns import QuoteColumns, TradeColumns
from posei_trader.model.enums import TradeFlag
from posei_trader.model.requests import DataKind

UNIT = 10**9
START = 1_709_650_800

SECONDS = st.integers(START, START + 3)
SIZES = st.one_of(st.integers(1, 5).map(lambda lots: lots * UNIT), st.sampled_from([0, None]))
USUAL_SIZES = st.integers(1, 5).map(lambda lots: lots * UNIT)
PRICES = st.sampled_from([100.0, 100.01, 100.02, 99.99])
ODD_PRICES = st.sampled_from([100.0, 100.0001, -1.0, 0.0, math.nan, math.inf])
NOT_FRESH = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)


def quotes_of(prices, sizes):
    rows = st.tuples(SECONDS, prices, prices, sizes, sizes, st.integers(0, 3))
    return st.lists(st.lists(rows, min_size=1, max_size=8), max_size=4)


def trades_of(prices, sizes):
    venue = st.just("ARCA")
    rows = st.tuples(SECONDS, prices, sizes, st.integers(0, 3), venue, st.just(""))
    return st.lists(st.lists(rows, min_size=1, max_size=8), max_size=4)


def columns(kind, rows):
    return kind([1] * len(rows), *map(list, zip(*rows, strict=True)))


def outcome(context, sink):
    """Return what was delivered since the last question, and what else a stream leaves behind."""
    found = [*sink.quotes], [*sink.trades], [*sink.statuses]
    for kept in (sink.quotes, sink.trades, sink.statuses):
        kept.clear()
    best = context.prevailing
    return found, (best.bid_raw, best.ask_raw), context.counters


@NOT_FRESH
@given(runs=st.one_of(quotes_of(PRICES, USUAL_SIZES), quotes_of(ODD_PRICES, SIZES)))
def test_quotes_that_came_together_are_delivered_as_one_by_one(make_context, sink, runs):
    alone, together = make_context(), make_context()
    quotes = TickByTickQuotes(alone)
    for row in [row for run in runs for row in run]:
        quotes.quote(*row)
    wanted = outcome(alone, sink)
    quotes = TickByTickQuotes(together)
    for run in runs:
        quotes.quotes(columns(QuoteColumns, run))
    assert outcome(together, sink) == wanted


@NOT_FRESH
@given(
    runs=st.one_of(trades_of(PRICES, USUAL_SIZES), trades_of(ODD_PRICES, SIZES)),
    best=st.sampled_from([(None, None), (100 * UNIT, 100 * UNIT + UNIT // 50), (100 * UNIT, None)]),
)
def test_trades_that_came_together_are_delivered_as_one_by_one(make_context, sink, runs, best):
    def context():
        prevailing = Prevailing()
        prevailing.bid_raw, prevailing.ask_raw = best
        return make_context(kind=DataKind.TRADE_TICKS, prevailing=prevailing)

    alone, together = context(), context()
    trades = TickByTickTrades(alone)
    for row in [row for run in runs for row in run]:
        trades.trade(*row)
    wanted = outcome(alone, sink)
    trades = TickByTickTrades(together)
    for run in runs:
        trades.trades(columns(TradeColumns, run))
    assert outcome(together, sink) == wanted


@pytest.mark.parametrize("cuts", [(8,), (1, 7), (3, 5), (5, 3), (4, 4)])
async def test_what_is_missed_after_a_run_joins_its_last_second(
    make_context, sink, clock, host, cuts
):
    rows = [
        (START + second, 100.0 + number / 100, 101.0, UNIT, UNIT, 0)
        for number, second in enumerate((0, 0, 0, 1, 1, 2, 2, 2))
    ]
    quotes = TickByTickQuotes(make_context())
    done = 0
    for count in cuts:
        quotes.quotes(columns(QuoteColumns, rows[done : done + count]))
        done += count
    clock.advance_to((START + 30) * UNIT)
    missed = TickByTickQuotes(make_context())
    before = [*sink.quotes]
    for row in (*rows, (START + 2, 105.0, 106.0, UNIT, UNIT, 0)):
        missed.quote(*row)
    host.answer = sink.quotes[len(before) :]
    sink.quotes[:] = before
    quotes.stream_restarted("the connection was lost")
    held = [(START + 31, 110.0, 111.0, UNIT, UNIT, 0)] * 4
    quotes.quotes(columns(QuoteColumns, held))
    assert sink.quotes == before
    clock.advance_to((START + 40) * UNIT)
    await host.settled()
    new = [(tick.bid_raw / UNIT, tick.is_backfilled) for tick in sink.quotes[len(before) :]]
    assert new == [(105.0, True), *[(110.0, False)] * 4]


def test_of_a_run_only_the_tick_with_an_impossible_price_is_left_out(make_context, sink):
    prices = [100.0, 100.01, math.nan, 100.02, math.inf, 100.0]
    quotes = [(START, price, 101.0, UNIT, UNIT, 0) for price in prices]
    trades = [(START, price, UNIT, 0, "ARCA", "") for price in prices]
    context = make_context()
    TickByTickQuotes(context).quotes(columns(QuoteColumns, quotes))
    TickByTickTrades(context).trades(columns(TradeColumns, trades))
    assert [tick.bid_raw / UNIT for tick in sink.quotes] == [100.0, 100.01, 100.02, 100.0]
    assert [tick.price_raw / UNIT for tick in sink.trades] == [100.0, 100.01, 100.02, 100.0]
    assert context.counters == {"impossible prices left out": 4}


def test_numbers_of_trades_go_on_after_a_run(make_context, sink):
    trades = TickByTickTrades(make_context(kind=DataKind.TRADE_TICKS))
    row = (START, 100.0, UNIT, 2, "ARCA", "")
    trades.trade(*row)
    trades.trades(columns(TradeColumns, [row] * 5))
    trades.trade(*row)
    assert len({tick.trade_id for tick in sink.trades}) == 7
    assert {tick.flags for tick in sink.trades} == {TradeFlag.UNREPORTED}
