"""Live bars: once each, on time, revisions only when asked for."""

import pytest

from posei_trader.adapters.interactive_brokers.client.messages import BarRecord, HistoricalBars
from posei_trader.adapters.interactive_brokers.data.bars import RealTimeBars, SecondBars
from posei_trader.adapters.interactive_brokers.data.up_to_date import UpToDateBars
from posei_trader.model.bars import BarType

UNIT = 10**9
START = 1_709_650_800
MINUTES = BarType.from_str("AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL")
SECONDS = BarType.from_str("AAPL.NASDAQ-1-SECOND-LAST-EXTERNAL")


def record(minute, close, volume=10):
    return BarRecord(
        str(START + 60 * minute),
        100.0,
        max(100.0, close),
        min(100.0, close),
        close,
        volume * UNIT,
        None,
        1,
    )


def history(*records):
    return HistoricalBars(
        [r.date for r in records],
        [r.open for r in records],
        [r.high for r in records],
        [r.low for r in records],
        [r.close for r in records],
        [r.volume for r in records],
        [None] * len(records),
        [1] * len(records),
    )


def shown(bars):
    return [((b.ts_event // UNIT - START) // 60, str(b.close), b.is_revision) for b in bars]


@pytest.fixture
def minutes(make_context):
    def make(**settings):
        return UpToDateBars(
            make_context(bar_type=MINUTES),
            MINUTES,
            **{"handle_revised_bars": False, **settings},
        )

    return make


def at(clock, seconds):
    clock.advance_to((START + seconds) * UNIT)


def test_the_history_before_the_subscription_is_not_published(minutes, sink):
    bars = minutes()
    bars.bars(history(record(-2, 100.1), record(-1, 100.2), record(0, 100.3)))
    assert sink.bars == []


def test_a_bar_is_published_by_the_clock_without_a_next_tick(minutes, sink, clock):
    bars = minutes()
    bars.bars(history(record(-1, 100.2), record(0, 100.3)))
    at(clock, 59)
    bars.bar_update(record(0, 100.4))
    at(clock, 60)
    assert sink.bars == []
    at(clock, 61)
    assert shown(sink.bars) == [(0, "100.40", False)]
    assert sink.bars[0].ts_init == (START + 61) * UNIT


def test_a_bar_is_published_at_once_when_the_next_one_begins(minutes, sink, clock):
    bars = minutes()
    bars.bars(history(record(0, 100.3)))
    at(clock, 60)
    bars.bar_update(record(1, 100.5))
    assert shown(sink.bars) == [(0, "100.30", False)]
    at(clock, 62)
    assert len(sink.bars) == 1  # not again by the clock


def test_a_revision_is_dropped_and_counted_unless_it_is_wanted(make_context, sink, clock):
    for wanted, expected in ((False, []), (True, [(0, "100.45", True)])):
        sink.bars.clear()
        context = make_context(bar_type=MINUTES)
        bars = UpToDateBars(context, MINUTES, handle_revised_bars=wanted)
        bars.bars(history(record(0, 100.3)))
        bars.bar_update(record(1, 100.5))
        bars.bar_update(record(0, 100.45))
        bars.bar_update(record(0, 100.45))
        assert shown(sink.bars) == [(0, "100.30", False), *expected]
        assert bool(context.counters) is not wanted


def test_bars_that_were_missed_come_from_the_new_history_once_each(minutes, sink, clock):
    bars = minutes()
    bars.bars(history(record(0, 100.3)))
    at(clock, 61)
    assert shown(sink.bars) == [(0, "100.30", False)]
    bars.bar_update(record(1, 100.31))
    bars.stream_restarted("the connection was lost")
    at(clock, 250)
    bars.bars(
        history(
            record(0, 100.3),
            record(1, 100.35),
            record(2, 100.4),
            record(3, 100.5),
            record(4, 100.6),
        )
    )
    assert [row[:2] for row in shown(sink.bars)[1:]] == [
        (1, "100.35"),
        (2, "100.40"),
        (3, "100.50"),
    ]
    at(clock, 301)
    assert shown(sink.bars)[-1][:2] == (4, "100.60")


def test_closing_the_stream_stops_the_clock(minutes, sink, clock):
    bars = minutes()
    bars.bars(history(record(0, 100.3)))
    bars.close()
    at(clock, 100)
    assert sink.bars == []


def test_where_the_clocks_are_years_apart_the_next_bar_closes_one(minutes, sink, clock):
    bars = minutes()
    clock.advance_to(clock.timestamp_ns() + 3 * 365 * 86_400 * UNIT)
    bars.bars(history(record(-1, 100.2), record(0, 100.3)))
    bars.bar_update(record(0, 100.4))
    assert sink.bars == []
    bars.bar_update(record(1, 100.5))
    assert shown(sink.bars) == [(0, "100.40", False)]


def test_bars_that_contradict_themselves_are_left_out_and_counted(make_context, sink):
    context = make_context(bar_type=MINUTES)
    bars = RealTimeBars(context, MINUTES)
    bars.realtime_bar(START, 100.0, 99.0, 98.0, 98.5, UNIT, None, 1)
    assert sink.bars == []
    assert context.counters == {"bars that contradict themselves left out": 1}


def test_data_without_volume_has_volume_zero(make_context, sink):
    RealTimeBars(make_context(bar_type=MINUTES), MINUTES).realtime_bar(
        START, 100.0, 101.0, 99.0, 100.5, -UNIT, None, -1
    )
    assert sink.bars[0].volume_raw == 0


def test_seconds_are_made_of_trades_and_published_by_the_clock(make_context, sink, clock):
    bars = SecondBars(make_context(bar_type=SECONDS), SECONDS)
    for price, mask in ((100.0, 0), (100.3, 0), (500.0, 2), (99.9, 0)):
        bars.trade(START, price, 2 * UNIT, mask, "", "")
    assert sink.bars == []
    at(clock, 2)
    (bar,) = sink.bars
    assert [str(bar.open), str(bar.high), str(bar.low), str(bar.close)] == [
        "100.00",
        "100.30",
        "99.90",
        "99.90",
    ]
    assert (bar.volume_raw, bar.ts_event) == (6 * UNIT, START * UNIT)
    bars.trade(START, 100.0, UNIT, 0, "", "")
    at(clock, 5)
    assert len(sink.bars) == 1  # a late tick opens no second bar of the same second


async def test_an_interruption_longer_than_ibs_history_is_backfilled_in_order(
    minutes, sink, clock, host
):
    bars = minutes()
    bars.bars(history(record(0, 100.3)))
    at(clock, 61)
    bars.stream_restarted("the connection was lost")
    at(clock, 60 * 12)
    earlier = minutes()
    host.answer = [earlier._converted(record(minute, 100.1)) for minute in (3, 7)]
    bars.bars(history(record(10, 100.35), record(11, 100.4), record(12, 100.5)))
    assert len(sink.bars) == 1  # what is newer waits for what is missing
    await host.settled()
    assert host.asked == [((START + 60) * UNIT, (START + 600) * UNIT)]
    assert [row[0] for row in shown(sink.bars)] == [0, 3, 7, 10, 11]
    assert [bar.is_backfilled for bar in sink.bars] == [False, True, True, True, True]
    at(clock, 60 * 13 + 1)
    assert shown(sink.bars)[-1][0] == 12
    assert not sink.bars[-1].is_backfilled
    assert sink.gaps == []
