"""What is read of IB's order messages in text is what IB's own decoder reads."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_listeners import Glancer, Listener

pytest.importorskip("posei_ib_sim.wire", reason="the simulator is not installed")

from posei_ib_sim.wire import Codec
from posei_ib_sim.wire import messages as m
from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.client.order_text import (
    COMMISSION,
    EXECUTION,
    OPEN_ORDER,
    ORDER_STATUS,
)
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import MAX_SERVER_VERSION

NEWEST = min(202, MAX_SERVER_VERSION)
NEWEST_TEXT = 200
"""The last version at which the simulator speaks text; orders have no newer fields in text."""
VERSIONS = st.integers(157, NEWEST)

IDS = st.integers(-(2**31), 2**31 - 1)
LONGS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.sampled_from(["", "Submitted", "O-1", "0000e0d5.01.01", "größer", "DU123456", "0"])
FLOATS = st.one_of(st.none(), st.floats(-1e300, 1e300))
SIZES = st.one_of(
    st.none(),
    st.decimals(-(10**6), 10**6, places=4),
    st.sampled_from([Decimal(0), Decimal("1E+2")]),
)
FLAGS = st.booleans()


def built(kind, **fields):
    """Return records with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields).map(lambda found: kind(**found))


LEGS = st.just((m.ComboLeg(conId=1, ratio=1, action="BUY", exchange="CME"),))
CONTRACT = {
    "conId": IDS,
    "symbol": TEXTS,
    "secType": st.sampled_from(["STK", "BAG", "OPT"]),
    "strike": st.floats(0, 1e6),
    "multiplier": st.sampled_from([None, 50.0, 0.1]),
    "exchange": TEXTS,
    "currency": TEXTS,
}
PLAIN = {
    "clientId": IDS,
    "permId": LONGS,
    "parentId": IDS,
    "account": TEXTS,
    "orderRef": TEXTS,
    "whatIf": FLAGS,
    "totalQuantity": SIZES,
    "lmtPrice": FLOATS,
    "auxPrice": FLOATS,
    "trailStopPrice": FLOATS,
    "cashQty": FLOATS,
    "action": TEXTS,
    "orderType": st.sampled_from(["LMT", "MKT", "TRAIL"]),
    "deltaNeutralOrderType": st.sampled_from(["", "None"]),
    "adjustedOrderType": st.sampled_from(["", "None"]),
    "displaySize": st.sampled_from([None, 0, 100]),
}
PARTS = {
    "orderType": st.just("PEG BENCH"),
    "algoStrategy": st.sampled_from(["Adaptive", "0"]),
    "algoParams": st.sampled_from([{}, {"adaptivePriority": "Normal"}, {"a": "1", "b": "0"}]),
    "hedgeType": st.sampled_from(["D", "0"]),
    "scalePriceIncrement": st.sampled_from([0.01, 0.0, 5.0]),
    "conditions": st.just((m.OrderCondition(type=3, time="20240315 09:30:00 UTC"),)),
    "deltaNeutralOrderType": st.just("MKT"),
}
STATE = {"status": TEXTS, "rejectReason": TEXTS, "warningText": TEXTS}
USUAL_OPEN_ORDERS = built(
    m.OpenOrder,
    orderId=IDS,
    contract=built(m.Contract, **CONTRACT),
    order=built(m.Order, **PLAIN),
    orderState=built(m.OrderState, **STATE),
)
OPEN_ORDERS = built(
    m.OpenOrder,
    orderId=IDS,
    contract=built(
        m.Contract,
        comboLegs=LEGS,
        comboLegsDescrip=TEXTS,
        deltaNeutralContract=st.just(m.DeltaNeutralContract(conId=1, delta=0.5, price=2.0)),
        **CONTRACT,
    ),
    order=built(m.Order, **(PLAIN | PARTS)),
    orderState=built(
        m.OrderState,
        orderAllocations=st.just((m.OrderAllocation(account="DU1", isMonetary=True),)),
        **STATE,
    ),
)
MESSAGES = {
    ORDER_STATUS: built(
        m.OrderStatus,
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
        m.ExecutionDetails,
        reqId=st.sampled_from([-1, 0, 5]),
        contract=built(m.Contract, **CONTRACT),
        execution=built(
            m.Execution,
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
            submitter=TEXTS,
        ),
    ),
    COMMISSION: built(
        m.CommissionAndFeesReport,
        execId=TEXTS,
        commissionAndFees=FLOATS,
        currency=TEXTS,
        realizedPNL=FLOATS,
        bondYield=FLOATS,
        yieldRedemptionDate=st.sampled_from(["", "20301231"]),
    ),
}
NUMBERED = st.sampled_from(sorted(MESSAGES)).flatmap(lambda n: st.tuples(st.just(n), MESSAGES[n]))


