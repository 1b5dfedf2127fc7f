"""Ticks made of bars: their aggregate is the bar, exactly, and always the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim.market.bars_to_ticks import BarExpander, BaseBar
from posei_ib_sim.market.events import Quote, Trade

MINUTE = 60_000_000_000


@st.composite
def bars(draw):
    """Bars on a tick of one cent."""
    prices = draw(st.lists(st.integers(100, 100_000), min_size=4, max_size=4))
    low, first, second, high = sorted(prices)
    open_, close = draw(st.permutations([first, second]))
    volume = draw(st.integers(0, 10**9))
    return BaseBar(0, MINUTE, open_ / 100, high / 100, low / 100, close / 100, volume=float(volume))


def expander(points=4, *, trades=True):
    return BarExpander(seed=7, con_id=1, tick=0.01, trades=trades, lot=100.0, points=points)


@given(bars(), st.integers(4, 30))
def test_trades_add_up_to_the_bar(bar, points):
    trades = [e for e in expander(points).expand(bar) if isinstance(e, Trade)]
    prices = [trade.price for trade in trades]
    assert (prices[0], max(prices), min(prices), prices[-1]) == (
        bar.open,
        bar.high,
        bar.low,
        bar.close,
    )
    assert sum(trade.size for trade in trades) == pytest.approx(bar.volume, abs=1e-6)
    assert all(trade.size >= 0 for trade in trades)


@given(bars(), st.integers(4, 30))
def test_ticks_lie_inside_the_bar_and_in_time_order(bar, points):
    times = [event.ts_ns for event in expander(points).expand(bar)]
    assert times == sorted(times)
    assert bar.start_ns <= times[0]
    assert times[-1] < bar.end_ns


@given(bars())
def test_each_trade_stands_at_one_side_of_the_quote_before_it(bar):
    quote = None
    for event in expander().expand(bar):
        if isinstance(event, Quote):
            quote = event
            assert quote.bid < quote.ask
        else:
            assert event.price in {quote.bid, quote.ask}


@given(bars())
def test_bars_of_a_venue_without_trades_become_quotes_around_the_price(bar):
    events = list(expander(trades=False).expand(bar))
    assert all(isinstance(event, Quote) for event in events)
    mids = [event.mid for event in events]
    assert (mids[0], max(mids), min(mids), mids[-1]) == (bar.open, bar.high, bar.low, bar.close)


@given(bars(), bars())
def test_both_sides_of_quote_bars_are_kept(bid, ask):
    bar = BaseBar(
        0,
        MINUTE,
        bid.open,
        bid.high,
        bid.low,
        bid.close,
        0.0,
        ask.open,
        ask.high,
        ask.low,
        ask.close,
    )
    quotes = list(expander(trades=False).expand(bar))
    bids = [quote.bid for quote in quotes]
    asks = [quote.ask for quote in quotes]
    assert (bids[0], max(bids), min(bids), bids[-1]) == (bid.open, bid.high, bid.low, bid.close)
    assert (asks[0], max(asks), min(asks), asks[-1]) == (ask.open, ask.high, ask.low, ask.close)


@given(bars())
def test_the_same_bar_gives_the_same_ticks(bar):
    assert list(expander().expand(bar)) == list(expander().expand(bar))


def test_a_bar_with_a_single_unit_still_adds_up():
    bar = BaseBar(0, MINUTE, 1.0, 1.0, 1.0, 1.0, volume=1.0)
    trades = [e for e in expander().expand(bar) if isinstance(e, Trade)]
    assert [(trade.price, trade.size) for trade in trades] == [(1.0, 1.0)]
