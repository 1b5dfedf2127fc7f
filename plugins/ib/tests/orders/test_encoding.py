"""Our orders as IB's."""

import math
from decimal import Decimal

import pytest

from posei_trader.adapters.interactive_brokers.common import (
    ExecutionCondition,
    IBOrderTags,
    MarginCondition,
    PercentChangeCondition,
    PriceCondition,
    TagValue,
    TimeCondition,
    VolumeCondition,
)
from posei_trader.adapters.interactive_brokers.orders.encoding import WorkingTerms, encode_order
from posei_trader.adapters.interactive_brokers.orders.refusals import check_supported
from posei_trader.errors import InvalidRequest, Unsupported
from posei_trader.model.enums import (
    ContingencyType,
    OrderSide,
    OrderType,
    TimeInForce,
    TrailingOffsetType,
    TriggerType,
)
from posei_trader.model.identifiers import ClientOrderId, OrderListId
from posei_trader.model.values import Price, Quantity

UNSET = 1.7976931348623157e308


@pytest.fixture
def encode(make_terms, equity):
    def run(*args, instrument=equity, magnifier=1, **changes):
        terms = make_terms(*args, **changes)
        working = WorkingTerms(terms.quantity, terms.price, terms.trigger_price)
        return encode_order(terms, working, instrument, account="DU123456", magnifier=magnifier)

    return run


@pytest.fixture
def check(make_terms, equity):
    def run(*args, sec_type="STK", now_ns=1_700_000_000 * 10**9, **changes):
        check_supported(make_terms(*args, **changes), equity, sec_type=sec_type, now_ns=now_ns)

    return run


@pytest.mark.parametrize(
    ("kind", "name", "limit", "aux"),
    [
        (OrderType.MARKET, "MKT", UNSET, UNSET),
        (OrderType.LIMIT, "LMT", 187.25, UNSET),
        (OrderType.STOP_MARKET, "STP", UNSET, 186.5),
        (OrderType.STOP_LIMIT, "STP LMT", 187.25, 186.5),
        (OrderType.MARKET_IF_TOUCHED, "MIT", UNSET, 186.5),
        (OrderType.LIMIT_IF_TOUCHED, "LIT", 187.25, 186.5),
        (OrderType.MARKET_TO_LIMIT, "MTL", UNSET, UNSET),
        (OrderType.TRAILING_STOP_MARKET, "TRAIL", UNSET, 1.5),
        (OrderType.TRAILING_STOP_LIMIT, "TRAIL LIMIT", UNSET, 1.5),
    ],
)
def test_each_order_type_has_ibs_name_and_prices(encode, kind, name, limit, aux):
    order = encode(kind)
    assert (order.orderType, order.lmtPrice, order.auxPrice) == (name, limit, aux)
    assert (order.action, order.totalQuantity, order.tif) == ("BUY", Decimal(100), "DAY")


def test_our_order_id_travels_in_order_ref_and_the_bare_account_on_the_wire(encode):
    order = encode()
    assert order.orderRef == "O-20240102-150405-001-1"
    assert order.account == "DU123456"


@pytest.mark.parametrize(
    ("kind", "tif", "names"),
    [
        (OrderType.MARKET, TimeInForce.AT_THE_CLOSE, ("MOC", "DAY")),
        (OrderType.LIMIT, TimeInForce.AT_THE_CLOSE, ("LOC", "DAY")),
        (OrderType.MARKET, TimeInForce.AT_THE_OPEN, ("MKT", "OPG")),
        (OrderType.LIMIT, TimeInForce.GTC, ("LMT", "GTC")),
        (OrderType.LIMIT, TimeInForce.IOC, ("LMT", "IOC")),
        (OrderType.LIMIT, TimeInForce.FOK, ("LMT", "FOK")),
    ],
)
def test_times_in_force_are_ibs(encode, kind, tif, names):
    order = encode(kind, time_in_force=tif)
    assert (order.orderType, order.tif) == names


def test_a_good_till_date_order_says_when_in_utc(encode):
    order = encode(
        OrderType.LIMIT, time_in_force=TimeInForce.GTD, expire_time_ns=1_710_513_000 * 10**9
    )
    assert (order.tif, order.goodTillDate) == ("GTD", "20240315 14:30:00 UTC")


def test_prices_go_out_in_the_unit_that_ib_quotes(encode, corn):
    order = encode(OrderType.LIMIT, price=Price("4.5025"), instrument=corn, magnifier=100)
    assert order.lmtPrice == 450.25


