"""One price that is none, as IB's mark of "not set" in a price, costs one tick and no other."""

from decimal import Decimal

import pytest

from posei_ib_sim import wire
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, Subscription

AAPL = InstrumentId("AAPL.NASDAQ")
START = 1_709_650_800
SIZE = Decimal(5)

GOOD = [100 + number / 100 for number in range(20)]
# The simulator sends no NaN: see `test_runs.py`.
pytestmark = pytest.mark.parametrize("price", [float("inf"), 1.7976931348623157e308, -1e12])


@pytest.fixture
def open_stream(open_feed):
    """Open a stream; return the feed, and what sends a message of it."""

    async def open_(subscription, **settings):
        feed = await open_feed(load_ids=frozenset({subscription.instrument_id}), **settings)
        await feed.subscribe(subscription)
        (session,) = feed.gateway.server.sessions
        (stream,) = feed.connection.health().streams

        def send(kind, **fields):
            session.send(kind(reqId=stream.req_id, **fields))

        return feed, send

    return open_


def level_one(price, tick_type=1):
    return wire.TickPrice, {"tickType": tick_type, "price": price, "size": SIZE, "attrMask": 0}


def quote(price):
    tick = wire.HistoricalTickBidAsk(
        time=START, priceBid=price, priceAsk=101.0, sizeBid=SIZE, sizeAsk=SIZE
    )
    return wire.TickByTickData, {"tickType": 3, "historicalTickBidAsk": tick}


def trade(price):
    tick = wire.HistoricalTickLast(time=START, price=price, size=SIZE, exchange="ARCA")
    return wire.TickByTickData, {"tickType": 2, "historicalTickLast": tick}


async def check_that_one_is_left_out(feed, send, message, found, price):
    """Send it within a run of others, and alone."""
    await feed.synced()
    found.clear()
    for one in (*GOOD[:10], price, *GOOD[10:]):
        kind, fields = message(one)
        send(kind, **fields)
    await feed.synced()
    delivered = [float(getattr(tick, "price", None) or tick.bid_price) for tick in found]
    assert delivered == GOOD
    kind, fields = message(price)
    send(kind, **fields)
    await feed.synced()
    assert len(found) == len(GOOD)
    assert feed.client.health_counters() == {"impossible_prices_left_out": 2}
    feed.check()


async def test_quotes_tick_by_tick(open_stream, price):
    feed, send = await open_stream(Subscription(DataKind.QUOTE_TICKS, AAPL), batch_quotes=False)
    await check_that_one_is_left_out(feed, send, quote, feed.sink.quotes, price)


async def test_trades_tick_by_tick(open_stream, price):
    feed, send = await open_stream(Subscription(DataKind.TRADE_TICKS, AAPL))
    await check_that_one_is_left_out(feed, send, trade, feed.sink.trades, price)


async def test_quotes_of_level_one(open_stream, price):
    feed, send = await open_stream(Subscription(DataKind.QUOTE_TICKS, AAPL))
    await check_that_one_is_left_out(feed, send, level_one, feed.sink.quotes, price)
    # The size that follows such a price is none of the price of before.
    send(wire.TickSize, tickType=0, size=Decimal(9))
    await feed.synced()
    assert len(feed.sink.quotes) == len(GOOD)


async def test_an_index(open_stream, price):
    spx = InstrumentId("^SPX.CBOE")
    feed, send = await open_stream(Subscription(DataKind.INDEX_PRICES, spx))
    count = len(feed.sink.index_prices)
    kind, fields = level_one(price, 4)
    send(kind, **fields)
    await feed.synced()
    assert len(feed.sink.index_prices) == count
    feed.check()
