"""Listeners that are slower than the stream: bounded, in order, counted, and never in the way."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venue import AAPL, MSFT, SECOND

from posei_trader.config import LiveDataEngineConfig
from posei_trader.engine.aggregation import TimeBarAggregator
from posei_trader.engine.bus import MessageBus
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import LiveClock
from posei_trader.engine.data import DataEngine
from posei_trader.engine.merging import merged
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.book import OrderBook, OrderBookDelta, OrderBookDeltas
from posei_trader.model.enums import AggressorSide, BookAction, BookSide, RecordFlag
from posei_trader.model.identifiers import TradeId
from posei_trader.model.requests import DataKind, Subscription
from posei_trader.model.ticks import QuoteTick, TradeTick


class Stage:
    """An engine on the real clock, and one listener to everything that takes its time."""

    def __init__(self, work_s=0.0, **settings):
        self.work_s = work_s
        self.clock = LiveClock()
        self.bus, self.cache = MessageBus(), Cache()
        config = LiveDataEngineConfig(**{"turn_ms": 1, **settings})
        self.engine = DataEngine(self.bus, self.cache, self.clock, config)
        self.seen = []
        self.turns = 0
        for pattern in ("data.quotes.*", "data.trades.*", "data.bars.*"):
            self.bus.subscribe(pattern, self.listen)

    def listen(self, item):
        self.seen.append(item)
        until = time.perf_counter() + self.work_s
        while time.perf_counter() < until:
            pass

    def quote(self, number, instrument_id=AAPL):
        raw = number * SECOND
        now = self.clock.timestamp_ns()
        tick = QuoteTick(instrument_id, raw, raw + SECOND, SECOND, SECOND, 0, 0, number, now)
        self.engine.quote_tick(tick)
        return tick

    def trade(self, number, instrument_id=AAPL):
        now, name = self.clock.timestamp_ns(), TradeId(str(number))
        side = AggressorSide.NO_AGGRESSOR
        tick = TradeTick(instrument_id, SECOND, SECOND, 0, 0, side, name, number, now)
        self.engine.trade_tick(tick)
        return tick

    async def settle(self):
        """Let the loop turn until nothing waits; each turn is one in which sockets are read."""
        async with asyncio.timeout(30):
            while self.engine.intake.waiting:
                self.turns += 1
                await asyncio.sleep(0)


async def test_a_slow_listener_sees_every_trade_and_the_newest_quotes_and_the_loop_goes_on():
    stage = Stage(work_s=0.0003, queue_size=200)
    trades, last = [], {}
    for number in range(3_000):
        if number % 30 == 0:
            trades.append(stage.trade(number))
        instrument = AAPL if number % 2 else MSFT
        last[instrument] = stage.quote(number, instrument)
    status = stage.engine.intake
    assert status.waiting <= status.most_waiting <= status.capacity == 200
    await stage.settle()
    quotes = [item for item in stage.seen if isinstance(item, QuoteTick)]
    assert [item for item in stage.seen if isinstance(item, TradeTick)] == trades
    assert {item.instrument_id: item for item in quotes} == last
    status = stage.engine.intake
    assert status.dropped == 0
    assert len(quotes) + status.conflated == 3_000
    assert status.conflated > 2_000
    assert stage.engine.counters["items_conflated_for_slow_listeners"] == status.conflated
    # The listener needs 30 turns of a millisecond at least for what it was given.
    assert stage.turns > 10
    for one in (AAPL, MSFT):
        numbers = [item.ts_event for item in quotes if item.instrument_id == one]
        assert numbers == sorted(numbers)


async def test_a_slow_listener_is_interrupted_within_what_came_together():
    stage = Stage(work_s=0.001, turn_ms=5, queue_size=1_000)
    now = stage.clock.timestamp_ns()
    sent = [
        QuoteTick(AAPL, number, number, SECOND, SECOND, 0, 0, number, now) for number in range(100)
    ]
    stage.engine.quote_ticks(sent)
    assert 1 <= len(stage.seen) <= 40  # 5 of its own time, 20 while others have the processor
    assert stage.engine.intake.waiting == 100 - len(stage.seen)
    await stage.settle()
    assert stage.seen == sent
    assert stage.turns > 3


async def test_a_burst_that_has_room_is_delivered_whole_and_in_order():
    stage = Stage(queue_size=100_000)
    sent = [
        stage.trade(number) if number % 3 == 0 else stage.quote(number) for number in range(20_000)
    ]
    await stage.settle()
    assert stage.seen == sent
    assert (stage.engine.intake.conflated, stage.engine.intake.dropped) == (0, 0)


async def test_a_listener_that_keeps_up_never_makes_anything_wait():
    stage = Stage(turn_ms=1_000)
    for number in range(50):
        stage.quote(number)
        await asyncio.sleep(0)
    assert stage.engine.intake.delayed == 0


class Owner:
    def __init__(self):
        self.gaps = []

    def stream_interrupted(self, gap):
        self.gaps.append(gap)


async def test_trades_without_room_are_dropped_oldest_first_counted_and_announced(caplog):
    stage = Stage(work_s=0.002, queue_size=10)
    owner = Owner()
    subscription = Subscription(DataKind.TRADE_TICKS, AAPL)
    stage.engine._streams.acquire(subscription, Accepting(), owner)
    sent = [stage.trade(number) for number in range(100)]
    await stage.settle()
    await stage.engine.settle()
    status = stage.engine.intake
    assert status.dropped == 100 - len(stage.seen) > 50
    assert stage.seen[-10:] == sent[-10:]
    numbers = [tick.ts_event for tick in stage.seen]
    assert numbers == sorted(numbers)
    missing = sorted({tick.ts_event for tick in sent} - set(numbers))
    assert (owner.gaps[0].start_ns, owner.gaps[-1].end_ns) == (missing[0], missing[-1])
    assert all("too slow" in gap.reason for gap in owner.gaps)
    told = sum(int(gap.reason.split(": ")[1].split()[0]) for gap in owner.gaps)
    assert told == status.dropped
    assert "items dropped for slow listeners" in caplog.text


class Accepting:
    """A client that opens whatever it is asked for."""

    client_id = "ANY"

    async def subscribe(self, subscription):
        pass


async def test_quotes_are_dropped_like_trades_when_conflation_is_never_wanted():
    stage = Stage(work_s=0.002, queue_size=10, conflation="never")
    sent = [stage.quote(number) for number in range(50)]
    await stage.settle()
    assert stage.engine.intake.conflated == 0
    assert stage.engine.intake.dropped == 50 - len(stage.seen) > 0
    assert stage.seen[-10:] == sent[-10:]


async def test_a_listener_that_is_behind_sees_the_newest_at_once_when_that_is_wanted():
    stage = Stage(work_s=0.002, queue_size=1_000, conflation="when_waiting")
    for number in range(500):
        stage.quote(number)
    assert stage.engine.intake.waiting == 1
    await stage.settle()
    assert stage.seen[-1].ts_event == 499
    assert len(stage.seen) < 10


async def test_bars_keep_their_place_between_ticks_that_wait():
    stage = Stage(work_s=0.002, queue_size=100)
    bar_type = BarType.from_str(f"{AAPL}-1-MINUTE-LAST-EXTERNAL")
    kinds = []
    for number in range(30):
        stage.trade(number)
        stage.engine.bar(Bar(bar_type, 1, 1, 1, 1, 1, 0, 0, number, number))
        kinds += [TradeTick, Bar]
    await stage.settle()
    assert [type(item) for item in stage.seen] == kinds


async def test_a_bar_made_here_has_the_ticks_that_waited_when_the_clock_closed_it():
    stage = Stage(work_s=0.001, queue_size=10_000)
    bar_type = BarType.from_str(f"{AAPL}-1-SECOND-LAST-INTERNAL")
    begin = (stage.clock.timestamp_ns() // SECOND + 1) * SECOND
    made = []
    bars = TimeBarAggregator(
        bar_type,
        stage.clock,
        made.append,
        stage.engine.counters,
        in_turn=stage.engine._in_turn,
    )
    stage.bus.subscribe(f"data.trades.{AAPL}", bars.on_trade)
    async with asyncio.timeout(10):
        while stage.clock.timestamp_ns() < begin + SECOND // 2:  # noqa: ASYNC110  a real second
            await asyncio.sleep(0.01)
    # More work than is left of the second: the clock closes it while ticks of it wait.
    for number in range(700):
        now = stage.clock.timestamp_ns()
        side, name = AggressorSide.NO_AGGRESSOR, TradeId(str(number))
        stage.engine.trade_tick(TradeTick(AAPL, SECOND, SECOND, 0, 0, side, name, begin, now))
    await stage.settle()
    bars.stop()
    assert made[-1].volume_raw == 700 * SECOND
    assert stage.engine.counters["late_ticks_in_bars"] == 0


levels = st.builds(
    lambda side, price, size: OrderBookDelta(
        AAPL,
        BookAction.UPDATE if size else BookAction.DELETE,
        side,
        price,
        size,
        0,
        0,
        0,
        RecordFlag.NONE,
        0,
        0,
        0,
    ),
    st.sampled_from([BookSide.BID, BookSide.ASK]),
    st.integers(1, 6),
    st.integers(0, 3),
)
changes = st.one_of(levels, levels, st.just(OrderBookDelta.clear(AAPL, 0, 0)))
events = st.lists(changes, min_size=1, max_size=6).map(
    lambda deltas: OrderBookDeltas(AAPL, tuple(deltas), 0, 0)
)


@given(before=events, older=events, newer=events)
def test_merged_changes_leave_a_book_as_both_would_one_after_the_other(before, older, newer):
    apart, together = OrderBook(AAPL), OrderBook(AAPL)
    for one in (before, older, newer):
        apart.apply_all(one)
    sum_ = merged(older, newer)
    for one in (before, sum_):
        together.apply_all(one)
    assert (together.bids(), together.asks()) == (apart.bids(), apart.asks())
    flags = [bool(delta.flags & RecordFlag.LAST) for delta in sum_.deltas]
    assert flags == [False] * (len(flags) - 1) + [True]


async def test_a_book_that_waits_is_the_venues_book_when_it_arrives():
    stage = Stage(work_s=0.001, queue_size=5, conflation="never")
    truth = OrderBook(AAPL)
    for number in range(200):
        size = (number * 7) % 4
        action = BookAction.UPDATE if size else BookAction.DELETE
        now = stage.clock.timestamp_ns()
        delta = OrderBookDelta(
            AAPL, action, BookSide.BID, 1 + number % 9, size, 0, 0, 0, RecordFlag.LAST, 0, 0, now
        )
        deltas = OrderBookDeltas(AAPL, (delta,), 0, now)
        truth.apply_all(deltas)
        stage.engine.order_book_deltas(deltas)
        stage.trade(number)
    await stage.settle()
    assert stage.cache.order_book(AAPL).bids() == truth.bids()
    assert stage.engine.intake.most_waiting <= 5


@pytest.mark.parametrize("waiting", [0, 5])
async def test_what_waits_when_the_node_stops_is_forgotten(waiting, caplog):
    caplog.set_level("INFO")
    stage = Stage(work_s=0.002, queue_size=10)
    for number in range(waiting):
        stage.trade(number)
    await stage.engine.stop()
    assert stage.engine.intake.waiting == 0
    assert ("waiting when the node stopped" in caplog.text) == bool(waiting)
