from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venue import AAPL, SECOND

from posei_trader.engine.clock import SimulatedClock
from posei_trader.errors import InvalidRequest
from posei_trader.model.enums import ContingencyType, OrderSide, OrderType, TimeInForce, TriggerType
from posei_trader.model.identifiers import StrategyId, TraderId
from posei_trader.model.values import Price, Quantity
from posei_trader.trading.factory import OrderFactory
from posei_trader.trading.moments import from_ns, span_ns, to_ns

NOON = datetime(2024, 1, 2, 12, 0, 5, 123456, tzinfo=UTC)
UNIX = datetime(1970, 1, 1, tzinfo=UTC)
BUY, TEN = OrderSide.BUY, Quantity("10")


def factory(now=NOON, taken=(), tag="002"):
    return OrderFactory(
        TraderId("PAPER-TRADER-001"),
        StrategyId("EMACross-002"),
        tag,
        SimulatedClock(to_ns(now, "now")),
        lambda name: name in taken,
    )


def test_an_id_names_moment_node_strategy_and_number():
    made = factory()
    assert made.next_order_id() == "O-20240102-120005-2n9c-001-002-1"
    assert made.next_order_id() == "O-20240102-120005-2n9c-001-002-2"
    assert made.next_list_id() == "OL-20240102-120005-2n9c-001-002-1"


def test_an_id_that_exists_already_is_passed_over():
    made = factory(taken={"O-20240102-120005-2n9c-001-002-1"})
    assert made.next_order_id() == "O-20240102-120005-2n9c-001-002-2"


@given(st.lists(st.integers(0, 10**7), min_size=2, max_size=5, unique=True))
def test_no_two_restarts_make_the_same_id(micros):
    ids = [
        factory(NOON + timedelta(microseconds=offset)).next_order_id()
        for offset in micros
        for _ in range(1)
    ]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("make", "order_type", "prices"),
    [
        (lambda f: f.market(AAPL, BUY, TEN), OrderType.MARKET, (None, None)),
        (lambda f: f.limit(AAPL, BUY, TEN, Price("9")), OrderType.LIMIT, ("9", None)),
        (lambda f: f.stop_market(AAPL, BUY, TEN, Price("9")), OrderType.STOP_MARKET, (None, "9")),
        (
            lambda f: f.stop_limit(AAPL, BUY, TEN, Price("8"), Price("9")),
            OrderType.STOP_LIMIT,
            ("8", "9"),
        ),
        (
            lambda f: f.market_if_touched(AAPL, BUY, TEN, Price("9")),
            OrderType.MARKET_IF_TOUCHED,
            (None, "9"),
        ),
        (
            lambda f: f.limit_if_touched(AAPL, BUY, TEN, Price("8"), Price("9")),
            OrderType.LIMIT_IF_TOUCHED,
            ("8", "9"),
        ),
        (lambda f: f.market_to_limit(AAPL, BUY, TEN), OrderType.MARKET_TO_LIMIT, (None, None)),
    ],
)
def test_every_order_type_has_its_own_terms(make, order_type, prices):
    order = make(factory())
    assert order.order_type is order_type
    told = tuple(None if one is None else str(one) for one in (order.price, order.trigger_price))
    assert told == prices
    assert (order.side, order.quantity, order.instrument_id) == (BUY, TEN, AAPL)
    assert order.strategy_id == "EMACross-002"


def test_trailing_stops_carry_their_offsets():
    made = factory()
    market = made.trailing_stop_market(AAPL, BUY, TEN, Decimal("0.5"), trigger_price=Price("9"))
    limit = made.trailing_stop_limit(AAPL, BUY, TEN, Decimal("0.5"), Decimal("0.1"))
    assert (market.terms.trailing_offset, market.trigger_price) == (Decimal("0.5"), Price("9"))
    assert (limit.terms.limit_offset, limit.price) == (Decimal("0.1"), None)


def test_options_become_terms():
    order = factory().limit(
        AAPL,
        BUY,
        TEN,
        Price("9"),
        time_in_force=TimeInForce.GTD,
        expire_time=NOON,
        post_only=True,
        reduce_only=True,
        quote_quantity=True,
        display_qty=Quantity("5"),
        trigger_type=TriggerType.LAST_PRICE,
        tags=["a", "b"],
        params={"exchange": "ARCA"},
    )
    terms = order.terms
    assert terms.expire_time_ns == 1_704_196_805_123_456_000
    assert (terms.post_only, terms.reduce_only, terms.quote_quantity) == (True, True, True)
    assert (terms.display_qty, terms.trigger_type) == (Quantity("5"), TriggerType.LAST_PRICE)
    assert (terms.tags, terms.params) == (("a", "b"), {"exchange": "ARCA"})
    assert terms.ts_init == to_ns(NOON, "now")


def test_an_expiry_needs_a_time_zone():
    with pytest.raises(InvalidRequest, match="time zone"):
        factory().market(
            AAPL,
            BUY,
            TEN,
            time_in_force=TimeInForce.GTD,
            expire_time=NOON.replace(tzinfo=None),
        )


@pytest.mark.parametrize(
    ("entry", "order_type"),
    [
        ({}, OrderType.MARKET),
        ({"entry_price": Price("9")}, OrderType.LIMIT),
        ({"entry_trigger_price": Price("9")}, OrderType.STOP_MARKET),
        ({"entry_price": Price("9"), "entry_trigger_price": Price("9")}, OrderType.STOP_LIMIT),
    ],
)
def test_a_bracket_is_an_entry_with_two_exits_that_depend_on_each_other(entry, order_type):
    made = factory().bracket(
        AAPL, BUY, TEN, sl_trigger_price=Price("8"), tp_price=Price("12"), **entry
    )
    first, loss, profit = made.orders
    assert first.order_type is order_type
    assert (loss.order_type, loss.side, loss.trigger_price) == (
        OrderType.STOP_MARKET,
        OrderSide.SELL,
        Price("8"),
    )
    assert (profit.order_type, profit.side, profit.price) == (
        OrderType.LIMIT,
        OrderSide.SELL,
        Price("12"),
    )
    assert {order.terms.order_list_id for order in made.orders} == {made.id}
    assert first.terms.contingency_type is ContingencyType.OTO
    assert first.terms.linked_order_ids == (loss.client_order_id, profit.client_order_id)
    assert loss.terms.parent_order_id == profit.terms.parent_order_id == first.client_order_id
    assert loss.terms.linked_order_ids == (profit.client_order_id,)


def test_tags_and_params_of_a_bracket_hold_for_all_three():
    made = factory().bracket(
        AAPL,
        BUY,
        TEN,
        sl_trigger_price=Price("8"),
        tp_price=Price("12"),
        tags=("x",),
        params={"a": "b"},
        time_in_force=TimeInForce.DAY,
    )
    assert [order.terms.tags for order in made.orders] == [("x",)] * 3
    assert [order.terms.params for order in made.orders] == [{"a": "b"}] * 3
    assert [order.time_in_force for order in made.orders] == ["DAY", "GTC", "GTC"]


def test_orders_are_joined_to_a_list():
    made = factory()
    orders = [made.market(AAPL, BUY, TEN), made.market(AAPL, BUY, TEN)]
    assert made.order_list(orders).orders == tuple(orders)


@given(st.integers(0, 7_258_118_400_000_000).map(lambda us: UNIX + timedelta(microseconds=us)))
def test_moments_survive_the_way_to_nanoseconds_and_back(moment):
    assert from_ns(to_ns(moment, "moment")) == moment


def test_spans_are_exact():
    assert span_ns(timedelta(seconds=1, microseconds=1)) == SECOND + 1_000
