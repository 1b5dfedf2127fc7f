"""Streams over a real socket: what the simulated venue prints is what arrives."""

import pytest

from posei_trader.errors import InstrumentNotFound, InvalidRequest, NotConnected, Unsupported
from posei_trader.model.bars import BarType
from posei_trader.model.enums import AggressorSide, TradeFlag
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, HistoryRequest, Subscription
from posei_trader.model.values import Price, Quantity

QUOTES = """timestamp,bid,ask,bid_size,ask_size
2024-03-05 15:00:00,50.00,50.02,300,200
2024-03-05 15:00:01,50.01,50.03,300,200
2024-03-05 15:00:02,50.02,50.04,400,200
2024-03-05 15:00:03,50.02,50.04,500,200
2024-03-05 15:00:04,50.00,50.02,300,250
"""

BARS = """timestamp,open,high,low,close,volume
2024-03-05 15:00:00,100.00,100.50,99.90,100.40,4000
2024-03-05 15:01:00,100.40,100.60,100.20,100.30,3000
2024-03-05 15:02:00,100.30,100.30,99.50,99.60,5000
2024-03-05 15:03:00,99.60,99.80,99.40,99.75,2000
"""

KO = InstrumentId("KO.NYSE")
IBM = InstrumentId("IBM.NYSE")
MINUTES = BarType.from_str("IBM.NYSE-1-MINUTE-LAST-EXTERNAL")


def shown(quotes):
    return [
        (str(q.bid_price), str(q.ask_price), float(q.bid_size), float(q.ask_size)) for q in quotes
    ]


def first_print(feed):
    """The size that traded at the very start of the replay, which only a snapshot tells."""
    simulation = feed.gateway.simulation
    tape = simulation.feed.tape(simulation.contracts.named("IBM"))
    start = 1_709_650_800 * 10**9
    events = tape.events(start, start + 1)
    return sum(float(getattr(event, "size", 0)) for event in events if hasattr(event, "price"))


@pytest.fixture
async def open_ko(open_feed, start_gateway, tmp_path):
    async def open_(**settings):
        path = tmp_path / "KO.csv"
        path.write_text(QUOTES)
        gateway = await start_gateway(replay=[path])
        return await open_feed(gateway, load_ids=frozenset({KO}), **settings)

    return open_


@pytest.fixture
async def open_ibm(open_feed, start_gateway, tmp_path):
    async def open_(**settings):
        path = tmp_path / "IBM.csv"
        path.write_text(BARS)
        gateway = await start_gateway(replay=[path])
        return await open_feed(gateway, load_ids=frozenset({IBM}), **settings)

    return open_


async def test_tick_by_tick_quotes_arrive_as_they_were_made(open_ko):
    feed = await open_ko(batch_quotes=False)
    await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, KO))
    await feed.run(10)
    # What stood before the subscription is not repeated.
    assert shown(feed.sink.quotes) == [
        ("50.01", "50.03", 300, 200),
        ("50.02", "50.04", 400, 200),
        ("50.02", "50.04", 500, 200),
        ("50.00", "50.02", 300, 250),
    ]
    start = 1_709_650_800
    assert [q.ts_event for q in feed.sink.quotes] == [(start + n) * 10**9 for n in (1, 2, 3, 4)]
    feed.check()


async def test_level_one_publishes_each_change_once_with_the_size_of_its_price(open_ko):
    """IB sends bid and ask apart, and every size twice: no quote repeats, no size is stale."""
    feed = await open_ko()
    await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, KO))
    await feed.run(10)
    assert shown(feed.sink.quotes) == [
        ("50.00", "50.02", 300, 200),
        ("50.01", "50.02", 300, 200),
        ("50.01", "50.03", 300, 200),
        ("50.02", "50.03", 400, 200),
        ("50.02", "50.04", 400, 200),
        ("50.02", "50.04", 500, 200),
        ("50.00", "50.04", 300, 200),
        ("50.00", "50.02", 300, 250),
    ]
    feed.check()


async def test_quotes_that_change_only_a_size_are_left_out_on_request(open_ko):
    for batch_quotes, expected in ((True, 7), (False, 3)):
        feed = await open_ko(ignore_quote_tick_size_updates=True, batch_quotes=batch_quotes)
        await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, KO))
        await feed.run(10)
        assert len(feed.sink.quotes) == expected
        await feed.client.disconnect()


