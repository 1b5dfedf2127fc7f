"""Bars made from ticks, against bars made by sorting the ticks into buckets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from venue import AAPL, SECOND

from posei_trader.engine.aggregation import TimeBarAggregator
from posei_trader.engine.bar_intervals import interval_at
from posei_trader.engine.clock import SimulatedClock
from posei_trader.engine.counters import Counters
from posei_trader.errors import Unsupported
from posei_trader.model.bars import BarSpecification, BarType
from posei_trader.model.enums import AggressorSide, TradeFlag
from posei_trader.model.identifiers import TradeId
from posei_trader.model.ticks import QuoteTick, TradeTick

START = 1_700_000_000 * SECOND


def internal(spec: str) -> BarType:
    return BarType.from_str(f"{AAPL}-{spec}-INTERNAL")


def trade(price: int, size: int, ts: int, flags: TradeFlag = TradeFlag.NONE) -> TradeTick:
    return TradeTick(AAPL, price, size, 2, 0, AggressorSide.BUYER, TradeId("T"), ts, ts, flags)


def quote(bid: int, ask: int, ts: int) -> QuoteTick:
    return QuoteTick(AAPL, bid, ask, 7, 9, 2, 0, ts, ts)


class Made:
    """An aggregator with what it made."""

    def __init__(self, spec: str, **options):
        self.clock = SimulatedClock(START)
        self.bars = []
        self.counters = Counters("Test")
        self.aggregator = TimeBarAggregator(
            internal(spec), self.clock, self.bars.append, self.counters, **options
        )

    def trade(self, price, size, ts, flags=TradeFlag.NONE):
        self.clock.advance_to(max(ts, self.clock.timestamp_ns()))
        self.aggregator.on_trade(trade(price, size, ts, flags))

    def rows(self):
        return [
            (bar.ts_event, bar.open_raw, bar.high_raw, bar.low_raw, bar.close_raw, bar.volume_raw)
            for bar in self.bars
        ]


def buckets(ticks, step, end, *, fill, on_close):
    """Sort (ts, price, size) into intervals of `step` that have closed before `end`."""
    made = []
    if not ticks:
        return made
    first, last_close = ticks[0][0] // step, None
    for number in range(first, end // step):
        inside = [tick for tick in ticks if tick[0] // step == number]
        prices = [price for _, price, _ in inside]
        if not prices and (last_close is None or not fill):
            continue
        if not prices:
            prices = [last_close]
        last_close = prices[-1]
        made.append(
            (
                (number + on_close) * step,
                prices[0],
                max(prices),
                min(prices),
                prices[-1],
                sum(size for _, _, size in inside),
            )
        )
    return made


TICKS = st.lists(
    st.tuples(st.integers(0, 20 * SECOND), st.integers(-50, 50), st.integers(1, 9)), max_size=40
)


@given(TICKS, st.integers(1, 7), st.booleans(), st.booleans(), st.integers(0, 5 * SECOND))
def test_trade_bars_equal_those_of_sorting_the_ticks_into_buckets(
    offsets, seconds, fill, on_close, tail
):
    ticks = [(START + offset, price, size) for offset, price, size in sorted(offsets)]
    made = Made(f"{seconds}-SECOND-LAST", build_with_no_updates=fill, timestamp_on_close=on_close)
    for ts, price, size in ticks:
        made.trade(price, size, ts)
    end = made.clock.timestamp_ns() + tail
    made.clock.advance_to(end)
    assert made.rows() == buckets(ticks, seconds * SECOND, end, fill=fill, on_close=on_close)


@given(
    st.lists(
        st.tuples(st.integers(0, 20 * SECOND), st.integers(1, 99), st.integers(0, 9)), max_size=30
    ),
    st.sampled_from(["BID", "ASK", "MID"]),
)
def test_quote_bars_are_made_of_the_asked_price_and_have_no_volume(offsets, price_type):
    made = Made(f"3-SECOND-{price_type}")
    ticks = []
    for offset, bid, spread in sorted(offsets):
        ts = START + offset
        made.clock.advance_to(ts)
        made.aggregator.on_quote(quote(bid, bid + spread, ts))
        price = {"BID": bid, "ASK": bid + spread, "MID": (bid + bid + spread) // 2}[price_type]
        ticks.append((ts, price, 0))
    end = made.clock.timestamp_ns() + 4 * SECOND
    made.clock.advance_to(end)
    assert made.rows() == buckets(ticks, 3 * SECOND, end, fill=True, on_close=True)


def test_the_clock_closes_a_bar_without_a_next_tick():
    made = Made("1-MINUTE-LAST")
    made.trade(10, 1, START + 1)
    begin, end = interval_at(internal("1-MINUTE-LAST").spec, START)
    made.clock.advance_to(end - 1)
    assert made.bars == []
    made.clock.advance_to(end)
    [bar] = made.bars
    assert (bar.ts_event, bar.ts_init, bar.bar_type) == (end, end, internal("1-MINUTE-LAST"))
    assert begin < START < end


def test_nothing_is_made_before_the_first_tick():
    made = Made("1-SECOND-LAST")
    made.clock.advance_to(START + 10 * SECOND)
    assert made.bars == []


def test_a_tick_of_a_venue_whose_clock_is_ahead_closes_the_bar():
    made = Made("1-SECOND-LAST")
    made.aggregator.on_trade(trade(10, 1, START))
    made.aggregator.on_trade(trade(11, 1, START + SECOND + 5))
    assert made.rows() == [(START + SECOND, 10, 10, 10, 10, 1)]


def test_a_time_stamp_far_in_the_future_is_not_believed():
    made = Made("1-SECOND-LAST")
    made.aggregator.on_trade(trade(10, 1, START))
    made.aggregator.on_trade(trade(11, 1, START + 3_600 * SECOND))
    assert made.bars == []
    assert made.counters["ticks_from_the_future"] == 1
    made.clock.advance_to(START + SECOND)
    assert made.rows() == [(START + SECOND, 10, 11, 10, 11, 2)]


def test_a_late_tick_counts_in_the_open_bar_and_is_counted():
    made = Made("1-SECOND-LAST")
    made.trade(10, 1, START)
    made.clock.advance_to(START + SECOND)
    made.trade(12, 3, START + SECOND - 1)
    made.clock.advance_to(START + 2 * SECOND)
    assert [row[-1] for row in made.rows()] == [1, 3]
    assert made.counters["late_ticks_in_bars"] == 1


def test_a_back_filled_trade_of_a_published_bar_does_not_count_again():
    made = Made("1-SECOND-LAST")
    made.trade(10, 1, START)
    made.clock.advance_to(START + SECOND)
    made.trade(12, 3, START + 1, TradeFlag.BACKFILLED)
    made.trade(13, 4, START + SECOND + 1, TradeFlag.BACKFILLED)
    made.clock.advance_to(START + 2 * SECOND)
    assert made.rows()[-1][1:] == (13, 13, 13, 13, 4)
    assert made.counters["backfilled_ticks_of_published_bars"] == 1


def test_a_backfilled_quote_of_a_bar_that_went_out_is_not_in_the_next_one():
    made = Made("1-SECOND-BID")
    for bid, second in ((10, 0), (12, 1)):
        made.clock.advance_to(START + second * SECOND)
        made.aggregator.on_quote(quote(bid, bid + 1, START + second * SECOND))
    for bid, ts in ((99, START + 1), (13, START + SECOND + 1)):
        made.aggregator.on_quote(replace(quote(bid, bid + 1, ts), is_backfilled=True))
    made.clock.advance_to(START + 2 * SECOND)
    assert made.rows()[-1][1:] == (12, 13, 12, 13, 0)
    assert made.counters["backfilled_ticks_of_published_bars"] == 1


@pytest.mark.parametrize("flag", [TradeFlag.UNREPORTED, TradeFlag.PAST_LIMIT])
def test_prints_outside_the_tape_are_left_out(flag):
    made = Made("1-SECOND-LAST")
    made.trade(10, 1, START)
    made.trade(99, 5, START + 1, flag)
    made.clock.advance_to(START + SECOND)
    assert made.rows() == [(START + SECOND, 10, 10, 10, 10, 1)]


def test_nothing_is_made_after_it_was_stopped_even_from_within_a_bar():
    made = Made("1-SECOND-LAST")
    made.aggregator._emit = lambda bar: (made.bars.append(bar), made.aggregator.stop())
    made.trade(10, 1, START)
    made.clock.advance_to(START + 5 * SECOND)
    assert len(made.bars) == 1
    made.aggregator.stop()


def test_the_clock_does_not_close_bars_of_ticks():
    with pytest.raises(Unsupported, match="not closed by the clock"):
        Made("100-TICK-LAST")


def moment(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("spec", "at", "begin", "end"),
    [
        ("5-MINUTE-LAST", (2024, 2, 29, 12, 7, 3), (2024, 2, 29, 12, 5), (2024, 2, 29, 12, 10)),
        ("4-HOUR-LAST", (2024, 2, 29, 15, 59), (2024, 2, 29, 12), (2024, 2, 29, 16)),
        ("1-DAY-LAST", (2024, 2, 29, 23, 59), (2024, 2, 29), (2024, 3, 1)),
        ("1-WEEK-LAST", (2024, 3, 3, 23, 59), (2024, 2, 26), (2024, 3, 4)),
        ("1-WEEK-LAST", (2024, 3, 4), (2024, 3, 4), (2024, 3, 11)),
        ("1-MONTH-LAST", (2024, 2, 29), (2024, 2, 1), (2024, 3, 1)),
        ("3-MONTH-LAST", (2024, 12, 31), (2024, 10, 1), (2025, 1, 1)),
        ("12-MONTH-LAST", (2024, 12, 31), (2024, 1, 1), (2025, 1, 1)),
    ],
)
def test_intervals_are_cut_as_the_calendar_says(spec, at, begin, end):
    found = interval_at(BarSpecification.from_str(spec), moment(*at))
    assert found == (moment(*begin), moment(*end))


@given(
    st.sampled_from(["1-SECOND", "7-MINUTE", "6-HOUR", "2-DAY", "3-WEEK", "1-MONTH", "5-MONTH"]),
    st.integers(0, 4_000_000_000 * SECOND),
)
def test_intervals_contain_the_moment_and_join_without_a_gap(unit, ts):
    spec = BarSpecification.from_str(f"{unit}-LAST")
    begin, end = interval_at(spec, ts)
    assert begin <= ts < end
    assert interval_at(spec, end)[0] == end
    assert interval_at(spec, begin) == (begin, end)
