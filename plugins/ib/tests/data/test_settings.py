"""What each setting of the data client and of the data engine does, through the simulated venue."""

from __future__ import annotations

import time

import pytest

from posei_trader.config import LiveDataEngineConfig
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, Subscription
from posei_trader.model.ticks import QuoteTick
from posei_trader.trading.actor import Actor

IBM, KO = InstrumentId("IBM.NYSE"), InstrumentId("KO.NYSE")
START = 1_709_650_800
NS = 10**9

BARS = """timestamp,open,high,low,close,volume
2024-03-05 15:00:00,100.00,100.50,99.90,100.40,4000
2024-03-05 15:01:00,100.40,100.60,100.20,100.30,3000
2024-03-05 15:02:00,100.30,100.30,99.50,99.60,5000
2024-03-05 15:03:00,99.60,99.80,99.40,99.75,2000
"""


class Listener(Actor):
    """Keeps what it is given, and may be slow."""

    def __init__(self, begin, work_s=0.0):
        super().__init__()
        self.begin, self.work_s, self.items = begin, work_s, []

    def on_start(self):
        self.begin(self)

    def on_quote_tick(self, tick):
        self.items.append(tick)
        until = time.perf_counter() + self.work_s
        while time.perf_counter() < until:
            pass

    on_trade_tick = on_bar = on_quote_tick


@pytest.fixture
async def open_ibm(start_gateway, tmp_path):
    path = tmp_path / "IBM.csv"
    path.write_text(BARS)
    return await start_gateway(replay=[path], synthetic=False)