@pytest.mark.parametrize("ignores", [True, False])
async def test_a_stream_that_is_shared_begins_with_the_sizes_of_now(open_ko, ignores):
    feed = await open_ko(ignore_quote_tick_size_updates=ignores)
    await feed.subscribe(Subscription(DataKind.INSTRUMENT_STATUS, KO))
    await feed.run(3.5)  # the bid's price came with 400, and then another size alone
    await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, KO))
    assert len(feed.connection.health().streams) == 1
    assert shown(feed.sink.quotes) == [("50.02", "50.04", 500, 200)]


async def test_nothing_comes_after_unsubscribing_and_the_venue_is_told(open_ko):
    feed = await open_ko()
    subscription = Subscription(DataKind.QUOTE_TICKS, KO)
    await feed.subscribe(subscription)
    await feed.run(2)
    await feed.client.unsubscribe(subscription)
    await feed.client.unsubscribe(subscription)
    count = len(feed.sink.quotes)
    assert count > 0
    await feed.synced()
    await feed.run(10)
    assert len(feed.sink.quotes) == count
    assert feed.connection.health().streams == ()


async def test_subscribing_twice_opens_one_stream(open_ko):
    feed = await open_ko()
    for _ in range(2):
        await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, KO))
    (stream,) = feed.connection.health().streams
    assert stream.listeners == 1


async def test_trades_have_unique_ids_and_an_inferred_aggressor(open_ibm):
    feed = await open_ibm(batch_quotes=False)
    await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, IBM))
    await feed.subscribe(Subscription(DataKind.TRADE_TICKS, IBM))
    await feed.run(240)
    trades = feed.sink.trades
    # The very first print came before the subscription.
    assert sum(float(t.size) for t in trades) == 14_000 - first_print(feed)
    assert len({t.trade_id for t in trades}) == len(trades) >= 15
    assert {float(t.price) for t in trades} >= {100.5, 99.9, 100.4, 99.4}
    inferred = [t for t in trades if t.aggressor_side is not AggressorSide.NO_AGGRESSOR]
    assert inferred
    assert all(t.flags & TradeFlag.AGGRESSOR_INFERRED for t in inferred)
    feed.check()


async def test_five_second_bars_arrive_complete(open_ibm):
    feed = await open_ibm()
    bar_type = BarType.from_str("IBM.NYSE-5-SECOND-LAST-EXTERNAL")
    await feed.subscribe(Subscription(DataKind.BARS, IBM, bar_type))
    await feed.run(240)
    bars = feed.sink.bars
    assert sum(float(bar.volume) for bar in bars) == 14_000 - first_print(feed)
    assert max(float(bar.high) for bar in bars) == 100.6
    assert min(float(bar.low) for bar in bars) == 99.4
    assert all(bar.ts_event % (5 * 10**9) == 0 for bar in bars)
    assert [b.ts_event for b in bars] == sorted({b.ts_event for b in bars})
    feed.check()


async def test_bars_kept_up_to_date_are_published_once_each_when_complete(open_ibm):
    feed = await open_ibm()
    await feed.subscribe(Subscription(DataKind.BARS, IBM, MINUTES))
    await feed.run(600)
    # The replay ends in the fourth minute, which nothing follows.
    assert [
        (str(b.open), str(b.high), str(b.low), str(b.close), float(b.volume))
        for b in feed.sink.bars
    ][:3] == [
        ("100.00", "100.50", "99.90", "100.40", 4000),
        ("100.40", "100.60", "100.20", "100.30", 3000),
        ("100.30", "100.30", "99.50", "99.60", 5000),
    ]
    assert [b.ts_event for b in feed.sink.bars] == sorted({b.ts_event for b in feed.sink.bars})
    assert not any(b.is_revision for b in feed.sink.bars)
    feed.check()


async def test_bars_of_the_past_are_exact(open_ibm):
    feed = await open_ibm()
    await feed.subscribe(Subscription(DataKind.TRADE_TICKS, IBM))
    await feed.run(600)
    start = 1_709_650_800 * 10**9
    bars = await feed.client.request_bars(
        MINUTES,
        HistoryRequest(instrument_id=IBM, start_ns=start, end_ns=start + 180 * 10**9),
    )
    assert [
        (str(b.open), str(b.high), str(b.low), str(b.close), float(b.volume), b.ts_event)
        for b in bars
    ] == [
        ("100.00", "100.50", "99.90", "100.40", 4000, start),
        ("100.40", "100.60", "100.20", "100.30", 3000, start + 60 * 10**9),
        ("100.30", "100.30", "99.50", "99.60", 5000, start + 120 * 10**9),
    ]
    newest = await feed.client.request_bars(
        MINUTES, HistoryRequest(instrument_id=IBM, end_ns=start + 240 * 10**9, limit=2)
    )
    assert [b.ts_event for b in newest] == [start + 120 * 10**9, start + 180 * 10**9]
    trades = await feed.client.request_trade_ticks(
        HistoryRequest(instrument_id=IBM, start_ns=start, end_ns=start + 240 * 10**9)
    )
    assert sum(float(t.size) for t in trades) == 14_000
    assert len({t.trade_id for t in trades}) == len(trades)
    feed.check()