def opened(version):
    client = InteractiveBrokersClient()
    client._opened(version)
    return client


client_of = cache(opened)  # examples share them: they keep nothing of a message but its contract


def payload(version, message):
    """Return what follows the message id."""
    frame = Codec(min(version, NEWEST_TEXT)).encode(message)
    return frame[4:].partition(b"\0")[2]


def told(listener, version, number, data):
    """Return what the listener was told, or that the message was counted as malformed."""
    client = client_of(version)
    before = client.health().malformed
    client.set_order_handler(listener)
    client._process_message(number, data)
    return listener.told if client.health().malformed == before else "malformed"


def told_by_ibapi(version, number, data):
    listener = Listener()
    client = client_of(version)
    client.set_order_handler(listener)
    try:
        client._process_other(number, data)
    except ValueError:
        return "malformed"
    return listener.told


def shows(glance, whole):
    for name in glance.__struct_fields__[3:-1]:
        assert getattr(glance, name) == getattr(whole.order, name), name
    assert (glance.order_id, glance.status) == (whole.order_id, whole.status)
    assert glance.reject_reason == whole.state.rejectReason
    assert not whole.order.orderComboLegs


@settings(max_examples=300)
@given(VERSIONS, NUMBERED)
def test_a_message_says_what_ibapi_reads_in_it(version, found):
    number, message = found
    data = payload(version, message)

    ours = told(Listener(), version, number, data)

    assert ours == told_by_ibapi(version, number, data)
    assert ours != "malformed"


@settings(max_examples=300)
@given(VERSIONS, USUAL_OPEN_ORDERS)
def test_a_glance_at_an_open_order_shows_what_ibapi_reads_in_it(version, message):
    data = payload(version, message)
    ours = Glancer()

    assert told(ours, version, OPEN_ORDER, data) == []

    (glance,) = ours.glances
    (whole,) = told_by_ibapi(version, OPEN_ORDER, data)
    shows(glance, whole)


@settings(max_examples=300)
@given(VERSIONS, OPEN_ORDERS)
def test_an_open_order_with_further_parts_is_told_whole_or_read_right(version, message):
    data = payload(version, message)
    ours = Glancer()

    rows = told(ours, version, OPEN_ORDER, data)

    (whole,) = told_by_ibapi(version, OPEN_ORDER, data)
    assert len(rows) + len(ours.glances) == 1
    for row in rows:
        assert (row.order_id, row.status, row.contract) == (
            whole.order_id,
            whole.status,
            whole.contract,
        )
    for glance in ours.glances:
        shows(glance, whole)


DAMAGE = st.tuples(
    st.sampled_from(["replace", "replace", "replace", "drop", "repeat", "cut"]),
    st.integers(0, 200),
    st.sampled_from(
        [
            *(
                b"",
                b"x",
                b"0",
                b"1",
                b"-1",
                b"1.5",
                b"1e400",
                b"Infinity",
                b"nan",
                b"\xff",
                b"\xc3",
            ),
            *(b"2147483647", b"9223372036854775807", b"-9223372036854775808"),
            *(b"1.7976931348623157E308", b"170141183460469231731687303715884105727"),
        ]
    ),
)


def damaged(data, how, at, field):
    fields = data.split(b"\0")[:-1]
    at %= len(fields)
    match how:
        case "replace":
            fields[at] = field
        case "drop":
            del fields[at]
        case "repeat":
            fields.insert(at, fields[at])
        case _:
            del fields[at:]
    return b"".join(one + b"\0" for one in fields)


@settings(max_examples=300)
@given(VERSIONS, NUMBERED, DAMAGE)
def test_a_damaged_message_says_what_ibapi_reads_in_it_or_is_counted(version, found, damage):
    number, message = found
    data = damaged(payload(version, message), *damage)

    ours = told(Listener(), version, number, data)

    theirs = told_by_ibapi(version, number, data)
    if number == COMMISSION and theirs == "malformed":
        return  # it reads the yield of a bond too, which nobody needs to know what a fill cost
    assert repr(ours) == repr(theirs)  # as not-a-number is not equal to itself


