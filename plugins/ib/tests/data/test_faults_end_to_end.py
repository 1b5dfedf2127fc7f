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