def test_a_trailing_stop_in_basis_points_is_a_percentage(encode):
    order = encode(
        OrderType.TRAILING_STOP_MARKET,
        trailing_offset=Decimal(150),
        trailing_offset_type=TrailingOffsetType.BASIS_POINTS,
        trigger_price=Price("180.00"),
    )
    assert (order.trailingPercent, order.auxPrice, order.trailStopPrice) == (1.5, UNSET, 180.0)


def test_a_trailing_stop_in_ticks_counts_the_instruments_ticks(encode):
    order = encode(
        OrderType.TRAILING_STOP_LIMIT,
        trailing_offset=Decimal(20),
        limit_offset=Decimal(5),
        trailing_offset_type=TrailingOffsetType.TICKS,
    )
    assert (order.auxPrice, order.lmtPriceOffset) == (0.2, 0.05)


@pytest.mark.parametrize(
    ("trigger", "number"),
    [
        (TriggerType.DEFAULT, 0),
        (TriggerType.DOUBLE_BID_ASK, 1),
        (TriggerType.LAST_PRICE, 2),
        (TriggerType.DOUBLE_LAST, 3),
        (TriggerType.BID_ASK, 4),
        (TriggerType.LAST_OR_BID_ASK, 7),
        (TriggerType.MID_POINT, 8),
    ],
)
def test_every_trigger_type_is_sent_for_plain_stops_too(encode, trigger, number):
    assert encode(OrderType.STOP_MARKET, trigger_type=trigger).triggerMethod == number


def test_an_amount_of_money_buys_crypto_by_cash_quantity(encode):
    order = encode(quote_quantity=True, quantity=Quantity("250.5"))
    assert (order.cashQty, order.totalQuantity) == (250.5, Decimal(0))


def test_linked_orders_of_a_list_share_a_group_that_cancels_with_block(encode):
    order = encode(
        OrderType.LIMIT,
        contingency_type=ContingencyType.OCO,
        order_list_id=OrderListId("OL-1"),
        linked_order_ids=(ClientOrderId("O-2"),),
    )
    assert (order.ocaGroup, order.ocaType) == ("OL-1", 1)


def test_the_tags_of_the_specification_reach_ibs_order_in_utc(encode):
    tags = IBOrderTags(
        allOrNone=True,
        ocaGroup="MyGroup1",
        ocaType=1,
        activeStartTime="20240315 09:30:00 EST",
        activeStopTime="20240315 16:00:00 EST",
        goodAfterTime="20240315 09:35:00 EST",
    )
    order = encode(tags=("mine", tags.value))
    assert order.allOrNone is True
    assert (order.ocaGroup, order.ocaType) == ("MyGroup1", 1)
    assert order.activeStartTime == "20240315 14:30:00 UTC"
    assert order.activeStopTime == "20240315 21:00:00 UTC"
    assert order.goodAfterTime == "20240315 14:35:00 UTC"


def test_a_group_without_a_type_cancels_with_block(encode):
    assert encode(tags=(IBOrderTags(ocaGroup="G").value,)).ocaType == 1


def test_every_field_of_the_tags_ends_on_ibs_order(encode):
    """A field that the order has no attribute for would be an error, so none can be dropped."""
    values = {
        "algoParams": (TagValue("speed", "3"),),
        "conditions": (MarginCondition(percent=30),),
        "orderMiscOptions": (TagValue("a", "b"),),
        "smartComboRoutingParams": (TagValue("c", "d"),),
    }
    for name, value in values.items():
        order = encode(tags=(IBOrderTags(**{name: value}).value,))
        assert len(getattr(order, name)) == 1
    for name, default in ((f, getattr(IBOrderTags(), f)) for f in IBOrderTags.__struct_fields__):
        if isinstance(default, bool) and name != "NonGuaranteed":
            assert getattr(encode(tags=(IBOrderTags(**{name: True}).value,)), name) is True


def test_non_guaranteed_is_a_smart_routing_parameter(encode):
    order = encode(tags=(IBOrderTags(NonGuaranteed=True).value,))
    assert [(p.tag, p.value) for p in order.smartComboRoutingParams] == [("NonGuaranteed", "1")]


