"""Streams when the connection, the venue's servers or single subscriptions fail."""

import pytest

from posei_trader.errors import RetryLater
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, HistoryRequest, Subscription

AAPL = InstrumentId("AAPL.NASDAQ")
QUOTES = Subscription(DataKind.QUOTE_TICKS, AAPL)


async def test_streams_are_opened_again_exactly_once_after_a_lost_connection(feed):
    await feed.subscribe(QUOTES)
    await feed.subscribe(Subscription(DataKind.TRADE_TICKS, AAPL))
    await feed.run(5)
    feed.gateway.faults.drop()
    await feed.until(lambda: feed.sink.connections == [True, False, True])
    await feed.synced()
    count = len(feed.sink.quotes)
    await feed.run(10)
    assert len(feed.sink.quotes) > count
    streams = feed.connection.health().streams
    assert len(streams) == 2
    assert all(stream.reissues == 1 for stream in streams)
    assert feed.sink.failures == []
    feed.check()


async def test_data_that_ibs_servers_lost_is_asked_for_again(feed):
    await feed.subscribe(QUOTES)
    await feed.run(5)
    feed.gateway.faults.connectivity_lost()
    feed.gateway.faults.connectivity_restored(data_maintained=False)
    await feed.synced()
    count = len(feed.sink.quotes)
    await feed.run(10)
    assert len(feed.sink.quotes) > count
    feed.check()


async def test_data_that_was_kept_is_not_asked_for_again(feed):
    await feed.subscribe(QUOTES)
    feed.gateway.faults.connectivity_lost()
    feed.gateway.faults.connectivity_restored(data_maintained=True)
    await feed.synced()
    await feed.run(5)
    (stream,) = feed.connection.health().streams
    assert stream.reissues == 0
    assert feed.sink.quotes


async def test_a_farm_that_is_out_for_a_moment_disturbs_nothing(feed):
    await feed.subscribe(QUOTES)
    feed.gateway.faults.farm_broken()
    feed.gateway.faults.farm_ok()
    await feed.synced()
    await feed.run(5)
    assert feed.sink.quotes
    assert feed.sink.connections == [True]


@pytest.mark.parametrize(
    ("farm", "gaps"), [("definitions_farm", 0), ("history_farm", 0), ("farm", 3)]
)
async def test_only_a_farm_that_may_serve_a_quiet_stream_leaves_a_gap(
    open_feed, start_gateway, tmp_path, farm, gaps
):
    path = tmp_path / "KO.csv"
    path.write_text(
        "timestamp,bid,ask,bid_size,ask_size\n"
        "2024-03-05 15:00:00,50.00,50.02,300,200\n"
        "2024-03-05 15:01:30,50.02,50.04,400,200\n"
    )
    ko = InstrumentId("KO.NYSE")
    gateway = await start_gateway(replay=[path], synthetic=False)
    feed = await open_feed(gateway, load_ids=frozenset({ko}), is_on_venue_time=True)
    for kind in (DataKind.QUOTE_TICKS, DataKind.ORDER_BOOK_DELTAS, DataKind.INSTRUMENT_STATUS):
        await feed.subscribe(Subscription(kind, ko))
    await feed.run(5)
    getattr(gateway.faults, f"{farm}_broken")()
    await feed.synced()
    await feed.run(20)
    getattr(gateway.faults, f"{farm}_ok")()
    await feed.synced()
    await feed.run(10)
    assert [(end - start) / 10**9 for _, start, end, _ in feed.sink.gaps] == [20] * gaps
    feed.check()


async def test_an_outage_of_everything_leaves_one_gap_though_its_parts_come_back_one_by_one(
    open_feed, start_gateway, tmp_path
):
    path = tmp_path / "KO.csv"
    path.write_text(
        "timestamp,bid,ask,bid_size,ask_size\n2024-03-05 15:00:00,50.00,50.02,300,200\n"
    )
    ko = InstrumentId("KO.NYSE")
    gateway = await start_gateway(replay=[path], synthetic=False)
    feed = await open_feed(gateway, load_ids=frozenset({ko}), is_on_venue_time=True)
    await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, ko))
    await feed.run(5)
    for lose in ("connectivity_lost", "farm_broken", "history_farm_broken"):
        getattr(gateway.faults, lose)()
    await feed.synced()
    await feed.run(20)
    for find in ("connectivity_restored", "farm_ok", "history_farm_ok"):
        getattr(gateway.faults, find)()
        await feed.synced()
    assert [(end - start) / 10**9 for _, start, end, _ in feed.sink.gaps] == [20]
    # A farm that went before the servers may have taken more than they did.
    gateway.faults.farm_broken()
    await feed.synced()
    await feed.run(7)
    gateway.faults.connectivity_lost()
    await feed.synced()
    await feed.run(3)
    gateway.faults.connectivity_restored()
    await feed.synced()
    await feed.run(5)
    gateway.faults.farm_ok()
    await feed.synced()
    assert [(end - start) / 10**9 for _, start, end, _ in feed.sink.gaps] == [20, 3, 15]
    feed.check()


async def test_an_account_without_permission_is_told_which(open_feed, start_gateway):
    feed = await open_feed(await start_gateway(data_permissions="none"))
    await feed.subscribe(QUOTES)
    await feed.until(lambda: feed.sink.failures)
    ((subscription, error),) = feed.sink.failures
    assert subscription == QUOTES
    assert "account management" in str(error)
    await feed.client.unsubscribe(QUOTES)


async def test_history_that_did_not_come_raises(open_feed):
    feed = await open_feed(request_timeout=0.3)
    feed.gateway.faults.half_open()
    bars = BarType.from_str("AAPL.NASDAQ-1-DAY-LAST-EXTERNAL")
    with pytest.raises(RetryLater):
        await feed.client.request_bars(
            bars, HistoryRequest(instrument_id=AAPL, start_ns=1_709_000_000 * 10**9)
        )
