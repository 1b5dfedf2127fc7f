from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.errors import InvalidRequest
from posei_trader.model import events as ev
from posei_trader.model import order_state as fsm
from posei_trader.model.enums import OrderSide, OrderStatus, OrderType, TimeInForce
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.order_state import InvalidStateTransition
from posei_trader.model.orders import NEEDS, Order, OrderTerms
from posei_trader.model.values import Money, Price, Quantity

S = OrderStatus
HEAD = {
    "trader_id": TraderId("T-1"),
    "strategy_id": StrategyId("S-1"),
    "instrument_id": InstrumentId("AAPL.XNAS"),
    "client_order_id": ClientOrderId("O-1"),
    "ts_event": 1,
    "ts_init": 2,
}
ACCOUNT = AccountId("IB-DU1")
VENUE_ID = VenueOrderId("77")


def make_order(quantity="10", **terms):
    terms = {"order_type": OrderType.LIMIT, "price": Price("5.00"), **terms}
    return Order(
        OrderTerms(
            trader_id=HEAD["trader_id"],
            strategy_id=HEAD["strategy_id"],
            instrument_id=HEAD["instrument_id"],
            client_order_id=HEAD["client_order_id"],
            order_side=OrderSide.BUY,
            quantity=Quantity(quantity),
            **terms,
        )
    )


def submitted():
    return ev.OrderSubmitted(**HEAD, account_id=ACCOUNT)


def accepted():
    return ev.OrderAccepted(**HEAD, venue_order_id=VENUE_ID, account_id=ACCOUNT)


def filled(trade_id, quantity="4", price="5.00", commission=None):
    return ev.OrderFilled(
        **HEAD,
        venue_order_id=VENUE_ID,
        account_id=ACCOUNT,
        trade_id=TradeId(trade_id),
        order_side=OrderSide.BUY,
        last_qty=Quantity(quantity),
        last_px=Price(price),
        commission=commission,
    )


def any_event(kind, number):
    extra = {
        ev.OrderDenied: {"reason": "r"},
        ev.OrderSubmitted: {"account_id": ACCOUNT},
        ev.OrderAccepted: {"venue_order_id": VENUE_ID, "account_id": ACCOUNT},
        ev.OrderRejected: {"reason": "r"},
        ev.OrderModifyRejected: {"reason": "r"},
        ev.OrderCancelRejected: {"reason": "r"},
        ev.OrderUpdated: {"quantity": Quantity("10")},
    }.get(kind, {})
    if kind is ev.OrderFilled:
        return filled(f"E{number}", "1")
    if kind is ev.OrderFillAmended:
        return ev.OrderFillAmended(**HEAD, trade_id=TradeId("E0"), commission=Money("1", "USD"))
    return kind(**HEAD, **extra)


@pytest.mark.parametrize("kind", ev.ORDER_EVENT_TYPES)
def test_every_status_and_event_has_a_defined_result(kind):
    for status in OrderStatus:
        result = fsm.transition(status, kind)
        assert result is None or result in {fsm.RESUME, fsm.FILL, fsm.SAME} or result in set(S)


@given(st.lists(st.sampled_from(ev.ORDER_EVENT_TYPES), max_size=25))
def test_no_sequence_of_events_breaks_an_order(kinds):
    order = make_order()
    fills = 0
    for number, kind in enumerate(kinds):
        before = (order.status, len(order.events), order.filled_qty)
        try:
            order.apply(any_event(kind, number))
        except InvalidRequest:
            assert (order.status, len(order.events), order.filled_qty) == before
        else:
            fills += kind is ev.OrderFilled
        assert order.filled_qty == Quantity(fills)
        assert order.leaves_qty == Quantity(max(0, 10 - fills))
        assert (order.status is S.FILLED) is (fills >= 10)
        assert order.is_closed == (order.status in fsm.TERMINAL)


def test_the_usual_life_of_an_order():
    order = make_order()
    assert order.status is S.INITIALIZED
    order.apply(submitted())
    assert order.is_in_flight
    order.apply(accepted())
    assert (order.status, order.venue_order_id, order.account_id) == (S.ACCEPTED, "77", ACCOUNT)
    assert order.avg_px is None
    order.apply(filled("E1", "4", "5.00", Money("1.00", "USD")))
    assert order.status is S.PARTIALLY_FILLED
    order.apply(filled("E2", "6", "4.50"))
    assert order.status is S.FILLED
    assert order.avg_px == Decimal("4.7")
    assert [f.trade_id for f in order.fills] == ["E1", "E2"]
    assert order.commissions == [Money("1.00", "USD")]
    order.apply(ev.OrderFillAmended(**HEAD, trade_id=TradeId("E2"), commission=Money("0.5", "USD")))
    assert order.commissions == [Money("1.50", "USD")]
    assert type(order.last_event) is ev.OrderFillAmended
    assert "FILLED" in repr(order)