@pytest.mark.parametrize(("on_close", "first"), [(True, 60), (False, 0)])
async def test_time_bars_are_stamped_when_they_close_or_open(open_ibm, open_desk, on_close, first):
    bars = BarType.from_str("IBM.NYSE-1-MINUTE-LAST-INTERNAL")
    listener = Listener(lambda actor: actor.subscribe_bars(bars))
    desk = await open_desk(
        [listener],
        open_ibm,
        load_ids=frozenset({IBM}),
        engine=LiveDataEngineConfig(time_bars_timestamp_on_close=on_close),
    )
    await desk.run(200)
    moments = [bar.ts_event // NS - START for bar in listener.items]
    assert moments[:3] == [first, first + 60, first + 120]
    assert [bar.ts_init // NS - START for bar in listener.items][:3] == [60, 120, 180]


@pytest.mark.parametrize("validates", [True, False])
async def test_ticks_out_of_sequence_are_dropped_and_counted_when_that_is_wanted(
    open_ibm, open_desk, validates
):
    listener = Listener(lambda actor: actor.subscribe_trade_ticks(IBM))
    desk = await open_desk(
        [listener],
        open_ibm,
        load_ids=frozenset({IBM}),
        engine=LiveDataEngineConfig(validate_data_sequence=validates),
    )
    desk.gateway.faults.swap("TickByTickData", 1)
    await desk.run(240)
    moments = [tick.ts_event for tick in listener.items]
    assert (moments == sorted(moments)) is validates
    assert desk.engine.counters["trades_out_of_sequence_dropped"] == int(validates)


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_late_word_of_ib_on_a_bar_is_a_marked_revision_or_counted(
    open_ibm, open_desk, wanted
):
    """IB's last update of a minute comes after the first of the next one."""
    minutes = BarType.from_str("IBM.NYSE-1-MINUTE-LAST-EXTERNAL")
    listener = Listener(lambda actor: actor.subscribe_bars(minutes))
    desk = await open_desk(
        [listener], open_ibm, load_ids=frozenset({IBM}), handle_revised_bars=wanted
    )
    await desk.run(100)
    # Four updates a minute, and what each says is the bar so far: the last one is what counts.
    while desk.gateway.clock.now_ns < (START + 110) * NS:
        await desk.run(1)
    desk.gateway.faults.swap("HistoricalDataUpdate", 1)
    await desk.run(400)
    published = [bar for bar in listener.items if not bar.is_revision]
    assert len({bar.ts_event for bar in published}) == len(published)
    revisions = [bar for bar in listener.items if bar.is_revision]
    late = {what: n for what, n in desk.client.health_counters().items() if "revision" in what}
    if wanted:
        assert late == {}
        assert len(revisions) <= 1
    else:
        assert revisions == []
    assert len(revisions) + sum(late.values()) == 1
    final = {bar.ts_event: bar for bar in listener.items}
    second = final[(START + 60) * NS]
    if wanted:
        assert [float(second.open), float(second.close)] == [100.4, 100.3]
        assert float(second.volume) == 3_000


@pytest.mark.parametrize(("ignored", "expected"), [(True, 7), (False, 8)])
async def test_quotes_that_change_only_a_size_are_left_out_on_request(
    start_gateway, open_desk, tmp_path, ignored, expected
):
    path = tmp_path / "KO.csv"
    path.write_text(
        "timestamp,bid,ask,bid_size,ask_size\n"
        "2024-03-05 15:00:00,50.00,50.02,300,200\n"
        "2024-03-05 15:00:01,50.01,50.03,300,200\n"
        "2024-03-05 15:00:02,50.02,50.04,400,200\n"
        "2024-03-05 15:00:03,50.02,50.04,500,200\n"
        "2024-03-05 15:00:04,50.00,50.02,300,250\n"
    )
    gateway = await start_gateway(replay=[path], synthetic=False)
    listener = Listener(lambda actor: actor.subscribe_quote_ticks(KO))
    desk = await open_desk(
        [listener],
        gateway,
        load_ids=frozenset({KO}),
        ignore_quote_tick_size_updates=ignored,
    )
    await desk.run(10)
    assert len(listener.items) == expected


async def test_a_strategy_slower_than_the_stream_neither_blocks_the_socket_nor_fills_memory(
    start_gateway, open_desk, tmp_path
):
    count, queue = 3_000, 150
    path = tmp_path / "KO.csv"
    rows = [
        f"2024-03-05 15:{number // 60:02}:{number % 60:02},{50 + number / 100:.2f},"
        f"{50.02 + number / 100:.2f},300,200"
        for number in range(count)
    ]
    path.write_text("timestamp,bid,ask,bid_size,ask_size\n" + "\n".join(rows) + "\n")
    gateway = await start_gateway(replay=[path], synthetic=False)
    quotes = Listener(
        lambda actor: actor.subscribe_quote_ticks(KO, params={"batch_quotes": "false"}), 0.002
    )
    desk = await open_desk(
        [quotes],
        gateway,
        load_ids=frozenset({KO}),
        is_on_venue_time=False,
        engine=LiveDataEngineConfig(queue_size=queue, turn_ms=10),
    )
    desk.gateway.faults.stall()
    await desk.gateway.advance(count)
    desk.gateway.faults.release()
    # A request is answered behind all of it, long before the strategy could have seen it all.
    begun = time.perf_counter()
    await desk.synced()
    assert time.perf_counter() - begun < count * quotes.work_s / 2
    (stream,) = desk.connection.health().streams
    assert stream.received == count - 1
    status = desk.engine.intake
    assert status.most_waiting <= status.capacity == queue
    await desk.until(lambda: desk.engine.intake.waiting == 0)
    status = desk.engine.intake
    assert status.dropped == 0
    assert status.conflated > 500
    assert len(quotes.items) + status.conflated == count - 1
    assert isinstance(quotes.items[-1], QuoteTick)
    assert quotes.items[-1].ts_event == (START + count - 1) * NS
    moments = [tick.ts_event for tick in quotes.items]
    assert moments == sorted(moments)
    desk.check()


async def test_the_kind_of_data_is_asked_for_again_after_every_reconnection(
    start_gateway, open_feed
):
    gateway = await start_gateway(data_permissions="delayed")
    feed = await open_feed(gateway, market_data_type="DELAYED")
    await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, InstrumentId("AAPL.NASDAQ")))
    feed.gateway.faults.drop()
    await feed.until(lambda: feed.sink.connections == [True, False, True])
    await feed.synced()
    (session,) = gateway.server.sessions
    assert session.market_data_type == 3
    await feed.run(10)
    assert feed.sink.quotes
    assert feed.sink.failures == []
