"""The data engine between a venue and its listeners."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from rig import SIM, START, Rig
from venue import AAPL, MSFT, SECOND, Venue, VenueDataClient, equity, quote, trade

from posei_trader.config import LiveDataEngineConfig, RoutingConfig
from posei_trader.engine.context import DataContext
from posei_trader.engine.data import topic_of
from posei_trader.errors import InstrumentNotFound, InvalidRequest, RequestTimeout, Unsupported
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.book import OrderBookDelta, OrderBookDeltas
from posei_trader.model.derivatives import OpenInterest, OptionGreeks
from posei_trader.model.enums import (
    BookAction,
    BookSide,
    GreeksBasis,
    MarketStatus,
    PriceType,
    RecordFlag,
)
from posei_trader.model.identifiers import ClientId, InstrumentId
from posei_trader.model.requests import DataKind, HistoryRequest, Subscription
from posei_trader.model.ticks import IndexPriceUpdate, InstrumentStatus
from posei_trader.model.values import Price, Quantity

QUOTES = Subscription(DataKind.QUOTE_TICKS, AAPL)
MINUTE = BarType.from_str(f"{AAPL}-1-MINUTE-LAST-EXTERNAL")


class Owner:
    """Somebody who wants streams."""

    def __init__(self):
        self.items = []
        self.failures = []
        self.gaps = []
        self.silences = []

    def stream_silent(self, silence):
        self.silences.append(silence)

    def stream_failed(self, subscription, error):
        self.failures.append((subscription, error))

    def stream_interrupted(self, gap):
        self.gaps.append(gap)


def bar(ts, close=100, bar_type=MINUTE, **terms):
    return Bar(bar_type, 100, 101, 99, close, 5, 2, 0, ts, ts, **terms)


def routed(subscription, client_id=SIM):
    return msgspec.structs.replace(subscription, client_id=client_id)


async def test_ticks_go_from_the_venue_to_the_listener_and_into_the_cache():
    rig, owner = Rig(), Owner()
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    await rig.data.settle()
    first, second = quote(AAPL, "1.00", "1.01", 1), quote(AAPL, "1.01", "1.02", 2)
    rig.venue.set_quote(first)
    rig.venue.set_quote(second)
    assert owner.items == [first, second]
    assert rig.cache.quote_ticks(AAPL) == [first, second]
    assert rig.cache.quote_tick(AAPL) is second
    assert rig.cache.quote_tick(MSFT) is None


async def test_a_stream_is_opened_for_the_first_listener_and_closed_after_the_last():
    rig, one, two = Rig(), Owner(), Owner()
    rig.data.subscribe(QUOTES, one.items.append, one)
    rig.data.subscribe(QUOTES, two.items.append, two)
    rig.data.subscribe(QUOTES, two.items.append, two)
    await rig.data.settle()
    assert rig.data_client.opened == [routed(QUOTES)]
    assert rig.data.subscriptions() == [routed(QUOTES)]

    rig.data.unsubscribe(QUOTES, one.items.append, one)
    rig.data.unsubscribe(QUOTES, one.items.append, one)
    await rig.data.settle()
    assert rig.data_client.closed == []
    rig.venue.set_quote(quote(AAPL, "1", "2"))
    assert (one.items, len(two.items)) == ([], 1)

    rig.data.unsubscribe(QUOTES, two.items.append, two)
    await rig.data.settle()
    assert rig.data_client.closed == [routed(QUOTES)]
    assert rig.data.subscriptions() == []


async def test_a_quick_change_of_mind_ends_with_one_open_stream():
    rig, owner = Rig(), Owner()
    for _ in range(3):
        rig.data.subscribe(QUOTES, owner.items.append, owner)
        rig.data.unsubscribe(QUOTES, owner.items.append, owner)
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    await rig.data.settle()
    assert rig.data_client.streams == {routed(QUOTES)}
    assert len(rig.data_client.opened) - len(rig.data_client.closed) == 1


async def test_a_stream_that_is_given_up_while_it_opens_is_closed_again():
    rig, owner = Rig(), Owner()
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    await asyncio.sleep(0)
    rig.data.unsubscribe(QUOTES, owner.items.append, owner)
    await rig.data.settle()
    assert rig.data_client.streams == set()


async def test_a_refused_stream_is_told_to_its_owner_with_the_reason(caplog):
    rig, owner = Rig(), Owner()
    refused = Subscription(DataKind.QUOTE_TICKS, AAPL, params=(("refuse", "1"),))
    rig.data.subscribe(refused, owner.items.append, owner)
    await rig.data.settle()
    [(subscription, error)] = owner.failures
    assert subscription == routed(refused)
    assert isinstance(error, Unsupported)
    assert "cannot be opened" in caplog.text
    assert "Traceback" not in caplog.text  # the venue's no is no fault of the program
    rig.data.unsubscribe(refused, owner.items.append, owner)


async def test_a_stream_asked_for_while_disconnected_opens_after_the_connection_is_back():
    rig, owner = Rig(), Owner()
    rig.data_client.drop()
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    await rig.data.settle()
    assert rig.data_client.opened == []
    rig.data_client.restore()
    await rig.data.settle()
    assert rig.data_client.opened == [routed(QUOTES)]
    assert owner.failures == []
    assert owner.gaps == []


async def test_an_interruption_is_announced_to_the_owners_of_open_streams():
    rig, owner, seen = Rig(), Owner(), []
    rig.bus.subscribe("data.connection", seen.append)
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    await rig.data.settle()
    rig.data_client.drop("cut")
    rig.clock.advance(5 * SECOND)
    rig.data_client.drop("still cut")
    rig.clock.advance(5 * SECOND)
    rig.data_client.restore()
    [gap] = owner.gaps
    assert (gap.subscription, gap.start_ns, gap.end_ns) == (
        routed(QUOTES),
        START,
        START + 10 * SECOND,
    )
    assert gap.reason == "cut"
    assert [change.connected for change in seen] == [False, False, True]
    assert rig.data_client.opened == [routed(QUOTES)]


async def test_a_stream_that_the_venue_ends_is_told_to_its_owners_once():
    rig, owner, told = Rig(), Owner(), []
    rig.bus.subscribe("data.failures", told.append)
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    await rig.data.settle()
    error = RequestTimeout("the farm is gone")
    rig.data.subscription_failed(routed(QUOTES), error)
    rig.data.subscription_failed(routed(QUOTES), error)
    assert owner.failures == [(routed(QUOTES), error)]
    assert rig.data.counters["failures_of_unknown_streams"] == 1
    assert [failure.error for failure in told] == [error, error]
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    await rig.data.settle()
    assert rig.data.subscriptions() == [routed(QUOTES)]


async def test_two_clients_may_stream_one_instrument_and_each_is_closed_alone():
    rig, owner = Rig(), Owner()
    other = VenueDataClient(
        Venue(),
        DataContext(
            client_id=ClientId("OTHER"),
            trader_id=rig.wiring.trader_id,
            clock=rig.clock,
            cache=rig.cache,
            sink=rig.data,
        ),
    )
    other.is_connected = True
    rig.data.add_client(other, RoutingConfig())
    elsewhere = routed(QUOTES, ClientId("OTHER"))
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    rig.data.subscribe(elsewhere, owner.items.append, owner)
    await rig.data.settle()
    assert other.streams == {elsewhere}
    rig.data.unsubscribe(elsewhere, owner.items.append, owner)
    await rig.data.settle()
    rig.venue.set_quote(quote(AAPL, "1", "2"))
    assert len(owner.items) == 1
    assert other.streams == set()


async def test_who_names_no_terms_shares_the_stream_on_the_terms_it_has():
    rig, first, second = Rig(), Owner(), Owner()
    on_terms = msgspec.structs.replace(QUOTES, params=(("batch", "no"),))
    rig.data.subscribe(on_terms, first.items.append, first)
    rig.data.subscribe(QUOTES, second.items.append, second)
    await rig.data.settle()
    assert rig.data_client.streams == {routed(on_terms)}
    rig.data.quote_tick(quote(AAPL, "1", "2"))
    assert len(first.items) == len(second.items) == 1
    rig.data.unsubscribe(on_terms, first.items.append, first)
    await rig.data.settle()
    assert rig.data_client.streams == {routed(on_terms)}
    rig.data.unsubscribe(QUOTES, second.items.append, second)
    await rig.data.settle()
    assert rig.data_client.streams == set()


async def test_an_owner_who_asked_on_two_terms_keeps_the_stream_until_both_are_taken_back():
    rig, owner = Rig(), Owner()
    on_terms = msgspec.structs.replace(QUOTES, params=(("batch", "no"),))
    for wanted in (on_terms, QUOTES):
        rig.data.subscribe(wanted, owner.items.append, owner)
    rig.data.unsubscribe(QUOTES, owner.items.append, owner)
    await rig.data.settle()
    rig.data.quote_tick(quote(AAPL, "1", "2"))
    assert len(owner.items) == 1
    rig.data.unsubscribe(on_terms, owner.items.append, owner)
    await rig.data.settle()
    assert rig.data_client.streams == set()


@pytest.mark.parametrize("present", [(), (("depth", "5"),)])
async def test_other_terms_for_what_is_streamed_already_are_refused_until_it_ends(present):
    rig, first, second = Rig(), Owner(), Owner()
    book = Subscription(DataKind.ORDER_BOOK_DELTAS, AAPL, params=present)
    other = msgspec.structs.replace(book, params=(("depth", "20"),))
    rig.data.subscribe(book, first.items.append, first)
    with pytest.raises(InvalidRequest, match="streamed already") as refused:
        rig.data.subscribe(other, second.items.append, second)
    assert (refused.value.field, refused.value.value) == ("params", {"depth": "20"})
    assert str(dict(present)) in refused.value.message
    assert "share" in refused.value.remedy
    rig.data.unsubscribe(book, first.items.append, first)
    rig.data.subscribe(other, second.items.append, second)
    await rig.data.settle()
    assert rig.data_client.streams == {routed(other)}


async def test_internal_bars_share_the_ticks_that_are_there_and_refuse_other_terms():
    rig, owner = Rig(), Owner()
    on_terms = Subscription(DataKind.TRADE_TICKS, AAPL, params=(("stale_after", "30"),))
    bars = BarType.from_str(f"{AAPL}-1-SECOND-LAST-INTERNAL")
    wanted = Subscription(DataKind.BARS, AAPL, bars)
    rig.data.subscribe(on_terms, owner.items.append, owner)
    rig.data.subscribe(wanted, owner.items.append, owner)
    await rig.data.settle()
    assert rig.data_client.streams == {routed(on_terms)}
    rig.data.trade_tick(trade(AAPL, "1.00", "3", 60 * SECOND))
    rig.clock.advance(SECOND)
    assert [item.volume for item in owner.items if isinstance(item, Bar)] == [Quantity("3")]
    with pytest.raises(InvalidRequest, match="streamed already"):
        rig.data.subscribe(
            msgspec.structs.replace(wanted, params=(("a", "b"),)), owner.items.append, owner
        )


async def test_stopping_abandons_what_is_being_opened():
    rig, owner = Rig(), Owner()
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    rig.data.subscribe(
        Subscription(DataKind.BARS, AAPL, BarType.from_str(f"{AAPL}-1-SECOND-LAST-INTERNAL")),
        owner.items.append,
        owner,
    )
    await rig.data.stop()
    await rig.data.stop()
    assert rig.clock.next_timer_ns() is None


def test_out_of_order_data_is_dropped_and_counted_when_sequences_are_checked(caplog):
    rig = Rig(data=LiveDataEngineConfig(validate_data_sequence=True))
    new, old = quote(AAPL, "1", "2", 20), quote(AAPL, "1", "2", 10)
    for tick in (new, old, new):
        rig.data.quote_tick(tick)
    assert rig.cache.quote_ticks(AAPL) == [new, new]
    for tick in (trade(AAPL, "1", "1", 20), trade(AAPL, "1", "1", 10)):
        rig.data.trade_tick(tick)
    assert len(rig.cache.trade_ticks(AAPL)) == 1
    rig.data.bar(bar(20))
    rig.data.bar(bar(10))
    rig.data.bar(bar(20))
    rig.data.bar(bar(20, close=101, is_revision=True))
    rig.data.bar(bar(30))
    assert [one.ts_event for one in rig.cache.bars(MINUTE)] == [20, 20, 30]
    assert rig.data.counters.snapshot() == {
        "quotes_out_of_sequence_dropped": 1,
        "trades_out_of_sequence_dropped": 1,
        "bars_out_of_sequence_dropped": 2,
    }
    assert "quotes out of sequence dropped (1 so far)" in caplog.text


def test_out_of_order_data_passes_when_sequences_are_not_checked():
    rig = Rig()
    rig.data.quote_tick(quote(AAPL, "1", "2", 20))
    rig.data.quote_tick(quote(AAPL, "1", "2", 10))
    rig.data.trade_tick(trade(AAPL, "1", "1", 20))
    rig.data.trade_tick(trade(AAPL, "1", "1", 10))
    rig.data.bar(bar(20))
    rig.data.bar(bar(10))
    assert len(rig.cache.quote_ticks(AAPL)) == len(rig.cache.trade_ticks(AAPL)) == 2
    assert len(rig.cache.bars(MINUTE)) == 2


def test_a_raising_listener_stops_neither_the_next_one_nor_the_engine(caplog):
    rig, seen = Rig(), []

    def broken(_):
        raise ValueError("oops")

    for topic in (f"data.quotes.{AAPL}", f"data.trades.{AAPL}", f"data.bars.{MINUTE}"):
        rig.bus.subscribe(topic, broken)
        rig.bus.subscribe(topic, seen.append)
    items = [quote(AAPL, "1", "2"), trade(AAPL, "1", "1", 1), bar(1)]
    rig.data.quote_tick(items[0])
    rig.data.trade_tick(items[1])
    rig.data.bar(items[2])
    assert seen == items
    assert caplog.text.count("ValueError: oops") == 3


@pytest.mark.parametrize("validates", [True, False])
def test_ticks_that_come_together_go_the_way_of_each(validates):
    alone, together = [
        Rig(data=LiveDataEngineConfig(validate_data_sequence=validates)) for _ in range(2)
    ]
    quotes = [quote(AAPL, "1", "2", ts) for ts in (10, 20, 15, 20, 30)]
    trades = [trade(AAPL, "1", "1", ts) for ts in (10, 5, 20)]
    seen: dict[Rig, list[object]] = {alone: [], together: []}

    def broken(_):
        raise ValueError("oops")

    for rig, kept in seen.items():
        for topic in (f"data.quotes.{AAPL}", f"data.trades.{AAPL}"):
            rig.bus.subscribe(topic, broken)
            rig.bus.subscribe(topic, kept.append)
    for tick in quotes:
        alone.data.quote_tick(tick)
    for tick in trades:
        alone.data.trade_tick(tick)
    together.data.quote_ticks(quotes)
    together.data.trade_ticks(trades)
    together.data.trade_ticks([])
    assert (
        seen[together]
        == seen[alone]
        == [*alone.cache.quote_ticks(AAPL), *alone.cache.trade_ticks(AAPL)]
    )
    assert len(seen[alone]) == (6 if validates else 8)
    assert together.cache.quote_ticks(AAPL) == alone.cache.quote_ticks(AAPL)
    assert together.cache.trade_ticks(AAPL) == alone.cache.trade_ticks(AAPL)
    assert together.data.counters.snapshot() == alone.data.counters.snapshot()


def test_who_unsubscribes_is_told_nothing_more_of_what_came_together():
    rig, seen = Rig(), []

    def once(tick):
        seen.append(tick)
        rig.bus.unsubscribe(f"data.quotes.{AAPL}", once)

    rig.bus.subscribe(f"data.quotes.{AAPL}", once)
    quotes = [quote(AAPL, "1", "2", ts) for ts in range(5)]
    rig.data.quote_ticks(quotes)
    assert seen == quotes[:1]
    assert rig.cache.quote_ticks(AAPL) == quotes


async def test_internal_bars_are_made_from_trades_shared_and_ended():
    rig, one, two = Rig(start_ns=60 * SECOND), Owner(), Owner()
    bars = BarType.from_str(f"{AAPL}-1-SECOND-LAST-INTERNAL")
    wanted = Subscription(DataKind.BARS, AAPL, bars)
    for owner in (one, two):
        rig.data.subscribe(wanted, owner.items.append, owner)
    await rig.data.settle()
    trades = Subscription(DataKind.TRADE_TICKS, AAPL, client_id=SIM)
    assert rig.data_client.streams == {trades}

    rig.data.trade_tick(trade(AAPL, "1.00", "3", 60 * SECOND))
    rig.clock.advance(SECOND)
    assert one.items == two.items == rig.cache.bars(bars)
    assert (one.items[0].ts_event, one.items[0].volume_raw) == (61 * SECOND, 3 * SECOND)

    rig.data_client.drop("cut")
    rig.data_client.restore()
    assert [gap.subscription for gap in one.gaps] == [wanted]

    rig.data.unsubscribe(wanted, one.items.append, one)
    rig.data.unsubscribe(wanted, two.items.append, two)
    rig.data.unsubscribe(wanted, two.items.append, two)
    await rig.data.settle()
    assert rig.data_client.streams == set()
    assert rig.clock.next_timer_ns() is None


async def test_internal_bars_of_quotes_are_stamped_at_the_open_when_configured_so():
    rig = Rig(
        data=LiveDataEngineConfig(
            time_bars_timestamp_on_close=False, time_bars_build_with_no_updates=False
        ),
        start_ns=60 * SECOND,
    )
    owner = Owner()
    bars = BarType.from_str(f"{AAPL}-1-SECOND-MID-INTERNAL")
    rig.data.subscribe(Subscription(DataKind.BARS, AAPL, bars), owner.items.append, owner)
    await rig.data.settle()
    rig.venue.set_quote(quote(AAPL, "1.00", "1.02", 60 * SECOND))
    rig.clock.advance(5 * SECOND)
    [made] = owner.items
    assert (made.ts_event, made.close) == (60 * SECOND, Price("1.01"))


async def test_the_owner_of_internal_bars_is_told_when_their_ticks_fail():
    rig, owner = Rig(), Owner()
    bars = BarType.from_str(f"{AAPL}-1-SECOND-LAST-INTERNAL")
    wanted = Subscription(DataKind.BARS, AAPL, bars, params=(("refuse", "1"),))
    rig.data.subscribe(wanted, owner.items.append, owner)
    await rig.data.settle()
    [(subscription, error)] = owner.failures
    assert subscription == wanted
    assert isinstance(error, Unsupported)
    assert rig.clock.next_timer_ns() is None


def test_internal_bars_that_nobody_can_feed_are_refused_and_leave_no_timer():
    rig, owner = Rig(), Owner()
    bars = BarType.from_str(f"{AAPL}-1-SECOND-LAST-INTERNAL")
    wanted = Subscription(DataKind.BARS, AAPL, bars, client_id=ClientId("NOBODY"))
    with pytest.raises(InvalidRequest, match="no data client of this name"):
        rig.data.subscribe(wanted, owner.items.append, owner)
    assert rig.clock.next_timer_ns() is None


def delta(price, size, **terms):
    return OrderBookDelta(
        **{
            "instrument_id": AAPL,
            "action": BookAction.ADD,
            "side": BookSide.BID,
            "price_raw": Price(price).raw,
            "size_raw": size * SECOND,
            "order_id": 0,
            "price_precision": 2,
            "size_precision": 0,
            "flags": RecordFlag.LAST,
            "sequence": 1,
            "ts_event": 1,
            "ts_init": 1,
            **terms,
        }
    )


def test_the_book_is_up_to_date_when_its_listeners_run():
    rig, seen = Rig(), []
    rig.bus.subscribe(
        f"data.book.{AAPL}",
        lambda _: seen.append(rig.cache.order_book(AAPL).best_bid().price),
    )
    rig.data.order_book_deltas(OrderBookDeltas(AAPL, (delta("1.00", 3), delta("1.05", 2)), 1, 1))
    assert seen == [Price("1.05")]
    assert rig.cache.order_book(MSFT) is None


def test_deltas_that_do_not_apply_are_counted_and_not_passed_on():
    rig, seen = Rig(), []
    rig.bus.subscribe("data.book.*", seen.append)
    rig.data.order_book_deltas(OrderBookDeltas(MSFT, (delta("1.00", 3),), 1, 1))
    assert seen == []
    assert rig.data.counters["book_deltas_that_do_not_apply"] == 1


def test_definitions_states_and_index_values_are_kept_and_published():
    rig, seen = Rig(), []
    rig.bus.subscribe("data.*", seen.append)
    changed = equity(AAPL, lot_size=None, isin="US0378331005")
    status = InstrumentStatus(AAPL, MarketStatus.HALTED, 1, 1, "news")
    index = IndexPriceUpdate(InstrumentId("^SPX.CBOE"), 5_000 * SECOND, 2, 1, 1)
    rig.data.instrument(changed)
    rig.data.instrument_status(status)
    rig.data.index_price(index)
    assert seen == [changed, status, index]
    assert rig.cache.instrument(AAPL) is changed
    assert rig.cache.instrument_status(AAPL) is status
    assert rig.cache.index_price(index.instrument_id) is index
    assert rig.cache.price(index.instrument_id, PriceType.LAST) == Price("5000.00")


async def test_history_comes_from_the_client_that_serves_the_instrument():
    rig = Rig()
    rig.data_client.bars = [bar(START - 2), bar(START - 1), bar(START)]
    request = HistoryRequest(instrument_id=AAPL, limit=2)
    assert await rig.data.request_bars(MINUTE, request) == rig.data_client.bars[1:]
    rig.venue.set_quote(quote(AAPL, "1", "2"))
    assert await rig.data.request_quote_ticks(request) == [rig.venue.quotes[AAPL]]
    assert await rig.data.request_trade_ticks(request) == []


async def test_there_is_no_history_of_bars_that_are_made_here():
    rig = Rig()
    bars = BarType.from_str(f"{AAPL}-1-SECOND-LAST-INTERNAL")
    with pytest.raises(Unsupported, match="EXTERNAL"):
        await rig.data.request_bars(bars, HistoryRequest(instrument_id=AAPL))


async def test_an_instrument_is_loaded_by_its_provider():
    rig = Rig()
    new = equity(InstrumentId("NVDA.SIM"))
    rig.venue.instruments[new.id] = new
    assert await rig.data.request_instrument(new.id) is new
    assert rig.cache.instrument(new.id) is new
    with pytest.raises(InstrumentNotFound):
        await rig.data.request_instrument(InstrumentId("NONE.SIM"))


@pytest.mark.parametrize("kind", DataKind)
def test_every_kind_of_stream_has_a_topic_of_its_own(kind):
    bar_type = MINUTE if kind is DataKind.BARS else None
    topic = topic_of(Subscription(kind, AAPL, bar_type))
    assert topic.startswith("data.")
    assert str(bar_type or AAPL) in topic
    others = [topic_of(Subscription(other, AAPL, MINUTE)) for other in DataKind if other != kind]
    assert topic not in others


async def test_a_gap_and_a_silence_reach_who_listens_to_the_stream_and_nobody_else():
    rig, owner, other = Rig(), Owner(), Owner()
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    rig.data.subscribe(Subscription(DataKind.QUOTE_TICKS, MSFT), other.items.append, other)
    await rig.data.settle()
    rig.data.data_gap(routed(QUOTES), 5, 9, "the venue had none")
    rig.data.stream_silent(routed(QUOTES), 7, "opened anew once")
    [gap], [silence] = owner.gaps, owner.silences
    assert (gap.subscription, gap.start_ns, gap.end_ns) == (routed(QUOTES), 5, 9)
    assert gap.reason == "the venue had none"
    assert (silence.subscription, silence.since_ns) == (routed(QUOTES), 7)
    assert (silence.ts_event, silence.reason) == (START, "opened anew once")
    assert (other.gaps, other.silences) == ([], [])


async def test_a_client_that_heals_gaps_itself_is_not_spoken_for():
    rig, owner = Rig(), Owner()
    rig.data_client.heals_gaps = True
    rig.data.subscribe(QUOTES, owner.items.append, owner)
    await rig.data.settle()
    for connected in (False, True):
        rig.data.connection_changed(SIM, connected=connected, reason="restart")
    assert owner.gaps == []


def test_greeks_and_open_interest_are_kept_and_published():
    rig, owner = Rig(), Owner()
    rig.bus.subscribe(f"data.greeks.{AAPL}", owner.items.append)
    rig.bus.subscribe(f"data.open_interest.{AAPL}", owner.items.append)
    model = OptionGreeks(AAPL, GreeksBasis.MODEL, 0.2, 0.5, 0.01, 0.3, -0.02, 7.1, 190.0, 0.0, 1, 2)
    bid = msgspec.structs.replace(model, basis=GreeksBasis.BID, delta=None)
    interest = OpenInterest(AAPL, 12_345 * SECOND, 0, 1, 2)
    for greeks in (model, bid):
        rig.data.option_greeks(greeks)
    rig.data.open_interest(interest)
    assert owner.items == [model, bid, interest]
    assert rig.cache.option_greeks(AAPL) == model
    assert rig.cache.option_greeks(AAPL, GreeksBasis.BID) == bid
    assert rig.cache.option_greeks(AAPL, GreeksBasis.ASK) is None
    assert rig.cache.open_interest(AAPL) == interest
    assert rig.cache.open_interest(MSFT) is None
    assert str(interest.value) == "12345"


def test_being_connected_means_all_of_at_least_one_client():
    rig = Rig()
    assert rig.data.is_connected()
    assert [client.client_id for client in rig.data.clients] == [SIM]
    rig.data_client.is_connected = False
    assert not rig.data.is_connected()
