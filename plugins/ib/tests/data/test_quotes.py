"""Quotes assembled from level one, and from tick-by-tick ticks."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.data.quotes import LevelOneQuotes, TickByTickQuotes

UNIT = 10**9


def shown(quotes):
    return [
        (str(q.bid_price), str(q.ask_price), q.bid_size_raw / UNIT, q.ask_size_raw / UNIT)
        for q in quotes
    ]


@pytest.fixture
def level_one(make_context):
    return LevelOneQuotes(make_context(), ignore_size_updates=False)


def send(quotes, *ticks):
    """Send prices with their sizes as IB does: the size again in a message of its own."""
    sizes = {1: 0, 2: 3, 66: 69, 67: 70}
    for tick_type, price, size in ticks:
        quotes.tick_price(tick_type, price, round(size * UNIT), 0)
        quotes.tick_size(sizes[tick_type], round(size * UNIT))


def test_nothing_is_published_before_both_sides_are_known(level_one, sink):
    send(level_one, (1, 100.0, 3))
    assert sink.quotes == []
    send(level_one, (2, 100.02, 4))
    assert shown(sink.quotes) == [("100.00", "100.02", 3, 4)]


def test_a_repeated_price_and_size_publish_nothing(level_one, sink):
    send(level_one, (1, 100.0, 3), (2, 100.02, 4), (1, 100.0, 3), (2, 100.02, 4))
    assert len(sink.quotes) == 1


def test_a_new_price_comes_with_its_own_size_and_never_with_the_old_one(level_one, sink):
    send(level_one, (1, 100.0, 3), (2, 100.02, 4), (1, 100.01, 9))
    assert shown(sink.quotes)[1:] == [("100.01", "100.02", 9, 4)]


def test_fractions_of_a_share_are_kept(level_one, sink):
    send(level_one, (1, 100.0, 0.25), (2, 100.02, 1.5))
    assert shown(sink.quotes) == [("100.00", "100.02", 0.25, 1.5)]


def test_delayed_ticks_make_quotes_too(level_one, sink):
    send(level_one, (66, 100.0, 3), (67, 100.02, 4))
    level_one.tick_size(69, 7 * UNIT)
    assert shown(sink.quotes) == [("100.00", "100.02", 3, 4), ("100.00", "100.02", 7, 4)]


def test_a_side_without_a_quote_ends_quoting_until_it_is_back(level_one, sink):
    send(level_one, (1, 100.0, 3), (2, 100.02, 4))
    level_one.tick_price(1, -1.0, 0, 0)
    send(level_one, (2, 100.03, 4))
    assert len(sink.quotes) == 1
    send(level_one, (1, 100.01, 5))
    assert shown(sink.quotes)[1:] == [("100.01", "100.03", 5, 4)]


def test_a_spread_may_be_quoted_at_minus_one(level_one, sink):
    send(level_one, (1, -1.0, 3), (2, -0.5, 4))
    assert shown(sink.quotes) == [("-1.00", "-0.50", 3, 4)]


def test_a_price_whose_size_is_missing_waits_for_it(level_one, sink):
    send(level_one, (1, 100.0, 3), (2, 100.02, 4))
    level_one.tick_price(1, 100.01, None, 0)
    assert len(sink.quotes) == 1
    level_one.tick_size(0, 8 * UNIT)
    assert shown(sink.quotes)[1:] == [("100.01", "100.02", 8, 4)]


@pytest.mark.parametrize("ignores", [True, False])
def test_a_side_that_waits_for_its_size_is_not_published_for_the_other_side(
    make_context, sink, ignores
):
    quotes = LevelOneQuotes(make_context(), ignore_size_updates=ignores)
    send(quotes, (1, 100.0, 3), (2, 100.02, 4))
    quotes.tick_price(1, 99.5, None, 0)
    quotes.tick_size(3, 400 * UNIT)
    send(quotes, (2, 100.01, 7))
    assert len(sink.quotes) == 1
    quotes.tick_size(0, 9 * UNIT)
    assert shown(sink.quotes)[1:] == [("99.50", "100.01", 9, 7)]


@pytest.mark.parametrize("ignores", [True, False])
def test_when_both_sides_wait_for_a_size_one_quote_follows_the_second(make_context, sink, ignores):
    quotes = LevelOneQuotes(make_context(), ignore_size_updates=ignores)
    send(quotes, (1, 100.0, 3), (2, 100.02, 4))
    quotes.tick_price(1, 99.5, None, 0)
    quotes.tick_price(2, 99.6, None, 0)
    quotes.tick_size(0, 9 * UNIT)
    assert len(sink.quotes) == 1
    quotes.tick_size(3, 4 * UNIT)
    assert shown(sink.quotes)[1:] == [("99.50", "99.60", 9, 4)]


in_parts = st.lists(
    st.tuples(
        st.sampled_from([1, 2]),
        st.sampled_from([None, 99.99, 100.0, 100.01]),
        st.sampled_from([None, 1, 2, 3]),
    ),
    max_size=40,
)


@pytest.mark.parametrize("ignores", [True, False])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(in_parts)
def test_prices_and_sizes_that_come_apart_are_never_mixed(make_context, sink, ignores, sequence):
    """What is published is the present state; after all of it came, the last quote is that."""
    sink.quotes.clear()
    quotes = LevelOneQuotes(make_context(), ignore_size_updates=ignores)
    prices, sizes = {}, {}
    for side, price, size in sequence:
        if price is not None and price != prices.get(side):
            prices[side] = price
            sizes.pop(side, None)  # that of the old price
        if size is not None:
            sizes[side] = size
        count = len(sink.quotes)
        units = None if size is None else size * UNIT
        if price is None:
            quotes.tick_size({1: 0, 2: 3}[side], units)
        else:
            quotes.tick_price(side, price, units, 0)
        if len(prices) < 2 or len(sizes) < 2:
            assert len(sink.quotes) == count
            continue
        now = (f"{prices[1]:.2f}", f"{prices[2]:.2f}", sizes[1], sizes[2])
        assert shown(sink.quotes[count:]) in ([], [now])
        if not ignores:
            assert shown(sink.quotes[-1:]) == [now]


def test_size_updates_can_be_ignored_but_price_changes_carry_the_new_size(make_context, sink):
    quotes = LevelOneQuotes(make_context(), ignore_size_updates=True)
    send(quotes, (1, 100.0, 3), (2, 100.02, 4))
    quotes.tick_size(0, 50 * UNIT)
    assert len(sink.quotes) == 1
    send(quotes, (2, 100.03, 6))
    assert shown(sink.quotes)[1:] == [("100.00", "100.03", 50, 6)]


def test_prices_in_cents_become_dollars(make_context, sink):
    send(
        LevelOneQuotes(make_context(magnifier=100), ignore_size_updates=False),
        (1, 450.25, 3),
        (2, 450.5, 4),
    )
    assert shown(sink.quotes) == [("4.5025", "4.505", 3, 4)] or shown(sink.quotes) == [
        ("4.5025", "4.5050", 3, 4)
    ]


def test_what_came_before_an_interruption_proves_nothing(level_one, sink):
    send(level_one, (1, 100.0, 3), (2, 100.02, 4))
    level_one.stream_restarted("the connection was lost")
    send(level_one, (2, 101.02, 4))
    assert len(sink.quotes) == 1
    send(level_one, (1, 101.0, 3))
    assert shown(sink.quotes)[1:] == [("101.00", "101.02", 3, 4)]


ticks = st.lists(
    st.tuples(
        st.sampled_from([1, 2]),
        st.sampled_from([99.99, 100.0, 100.01]),
        st.integers(1, 3),
    ),
    max_size=40,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ticks)
def test_every_change_of_state_is_published_exactly_once(make_context, sink, sequence):
    """Against a model that knows nothing but the state after each of IB's messages."""
    sink.quotes.clear()
    send(LevelOneQuotes(make_context(), ignore_size_updates=False), *sequence)
    state, expected = {}, []
    for side, price, size in sequence:
        before = dict(state)
        state[side] = (price, size)
        if len(state) == 2 and state != before:
            expected.append((f"{state[1][0]:.2f}", f"{state[2][0]:.2f}", state[1][1], state[2][1]))
    assert shown(sink.quotes) == expected


