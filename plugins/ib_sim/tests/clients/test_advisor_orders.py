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
    assert [code for _, code, _ in client.errors()] == [321, 321, 321]
    assert gateway.truth.orders == []