def test_a_fill_may_come_before_the_acceptance():
    order = make_order()
    order.apply(submitted())
    order.apply(filled("E1"))
    order.apply(accepted())
    assert order.status is S.PARTIALLY_FILLED


@pytest.mark.parametrize(
    ("pending", "answer"),
    [
        (ev.OrderPendingCancel, ev.OrderCancelRejected),
        (ev.OrderPendingUpdate, ev.OrderModifyRejected),
    ],
)  # fmt: skip
def test_a_refused_change_puts_the_order_back_where_it_was(pending, answer):
    order = make_order()
    order.apply(submitted())
    order.apply(accepted())
    order.apply(pending(**HEAD))
    assert order.is_open
    order.apply(answer(**HEAD, reason="no"))
    assert order.status is S.ACCEPTED
    order.apply(pending(**HEAD))
    order.apply(filled("E1"))
    order.apply(answer(**HEAD, reason="no"))
    assert order.status is S.PARTIALLY_FILLED


def test_a_change_that_the_venue_confirms_changes_the_terms():
    order = make_order()
    order.apply(submitted())
    order.apply(ev.OrderPendingUpdate(**HEAD))
    order.apply(accepted())
    order.apply(ev.OrderUpdated(**HEAD, quantity=Quantity("12"), price=Price("5.10")))
    assert (order.status, order.quantity, order.price) == (S.ACCEPTED, Quantity("12"), Price("5.1"))
    assert order.terms.quantity == Quantity("10")


def test_a_late_fill_of_a_canceled_order_counts():
    order = make_order()
    order.apply(submitted())
    order.apply(accepted())
    order.apply(ev.OrderCanceled(**HEAD, reason="user"))
    order.apply(filled("E1"))
    assert (order.status, order.filled_qty, order.reason) == (S.CANCELED, Quantity("4"), "user")
    order.apply(filled("E2", "6"))
    assert order.status is S.FILLED


def test_a_repeated_execution_is_refused_and_changes_nothing():
    order = make_order()
    order.apply(submitted())
    order.apply(filled("E1"))
    assert order.has_trade(TradeId("E1"))
    with pytest.raises(InvalidStateTransition, match="known already"):
        order.apply(filled("E1"))
    assert order.filled_qty == Quantity("4")


def test_a_bust_takes_the_fill_back():
    order = make_order()
    order.apply(submitted())
    order.apply(filled("E1"))
    order.apply(
        ev.OrderFillAmended(
            **HEAD, trade_id=TradeId("E1"), last_qty=Quantity("0"), last_px=Price("5.5")
        )
    )
    assert order.filled_qty == Quantity("0")
    with pytest.raises(InvalidRequest, match="no fill E9"):
        order.apply(ev.OrderFillAmended(**HEAD, trade_id=TradeId("E9")))


def test_an_event_of_another_order_is_refused():
    other = {**HEAD, "client_order_id": ClientOrderId("O-2")}
    with pytest.raises(InvalidRequest, match="another order"):
        make_order().apply(ev.OrderSubmitted(**other, account_id=ACCOUNT))


@pytest.mark.parametrize("order_type", OrderType)
def test_each_order_type_names_the_term_it_needs(order_type):
    given_terms = {
        "price": Price("1"),
        "trigger_price": Price("1"),
        "trailing_offset": Decimal(1),
        "limit_offset": Decimal(1),
    }
    needed = {name: given_terms[name] for name in NEEDS[order_type]}
    make_order(order_type=order_type, **{"price": None, **needed})
    for name in needed:
        with pytest.raises(InvalidRequest, match="is needed by") as caught:
            make_order(order_type=order_type, **{"price": None, **needed, name: None})
        assert caught.value.field == name


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"quantity": "0"}, "quantity"),
        ({"order_type": OrderType.MARKET}, "price"),
        ({"time_in_force": TimeInForce.GTD}, "expire_time_ns"),
        ({"expire_time_ns": 5}, "expire_time_ns"),
        ({"display_qty": Quantity("11")}, "display_qty"),
    ],
)
def test_terms_that_contradict_each_other_are_refused_by_name(terms, field):
    with pytest.raises(InvalidRequest) as caught:
        make_order(**terms)
    assert caught.value.field == field


def test_an_order_reads_like_its_terms():
    order = make_order()
    assert order.side is OrderSide.BUY
    assert order.order_type is OrderType.LIMIT
    assert order.time_in_force is TimeInForce.GTC
    assert order.strategy_id == "S-1"
    assert hash(order.terms) == hash(ClientOrderId("O-1"))
    assert OrderSide.BUY.opposite is OrderSide.SELL
    assert OrderSide.SELL.opposite is OrderSide.BUY
