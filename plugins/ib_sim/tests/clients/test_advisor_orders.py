"""An advisor's groups and the orders that are shared out by them, through the official client."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, stock, order = _MODULE.connect, _MODULE.stock, _MODULE.order

D = Decimal
GROUPS = (
    '<?xml version="1.0" encoding="UTF-8"?><ListOfGroups>'
    "<Group><name>Even</name><defaultMethod>Equal</defaultMethod>"
    "<ListOfAccts><String>DU1</String><String>DU2</String></ListOfAccts></Group>"
    "<Group><name>Uneven</name><defaultMethod>Ratio</defaultMethod><ListOfAccts>"
    "<Account><acct>DU1</acct><amount>3</amount></Account>"
    "<Account><acct>DU2</acct><amount>1</amount></Account></ListOfAccts></Group></ListOfGroups>"
)


@pytest.fixture(params=[178, 226])
async def session(request, start_gateway, connect, quotes_file, wait_until):
    gateway = await start_gateway(
        replay=[quotes_file],
        account_ids=("DF100", "DU1", "DU2"),
        server_version=request.param,
    )
    client = await connect(gateway)
    client.replaceFA(7, 1, GROUPS)
    await wait_until(lambda: client.calls["replaceFAEnd"])
    return gateway, client


async def test_what_was_replaced_is_received(session, wait_until):
    _, client = session
    client.requestFA(1)
    await wait_until(lambda: client.calls["receiveFA"])
    assert client.calls["receiveFA"] == [(1, GROUPS)]
    client.requestFA(3)
    await wait_until(lambda: len(client.calls["receiveFA"]) == 2)
    assert client.calls["receiveFA"][1][0] == 3


@pytest.mark.parametrize(
    ("group", "method", "expected"),
    [
        ("Even", "", {"DU1": D(150), "DU2": D(150)}),
        ("Uneven", "", {"DU1": D(225), "DU2": D(75)}),
        ("Uneven", "Equal", {"DU1": D(150), "DU2": D(150)}),
        ("Even", "NetLiq", {"DU1": D(150), "DU2": D(150)}),
    ],
)
async def test_a_groups_order_is_shared_out(session, wait_until, group, method, expected):
    gateway, client = session
    placed = order("BUY", 300)
    placed.faGroup, placed.faMethod = group, method
    client.placeOrder(1, stock("KO"), placed)
    await wait_until(lambda: client.calls["openOrder"])
    assert client.calls["openOrder"][-1][2].faGroup == group
    await gateway.advance(3)
    await wait_until(lambda: client.calls["orderStatus"][-1][1] == "Filled")
    got = {}
    for _, _, execution in client.calls["execDetails"]:
        got[execution.acctNumber] = got.get(execution.acctNumber, D(0)) + execution.shares
    assert got == expected
    assert {name: gateway.truth.positions(name).get("KO") for name in expected} == expected
    assert gateway.truth.positions("DF100") == {}
    assert client.calls["execDetails"][-1][2].cumQty == 300


async def test_an_unknown_group_and_a_bad_configuration_are_refused(session, wait_until):
    gateway, client = session
    placed = order("BUY", 300)
    placed.faGroup = "Nobody"
    client.placeOrder(1, stock("KO"), placed)
    await wait_until(lambda: len(client.errors()) == 1)
    client.replaceFA(8, 1, "<ListOfGroups><Group>")
    await wait_until(lambda: len(client.errors()) == 2)
    client.replaceFA(9, 1, GROUPS.replace("DU2", "DU9"))
    await wait_until(lambda: len(client.errors()) == 3)
    assert [code for _, code, _ in client.errors()] == [321, 321, 10231]
    assert gateway.truth.orders == []


async def bought(gateway, client, wait_until, sizes):
    """Buy positions in single accounts."""
    for number, (account, size) in enumerate(sizes.items(), 1):
        single = order("BUY", size)
        single.account = account
        client.placeOrder(number, stock("KO"), single)
    await wait_until(lambda: len(gateway.truth.orders) == len(sizes))
    await gateway.advance(4)
    await wait_until(lambda: all(one.is_final for one in gateway.truth.orders))


@pytest.mark.parametrize(
    ("action", "percent", "expected"),
    [("BUY", "50", {"DU1": D(150), "DU2": D(61)}), ("SELL", "-100", {})],
)
async def test_positions_change_by_a_percentage(session, wait_until, action, percent, expected):
    gateway, client = session
    await bought(gateway, client, wait_until, {"DU1": 100, "DU2": 41})
    change = order(action, 0)
    change.faGroup, change.faMethod, change.faPercentage = "Even", "PctChange", percent
    client.placeOrder(5, stock("KO"), change)
    await wait_until(lambda: len(gateway.truth.orders) == 3)
    await gateway.advance(4)
    await wait_until(lambda: gateway.truth.orders[-1].is_final)
    held = {name: gateway.truth.positions(name).get("KO") for name in ("DU1", "DU2")}
    assert {name: size for name, size in held.items() if size} == expected
    assert client.errors() == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"faGroup": "Even", "faMethod": "PctChange"}, 10012),
        ({"faGroup": "Even", "faMethod": "PctChange", "faPercentage": "much"}, 10012),
        ({"faGroup": "Even", "faMethod": "PctChange", "faPercentage": "50"}, 426),
        ({"faGroup": "Even", "faMethod": "Lottery"}, 321),
        ({"faGroup": "Even", "totalQuantity": D("10.5")}, 10251),
        ({"faGroup": "Even", "modelCode": "Core"}, 321),
        ({}, 436),
    ],
)
async def test_an_allocation_that_cannot_be_has_its_code(session, wait_until, fields, code):
    gateway, client = session
    placed = order("BUY", 300)
    for name, value in fields.items():
        setattr(placed, name, value)
    client.placeOrder(1, stock("KO"), placed)
    await wait_until(client.errors)
    assert client.errors()[0][:2] == (1, code)
    assert gateway.truth.orders == []


async def test_only_an_advisor_allocates(start_gateway, connect, quotes_file, wait_until):
    gateway = await start_gateway(replay=[quotes_file])
    client = await connect(gateway)
    placed = order("BUY", 300)
    placed.faGroup = "Even"
    client.placeOrder(1, stock("KO"), placed)
    client.requestFA(1)
    await wait_until(lambda: len(client.errors()) == 2)
    assert [code for _, code, _ in client.errors()] == [344, 321]


async def test_groups_name_accounts_in_account_requests(session, wait_until):
    _, client = session
    client.reqAccountSummary(1, "Uneven", "NetLiquidation")
    client.reqPositionsMulti(2, "Even", "")
    client.reqAccountUpdatesMulti(3, "Even", "", True)
    client.reqFamilyCodes()
    client.reqAccountSummary(4, "Nobody", "NetLiquidation")
    await wait_until(lambda: client.calls["familyCodes"] and client.errors())
    assert {call[1] for call in client.calls["accountSummary"]} == {"DU1", "DU2"}
    assert {call[1] for call in client.calls["accountUpdateMulti"]} == {"DU1", "DU2"}
    assert [code.accountID for code in client.last("familyCodes")[0]] == ["DF100", "DU1", "DU2"]
    assert client.errors()[0][:2] == (4, 321)
