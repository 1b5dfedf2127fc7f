"""Every field of ibapi's order is sent by a term of ours, by a tag, or is none that we may send."""

import math
import typing
from decimal import Decimal

import pytest
from ibapi.order import Order

from posei_trader.adapters.interactive_brokers.common import IBContract, IBOrderTags, TagValue
from posei_trader.adapters.interactive_brokers.contract_conversion import contract_to_ibapi
from posei_trader.adapters.interactive_brokers.contract_types import ComboLeg
from posei_trader.adapters.interactive_brokers.order_tags import MarginCondition, SoftDollarTier
from posei_trader.adapters.interactive_brokers.orders.leg_prices import put_leg_prices
from posei_trader.adapters.interactive_brokers.orders.tags import apply_tags
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import (
    MAX_SERVER_VERSION,
    RequestEncoder,
)
from posei_trader.errors import Unsupported

FROM_OUR_TERMS = {
    "account": "the client's account",
    "clearingAccount": "the client's account; a tag may say another",
    "action": "order_side",
    "totalQuantity": "quantity",
    "cashQty": "quantity, when quote_quantity is set",
    "orderType": "order_type and time_in_force; a tag may refine it",
    "lmtPrice": "price",
    "auxPrice": "trigger_price, trailing_offset; of IB's own types a tag",
    "trailStopPrice": "trigger_price of a trailing stop",
    "trailingPercent": "trailing_offset in basis points",
    "lmtPriceOffset": "limit_offset",
    "tif": "time_in_force",
    "goodTillDate": "expire_time_ns",
    "orderRef": "client_order_id",
    "displaySize": "display_qty",
    "triggerMethod": "trigger_type",
    "ocaGroup": "contingency_type and linked_order_ids; a tag may say another",
    "ocaType": "contingency_type; a tag may say another",
    "parentId": "parent_order_id",
    "transmit": "the order list: its last order transmits all",
}

NOT_FOR_US_TO_SEND = {
    "orderId": "the connection gives it",
    "clientId": "the connection gives it",
    "permId": "IB gives it",
    "parentPermId": "IB tells it",
    "filledQuantity": "IB tells it",
    "softDollarTier": "a tag of its own type; an empty one stands in the constructor",
    "shareholder": "IB tells it of completed orders",
    "autoCancelDate": "IB tells it of completed orders",
    "refFuturesConId": "IB tells it of completed orders",
    "submitter": "IB tells who entered the order",
    "basisPoints": "IB tells it of exchanges for physical; no request carries it",
    "basisPointsType": "as basisPoints",
    "deactivate": "it parks a working order in TWS, where only a person brings it back: cancel it",
    "slOrderId": "an attached stop is an order of ours in a bracket, with a name and a state",
    "slOrderType": "as slOrderId",
    "ptOrderId": "as slOrderId",
    "ptOrderType": "as slOrderId",
}

VALUES = {
    "adjustedOrderType": "STP",
    "algoParams": (TagValue("speed", "3"),),
    "clearingIntent": "Away",
    "conditions": (MarginCondition(percent=30),),
    "hedgeType": "D",
    "openClose": "C",
    "orderComboLegs": (10.0, 8.5),
    "orderMiscOptions": (TagValue("a", "b"),),
    "orderType": "REL",
    "smartComboRoutingParams": (TagValue("c", "d"),),
    "softDollarTier": SoftDollarTier(name="tier", val="7"),
    **dict.fromkeys(
        ("activeStartTime", "activeStopTime", "goodAfterTime", "manualOrderTime"),
        "20240315-14:30:00",
    ),
}
BESIDE = {
    "adjustedOrderType": "TRAIL",
    "algoStrategy": "Vwap",
    "competeAgainstBestOffset": math.inf,
    "conditions": (MarginCondition(percent=75),),
    "deltaNeutralOrderType": "MKT",
    "hedgeType": "B",
    "scalePriceIncrement": 0.5,
}
"""What others need beside them to mean anything."""

