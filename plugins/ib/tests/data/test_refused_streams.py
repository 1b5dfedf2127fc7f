"""Every kind of subscription when IB refuses it: it fails with a remedy, or goes on, saying so."""

import pytest

from posei_trader.adapters.interactive_brokers.client import StreamState
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.errors import (
    InvalidRequest,
    MarketDataNotPermitted,
    ResourceExhausted,
    RetryLater,
)
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, HistoryRequest, Subscription

AAPL = InstrumentId("AAPL.NASDAQ")


def bars(spec, name=AAPL):
    return Subscription(DataKind.BARS, name, BarType.from_str(f"{name}-{spec}-EXTERNAL"))


QUOTES = Subscription(DataKind.QUOTE_TICKS, AAPL)
EVERY_QUOTE = Subscription(DataKind.QUOTE_TICKS, AAPL, params=(("batch_quotes", "false"),))
TRADES = Subscription(DataKind.TRADE_TICKS, AAPL)
STATUS = Subscription(DataKind.INSTRUMENT_STATUS, AAPL)
BOOK = Subscription(DataKind.ORDER_BOOK_DELTAS, AAPL)
SECONDS, FIVE_SECONDS, MINUTES = (bars(f"{size}-LAST") for size in ("1-SECOND", "5-SECOND",
                                                                    "1-MINUTE"))  # fmt: skip
LEVEL_ONE = [QUOTES, STATUS, EVERY_QUOTE, TRADES]  # the last two fall back to it
NEVER_DELAYED = {SECONDS: 10189, FIVE_SECONDS: 420, MINUTES: 162, BOOK: 354}


async def refused(feed, subscription):
    feed.sink.failures.clear()
    await feed.subscribe(subscription)
    await feed.until(lambda: feed.sink.failures)
    ((failed, error),) = feed.sink.failures
    assert failed == subscription
    assert isinstance(error, MarketDataNotPermitted)
    assert error.message
    assert error.field == "request"
    return error


@pytest.mark.parametrize(
    ("permissions", "code", "has_delayed"), [("none", 354, False), ("delayed", 10168, True)]
)
async def test_each_kind_of_stream_without_permission_fails_with_its_code_and_a_remedy_that_helps(
    open_feed, start_gateway, permissions, code, has_delayed
):
    feed = await open_feed(await start_gateway(data_permissions=permissions))
    for subscription in LEVEL_ONE:
        error = await refused(feed, subscription)
        assert error.code == code
        assert ("market_data_type=DELAYED_FROZEN" in error.remedy) == has_delayed
    for subscription, its_code in NEVER_DELAYED.items():
        error = await refused(feed, subscription)
        assert error.code == its_code
        assert "account management" in error.remedy
        assert "DELAYED_FROZEN" not in error.remedy  # these are never delayed
    assert feed.connection.health().streams == ()
    assert all(used == 0 for used, _ in feed.connection.pacing().lines.values())
    feed.check()


async def test_delayed_data_serves_level_one_and_what_falls_back_to_it(open_feed, start_gateway):
    gateway = await start_gateway(data_permissions="delayed")
    feed = await open_feed(gateway, market_data_type="DELAYED_FROZEN")
    for subscription in LEVEL_ONE:
        await feed.subscribe(subscription)
    await feed.run(16)
    assert feed.sink.failures == []
    assert feed.sink.quotes
    assert feed.sink.trades
    assert feed.connection.error_counts()[10167]
    for subscription in NEVER_DELAYED:
        await refused(feed, subscription)
    count = len(feed.sink.quotes)
    await feed.run(16)
    assert len(feed.sink.quotes) > count  # the others are unharmed
    feed.check()


async def test_streams_that_are_opened_while_another_session_has_the_data_come_when_it_ends(
    open_feed,
):
    feed = await open_feed(limits=PacingLimits(identical_s=0.001), is_on_venue_time=True)
    feed.gateway.faults.competing_session()
    wanted = [QUOTES, EVERY_QUOTE, TRADES, FIVE_SECONDS, MINUTES, BOOK]
    for subscription in wanted:
        await feed.subscribe(subscription)
    await feed.until(
        lambda: {s.state for s in feed.connection.health().streams} == {StreamState.SUSPENDED}
    )
    assert len(feed.connection.health().streams) == len(wanted)
    feed.gateway.faults.competing_session(active=False)
    await feed.until(
        lambda: {s.state for s in feed.connection.health().streams} == {StreamState.OPEN}
    )
    await feed.run(60)
    await feed.until(lambda: feed.sink.quotes and feed.sink.trades and feed.sink.bars)
    assert feed.sink.failures == []
    feed.check()


async def test_bars_of_a_second_are_never_made_of_level_one(open_feed, caplog):
    names = [InstrumentId(f"{name}.NASDAQ") for name in ("MSFT", "NVDA", "AMZN", "TSLA", "GOOGL")]
    feed = await open_feed(load_ids=frozenset())
    for name in names:
        await feed.subscribe(bars("1-SECOND-LAST", name))
    with pytest.raises(ResourceExhausted, match="tick-by-tick"):
        await feed.subscribe(SECONDS)
    assert "level one serves" not in caplog.text
    await feed.client.unsubscribe(bars("1-SECOND-LAST", names[0]))
    await feed.subscribe(SECONDS)


async def test_history_while_another_session_has_the_data_may_be_asked_for_later(open_feed):
    feed = await open_feed()
    feed.gateway.faults.competing_session()
    span = HistoryRequest(
        instrument_id=AAPL, start_ns=1_709_640_000 * 10**9, end_ns=1_709_640_060 * 10**9
    )
    with pytest.raises(RetryLater):
        await feed.client.request_trade_ticks(span)


async def test_a_parameter_of_a_history_request_that_says_neither_yes_nor_no_is_refused(feed):
    request = HistoryRequest(
        instrument_id=AAPL, start_ns=1_709_600_000 * 10**9, params={"use_rth": "maybe"}
    )
    with pytest.raises(InvalidRequest, match="use_rth is true or false") as found:
        await feed.client.request_bars(BarType.from_str(f"{AAPL}-1-HOUR-LAST-EXTERNAL"), request)
    assert found.value.value == "maybe"