def test_all_six_kinds_of_conditions_are_built_and_joined(encode):
    conditions = (
        PriceCondition(conId=1, exchange="SMART", price=250.0, triggerMethod=2, conjunction="or"),
        TimeCondition(time="20240315 09:30:00 EST", isMore=False),
        MarginCondition(percent=75),
        ExecutionCondition(symbol="MSFT", secType="STK", exchange="SMART"),
        VolumeCondition(conId=2, exchange="CME", volume=5000),
        PercentChangeCondition(conId=3, exchange="CBOT", changePercent=-2.5),
    )
    built = encode(tags=(IBOrderTags(conditions=conditions).value,)).conditions
    assert [c.type() for c in built] == [1, 3, 4, 5, 6, 7]
    assert [c.isConjunctionConnection for c in built] == [False, True, True, True, True, True]
    assert (built[0].conId, built[0].exchange, built[0].price) == (1, "SMART", 250.0)
    assert (built[0].isMore, built[0].triggerMethod) == (True, 2)
    assert (built[1].time, built[1].isMore) == ("20240315 14:30:00 UTC", False)
    assert built[2].percent == 75
    assert (built[3].secType, built[3].exchange, built[3].symbol) == ("STK", "SMART", "MSFT")
    assert (built[4].conId, built[4].volume) == (2, 5000)
    assert (built[5].conId, built[5].changePercent) == (3, -2.5)


def test_a_tag_that_cannot_be_read_fails_the_order(encode):
    with pytest.raises(InvalidRequest, match="no such field: noSuchTerm"):
        encode(tags=('IBOrderTags:{"noSuchTerm":1}',))
    with pytest.raises(InvalidRequest, match="two IBOrderTags"):
        encode(tags=(IBOrderTags(hidden=True).value, IBOrderTags(hidden=False).value))


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        (OrderType.LIMIT, {"post_only": True}, "only adds liquidity"),
        (OrderType.MARKET, {"reduce_only": True}, "only reduces a position"),
        (OrderType.STOP_MARKET, {"time_in_force": TimeInForce.AT_THE_CLOSE}, "at the close"),
        (OrderType.STOP_LIMIT, {"time_in_force": TimeInForce.AT_THE_OPEN}, "at the open"),
        (OrderType.STOP_MARKET, {"time_in_force": TimeInForce.IOC}, "at once"),
        (OrderType.TRAILING_STOP_MARKET, {"time_in_force": TimeInForce.FOK}, "at once"),
        (OrderType.MARKET, {"quote_quantity": True}, "amount of money"),
        (OrderType.MARKET, {"display_qty": Quantity("10")}, "hide a part"),
        (OrderType.LIMIT, {"display_qty": Quantity("0.5")}, "whole"),
        (
            OrderType.LIMIT,
            {"time_in_force": TimeInForce.GTD, "expire_time_ns": 1_600_000_000 * 10**9},
            "whose time is over",
        ),
    ],
)
def test_what_ib_cannot_honour_is_refused_before_it_is_sent(check, kind, changes, words):
    with pytest.raises(Unsupported, match=words):
        check(kind, **changes)


@pytest.mark.parametrize("kind", list(OrderType))
@pytest.mark.parametrize("tif", [TimeInForce.DAY, TimeInForce.GTC])
def test_every_order_type_may_work_for_a_day_or_until_it_is_canceled(check, kind, tif):
    check(kind, time_in_force=tif)


def test_an_amount_of_money_is_for_buying_crypto_only(check):
    check(quote_quantity=True, sec_type="CRYPTO")
    with pytest.raises(Unsupported):
        check(quote_quantity=True, sec_type="CRYPTO", order_side=OrderSide.SELL)


def test_an_offset_up_to_the_midpoint_is_kept_though_it_is_infinite(encode):
    tags = IBOrderTags(orderType="PEG BEST", competeAgainstBestOffset=math.inf)
    assert IBOrderTags.parse(tags.value) == tags
    order = encode(OrderType.LIMIT, tags=(tags.value,))
    assert (order.orderType, order.competeAgainstBestOffset) == ("PEG BEST", math.inf)


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        ({"volatility": math.nan}, "volatility"),
        ({"percentOffset": math.inf}, "percentOffset"),
        ({"competeAgainstBestOffset": -math.inf}, "competeAgainstBestOffset"),
        ({"allOrNone": "yes"}, "allOrNone"),
        ({"minQty": 1.5}, "minQty"),
        ({"minQty": True}, "minQty"),
        ({"discretionaryAmt": "5"}, "discretionaryAmt"),
        ({"ocaGroup": 5}, "ocaGroup"),
    ],
)
def test_a_value_that_would_be_lost_on_its_way_is_refused_at_once(terms, named):
    with pytest.raises(InvalidRequest, match="has no such value") as refused:
        IBOrderTags(**terms)
    assert refused.value.field == f"IBOrderTags.{named}"


def test_a_condition_has_finite_numbers_and_a_known_trigger_method():
    with pytest.raises(InvalidRequest, match="price is no number"):
        PriceCondition(conId=1, exchange="SMART", price=math.nan)
    with pytest.raises(InvalidRequest, match="no such trigger method"):
        PriceCondition(conId=1, exchange="SMART", price=1.0, triggerMethod=5)