async def test_a_book_is_built_and_follows_the_venue(open_feed, start_gateway):
    from posei_trader.model.book import OrderBook

    feed = await open_feed(await start_gateway())
    aapl = InstrumentId("AAPL.NASDAQ")
    await feed.subscribe(Subscription(DataKind.ORDER_BOOK_DELTAS, aapl, params=(("depth", "5"),)))
    await feed.run(20)
    book = OrderBook(aapl)
    for deltas in feed.sink.deltas:
        book.apply_all(deltas)
    assert book.best_bid() is not None
    assert not book.is_crossed
    assert 1 <= len(book.bids()) <= 5
    board = feed.gateway.truth.board("AAPL")
    assert book.best_bid().price == Price(str(board.quote.bid))
    feed.check()


async def test_delayed_data_makes_quotes_too(open_feed, start_gateway):
    feed = await open_feed(
        await start_gateway(data_permissions="delayed"), market_data_type="DELAYED_FROZEN"
    )
    await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, InstrumentId("AAPL.NASDAQ")))
    await feed.run(10)
    assert feed.sink.quotes
    assert all(q.bid_size > Quantity("0") for q in feed.sink.quotes)
    feed.check()


async def test_an_index_has_prices_and_nothing_else(open_feed, start_gateway):
    spx = InstrumentId("^SPX.CBOE")
    feed = await open_feed(await start_gateway(), load_ids=frozenset({spx}))
    await feed.subscribe(Subscription(DataKind.INDEX_PRICES, spx))
    await feed.run(10)
    assert feed.sink.index_prices
    for kind in (DataKind.QUOTE_TICKS, DataKind.TRADE_TICKS):
        with pytest.raises(Unsupported, match=r"(?s)IND.*INDEX_PRICES"):
            await feed.client.subscribe(Subscription(kind, spx))


async def test_what_ib_does_not_have_is_refused_with_the_alternative(feed, aapl):
    pair = InstrumentId("EUR/USD.IDEALPRO")
    with pytest.raises(Unsupported, match=r"(?s)no trades of CASH.*QUOTE_TICKS"):
        await feed.client.subscribe(Subscription(DataKind.TRADE_TICKS, pair))
    odd = BarType.from_str("AAPL.NASDAQ-7-MINUTE-LAST-EXTERNAL")
    with pytest.raises(Unsupported, match=r"(?s)no such bars.*5-MINUTE"):
        await feed.client.subscribe(Subscription(DataKind.BARS, aapl, odd))
    with pytest.raises(InvalidRequest, match="no such parameter"):
        await feed.client.subscribe(
            Subscription(DataKind.QUOTE_TICKS, aapl, params=(("speed", "fast"),))
        )
    with pytest.raises(InstrumentNotFound):
        await feed.client.subscribe(
            Subscription(DataKind.QUOTE_TICKS, InstrumentId("NOSUCH.NASDAQ"))
        )


async def test_a_client_that_is_not_connected_says_so(feed, aapl):
    await feed.client.disconnect()
    await feed.client.disconnect()
    assert feed.sink.connections == [True, False]
    with pytest.raises(NotConnected):
        await feed.client.subscribe(Subscription(DataKind.QUOTE_TICKS, aapl))


async def test_tick_by_tick_streams_fall_back_to_level_one_when_they_run_out(
    open_feed, start_gateway
):
    names = [InstrumentId(f"{name}.NASDAQ") for name in ("AAPL", "MSFT", "NVDA", "AMZN", "TSLA")]
    names += [InstrumentId("GOOGL.NASDAQ")]
    feed = await open_feed(await start_gateway(), load_ids=frozenset())
    for name in names:
        await feed.subscribe(Subscription(DataKind.TRADE_TICKS, name))
    await feed.run(30)
    assert {t.instrument_id for t in feed.sink.trades} == set(names)
    assert feed.sink.failures == []
    feed.check()


async def test_the_client_is_what_the_protocol_asks_for(feed):
    from posei_trader.protocols import DataClient

    assert isinstance(feed.client, DataClient)
