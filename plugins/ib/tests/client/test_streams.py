"""Streams: shared, closed by the last listener, opened anew when needed, failed with a reason."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from posei_trader.adapters.interactive_brokers.client import StreamState
from posei_trader.adapters.interactive_brokers.client.messages import TickKind
from posei_trader.errors import (
    ConnectionLost,
    InvalidRequest,
    MarketDataNotPermitted,
    RequestRejected,
    ResourceExhausted,
)

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.wire.tick_columns import QuoteColumns

BILLION = 10**9


async def test_ticks_reach_the_listener_in_ibs_order(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_ticks(shop.EURUSD, TickKind.BID_ASK, listener)
    asked = await gateway.asked(97)
    assert asked[3:5] == ["EUR", "CASH"]
    assert asked[-3:] == ["BidAsk", "0", "0"]
    req_id = asked[1]
    gateway.send(99, req_id, 3, 1704200000, 1.0954, 1.0955, "1000000", "2.5", 2)
    gateway.send(99, req_id, 3, 1704200001, 1.0955, 1.0956, "1", "2", 0)
    assert await listener.next() == (
        "quote",
        1704200000,
        1.0954,
        1.0955,
        1_000_000 * BILLION,
        2_500_000_000,
        2,
    )
    assert await listener.next() == ("quote", 1704200001, 1.0955, 1.0956, BILLION, 2 * BILLION, 0)


async def test_trades_and_midpoints_reach_their_listeners(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    trades, midpoints = shop.Listener(), shop.Listener()
    client.subscribe_ticks(shop.AAPL, TickKind.ALL_LAST, trades)
    client.subscribe_ticks(shop.AAPL, TickKind.MID_POINT, midpoints)
    first, second = (await gateway.asked(97))[1], (await gateway.asked(97))[1]
    gateway.send(99, first, 2, 1704200000, 190.5, "10", 2, "ARCA", "TI")
    gateway.send(99, second, 4, 1704200000, 190.25)
    assert await trades.next() == ("trade", 1704200000, 190.5, 10 * BILLION, 2, "ARCA", "TI")
    assert await midpoints.next() == ("midpoint", 1704200000, 190.25)


async def test_level_one_reaches_the_listener_as_ib_sends_it(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener, generic_ticks="233")
    asked = await gateway.asked(1)
    assert asked[-4:] == ["233", "0", "0", ""]
    req_id = asked[2]
    gateway.send(81, req_id, 0.01, "9c0001", 3)
    gateway.send(58, 1, req_id, 3)
    gateway.send(1, 6, req_id, 66, 190.5, "3", 1)
    gateway.send(2, 6, req_id, 69, "3")
    gateway.send(46, 6, req_id, 48, "190.5;10;1704200000000;1;190;true")
    gateway.send(45, 6, req_id, 49, 0)
    gateway.send(21, req_id, 13, 0, 0.25, -1, 3.5, -1, 0.1, 0.2, -2, 190.5)
    names = [await listener.next() for _ in range(7)]
    assert names[0][0] == "parameters"
    assert (names[0][1].min_tick, names[0][1].bbo_exchange) == (0.01, "9c0001")
    assert names[1:6] == [
        ("market_data_type", 3),
        ("tick_price", 66, 190.5, 3 * BILLION, 1),
        ("tick_size", 69, 3 * BILLION),
        ("tick_string", 48, "190.5;10;1704200000000;1;190;true"),
        ("tick_generic", 49, 0.0),
    ]
    computed = names[6][1]
    assert (computed.implied_vol, computed.delta, computed.theta) == (0.25, -1.0, None)


async def test_equal_streams_are_one_and_the_last_listener_ends_it(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    first, second = shop.Listener(), shop.Listener()
    one = client.subscribe_market_data(shop.AAPL, first)
    req_id = (await gateway.asked(1))[2]
    gateway.send(1, 6, req_id, 1, 190.5, "3", 0)
    await first.next("tick_price")
    two = client.subscribe_market_data(shop.AAPL, second)
    assert await second.next() == ("tick_price", 1, 190.5, 3 * BILLION, 0)
    gateway.send(2, 6, req_id, 8, "100")
    for listener in (first, second):
        assert await listener.next() == ("tick_size", 8, 100 * BILLION)
    one.close()
    one.close()
    assert one.state is StreamState.CLOSED
    gateway.send(2, 6, req_id, 8, "101")
    assert await second.next() == ("tick_size", 8, 101 * BILLION)
    assert gateway.count(2) == 0
    two.close()
    assert await gateway.asked(2) == ["2", "2", req_id]
    assert first.seen[-1] == ("tick_size", 8, 100 * BILLION)
    assert gateway.count(1) == 1


async def test_nothing_is_delivered_after_closing(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    subscription = client.subscribe_market_data(shop.AAPL, listener)
    req_id = (await gateway.asked(1))[2]
    subscription.close()
    gateway.send(2, 6, req_id, 8, "100")
    gateway.send(4, 2, req_id, 300, "Can't find EId with tickerId", "")
    await shop.until(lambda: client.health().late)
    assert listener.seen == []


async def test_a_stream_that_was_never_sent_is_never_cancelled(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    client._session.scheduler.hold(10)
    client.subscribe_market_data(shop.AAPL, shop.Listener()).close()
    clock.advance(20)
    await client.connect()
    assert gateway.count(1) == gateway.count(2) == 0
    assert client.pacing().lines["market data lines"] == (0, 100)


async def test_lines_run_out_with_an_error_and_are_given_back(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    held = []
    for number in range(5):
        contract = type(shop.AAPL)(secType="STK", symbol=f"S{number}", exchange="SMART")
        held.append(client.subscribe_ticks(contract, TickKind.LAST, shop.Listener()))
    with pytest.raises(ResourceExhausted, match="tick-by-tick"):
        client.subscribe_ticks(shop.AAPL, TickKind.LAST, shop.Listener())
    held[0].close()
    client.subscribe_ticks(shop.AAPL, TickKind.LAST, shop.Listener())


async def test_a_missing_permission_ends_the_stream_with_the_remedy(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    subscription = client.subscribe_market_data(shop.AAPL, listener)
    req_id = (await gateway.asked(1))[2]
    gateway.send(4, 2, req_id, 354, "Requested market data is not subscribed.", "")
    name, error = await listener.next()
    assert name == "stream_failed"
    assert isinstance(error, MarketDataNotPermitted)
    assert error.code == 354
    assert "DELAYED_FROZEN" in error.remedy
    assert subscription.state is StreamState.CLOSED
    assert client.pacing().lines["market data lines"] == (0, 100)


async def test_delayed_data_instead_of_live_is_a_warning(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener)
    req_id = (await gateway.asked(1))[2]
    gateway.send(4, 2, req_id, 10167, "Displaying delayed market data.", "")
    gateway.send(1, 6, req_id, 66, 190.5, "3", 1)
    assert (await listener.next())[0] == "tick_price"


async def test_a_stream_that_ib_dropped_is_opened_anew_with_growing_pauses(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    listener = shop.Listener()
    client.subscribe_ticks(shop.AAPL, TickKind.LAST, listener)
    for pause in (1, 2, 4, 8, 16, None):
        req_id = (await gateway.asked(97))[1]
        gateway.send(4, 2, req_id, 10182, "Failed to request live updates (disconnected).", "")
        if pause is None:
            break
        await shop.until(lambda: client.health().streams[0].state == "suspended")
        clock.advance(pause * 0.9)
        assert client.health().streams[0].state == "suspended"
        clock.advance(pause * 0.2)
        assert (await listener.next())[0] == "stream_restarted"
    name, error = await listener.next()
    assert name == "stream_failed"
    assert isinstance(error, ConnectionLost)
    assert gateway.count(97) == 6


async def test_a_duplicate_id_is_opened_under_another(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    client.subscribe_market_data(shop.AAPL, shop.Listener())
    req_id = (await gateway.asked(1))[2]
    gateway.send(4, 2, req_id, 102, "Duplicate ticker ID for API requests.", "")
    await shop.until(lambda: client.health().streams[0].state == "suspended")
    clock.advance(2)
    assert (await gateway.asked(1))[2] != req_id


async def test_books_have_rows_and_are_reset(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_market_depth(shop.AAPL, listener, rows=5, is_smart=False)
    asked = await gateway.asked(10)
    assert asked[-3:] == ["5", "0", ""]
    req_id = asked[2]
    gateway.send(13, 1, req_id, 0, "ARCA", 0, 1, 190.5, "100", 0)
    gateway.send(12, 1, req_id, 1, 2, 0, 0, "0")
    gateway.send(4, 2, req_id, 317, "Market depth data has been RESET.", "")
    assert await listener.next() == ("depth", 0, "ARCA", 0, 1, 190.5, 100 * BILLION, False)
    assert await listener.next() == ("depth", 1, "", 2, 0, 0.0, 0, False)
    assert await listener.next() == ("depth_reset",)


async def test_bars_kept_up_to_date_come_as_history_first(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_historical_bars(shop.AAPL, listener, duration="1 D", bar_size="5 secs")
    asked = await gateway.asked(20)
    assert asked[-2:] == ["1", ""]
    req_id = asked[1]
    assert client.pacing().open_historical == 1
    gateway.send(17, req_id, "s", "e", 1, "1704200000", 1, 2, 0.5, 1.5, 100, 1.2, 7)
    gateway.send(90, req_id, 8, "1704200005", 1, 1.6, 2, 0.5, 1.2, 110)
    name, bars = await listener.next()
    assert (name, len(bars), bars.start, bars.end) == ("bars", 1, "s", "e")
    name, bar = await listener.next()
    assert name == "bar_update"
    assert (bar.date, bar.close, bar.high, bar.volume) == ("1704200005", 1.6, 2.0, 110 * BILLION)
    assert client.pacing().open_historical == 0


async def test_real_time_bars_reach_the_listener(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_realtime_bars(shop.AAPL, listener)
    req_id = (await gateway.asked(50))[2]
    gateway.send(50, 3, req_id, 1704200000, 1, 2, 0.5, 1.5, 100, 1.25, 7)
    assert await listener.next() == (
        "realtime_bar",
        1704200000,
        1.0,
        2.0,
        0.5,
        1.5,
        100 * BILLION,
        1.25,
        7,
    )


async def test_a_failing_listener_is_counted_and_stops_nothing(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)

    class Broken(shop.Listener):
        def tick_size(self, *_: object) -> None:
            raise RuntimeError("broken on purpose")

    client.subscribe_market_data(shop.AAPL, Broken())
    req_id = (await gateway.asked(1))[2]
    good = shop.Listener()
    client.subscribe_market_data(shop.AAPL, good)
    gateway.send(2, 6, req_id, 8, "1")
    gateway.send(2, 6, req_id, 8, "2")
    await good.next()
    assert await good.next() == ("tick_size", 8, 2 * BILLION)
    assert client.is_connected


async def test_an_unknown_market_data_type_is_refused(shop):
    client = shop.client(1)
    with pytest.raises(InvalidRequest, match="no such market data type"):
        client.set_market_data_type(5)


async def test_every_tick_of_a_burst_arrives_once_and_in_order(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    times: list[int] = []

    class Counting(shop.Listener):
        def quote(self, time_s: int, *_: object) -> None:
            times.append(time_s)

    client.subscribe_ticks(shop.EURUSD, TickKind.BID_ASK, Counting())
    req_id = (await gateway.asked(97))[1]
    count = 50_000
    gateway.send_raw(
        b"".join(
            shop.text_frame(99, req_id, 3, second, 1.0954, 1.0955, 100, 200, 0)
            for second in range(count)
        )
    )
    await shop.until(lambda: len(times) >= count)
    assert times == list(range(count))
    assert client.health().streams[0].received == count
    await asyncio.sleep(0)


async def test_ticks_of_several_streams_that_come_together_reach_each_its_listener_in_order(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    seen: list[tuple[str, int]] = []

    class Named(shop.Listener):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def quote(self, time_s: int, *_: object) -> None:
            seen.append((self.name, time_s))

    client.subscribe_ticks(shop.EURUSD, TickKind.BID_ASK, Named("euro"))
    client.subscribe_ticks(shop.AAPL, TickKind.BID_ASK, Named("apple"))
    ids = {"euro": (await gateway.asked(97))[1], "apple": (await gateway.asked(97))[1], "": "77"}
    wanted = [(name, second) for second in range(20) for name in ("euro", "apple", "apple", "")]
    gateway.send_raw(
        b"".join(
            shop.text_frame(99, ids[name], 3, second, 1.0, 1.1, 100, 200, 0)
            for name, second in wanted
        )
    )
    await shop.until(lambda: client.health().late == 20)
    await shop.until(lambda: len(seen) == 60)
    assert seen == [row for row in wanted if row[0]]


async def test_a_malformed_tick_among_others_is_counted_and_costs_no_other(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    seen: list[int] = []

    class Times(shop.Listener):
        def quote(self, time_s: int, *_: object) -> None:
            seen.append(time_s)

    client.subscribe_ticks(shop.EURUSD, TickKind.BID_ASK, Times())
    req_id = (await gateway.asked(97))[1]
    gateway.send_raw(
        b"".join(
            shop.text_frame(99, req_id, 3, second, 1.0 if second != 7 else "x", 1.1, 1, 2, 0)
            for second in range(20)
        )
    )
    await shop.until(lambda: len(seen) == 19)
    assert seen == [second for second in range(20) if second != 7]
    assert client.health().malformed == 1


async def test_a_listener_that_takes_ticks_together_gets_all_of_them(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    seen: list[int] = []

    class Together(shop.Listener):
        def quote(self, time_s: int, *_: object) -> None:
            seen.append(time_s)

        def quotes(self, run: QuoteColumns) -> None:
            seen.extend(run.times_s)
            if 30 in run.times_s:
                raise RuntimeError("broken on purpose")

    client.subscribe_ticks(shop.EURUSD, TickKind.BID_ASK, Together())
    req_id = (await gateway.asked(97))[1]
    gateway.send_raw(
        b"".join(shop.text_frame(99, req_id, 3, second, 1, 1.1, 1, 2, 0) for second in range(40))
    )
    await shop.until(lambda: len(seen) == 40)
    assert seen == list(range(40))
    (stream,) = client.health().streams
    assert stream.received == 40
    assert client.health().handler_errors == 1


async def test_level_one_that_comes_together_reaches_the_listener_in_ibs_order(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener)
    req_id = (await gateway.asked(1))[2]
    gateway.send_raw(
        b"".join(
            shop.text_frame(1, 6, req_id, 1, 190 + number, number + 1, 1)
            + shop.text_frame(2, 6, req_id, 0, number + 1)
            for number in range(6)
        )
    )
    for number in range(6):
        size = (number + 1) * BILLION
        assert await listener.next() == ("tick_price", 1, 190.0 + number, size, 1)
        assert await listener.next() == ("tick_size", 0, size)
    late = shop.Listener()
    client.subscribe_market_data(shop.AAPL, late)
    assert await late.next() == ("tick_price", 1, 195.0, 6 * BILLION, 1)
    assert await late.next() == ("tick_size", 0, 6 * BILLION)


async def test_a_late_listener_is_told_each_price_with_the_size_that_it_has_now(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener, generic_ticks="233")
    req_id = (await gateway.asked(1))[2]
    for tick_type, price in ((1, 190.5), (66, 190.5), (4, 190.75), (68, 190.75), (6, 191.0)):
        gateway.send(1, 6, req_id, tick_type, price, "500", 0)
    for tick_type in (0, 69, 5, 71):
        gateway.send(2, 6, req_id, tick_type, "3")
    # A side without a quote keeps its mark, whatever size is left over.
    gateway.send(2, 6, req_id, 3, "7")
    gateway.send(1, 6, req_id, 2, -1, "0", 0)
    gateway.send(46, 6, req_id, 45, "1704200000")
    gateway.send(46, 6, req_id, 48, "190.75;3;1704200000000;1;190;true")
    await shop.until(lambda: any(seen[:2] == ("tick_string", 48) for seen in listener.seen))
    late = shop.Listener()
    client.subscribe_market_data(shop.AAPL, late, generic_ticks="233")
    # Real-time volume is no state: it is a trade, of before.
    assert [seen for seen in late.seen if seen[0] == "tick_string"] == [
        ("tick_string", 45, "1704200000")
    ]
    prices = [seen for seen in late.seen if seen[0] == "tick_price"]
    assert sorted(prices) == [
        ("tick_price", 1, 190.5, 3 * BILLION, 0),
        ("tick_price", 2, -1.0, 0, 0),
        ("tick_price", 4, 190.75, 3 * BILLION, 0),
        ("tick_price", 6, 191.0, 500 * BILLION, 0),
        ("tick_price", 66, 190.5, 3 * BILLION, 0),
        ("tick_price", 68, 190.75, 3 * BILLION, 0),
    ]


async def test_a_listener_that_fails_for_every_tick_does_not_flood_the_log(shop, caplog):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)

    class Broken(shop.Listener):
        def tick_size(self, *_: object) -> None:
            raise RuntimeError("broken on purpose")

    client.subscribe_market_data(shop.AAPL, Broken())
    req_id = (await gateway.asked(1))[2]
    gateway.send_raw(shop.text_frame(2, 6, req_id, 8, "1") * 500)
    await shop.until(lambda: client.health().handler_errors == 500)
    assert sum("a handler failed" in line for line in caplog.messages) == 5


async def test_a_cfd_is_served_by_its_underlying_and_the_listener_need_not_know(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    cfd = type(shop.AAPL)(secType="CFD", symbol="IBM", exchange="SMART", currency="USD", conId=99)
    subscription = client.subscribe_market_data(cfd, listener, generic_ticks="233")
    asked = await gateway.asked(1)
    gateway.send(91, asked[2], 8314, "SMART")
    assert await gateway.asked(2) == ["2", "2", asked[2]]
    again = await gateway.asked(1)
    assert again[3] == "8314"
    assert again[2] != asked[2]
    assert "SMART" in again
    assert again[-4:] == ["233", "0", "0", ""]
    gateway.send(4, 2, asked[2], 300, "Can't find EId with tickerId", "")
    gateway.send(1, 6, again[2], 1, 190.5, "3", 0)
    assert await listener.next() == ("tick_price", 1, 190.5, 3 * BILLION, 0)
    # Who wants the same CFD shares the stream, and a lost connection goes straight to where it is.
    client.subscribe_market_data(cfd, listener, generic_ticks="233")
    gateway.drop()
    assert (await gateway.asked(1))[3] == "8314"
    assert gateway.count(1) == 3
    assert subscription.state is StreamState.OPEN
    assert client.pacing().lines["market data lines"] == (1, 100)


async def test_the_book_of_a_cfd_is_its_underlyings(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    cfd = type(shop.AAPL)(secType="CFD", symbol="IBM", exchange="SMART", currency="USD", conId=99)
    subscription = client.subscribe_market_depth(cfd, listener, rows=5)
    asked = await gateway.asked(10)
    gateway.send(92, asked[2], 8314, "ISLAND")
    assert await gateway.asked(11) == ["11", "1", asked[2], "1"]
    again = await gateway.asked(10)
    assert again[3] == "8314"
    assert "ISLAND" in again
    assert again[-3:] == ["5", "0", ""]  # one exchange has no merged book
    gateway.send(12, 1, again[2], 0, 0, 1, 190.5, 3)
    assert (await listener.next())[0] == "depth"
    subscription.close()
    assert await gateway.asked(11) == ["11", "1", again[2], "0"]


async def test_rerouting_in_circles_fails_the_stream_instead_of_going_on_for_ever(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener)
    for _ in range(2):
        gateway.send(91, (await gateway.asked(1))[2], 8314, "SMART")
    name, error = await listener.next()
    assert (name, type(error)) == ("stream_failed", RequestRejected)
    assert "conId 8314 on SMART" in str(error)
    assert client.pacing().lines["market data lines"] == (0, 100)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (10197, "No market data during competing live session"),
        (162, "HMDS error message:Trading TWS session is connected from a different IP address"),
    ],
)
async def test_another_session_that_takes_the_data_is_waited_for_by_every_stream(shop, code, text):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    listener = shop.Listener()
    client.subscribe_historical_bars(shop.AAPL, listener, duration="1 D", bar_size="1 min")
    for _ in range(8):  # more often than any other failure is forgiven
        asked = await gateway.asked(20)
        before = client.error_counts().get(code, 0)
        gateway.send(4, 2, asked[1], code, text, "")
        await shop.until(lambda before=before: client.error_counts().get(code, 0) > before)
        clock.advance(61)
    await gateway.asked(20)
    assert {name for name, *_ in listener.seen} == {"stream_restarted"}
