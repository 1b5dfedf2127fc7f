"""Limits of size, price, position and rate: for all, by instrument, by account."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig import Rig
from venue import AAPL, Venue, quote

from posei_trader.config import LiveRiskEngineConfig, RiskLimits
from posei_trader.errors import ConfigError
from posei_trader.model.enums import ContingencyType, OrderSide, OrderStatus
from posei_trader.model.identifiers import AccountId
from posei_trader.model.orders import Order
from posei_trader.model.values import Price, Quantity


def rig_with(limits=None, **settings_):
    if limits is not None:
        settings_["limits"] = RiskLimits(**limits)
    rig = Rig(Venue(), risk=LiveRiskEngineConfig(**settings_))
    rig.venue.set_quote(quote(AAPL, "99.00", "100.00", rig.clock.timestamp_ns()))
    rig.data.quote_tick(quote(AAPL, "99.00", "100.00", rig.clock.timestamp_ns()))
    return rig


def market(rig, quantity, side="BUY", **options):
    return rig.factory.market(AAPL, OrderSide(side), Quantity(quantity), **options)


def limit(rig, price, quantity="1", side="BUY", **options):
    return rig.factory.limit(AAPL, OrderSide(side), Quantity(quantity), Price(price), **options)


def rule(rig, order, **options):
    denial = rig.risk.check_order(order, **options)
    return None if denial is None else denial.rule


def test_an_order_may_not_be_too_large():
    rig = rig_with({"max_order_quantity": 10})
    assert rule(rig, market(rig, "10")) is None
    denial = rig.risk.check_order(market(rig, "11"))
    assert str(denial) == "MAX_ORDER_QUANTITY: 11 exceeds 10 (limit of every instrument)"


@pytest.mark.parametrize(
    ("side", "price", "expected"),
    [
        ("BUY", "105.00", None),
        ("BUY", "105.01", "PRICE_COLLAR"),
        ("BUY", "1.00", None),  # far away is patient, not wrong
        ("SELL", "94.05", None),
        ("SELL", "94.04", "PRICE_COLLAR"),
        ("SELL", "900.00", None),
    ],
)
def test_a_limit_may_cross_the_market_only_so_far(side, price, expected):
    rig = rig_with({"price_collar": "0.05"})
    assert rule(rig, limit(rig, price, side=side)) == expected


def test_a_stop_limit_is_measured_from_its_trigger():
    rig = rig_with({"price_collar": "0.05"})

    def stop_limit(trigger, price):
        return rig.factory.stop_limit(
            AAPL, OrderSide.BUY, Quantity("1"), Price(price), Price(trigger)
        )

    assert rule(rig, stop_limit("200.00", "210.00")) is None
    assert rule(rig, stop_limit("200.00", "210.01")) == "PRICE_COLLAR"


def test_a_collar_without_a_price_refuses():
    rig = Rig(Venue(), risk=LiveRiskEngineConfig(limits=RiskLimits(price_collar=Decimal("0.1"))))
    denial = rig.risk.check_order(limit(rig, "100.00"))
    assert denial.rule == "PRICE_UNKNOWN"
    assert "subscribe to its quotes" in denial.why
    assert rule(rig, market(rig, "1")) is None  # it has no price to slip


def test_a_position_counts_what_works_on_the_same_side():
    rig = rig_with({"max_position": 10})
    rig.market(AAPL, "BUY", "6")
    rig.limit(AAPL, "BUY", "3", "90.00")
    assert rule(rig, market(rig, "1")) is None
    assert rule(rig, market(rig, "2")) == "MAX_POSITION"
    # From six long, sixteen may be sold.
    assert rule(rig, market(rig, "16", "SELL")) is None
    denial = rig.risk.check_order(market(rig, "17", "SELL"))
    assert denial.why.startswith("the position could become -11, beyond 10")


def test_a_change_is_held_to_the_position_too():
    rig = rig_with({"max_position": 10})
    order = rig.limit(AAPL, "BUY", "8", "90.00")
    assert rig.risk.check_change(order, Quantity("10"), None, None) is None
    assert rig.risk.check_change(order, Quantity("11"), None, None).rule == "MAX_POSITION"


def test_exits_of_a_bracket_do_not_count_as_a_position():
    rig = rig_with({"max_position": 10})
    bracket = rig.factory.bracket(
        instrument_id=AAPL,
        order_side=OrderSide.BUY,
        quantity=Quantity("10"),
        sl_trigger_price=Price("90.00"),
        tp_price=Price("120.00"),
    )
    rig.commands.submit_order_list(bracket)
    assert [order.status for order in bracket.orders] != [OrderStatus.DENIED] * 3
    assert rule(rig, market(rig, "1")) == "MAX_POSITION"


def test_of_orders_that_cancel_one_another_the_largest_counts():
    rig = rig_with({"max_position": 10})
    plain = (limit(rig, "90.00", "6"), limit(rig, "80.00", "9"))
    assert rule(rig, plain[0], together=plain) == "MAX_POSITION"
    names = [order.client_order_id for order in plain]
    either = tuple(
        Order(
            msgspec.structs.replace(
                order.terms,
                contingency_type=ContingencyType.OCO,
                linked_order_ids=tuple(name for name in names if name != order.client_order_id),
            )
        )
        for order in plain
    )
    assert [rule(rig, order, together=either) for order in either] == [None, None]


def test_orders_of_one_list_are_counted_together():
    rig = rig_with({"max_position": 10})
    orders = [limit(rig, "90.00", "6"), limit(rig, "91.00", "6")]
    rig.commands.submit_order_list(rig.factory.order_list(orders))
    assert {order.status for order in orders} == {OrderStatus.DENIED}


def test_the_value_of_a_position_is_limited():
    rig = rig_with({"max_position_notional": 995})  # the middle is 99.50
    assert rule(rig, market(rig, "10")) is None
    assert rule(rig, market(rig, "11")) == "MAX_POSITION_NOTIONAL"


def test_an_instrument_has_limits_of_its_own_beside_those_for_all():
    rig = rig_with(
        {"max_order_quantity": 100}, instrument_limits={AAPL: RiskLimits(max_order_quantity=5)}
    )
    denial = rig.risk.check_order(market(rig, "6"))
    assert denial.why == f"6 exceeds 5 (limit of {AAPL})"
    assert "every instrument" in rig.risk.check_order(market(rig, "101")).why


def test_an_account_has_limits_of_its_own_and_is_not_named_in_the_reason():
    rig = rig_with(account_limits={"SIM-U1234567": RiskLimits(max_order_quantity=5)})
    mine = AccountId("SIM-U1234567")
    denial = rig.risk.check_order(market(rig, "6"), mine)
    assert denial.rule == "MAX_ORDER_QUANTITY"
    assert "U1234567" not in str(denial)
    assert rule(rig, market(rig, "6"), account_id=AccountId("SIM-U7654321")) is None
    assert rule(rig, market(rig, "6")) is None


def test_an_accounts_position_is_that_of_the_account_alone():
    rig = rig_with()
    account = rig.venue.account_id
    rig = rig_with(account_limits={account: RiskLimits(max_position=10)})
    rig.market(AAPL, "BUY", "6")
    denied = rig.market(AAPL, "BUY", "5")
    assert (denied.status, denied.reason.split(":")[0]) == (OrderStatus.DENIED, "MAX_POSITION")
    assert rule(rig, market(rig, "10"), account_id=AccountId("SIM-OTHER")) is None


def test_a_set_of_limits_has_a_rate_of_its_own():
    rig = rig_with({"max_orders_per_second": 2}, max_orders_per_second=50)
    order = market(rig, "1")
    assert [rule(rig, order) for _ in range(3)] == [None, None, "ORDER_RATE"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 9), st.booleans()), max_size=25
    )
)
def test_no_sequence_of_orders_takes_a_position_beyond_its_limit(moves):
    rig = rig_with({"max_position": 12})
    for side, quantity, is_market in moves:
        if is_market:
            rig.market(AAPL, side, str(quantity))
        else:
            rig.limit(AAPL, side, str(quantity), "99.50")
        assert abs(rig.portfolio.net_position(AAPL)) <= 12
    # Whatever still works may fill, and does not break it either.
    for bid, ask in (("99.49", "99.50"), ("99.50", "99.51")):
        rig.venue.set_quote(quote(AAPL, bid, ask, rig.clock.timestamp_ns()))
        rig.run()
        assert abs(rig.portfolio.net_position(AAPL)) <= 12


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_order_quantity", 0), ("price_collar", "-0.1"), ("max_position", -1)],
)
def test_a_limit_that_makes_no_sense_is_refused_where_it_is_written(name, value):
    with pytest.raises(ConfigError, match=name):
        RiskLimits(**{name: value})