@settings(max_examples=300)
@given(VERSIONS, OPEN_ORDERS, DAMAGE)
def test_a_damaged_open_order_is_read_as_ibapi_reads_it(version, message, damage):
    data = damaged(payload(version, message), *damage)
    ours = Glancer()

    rows = told(ours, version, OPEN_ORDER, data)

    theirs = told_by_ibapi(version, OPEN_ORDER, data)
    if theirs == "malformed":
        assert rows == "malformed" or ours.glances
    elif ours.glances and b"nan" not in data:
        shows(ours.glances[0], theirs[0])


USUAL = m.OpenOrder(
    orderId=7,
    contract=m.Contract(conId=1, symbol="AAPL", secType="STK"),
    order=m.Order(clientId=1, permId=5, totalQuantity=Decimal(100)),
    orderState=m.OrderState(status="Submitted"),
)
OPEN = payload(178, USUAL)


@pytest.mark.parametrize("hedge", ["", "None"])
def test_a_usual_order_is_read_at_every_version(hedge):
    order = m.Order(
        clientId=1,
        permId=2**40,
        parentId=3,
        account="DU123456",
        orderRef="O-1",
        whatIf=True,
        totalQuantity=Decimal("100.5"),
        lmtPrice=185.25,
        auxPrice=184.75,
        trailStopPrice=183.5,
        cashQty=1000.25,
        deltaNeutralOrderType=hedge,
    )
    state = m.OrderState(status="Submitted", rejectReason="no funds")
    for version in range(157, NEWEST + 1):
        listener = Glancer()
        data = payload(version, m.OpenOrder(orderId=7, order=order, orderState=state))

        assert told(listener, version, OPEN_ORDER, data) == []

        (glance,) = listener.glances
        assert (glance.order_id, glance.status) == (7, "Submitted")
        assert glance.reject_reason == ("no funds" if version >= 195 else "")
        for name in glance.__struct_fields__[3:-1]:
            assert getattr(glance, name) == getattr(order, name), (version, name)


def test_who_is_content_with_a_glance_is_not_told_all():
    listener = Glancer()

    assert told(listener, 178, OPEN_ORDER, OPEN) == []
    assert [glance.permId for glance in listener.glances] == [5]


def test_who_needs_all_of_an_open_order_is_told_all():
    listener = Glancer(is_content=False)

    assert [row.order_id for row in told(listener, 178, OPEN_ORDER, OPEN)] == [7]


def test_all_is_told_of_an_order_for_a_combination():
    listener = Glancer()
    legs = (m.ComboLeg(conId=2, ratio=1, action="BUY", exchange="CME", perLegPrice=1.5),)
    message = m.OpenOrder(
        orderId=7, contract=m.Contract(secType="BAG", comboLegs=legs), order=USUAL.order
    )

    rows = told(listener, 178, OPEN_ORDER, payload(178, message))

    assert listener.glances == []
    assert [leg.price for row in rows for leg in row.order.orderComboLegs] == [1.5]


@pytest.mark.parametrize("number", [OPEN_ORDER, *sorted(MESSAGES)])
@pytest.mark.parametrize("data", [b"", b"\0", b"1\0", b"x\0" * 200, b"\xff" * 20])
def test_bytes_that_are_no_message_are_counted_and_nobody_is_told(number, data):
    listener = Glancer()

    if number == COMMISSION and data == b"x\0" * 200:
        data = b"x\0" * 4
    assert told(listener, 178, number, data) == "malformed"
    assert listener.told == listener.glances == []


def test_a_damaged_message_does_not_bring_an_account_number_into_the_log(caplog):
    client = opened(178)
    data = payload(178, m.ExecutionDetails(reqId=-1, execution=m.Execution(price=1.25)))

    client._process_message(EXECUTION, data.replace(b"1.25", b"DU7654321"))

    assert client.health().malformed == 1
    assert "is skipped" in caplog.text
    assert "DU7654321" not in caplog.text


def test_the_message_behind_a_damaged_one_is_read():
    listener = Glancer()

    assert told(listener, 178, ORDER_STATUS, b"7\0Filled\0") == "malformed"
    assert told(listener, 178, OPEN_ORDER, OPEN) == []
    assert len(listener.glances) == 1


def test_the_contract_of_many_executions_is_one():
    listener = Listener()
    contract = m.Contract(conId=265598, symbol="AAPL", secType="STK", strike=None)
    for number in range(3):
        execution = m.Execution(execId=f"0001.{number}", shares=Decimal(100), price=185.5)
        message = m.ExecutionDetails(reqId=-1, contract=contract, execution=execution)
        told(listener, 178, EXECUTION, payload(178, message))

    assert [row.exec_id for row in listener.told] == ["0001.0", "0001.1", "0001.2"]
    assert len({id(row.contract) for row in listener.told}) == 1