anything = st.one_of(
    st.tuples(
        st.just(1),
        st.sampled_from([1, 2, 66, 4, 0]),
        st.sampled_from([99.99, 100.0, 100.0001, -1.0]),
        st.sampled_from([None, 0, UNIT, 2 * UNIT]),
        st.just(0),
    ),
    st.tuples(
        st.just(1),
        st.sampled_from([0, 3, 69, 5, 1]),
        st.none(),
        st.sampled_from([None, 0, UNIT, 2 * UNIT]),
        st.just(0),
    ),
)


@pytest.mark.parametrize("ignores", [True, False])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(st.lists(anything, max_size=8), max_size=6))
def test_what_came_together_makes_the_quotes_of_one_by_one(make_context, sink, ignores, runs):
    found = []
    for is_together in (True, False):
        context = make_context()
        quotes = LevelOneQuotes(context, ignore_size_updates=ignores)
        for run in runs:
            for rows in [run] if is_together else [[row] for row in run]:
                quotes.level_one(rows)
        best = context.prevailing
        found.append(([*sink.quotes], best.bid_raw, best.ask_raw))
        sink.quotes.clear()
    assert found[0] == found[1]


@pytest.mark.real_data
def test_a_real_stream_of_ib_is_assembled_without_loss_or_repetition(level_one, sink):
    path = Path(__file__).resolve().parents[5] / "shared/data/ib/tick_data.json.gz"
    if not path.exists():
        pytest.skip(f"real market data is not at {path}")
    with gzip.open(path, "rt") as file:
        rows = json.load(file)
    state, expected = {}, []
    for row in rows:
        kind, price, size = row["tickType"], row["price"], round(row["size"] * UNIT)
        before = dict(state)
        if kind in {1, 2}:
            level_one.tick_price(kind, price, size, 0)
            state[kind] = (price, size)
        elif kind in {0, 3}:
            level_one.tick_size(kind, size)
            side = {0: 1, 3: 2}[kind]
            if side in state:
                state[side] = (state[side][0], size)
        if len(state) == 2 and state != before:
            expected.append((state[1], state[2]))
    got = [
        ((q.bid_raw / UNIT, q.bid_size_raw), (q.ask_raw / UNIT, q.ask_size_raw))
        for q in sink.quotes
    ]
    assert got == expected
    assert len(got) > 1_000


def test_tick_by_tick_quotes_keep_ibs_time_and_their_sizes(make_context, sink):
    TickByTickQuotes(make_context()).quote(1_700_000_000, 100.0, 100.02, 3 * UNIT, UNIT // 2, 0)
    (quote,) = sink.quotes
    assert shown([quote]) == [("100.00", "100.02", 3, 0.5)]
    assert quote.ts_event == 1_700_000_000 * UNIT
    assert quote.ts_init == 1_709_650_800 * UNIT


def test_a_one_sided_tick_is_left_out_and_counted(make_context, sink):
    context = make_context()
    TickByTickQuotes(context).quote(1_700_000_000, -1.0, 100.02, 0, UNIT, 0)
    assert sink.quotes == []
    assert context.counters == {"one-sided quotes left out": 1}


def test_more_digits_than_the_tick_size_are_shown_not_rounded_away(make_context, sink):
    TickByTickQuotes(make_context()).quote(1, 100.0001, 100.02, UNIT, UNIT, 0)
    assert shown(sink.quotes)[0][:2] == ("100.0001", "100.0200")
