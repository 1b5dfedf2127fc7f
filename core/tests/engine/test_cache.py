from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import OWNER, SIM, Rig
from venue import AAPL, MSFT, quote, trade

from posei_trader.engine.cache import Cache
from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.enums import OrderSide, PriceType
from posei_trader.model.identifiers import StrategyId, Venue, VenueOrderId
from posei_trader.model.order_state import IN_FLIGHT, OPEN, TERMINAL
from posei_trader.model.values import Price, Quantity

MINUTE = BarType.from_str(f"{AAPL}-1-MINUTE-LAST-EXTERNAL")
HOUR = BarType.from_str(f"{AAPL}-1-HOUR-LAST-EXTERNAL")


def test_instruments_are_found_by_id_and_by_venue():
    cache = Rig().cache
    assert {one.id for one in cache.instruments()} == {AAPL, MSFT}
    assert {one.id for one in cache.instruments(Venue("SIM"))} == {AAPL, MSFT}
    assert cache.instruments(Venue("XNAS")) == []


def test_rings_are_bounded_and_keep_the_newest():
    cache = Cache(tick_capacity=2, bar_capacity=2)
    for ts in range(5):
        cache.quote_ring(AAPL).append(quote(AAPL, "1", "2", ts))
        cache.trade_ring(AAPL).append(trade(AAPL, "1", "1", ts))
        cache.bar_ring(MINUTE).append(Bar(MINUTE, 1, 1, 1, 1, 1, 2, 0, ts, ts))
    for kept in (cache.quote_ticks(AAPL), cache.trade_ticks(AAPL), cache.bars(MINUTE)):
        assert [item.ts_event for item in kept] == [3, 4]
    assert cache.bar(MINUTE).ts_event == 4
    assert cache.bar(HOUR) is None
    assert cache.trade_tick(MSFT) is None


def test_prices_of_a_kind_come_from_the_last_tick_of_that_kind():
    cache = Cache()
    assert cache.price(AAPL, PriceType.BID) is None
    assert cache.price(AAPL, PriceType.LAST) is None
    cache.quote_ring(AAPL).append(quote(AAPL, "1.00", "1.01", 1))
    assert cache.price(AAPL, PriceType.BID) == Price("1.00")
    assert cache.price(AAPL, PriceType.ASK) == Price("1.01")
    assert str(cache.price(AAPL, PriceType.MID)) == "1.005"
    cache.trade_ring(AAPL).append(trade(AAPL, "1.02", "1", 1))
    assert cache.price(AAPL, PriceType.LAST) == Price("1.02")


def test_the_mark_is_the_newest_thing_known():
    cache = Cache()
    assert cache.mark_price(AAPL) is None
    cache.bar_ring(HOUR).append(Bar(HOUR, 1, 1, 1, Price("7").raw, 1, 2, 0, 1, 1))
    cache.bar_ring(MINUTE).append(Bar(MINUTE, 1, 1, 1, Price("8").raw, 1, 2, 0, 2, 2))
    assert cache.mark_price(AAPL) == Price("8")
    cache.trade_ring(AAPL).append(trade(AAPL, "9", "1", 5))
    assert cache.mark_price(AAPL) == Price("9")
    cache.quote_ring(AAPL).append(quote(AAPL, "1.00", "2.00", 5))
    assert cache.mark_price(AAPL) == Price("9")
    cache.quote_ring(AAPL).append(quote(AAPL, "1.00", "2.00", 6))
    assert cache.mark_price(AAPL) == Price("1.50")


def test_an_order_is_added_once():
    rig = Rig()
    order = rig.limit(AAPL, "BUY", "1", "90.00")
    with pytest.raises(InvalidRequest, match="exists already"):
        rig.cache.add_order(order)


def test_orders_are_found_by_the_venues_name_within_an_account():
    rig = Rig()
    order = rig.limit(AAPL, "BUY", "1", "90.00")
    assert rig.cache.order_by_venue_id(order.venue_order_id) is order
    assert rig.cache.order_by_venue_id(order.venue_order_id, order.account_id) is order
    assert rig.cache.order_by_venue_id(VenueOrderId("none")) is None
    assert rig.cache.client_of_order(order.client_order_id) == SIM
    assert rig.cache.client_of_order("none") is None


def test_positions_are_found_by_instrument_strategy_and_state():
    rig = Rig()
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", 1))
    rig.venue.set_quote(quote(MSFT, "99.99", "100.00", 1))
    rig.market(AAPL, "BUY", "1")
    rig.market(MSFT, "BUY", "1")
    rig.market(MSFT, "SELL", "1")
    assert [held.instrument_id for held in rig.cache.positions_open()] == [AAPL]
    assert [held.instrument_id for held in rig.cache.positions_closed()] == [MSFT]
    assert rig.cache.positions(AAPL, StrategyId("Other-001")) == []
    assert len(rig.cache.positions(AAPL, OWNER)) == 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["market", "limit", "cancel", "run", "deaf"]),
        st.sampled_from([AAPL, MSFT]),
        st.sampled_from(list(OrderSide)),
    ),
    max_size=25,
)


def take(rig, kind, instrument_id, side):
    match kind:
        case "market":
            rig.commands.submit_order(rig.factory.market(instrument_id, side, Quantity("1")))
        case "limit":
            price = Price("90.00" if side is OrderSide.BUY else "110.00")
            rig.commands.submit_order(rig.factory.limit(instrument_id, side, Quantity("1"), price))
        case "cancel":
            rig.commands.cancel_all_orders(OWNER, instrument_id, side)
        case "run":
            rig.run()
        case _:
            rig.venue.is_deaf = not rig.venue.is_deaf


@given(STEPS)
def test_every_index_agrees_with_a_walk_over_all_orders(steps):
    rig = Rig()
    for instrument_id in (AAPL, MSFT):
        rig.venue.set_quote(quote(instrument_id, "99.99", "100.00", 1))
    for kind, instrument_id, side in steps:
        take(rig, kind, instrument_id, side)
    for instrument_id, strategy_id, side in itertools.product(
        (None, AAPL, MSFT), (None, OWNER, StrategyId("Other-001")), (None, *OrderSide)
    ):
        fitting = [
            order
            for order in rig.cache.orders()
            if instrument_id in {None, order.instrument_id}
            and strategy_id in {None, order.strategy_id}
            and side in {None, order.side}
        ]
        scope = (instrument_id, strategy_id, side)
        assert rig.cache.orders(*scope) == fitting
        for found, statuses in (
            (rig.cache.orders_open(*scope), OPEN),
            (rig.cache.orders_in_flight(*scope), IN_FLIGHT),
            (rig.cache.orders_closed(*scope), TERMINAL),
        ):
            expected = {one.client_order_id for one in fitting if one.status in statuses}
            assert {order.client_order_id for order in found} == expected
