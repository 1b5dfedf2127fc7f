"""Bars are closed by the venue's time, and by the clock alone only where IB can be believed."""

from __future__ import annotations

import pytest

from posei_trader.adapters.interactive_brokers.client.messages import BarRecord, HistoricalBars
from posei_trader.adapters.interactive_brokers.data.bars import SecondBars
from posei_trader.adapters.interactive_brokers.data.up_to_date import UpToDateBars
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.errors import RequestTimeout
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, Subscription

UNIT = 10**9
START = 1_709_650_800
KO = InstrumentId("KO.NYSE")
MINUTES = BarType.from_str(f"{KO}-1-MINUTE-LAST-EXTERNAL")
SECONDS = BarType.from_str(f"{KO}-1-SECOND-LAST-EXTERNAL")
UNPACED = PacingLimits(
    messages_per_second=10_000, identical_s=0.001, burst=1_000, small_bar_requests=100_000
)
BUSY = """timestamp,open,high,low,close,volume
2024-03-05 15:00:00,100.00,100.50,99.90,100.40,4000
2024-03-05 15:01:00,100.40,100.60,100.20,100.30,3000
2024-03-05 15:02:00,100.30,100.30,99.50,99.60,5000
2024-03-05 15:03:00,99.60,99.80,99.40,99.75,2000
"""
QUIET = """timestamp,price,size
2024-03-05 15:00:10,50.00,300
2024-03-05 15:00:50,50.01,300
2024-03-05 15:00:54,50.02,300
2024-03-05 15:30:01,50.05,400
"""


def bars(bar_type):
    return Subscription(DataKind.BARS, KO, bar_type, params=(("stale_after", "0"),))


