"""What is read of IB's order messages is what IB's own decoder reads."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_listeners import Glancer, Listener

pytest.importorskip("ibapi.protobuf", reason="this release of ibapi has no protobuf")

from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.client.order_protobuf import (
    COMMISSION,
    EXECUTION,
    OPEN_ORDER,
    ORDER_STATUS,
)
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import MAX_SERVER_VERSION

IDS = st.integers(-(2**31), 2**31 - 1)
LONGS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.sampled_from(["", "Submitted", "O-1", "0000e0d5.01.01", "größer", "DU123456"])
FLOATS = st.one_of(st.floats(allow_nan=False), st.just(1.7976931348623157e308))
SIZES = st.one_of(
    st.decimals(-(10**6), 10**6, places=4).map(str),
    st.just(str(2**127 - 1)),
    st.sampled_from(["0", "1E+2"]),
)
FLAGS = st.booleans()


def message(name: str) -> Any:
    return getattr(import_module(f"ibapi.protobuf.{name}_pb2"), name)


def built(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return messages with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields).map(lambda found: message(name)(**found))


CONTRACTS = built(
    "Contract",
    conId=IDS,
    symbol=TEXTS,
    secType=st.sampled_from(["STK", "BAG", "OPT"]),
    strike=st.floats(0, 1e6),
    exchange=TEXTS,
    currency=TEXTS,
)
ORDERS = built(
    "Order",
    clientId=IDS,
    permId=LONGS,
    parentId=IDS,
    account=TEXTS,
    orderRef=TEXTS,
    whatIf=FLAGS,
    totalQuantity=SIZES,
    lmtPrice=FLOATS,
    auxPrice=FLOATS,
    trailStopPrice=FLOATS,
    cashQty=FLOATS,
    action=TEXTS,
    orderType=TEXTS,
)
STATES = built("OrderState", status=TEXTS, rejectReason=TEXTS, warningText=TEXTS)
MESSAGES = {
    ORDER_STATUS: built(
        "OrderStatus",
        orderId=IDS,
        status=TEXTS,
        filled=SIZES,
        remaining=SIZES,
        avgFillPrice=FLOATS,
        permId=LONGS,
        parentId=IDS,
        lastFillPrice=FLOATS,
        clientId=IDS,
        whyHeld=TEXTS,
        mktCapPrice=FLOATS,
    ),
    EXECUTION: built(
        "ExecutionDetails",
        reqId=st.sampled_from([-1, 0, 5]),
        contract=CONTRACTS,
        execution=built(
            "Execution",
            orderId=IDS,
            execId=TEXTS,
            time=TEXTS,
            acctNumber=TEXTS,
            exchange=TEXTS,
            side=TEXTS,
            shares=SIZES,
            price=FLOATS,
            permId=LONGS,
            clientId=IDS,
            isLiquidation=FLAGS,
            cumQty=SIZES,
            avgPrice=FLOATS,
            orderRef=TEXTS,
            evRule=TEXTS,
            evMultiplier=FLOATS,
            modelCode=TEXTS,
            lastLiquidity=st.integers(0, 3),
            isPriceRevisionPending=FLAGS,
        ),
    ),
    COMMISSION: built(
        "CommissionAndFeesReport",
        execId=TEXTS,
        commissionAndFees=FLOATS,
        currency=TEXTS,
        realizedPNL=FLOATS,
        bondYield=FLOATS,
    ),
}
OPEN_ORDERS = built("OpenOrder", orderId=IDS, contract=CONTRACTS, order=ORDERS, orderState=STATES)


def client_with(listener):
    client = InteractiveBrokersClient()
    client._opened(MAX_SERVER_VERSION)
    client.set_order_handler(listener)
    return client


CLIENT = client_with(None)  # examples share one: it keeps nothing of a message but its contract


def told(listener, process, number, sent):
    CLIENT.set_order_handler(listener)
    process(number, sent.SerializeToString())
    return listener.told


@settings(max_examples=200)
@given(st.sampled_from(sorted(MESSAGES)).flatmap(lambda n: st.tuples(st.just(n), MESSAGES[n])))
def test_a_message_says_what_ibapi_reads_in_it(found):
    number, sent = found

    ours = told(Listener(), CLIENT._process_message, number, sent)

    assert ours == told(Listener(), CLIENT._process_other, number, sent)


@settings(max_examples=200)
@given(OPEN_ORDERS)
def test_a_glance_at_an_open_order_shows_what_ibapi_reads_in_it(sent):
    ours = Glancer()

    assert told(ours, CLIENT._process_message, OPEN_ORDER, sent) == []

    ibapi = told(Listener(), CLIENT._process_other, OPEN_ORDER, sent)
    assert len(ours.glances) == len(ibapi)
    for glance, whole in zip(ours.glances, ibapi, strict=True):
        for name in glance.__struct_fields__[3:-1]:
            assert getattr(glance, name) == getattr(whole.order, name), name
        assert (glance.order_id, glance.status) == (whole.order_id, whole.status)
        assert glance.reject_reason == whole.state.rejectReason


OPEN = message("OpenOrder")(
    orderId=7,
    contract=message("Contract")(conId=1),
    order=message("Order")(clientId=1, permId=5),
    orderState=message("OrderState")(status="Submitted"),
).SerializeToString()


def test_who_is_content_with_a_glance_is_not_told_all():
    listener = Glancer()

    client_with(listener)._process_message(OPEN_ORDER, OPEN)

    assert len(listener.glances) == 1
    assert listener.told == []


def test_who_needs_all_of_an_open_order_is_told_all():
    listener = Glancer(is_content=False)

    client_with(listener)._process_message(OPEN_ORDER, OPEN)

    assert [row.order_id for row in listener.told] == [7]


def test_all_is_told_where_one_of_two_handlers_cannot_glance():
    glancer, listener = Glancer(), Listener()
    client = client_with(glancer)
    client.add_order_handler(listener)

    client._process_message(OPEN_ORDER, OPEN)

    assert glancer.glances == []
    assert [row.order_id for row in listener.told] == [row.order_id for row in glancer.told] == [7]


def test_all_is_told_of_an_order_for_a_combination():
    listener = Glancer()
    sent = message("OpenOrder").FromString(OPEN)
    sent.contract.comboLegs.add(conId=2, perLegPrice=1.5)

    client_with(listener)._process_message(OPEN_ORDER, sent.SerializeToString())

    assert listener.glances == []
    assert [leg.price for row in listener.told for leg in row.order.orderComboLegs] == [1.5]


@pytest.mark.parametrize("number", sorted(MESSAGES))
def test_bytes_that_are_no_message_are_counted_and_nobody_is_told(number):
    listener = Listener()
    client = client_with(listener)

    client._process_message(number, b"\xff\xff\xff")

    assert listener.told == []
    assert client.health().malformed == 1
