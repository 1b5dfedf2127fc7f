"""Trades made of level one: each print once, when it happened, and none that nobody traded."""

from decimal import Decimal

import pytest

from posei_ib_sim import wire
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, HistoryRequest, Subscription

BARS = """timestamp,open,high,low,close,volume
2024-03-05 15:00:00,100.00,100.50,99.90,100.40,4000
2024-03-05 15:01:00,100.40,100.60,100.20,100.30,3000
2024-03-05 15:02:00,100.30,100.30,99.50,99.60,5000
2024-03-05 15:03:00,99.60,99.80,99.40,99.75,2000
"""
SECOND = 10**9
BEGIN = 1_709_650_875 * SECOND
END = 1_709_651_040 * SECOND

IBM = InstrumentId("IBM.NYSE")
TRADES = Subscription(DataKind.TRADE_TICKS, IBM)


def shown(trades):
    return [(t.ts_event // SECOND, float(t.price), float(t.size)) for t in trades]


@pytest.fixture
async def open_ibm(open_feed, start_gateway, tmp_path):
    """Open a feed without tick-by-tick slots, when something has traded already."""

    async def open_(permissions="live", **settings):
        path = tmp_path / "IBM.csv"
        path.write_text(BARS)
        gateway = await start_gateway(replay=[path], data_permissions=permissions)
        await gateway.advance(75)
        return await open_feed(gateway, load_ids=frozenset({IBM}), **settings)

    return open_


@pytest.fixture
async def live(open_ibm):
    return await open_ibm(limits=PacingLimits(tick_by_tick=0, messages_per_second=1_000))


@pytest.fixture
async def delayed(open_ibm):
    """Open a feed of delayed data, and its trades, which fall back to level one."""
    feed = await open_ibm("delayed", market_data_type="DELAYED_FROZEN")
    await feed.subscribe(TRADES)
    await feed.until(lambda: "market data" in feed.connection.health().streams[0].subject)
    await feed.synced()
    return feed


async def test_level_one_makes_the_trades_that_history_has_since_the_subscription(live):
    await live.subscribe(TRADES)
    assert live.sink.trades == []  # the last print was before
    await live.run(165)
    request = HistoryRequest(instrument_id=IBM, start_ns=BEGIN, end_ns=END)
    past = await live.client.request_trade_ticks(request)
    assert len(past) > 5
    assert shown(live.sink.trades) == shown(past)
    live.check()


async def test_a_second_listener_is_not_told_a_trade_of_before(live):
    await live.subscribe(TRADES)
    await live.run(60)
    count = len(live.sink.trades)
    assert count
    await live.subscribe(Subscription(DataKind.TRADE_TICKS, IBM, params=(("stale_after", "30"),)))
    assert len(live.sink.trades) == count
    await live.run(60)
    (stream,) = live.connection.health().streams
    assert stream.listeners == 2
    new = shown(live.sink.trades[count:])
    assert new
    assert new[::2] == new[1::2]


async def test_delayed_prints_are_stamped_with_their_second_and_the_first_is_no_trade(delayed):
    assert delayed.sink.trades == []
    await delayed.run(165)
    simulation = delayed.gateway.simulation
    tape = simulation.feed.tape(simulation.contracts.named("IBM"))
    prints = [event for event in tape.events(BEGIN, END) if hasattr(event, "price")]
    assert shown(delayed.sink.trades) == [
        (one.ts_ns // SECOND, one.price, one.size) for one in prints
    ]
    delayed.check()


async def test_a_delayed_price_waits_for_its_size(delayed):
    (session,) = delayed.gateway.server.sessions
    (stream,) = delayed.connection.health().streams
    session.send(wire.TickPrice(reqId=stream.req_id, tickType=68, price=101.0, attrMask=0))
    session.send(wire.TickSize(reqId=stream.req_id, tickType=71, size=Decimal(7)))
    await delayed.synced()
    assert [(str(t.price), float(t.size)) for t in delayed.sink.trades] == [("101.00", 7)]
