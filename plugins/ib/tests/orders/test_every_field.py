"""Every field of ibapi's order is sent by a term of ours, by a tag, or is none that we may send."""

import pytest
from ibapi.order import Order

from posei_trader.adapters.interactive_brokers.common import IBOrderTags

FROM_OUR_TERMS = {
    "account": "the client's account",
    "clearingAccount": "the client's account; a tag may say another",
    "action": "order_side",
    "totalQuantity": "quantity",
    "cashQty": "quantity, when quote_quantity is set",
    "orderType": "order_type and time_in_force",
    "lmtPrice": "price",
    "auxPrice": "trigger_price, trailing_offset",
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
    "orderComboLegs": "prices per leg of a combination: the order would have no price of its own; "
    "our order model has exactly one",
    "deactivate": "it parks a working order in TWS, where only a person brings it back: cancel it",
    "slOrderId": "an attached stop is an order of ours in a bracket, with a name and a state",
    "slOrderType": "as slOrderId",
    "ptOrderId": "as slOrderId",
    "ptOrderType": "as slOrderId",
}

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