TYPES = ["", "PEG BEST", "PEG BENCH"]
OF_COMBINATIONS = {"NonGuaranteed", "orderComboLegs", "smartComboRoutingParams"}
SHARE = IBContract(secType="STK", symbol="AAPL", exchange="IBKRATS", currency="USD")
SPREAD = IBContract(
    secType="BAG",
    symbol="ES",
    exchange="CME",
    currency="USD",
    comboLegs=(
        ComboLeg(conId=1, ratio=1, action="BUY", exchange="CME"),
        ComboLeg(conId=2, ratio=1, action="SELL", exchange="CME"),
    ),
)
TERMS_OF_TAGS = IBOrderTags.__struct_fields__

FIELDS = sorted(vars(Order()))


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_an_order_is_mapped_tagged_or_left_out_for_a_reason(field):
    places = [
        name
        for name, known in {
            "terms": FROM_OUR_TERMS,
            "tags": IBOrderTags.__struct_fields__,
            "none": NOT_FOR_US_TO_SEND,
        }.items()
        if field in known
    ]
    assert places, f"{field} is new in ibapi: map it, tag it, or say why not"


def test_the_tables_name_only_fields_that_ibapi_has():
    assert set(FROM_OUR_TERMS) <= set(FIELDS)


def test_every_tag_is_a_field_of_ibapi_but_the_one_that_becomes_a_routing_parameter():
    assert set(IBOrderTags.__struct_fields__) - set(FIELDS) == {"NonGuaranteed"}


def value_of(name):
    """A value that says something, of the field's type."""
    if name in VALUES:
        return VALUES[name]
    kind = str(typing.get_type_hints(IBOrderTags)[name])
    for word, value in (("bool", True), ("int", 1), ("float", 1.5), ("str", "X")):
        if word in kind:
            return value
    raise AssertionError(name)


def written(version, contract, tags):
    order = Order()
    order.action, order.totalQuantity, order.orderType = "BUY", Decimal(1), "LMT"
    order.lmtPrice, order.tif = 1.5, "DAY"
    apply_tags(order, tags)
    if tags.orderComboLegs:
        put_leg_prices(order, tags.orderComboLegs, contract.comboLegs, 1)
    return RequestEncoder(version, 1)(
        lambda ib: ib.placeOrder(5, contract_to_ibapi(contract), order)
    )


def changes(version, contract, name, kind):
    """Whether a term changes what is written of an order of a type of IB's."""
    beside = {**BESIDE, "orderType": kind}
    beside.pop(name, None)
    with_it = IBOrderTags(**beside, **{name: value_of(name)})
    return written(version, contract, with_it) != written(version, contract, IBOrderTags(**beside))


@pytest.mark.parametrize("version", [176, 187, 200, 203, 213, 216, MAX_SERVER_VERSION])
def test_every_tag_changes_what_is_written_or_the_order_is_refused(version):
    """`ibapi` leaves out, without a word, what a version has no field for."""
    lost, refused = [], set()
    for name in TERMS_OF_TAGS:
        contract = SPREAD if name in OF_COMBINATIONS else SHARE
        try:
            if not any(changes(version, contract, name, kind) for kind in TYPES):
                lost.append(name)
        except Unsupported:
            refused.add(name)
    assert lost == []
    assert refused <= {
        "allowPreOpen", "auctionStrategy", "bondAccruedInterest", "conditionsIncludeOvernight",
        "customerAccount", "hedgeMaxSize", "ignoreOpenAuction", "imbalanceOnly",
        "includeOvernight", "manualOrderIndicator", "postOnly", "professionalCustomer",
        "routeMarketableToBbo", "seekPriceImprovement", "whatIfType",
    }  # fmt: skip
    if version == MAX_SERVER_VERSION:
        assert refused == {"auctionStrategy"}