def told(sink, bar_type):
    """Return opening second, close, volume and whether it came from history, of each bar."""
    return [
        (bar.ts_event // UNIT - START, str(bar.close), float(bar.volume), bar.is_backfilled)
        for bar in sink.bars
        if bar.bar_type == bar_type
    ]


def came_at(sink, bar_type):
    return [bar.ts_init / UNIT - START for bar in sink.bars if bar.bar_type == bar_type]


@pytest.fixture
def open_replay(open_feed, start_gateway, tmp_path):
    async def open_(rows, **settings):
        path = tmp_path / "KO.csv"
        path.write_text(rows)
        gateway = await start_gateway(replay=[path], synthetic=False)
        settings = {"is_on_venue_time": True, "limits": UNPACED, **settings}
        return await open_feed(gateway, load_ids=frozenset({KO}), **settings)

    return open_


# --- whose time it is ---


@pytest.mark.parametrize("ahead", [0.0, 0.4, 1.2, 2.5, 30.0, -3.0])
async def test_however_wrong_our_clock_is_each_bar_comes_once_when_it_is_complete(
    open_replay, ahead
):
    feed = await open_replay(BUSY, ahead=ahead)
    for bar_type in (MINUTES, SECONDS):
        await feed.subscribe(bars(bar_type))
    await feed.subscribe(Subscription(DataKind.TRADE_TICKS, KO))
    await feed.run(300)
    await feed.until(lambda: len(told(feed.sink, MINUTES)) == 4)
    assert [row[:3] for row in told(feed.sink, MINUTES)] == [
        (0, "100.40", 4000),
        (60, "100.30", 3000),
        (120, "99.60", 5000),
        (180, "99.75", 2000),
    ]
    volume = sum(float(tick.size) for tick in feed.sink.trades)
    assert sum(row[2] for row in told(feed.sink, SECONDS)) == volume > 13_000
    assert feed.client.health_counters() == {}
    assert feed.sink.gaps == []


@pytest.fixture
def minutes(make_context):
    """Return bars of which the present one has begun."""

    def make():
        stream = UpToDateBars(make_context(bar_type=MINUTES), MINUTES, handle_revised_bars=False)
        stream.bars(
            HistoricalBars([str(START)], [50.0], [50.0], [50.0], [50.0], [UNIT], [None], [1])
        )
        return stream

    return make


def at(clock, second):
    clock.advance_to(int((START + second) * UNIT))


def test_a_clock_that_is_found_to_be_ahead_while_a_bar_is_open_closes_it_later(
    minutes, sink, clock, host
):
    stream = minutes()
    host.ahead_ns = 4 * UNIT
    at(clock, 64)
    stream.bar_update(BarRecord(str(START), 50.0, 51.0, 50.0, 51.0, 2 * UNIT, None, 2))
    assert sink.bars == []
    at(clock, 65)
    assert [str(bar.close) for bar in sink.bars] == ["51.00"]


# --- farms that are away ---


@pytest.mark.parametrize("farm", ["definitions_farm", "history_farm"])
async def test_farms_that_serve_no_ticks_delay_no_bar_made_of_them(open_replay, farm):
    feed = await open_replay(QUIET)
    await feed.subscribe(bars(SECONDS))
    await feed.run(54.5)
    getattr(feed.gateway.faults, f"{farm}_broken")()
    await feed.synced()
    await feed.run(30)
    assert came_at(feed.sink, SECONDS) == [12, 52, 56]


async def test_the_definition_farm_delays_no_minute(open_replay):
    feed = await open_replay(QUIET)
    await feed.subscribe(bars(MINUTES))
    await feed.run(55)
    feed.gateway.faults.definitions_farm_broken()
    await feed.synced()
    await feed.run(30)
    assert told(feed.sink, MINUTES) == [(0, "50.02", 900, False)]
    assert came_at(feed.sink, MINUTES) == [61]


@pytest.mark.parametrize("bar_type", [MINUTES, SECONDS])
async def test_a_quiet_stream_does_not_wait_for_a_farm_that_may_not_be_its_own(
    open_replay, bar_type
):
    feed = await open_replay(QUIET)
    await feed.subscribe(bars(bar_type))
    await feed.run(54.5)
    count = len(feed.sink.bars)
    feed.gateway.faults.farm_broken("eufarm")
    await feed.synced()
    await feed.run(14)
    await feed.until(lambda: len(feed.sink.bars) > count)
    last = told(feed.sink, bar_type)[-1]
    # Nothing was missing in it: it is what the stream brought, a little late.
    assert last == ((0, "50.02", 900, False) if bar_type is MINUTES else (54, "50.02", 300, False))
    await feed.run(100)
    feed.gateway.faults.farm_ok("eufarm")
    await feed.run(30)
    await feed.until(lambda: not feed.connection.health().requests)
    await feed.run(30)
    assert told(feed.sink, bar_type)[-1] == last
    assert feed.sink.gaps == []


async def test_what_a_farm_that_went_took_of_a_bar_comes_from_history(open_replay):
    feed = await open_replay(QUIET)
    await feed.subscribe(bars(MINUTES))
    await feed.run(52)
    feed.gateway.faults.farm_broken()
    feed.gateway.faults.omit("HistoricalDataUpdate", 1_000)
    await feed.synced()
    await feed.run(20)
    await feed.until(lambda: feed.sink.bars)
    assert told(feed.sink, MINUTES) == [(0, "50.02", 900, True)]
    assert feed.sink.gaps == []


async def test_the_first_bar_is_not_lost_when_its_farm_is_back_before_the_next_tick(open_replay):
    feed = await open_replay(QUIET)
    for bar_type in (MINUTES, SECONDS):
        await feed.subscribe(bars(bar_type))
    await feed.run(10.5)
    feed.gateway.faults.farm_broken()
    await feed.synced()
    await feed.run(3)
    feed.gateway.faults.farm_ok()
    await feed.synced()
    await feed.run(100)
    await feed.until(lambda: not feed.connection.health().requests)
    await feed.run(100)
    await feed.until(lambda: len(told(feed.sink, SECONDS)) == 3 and told(feed.sink, MINUTES))
    assert [row[:3] for row in told(feed.sink, MINUTES)] == [(0, "50.02", 900)]
    assert [row[0] for row in told(feed.sink, SECONDS)] == [10, 50, 54]
    assert feed.sink.gaps == []


@pytest.mark.parametrize("bar_type", [MINUTES, SECONDS])
async def test_while_ibs_servers_are_lost_a_bar_waits_though_a_farm_was_away_before(
    open_replay, bar_type
):
    feed = await open_replay(QUIET)
    await feed.subscribe(bars(bar_type))
    feed.gateway.faults.farm_broken("eufarm")
    await feed.synced()
    await feed.run(50.5)
    count = len(feed.sink.bars)
    feed.gateway.faults.connectivity_lost()
    await feed.synced()
    await feed.run(600)
    assert len(feed.sink.bars) == count
    feed.gateway.faults.connectivity_restored(data_maintained=True)
    await feed.synced()
    await feed.run(30)
    await feed.until(lambda: not feed.connection.health().requests)
    await feed.run(30)
    expected = (
        [(0, "50.02", 900)] if bar_type is MINUTES else [(50, "50.01", 300), (54, "50.02", 300)]
    )
    await feed.until(lambda: len(feed.sink.bars) == count + len(expected))
    assert [row[:3] for row in told(feed.sink, bar_type)[count:]] == expected
    assert feed.sink.gaps == []


async def test_a_second_farm_that_breaks_is_heard_of_though_another_is_away(open_replay):
    feed = await open_replay(QUIET)
    await feed.subscribe(bars(MINUTES))
    feed.gateway.faults.farm_broken("eufarm")
    await feed.synced()
    await feed.run(52)
    feed.gateway.faults.farm_broken("usfarm")
    feed.gateway.faults.omit("HistoricalDataUpdate", 1_000)
    await feed.synced()
    await feed.run(20)
    await feed.until(lambda: feed.sink.bars)
    assert told(feed.sink, MINUTES) == [(0, "50.02", 900, True)]


# --- where history does not help ---


async def test_a_bar_in_doubt_of_which_history_says_nothing_goes_out_and_the_doubt_is_told(
    minutes, sink, clock, host
):
    minutes()
    host.is_doubtful = True
    host.answer = RequestTimeout("no answer", field="x", remedy="wait")
    at(clock, 61)
    assert sink.bars == []
    at(clock, 70)
    await host.settled()
    assert [str(bar.close) for bar in sink.bars] == ["50.00"]
    [(_, start, end, reason)] = sink.gaps
    assert (start, end) == (START * UNIT, (START + 60) * UNIT)
    assert "no answer" in reason


async def test_history_is_not_asked_where_back_filling_is_switched_off(
    make_context, sink, clock, host
):
    host.bars_limit_ns = 0
    stream = SecondBars(make_context(bar_type=SECONDS), SECONDS)
    stream.trade(START, 50.0, UNIT, 0, "", "")
    host.is_doubtful = True
    at(clock, 10)
    assert len(sink.bars) == 1
    assert host.asked == []
    [(_, _start, _end, reason)] = sink.gaps
    assert "switched off" in reason


async def test_what_the_stream_brings_while_history_is_asked_counts(minutes, sink, clock, host):
    stream = minutes()
    host.is_doubtful = True
    host.answer = [stream._converted(BarRecord(str(START), 9.0, 9.0, 9.0, 9.0, UNIT, None, 1))]
    at(clock, 70)
    stream.bar_update(BarRecord(str(START), 50.0, 51.0, 50.0, 51.0, 2 * UNIT, None, 2))
    host.is_doubtful = False
    await host.settled()
    assert [str(bar.close) for bar in sink.bars] == ["51.00"]
    assert sink.gaps == []


async def test_servers_that_are_lost_while_history_is_asked_let_the_bar_wait(
    minutes, sink, clock, host
):
    minutes()
    host.is_doubtful = True
    host.answer = RequestTimeout("no answer", field="x", remedy="wait")
    at(clock, 66)
    host.is_out = True
    await host.settled()
    at(clock, 600)
    assert (sink.bars, sink.gaps) == ([], [])
