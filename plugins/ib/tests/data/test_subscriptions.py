"""Subscribing and unsubscribing by several strategies: the venue has what is wanted, no more."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.errors import ResourceExhausted
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, Subscription
from posei_trader.trading.actor import Actor

AAPL, MSFT = InstrumentId("AAPL.NASDAQ"), InstrumentId("MSFT.NASDAQ")

# What a strategy calls, and the kind of subscription that the venue keeps for it. Quotes and status
# are both level one without further ticks: one line serves both.
WISHES = {
    "quote_ticks": ("market data", lambda name: (name,)),
    "instrument_status": ("market data", lambda name: (name,)),
    "trade_ticks": ("tick-by-tick", lambda name: (name,)),
    "bars": (
        "real-time bars",
        lambda name: (BarType.from_str(f"{name}-5-SECOND-LAST-EXTERNAL"),),
    ),
    "minutes": ("history", lambda name: (BarType.from_str(f"{name}-1-MINUTE-LAST-EXTERNAL"),)),
    "order_book_deltas": ("depth", lambda name: (name,)),
}
UNPACED = PacingLimits(
    messages_per_second=10_000, identical_s=0.001, burst=1_000, small_bar_requests=100_000
)

wishes = st.tuples(
    st.integers(0, 2), st.booleans(), st.sampled_from(sorted(WISHES)), st.sampled_from([AAPL, MSFT])
)


def wish(actor, is_wanted, what, name):
    """Call what a strategy would call."""
    verb = "subscribe" if is_wanted else "unsubscribe"
    method = "bars" if what == "minutes" else what
    getattr(actor, f"{verb}_{method}")(*WISHES[what][1](name))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=st.lists(st.one_of(wishes, st.just("settle")), max_size=40))
def test_any_interleaving_leaves_exactly_the_needed_subscriptions_at_the_venue(desk_type, actions):
    asyncio.run(interleave(desk_type, actions))


async def interleave(desk_type, actions):
    config = SimulatedIBGatewayConfig(speed="step", start="2024-03-05T15:00:00Z", pacing=False)
    async with SimulatedIBGateway(config) as gateway:
        actors = [Actor() for _ in range(3)]
        desk = desk_type(gateway, actors, limits=UNPACED, load_ids=frozenset({AAPL, MSFT}))
        await desk.client.connect()
        try:
            desk.trader.start()
            wanted = set()
            for action in actions:
                if action == "settle":
                    await desk.settled()
                    continue
                number, is_wanted, what, name = action
                wish(actors[number], is_wanted, what, name)
                change = wanted.add if is_wanted else wanted.discard
                change((number, what, name))
            await desk.settled()
            (session,) = gateway.server.sessions
            needed = sorted({(WISHES[what][0], name) for _, what, name in wanted})
            assert sorted(kind for kind, _ in session.subscriptions) == [kind for kind, _ in needed]
            assert len(desk.connection.health().streams) == len(needed)
            desk.trader.stop()
            await desk.settled()
            assert session.subscriptions == []
            desk.check()
        finally:
            with contextlib.suppress(Exception):
                await desk.trader.close()
            await desk.engine.stop()
            await desk.client.disconnect()


async def test_without_a_market_data_line_the_subscription_fails_and_says_so(open_feed):
    feed = await open_feed(limits=PacingLimits(lines=1, messages_per_second=50))
    await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, AAPL))
    pair = Subscription(DataKind.QUOTE_TICKS, InstrumentId("EUR/USD.IDEALPRO"))
    with pytest.raises(ResourceExhausted, match=r"(?s)line.*1"):
        await feed.client.subscribe(pair)
    await feed.client.unsubscribe(Subscription(DataKind.QUOTE_TICKS, AAPL))
    await feed.subscribe(pair)
    await feed.run(10)
    assert {quote.instrument_id for quote in feed.sink.quotes} >= {pair.instrument_id}


async def test_a_line_that_ib_refuses_fails_the_subscription_and_no_other(open_feed, start_gateway):
    feed = await open_feed(await start_gateway(pacing=True, market_data_lines=1))
    first = Subscription(DataKind.QUOTE_TICKS, AAPL)
    second = Subscription(DataKind.QUOTE_TICKS, InstrumentId("EUR/USD.IDEALPRO"))
    await feed.subscribe(first)
    await feed.subscribe(second)
    await feed.until(lambda: feed.sink.failures)
    [(failed, error)] = feed.sink.failures
    assert failed == second
    assert isinstance(error, ResourceExhausted)
    assert error.code == 101
    await feed.run(10)
    assert {quote.instrument_id for quote in feed.sink.quotes} == {AAPL}


SHARES = [InstrumentId(f"{name}.NASDAQ") for name in ("AAPL", "MSFT", "NVDA", "AMZN", "TSLA")]
SHARES.append(InstrumentId("GOOGL.NASDAQ"))


@pytest.mark.parametrize("who", ["client", "venue"])
@pytest.mark.parametrize("falls_back", [True, False])
async def test_a_missing_tick_by_tick_slot_falls_back_or_fails_as_configured_and_says_so(
    open_feed, start_gateway, caplog, who, falls_back
):
    slots = 5 if who == "client" else 50
    feed = await open_feed(
        await start_gateway(pacing=True),
        load_ids=frozenset(),
        limits=PacingLimits(tick_by_tick=slots),
        fallback_to_level_one=falls_back,
    )
    refused = []
    for name in SHARES:
        try:
            await feed.subscribe(Subscription(DataKind.TRADE_TICKS, name))
        except ResourceExhausted as error:
            refused.append(error)
    await feed.synced()
    await feed.run(60)
    traded = {trade.instrument_id for trade in feed.sink.trades}
    if falls_back:
        assert traded == set(SHARES)
        assert (refused, feed.sink.failures) == ([], [])
        assert "level one serves instead" in caplog.text
    else:
        assert traded == set(SHARES[:5])
        assert len(refused) + len(feed.sink.failures) == 1
        errors = [*refused, *(error for _, error in feed.sink.failures)]
        assert isinstance(errors[0], ResourceExhausted)
    feed.check()
