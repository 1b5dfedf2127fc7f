"""The aggressor of a trade is inferred from the quote that is there now, and from no other."""

from decimal import Decimal

import pytest

from posei_ib_sim import wire
from posei_trader.model.enums import AggressorSide, TradeFlag
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, Subscription

AAPL = InstrumentId("AAPL.NASDAQ")
START = 1_709_650_800
SIZE = Decimal(5)

QUOTES = Subscription(DataKind.QUOTE_TICKS, AAPL)
EVERY_QUOTE = Subscription(DataKind.QUOTE_TICKS, AAPL, params=(("batch_quotes", "false"),))
TRADES = Subscription(DataKind.TRADE_TICKS, AAPL)


class Venue:
    """Says what a test wants of one instrument, beside what the simulator says."""

    def __init__(self, feed):
        self.feed = feed
        (self.session,) = feed.gateway.server.sessions

    def req_id(self, what):
        return next(s.req_id for s in self.feed.connection.health().streams if what in s.subject)

    def send(self, what, kind, **fields):
        self.session.send(kind(reqId=self.req_id(what), **fields))

    def level_one(self, tick_type, price, size=SIZE):
        self.send(
            "market data", wire.TickPrice, tickType=tick_type, price=price, size=size, attrMask=0
        )

    def quote(self, bid, ask):
        tick = wire.HistoricalTickBidAsk(
            time=START,
            priceBid=bid,
            priceAsk=ask,
            sizeBid=SIZE if bid > 0 else Decimal(0),
            sizeAsk=SIZE if ask > 0 else Decimal(0),
        )
        self.send("BidAsk", wire.TickByTickData, tickType=3, historicalTickBidAsk=tick)

    async def sides(self, *prices):
        """Print trades; return who is said to have wanted each."""
        count = len(self.feed.sink.trades)
        for price in prices:
            tick = wire.HistoricalTickLast(time=START, price=price, size=SIZE, exchange="ARCA")
            self.send("AllLast", wire.TickByTickData, tickType=2, historicalTickLast=tick)
        await self.feed.synced()
        found = self.feed.sink.trades[count:]
        for one in found:
            is_known = one.aggressor_side is not AggressorSide.NO_AGGRESSOR
            assert bool(one.flags & TradeFlag.AGGRESSOR_INFERRED) == is_known
        return [one.aggressor_side for one in found]


BUYER, SELLER, NOBODY = AggressorSide.BUYER, AggressorSide.SELLER, AggressorSide.NO_AGGRESSOR


@pytest.fixture
async def venue(feed):
    await feed.subscribe(TRADES)
    return Venue(feed)


async def quoted(venue, subscription):
    """Subscribe to quotes, and quote 100.00 to 100.02."""
    await venue.feed.subscribe(subscription)
    if subscription is EVERY_QUOTE:
        venue.quote(100.0, 100.02)
    else:
        venue.level_one(1, 100.0)
        venue.level_one(2, 100.02)
    assert await venue.sides(100.02, 100.0, 100.01) == [BUYER, SELLER, NOBODY]


@pytest.mark.parametrize("quotes", [QUOTES, EVERY_QUOTE])
async def test_after_the_last_quotes_are_unsubscribed_nothing_is_inferred(venue, quotes):
    await quoted(venue, quotes)
    await venue.feed.client.unsubscribe(quotes)
    assert await venue.sides(100.02, 100.0) == [NOBODY, NOBODY]
    await quoted(venue, quotes)


async def test_other_quotes_of_the_instrument_go_on_serving(venue):
    await quoted(venue, QUOTES)
    await quoted(venue, EVERY_QUOTE)
    await venue.feed.client.unsubscribe(EVERY_QUOTE)
    await venue.feed.client.unsubscribe(EVERY_QUOTE)
    assert await venue.sides(100.02, 100.0) == [BUYER, SELLER]
    await venue.feed.client.unsubscribe(QUOTES)
    assert await venue.sides(100.02, 100.0) == [NOBODY, NOBODY]


async def test_after_the_quotes_failed_nothing_is_inferred(venue):
    await quoted(venue, QUOTES)
    venue.session.error(venue.req_id("market data"), 354, "Requested data is not subscribed.")
    await venue.feed.until(lambda: venue.feed.sink.failures)
    assert await venue.sides(100.02, 100.0) == [NOBODY, NOBODY]


async def test_quotes_that_fell_back_to_level_one_are_those_of_level_one(venue):
    await quoted(venue, EVERY_QUOTE)
    venue.session.error(venue.req_id("BidAsk"), 10190, "Max number of requests has been reached.")
    await venue.feed.until(lambda: len(venue.feed.connection.health().streams) == 2)
    await venue.feed.synced()
    venue.level_one(1, -1.0, Decimal(0))
    assert await venue.sides(100.0) == [NOBODY]
    venue.level_one(1, 90.0)
    venue.level_one(2, 90.02)
    assert await venue.sides(90.0, 90.02) == [SELLER, BUYER]
    await venue.feed.client.unsubscribe(EVERY_QUOTE)
    assert await venue.sides(90.0, 90.02) == [NOBODY, NOBODY]


async def test_a_side_of_level_one_that_is_withdrawn_says_nothing_of_a_trade(venue):
    await quoted(venue, QUOTES)
    venue.level_one(1, -1.0, Decimal(0))
    assert await venue.sides(99.0, 100.02) == [NOBODY, BUYER]
    venue.level_one(2, 99.9)  # makes no quote, since nobody bids
    assert await venue.sides(99.8, 99.9) == [NOBODY, BUYER]
    venue.level_one(2, -1.0, Decimal(0))
    assert await venue.sides(90.0, 110.0) == [NOBODY, NOBODY]


async def test_a_side_that_is_withdrawn_behind_a_quote_of_the_same_run_is_gone(venue):
    await quoted(venue, QUOTES)
    for number in range(1, 13):
        venue.level_one(1, 99 + number / 100)
        venue.level_one(2, 99.02 + number / 100)
    venue.level_one(1, -1.0, Decimal(0))
    venue.level_one(2, 0.0, Decimal(0))
    assert await venue.sides(90.0, 110.0) == [NOBODY, NOBODY]


async def test_a_side_of_every_tick_that_is_withdrawn_says_nothing_of_a_trade(venue):
    await quoted(venue, EVERY_QUOTE)
    venue.quote(-1.0, 100.02)
    assert await venue.sides(99.0, 100.02) == [NOBODY, BUYER]
    venue.quote(99.0, 0.0)
    assert await venue.sides(99.0, 100.02) == [SELLER, NOBODY]
    venue.quote(-1.0, -1.0)
    assert await venue.sides(90.0, 110.0) == [NOBODY, NOBODY]


async def test_a_quote_whose_price_is_impossible_says_nothing_of_a_trade(venue):
    await quoted(venue, EVERY_QUOTE)
    venue.quote(100.0, float("inf"))
    assert await venue.sides(100.0, 100.02) == [NOBODY, NOBODY]
