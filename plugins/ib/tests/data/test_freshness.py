"""Streams that say nothing in their trading hours are opened anew, and then the node is alarmed."""

from __future__ import annotations

import pytest

from posei_trader.adapters.interactive_brokers.contract_types import IBContract, IBContractDetails
from posei_trader.adapters.interactive_brokers.data.market_hours import MarketHours
from posei_trader.errors import InvalidRequest
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, Subscription

AAPL, MSFT = InstrumentId("AAPL.NASDAQ"), InstrumentId("MSFT.NASDAQ")
KO = InstrumentId("KO.NYSE")
QUOTES = "timestamp,bid,ask,bid_size,ask_size\n{day} 15:00:00,50.00,50.02,300,200\n"


def reissues(feed):
    return {stream.subject: stream.reissues for stream in feed.connection.health().streams}


@pytest.fixture
def open_quiet(open_feed, start_gateway, tmp_path):
    """Open a feed at a venue where one share was quoted once, and then nothing happens."""

    async def open_(day="2024-03-05", start="15:00:00", **settings):
        path = tmp_path / "KO.csv"
        path.write_text(QUOTES.format(day=day))
        gateway = await start_gateway(replay=[path], synthetic=False, start=f"{day}T{start}Z")
        return await open_feed(gateway, load_ids=frozenset({KO}), is_on_venue_time=True, **settings)

    return open_


async def run_slowly(feed, seconds):
    """Give the venue time to answer before much of its time has passed."""
    for _ in range(seconds // 2):
        await feed.run(2)


async def test_only_the_stream_that_died_is_opened_anew(open_feed):
    feed = await open_feed(
        load_ids=frozenset({AAPL, MSFT}), is_on_venue_time=True, stale_after=60.0
    )
    for name in (AAPL, MSFT):
        await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, name))
    await feed.run(30)
    (session,) = feed.gateway.server.sessions
    dead = next(s.req_id for s in feed.connection.health().streams if "AAPL" in s.subject)
    session.cancel("market data", dead)
    await feed.run(50)
    assert set(reissues(feed).values()) == {0}
    await feed.run(30)
    assert sorted(reissues(feed).values()) == [0, 1]
    assert reissues(feed)[next(s for s in reissues(feed) if "AAPL" in s)] == 1
    count = len([q for q in feed.sink.quotes if q.instrument_id == AAPL])
    await feed.run(200)
    assert len([q for q in feed.sink.quotes if q.instrument_id == AAPL]) > count
    assert sorted(reissues(feed).values()) == [0, 1]
    assert session.count("market data") == 2
    assert feed.sink.silences == []
    # Level one has no history: what was missed is announced.
    [(subscription, start, end, reason)] = feed.sink.gaps
    assert subscription.instrument_id == AAPL
    assert 50 <= (end - start) / 10**9 <= 90
    assert "trading hours" in reason
    feed.check()


async def test_a_stream_that_stays_silent_raises_one_alarm_and_is_tried_ever_more_rarely(
    open_quiet,
):
    feed = await open_quiet(stale_after=30.0)
    subscription = Subscription(DataKind.QUOTE_TICKS, KO)
    await feed.subscribe(subscription)
    for expected in (0, 1, 1):
        await run_slowly(feed, 20)
        assert set(reissues(feed).values()) == {expected}
    assert feed.sink.silences == []
    await run_slowly(feed, 40)
    [(told, since_ns, reason)] = feed.sink.silences
    assert told == subscription
    assert since_ns // 10**9 - 1_709_650_800 < 20
    assert "opened anew" in reason
    await run_slowly(feed, 300)
    assert len(feed.sink.silences) == 1
    assert 3 <= next(iter(reissues(feed).values())) <= 5
    feed.check()


@pytest.mark.parametrize(
    ("day", "start", "settings", "params"),
    [
        ("2024-03-09", "15:00:00", {}, ()),  # a Saturday
        ("2024-03-05", "02:00:00", {}, ()),  # New York sleeps
        ("2024-03-05", "15:00:00", {"stale_after": None}, ()),
        ("2024-03-05", "15:00:00", {}, (("stale_after", "0"),)),
    ],
)
async def test_nothing_is_opened_anew_when_the_market_is_closed_or_nobody_wants_it(
    open_quiet, day, start, settings, params
):
    feed = await open_quiet(day, start, **{"stale_after": 30.0, **settings})
    await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, KO, params=params))
    await feed.run(900)
    assert set(reissues(feed).values()) == {0}
    assert feed.sink.silences == []


async def test_hours_of_later_days_are_asked_for_when_the_known_ones_have_passed(open_quiet):
    feed = await open_quiet(stale_after=86_400.0)
    await feed.subscribe(Subscription(DataKind.QUOTE_TICKS, KO))
    # Into the middle of a session, two weeks on; the stream waits a day before it is suspicious.
    feed.gateway.faults.clock_jump(14 * 86_400)
    await feed.run(60)
    watch = next(iter(feed.client._freshness._watches.values()))
    await feed.until(lambda: watch.hours.open_since(feed.gateway.clock.now_ns) is not None)


async def test_a_wrong_number_of_seconds_is_refused(feed):
    for text in ("soon", "-1", "nan"):
        with pytest.raises(InvalidRequest, match="number of seconds"):
            await feed.client.subscribe(
                Subscription(DataKind.QUOTE_TICKS, AAPL, params=(("stale_after", text),))
            )


def test_listed_hours_know_holidays_nights_and_what_they_do_not_reach():
    hours = MarketHours(
        IBContractDetails(
            contract=IBContract(),
            timeZoneId="US/Central",
            tradingHours="20240304:1700-20240305:1600;20240305:1700-20240306:1600;20240307:CLOSED",
            liquidHours="20240305:0830-20240305:1500",
        ),
        use_rth=False,
    )
    hour = 3_600 * 10**9
    opened = 1_709_593_200 * 10**9  # the 4th of March, 17:00 in Chicago
    assert hours.open_since(opened) == opened
    assert hours.open_since(opened + 22 * hour) == opened
    assert hours.open_since(opened + 23 * hour + hour // 2) is None
    assert hours.open_since(opened + 25 * hour) == opened + 24 * hour
    assert hours.knows(opened + 23 * hour + hour // 2)
    assert not hours.knows(opened - 1)
    assert not hours.knows(opened + 60 * hour)
    assert not MarketHours(IBContractDetails(contract=IBContract()), use_rth=True).knows(opened)
