"""Live bars: once each, on time, revisions only when asked for."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.client.messages import BarRecord, HistoricalBars
from posei_trader.adapters.interactive_brokers.data.bars import RealTimeBars, SecondBars
from posei_trader.adapters.interactive_brokers.data.up_to_date import UpToDateBars
from posei_trader.engine.clock import SimulatedClock
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


async def test_what_waited_for_missed_bars_comes_with_the_history_of_the_next_restart(
    minutes, sink, clock, host
):
    bars = minutes()
    bars.bars(history(record(0, 100.3)))
    at(clock, 61)
    bars.interrupted("the servers were lost")
    bars.bar_update(record(1, 100.4))
    at(clock, 119)
    bars.interrupted("lost again")
    bars.bar_update(record(1, 100.4))
    at(clock, 121)  # the minute is over and waits; nothing was fetched yet
    assert len(sink.bars) == 1
    bars.stream_restarted("the connection was lost")
    bars.bars(history(record(0, 100.3), record(1, 100.4), record(2, 100.5)))
    await host.settled()
    assert [row[:2] for row in shown(sink.bars)] == [(0, "100.30"), (1, "100.40")]


# What can happen to a stream of minutes: an update of one, time that passes, an interruption.
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.integers(90, 110)),
        st.tuples(st.just("wait"), st.integers(1, 150)),
        st.tuples(st.just("restart"), st.integers(0, 400)),
        st.tuples(st.just("outage"), st.integers(0, 400)),
    ),
    max_size=40,
)


class Tape:
    """The venue's truth: trades by second, and the minutes that they make."""

    def __init__(self):
        self.trades = []

    def minute(self, number, until):
        """Return IB's record of a minute as it is at a moment, None without trades."""
        prices = [
            price for second, price in self.trades if second // 60 == number and second < until
        ]
        if not prices:
            return None
        return BarRecord(
            str(START + 60 * number),
            float(prices[0]),
            float(max(prices)),
            float(min(prices)),
            float(prices[-1]),
            len(prices) * UNIT,
            None,
            len(prices),
        )

    def known(self, until):
        minutes = sorted({second // 60 for second, _ in self.trades if second < until})
        return [self.minute(number, until) for number in minutes]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(happenings=happenings)
def test_whatever_happens_each_minute_comes_once_complete_and_in_order(
    make_context, sink, host, happenings
):
    asyncio.run(live_through(make_context, sink, host, happenings))


class Life:
    """A stream of minutes, the venue behind it, and the time that passes."""

    def __init__(self, make_context, sink, host):
        self.sink, self.host = sink, host
        sink.bars.clear()
        host.tasks.clear()
        self.clock = SimulatedClock(START * UNIT)
        context = make_context(bar_type=MINUTES)
        context.clock = host.clock = self.clock
        self.bars = UpToDateBars(context, MINUTES, handle_revised_bars=False)
        self.converted = UpToDateBars(context, MINUTES, handle_revised_bars=False)._converted
        self.tape = Tape()
        self.tape.trades = [(-90, 100), (-30, 101)]
        self.bars.bars(history(*self.tape.known(0)))

    def now(self):
        return self.clock.timestamp_ns() // UNIT - START

    async def answer(self):
        """Answer what is being fetched with what the venue has by now."""
        complete = self.tape.known(self.now() // 60 * 60)
        self.host.answer = [self.converted(record) for record in complete]
        await self.host.settled()

    async def trade(self, price):
        now = self.now()
        self.tape.trades.append((now, price))
        self.bars.bar_update(self.tape.minute(now // 60, now + 1))
        self.clock.advance(UNIT)

    async def wait(self, seconds):
        for _ in range(seconds):
            self.clock.advance(UNIT)
            if any(not task.done() for task in self.host.tasks):
                await self.answer()

    async def restart(self, seconds):
        """Lose the connection: the stream is opened anew and IB sends its history again."""
        self._be_away(seconds)
        self.bars.stream_restarted("the connection was lost")
        self.bars.bars(history(*self.tape.known(self.now())))
        await self.wait(seconds % 4)

    async def outage(self, seconds):
        """Lose IB's servers for a while: the stream stays open and brings nothing."""
        self._be_away(seconds)
        self.bars.interrupted("the servers were lost")
        await self.wait(seconds % 4)

    def _be_away(self, seconds):
        self.host.is_out = True
        for _ in range(seconds // 20):
            self.tape.trades.append((self.now(), 100 + seconds % 7))
            self.clock.advance(20 * UNIT)
        self.host.lost = self.clock.timestamp_ns() - seconds * UNIT
        self.host.is_out = False


async def live_through(make_context, sink, host, happenings):
    life = Life(make_context, sink, host)
    for what, value in [*happenings, ("wait", 200)]:
        await getattr(life, what)(value)
    life.bars.close()
    got = [(bar.ts_event // UNIT - START) // 60 for bar in sink.bars]
    assert got == sorted(set(got))
    wanted = list(life.tape.known(life.now() - 60))
    done = [(int(record.date) - START) // 60 for record in wanted][1:]
    assert [minute for minute in got if minute in done] == done
    for bar in sink.bars:
        minute = (bar.ts_event // UNIT - START) // 60
        whole = life.converted(life.tape.minute(minute, life.now() + 1))
        assert told(bar) == told(whole)


def told(bar):
    return bar.open_raw, bar.high_raw, bar.low_raw, bar.close_raw, bar.volume_raw
