"""Orders entered by hand in TWS: what client 0, other clients and the master client see."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest

from posei_ib_sim import wire

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, stock, order = _MODULE.connect, _MODULE.stock, _MODULE.order

D = Decimal


def by_hand(quantity=100, price=45.0):
    return wire.Order(action="BUY", totalQuantity=D(quantity), orderType="LMT", lmtPrice=price)


def orders_of(client):
    return [(call[0], call[2].permId, call[2].clientId) for call in client.calls["openOrder"]]


@pytest.fixture(params=[178, 226])
async def gateway(request, start_gateway, quotes_file):
    return await start_gateway(replay=[quotes_file], server_version=request.param)


async def test_nobody_is_told_of_an_order_by_hand_but_who_asks(gateway, connect, wait_until):
    default, other = await connect(gateway, 0), await connect(gateway, 5)
    placed = gateway.place_by_hand("KO", by_hand())
    other.reqAllOpenOrders()
    await wait_until(lambda: other.calls["openOrderEnd"])
    assert orders_of(other) == [(0, placed.perm_id, 0)]
    assert default.calls["openOrder"] == []
    assert placed.api_id == 0


async def test_client_0_binds_by_asking_and_can_cancel_then(gateway, connect, wait_until):
    placed = gateway.place_by_hand("KO", by_hand())
    default = await connect(gateway, 0)
    assert default.calls["openOrder"] == []
    default.reqOpenOrders()
    await wait_until(lambda: default.calls["openOrderEnd"])
    order_id = placed.order_id
    assert order_id > 0
    assert default.calls["orderBound"] == [(placed.perm_id, 0, order_id)]
    assert orders_of(default) == [(order_id, placed.perm_id, 0)]
    default.cancelOrder(order_id, _MODULE.OrderCancel())
    await wait_until(lambda: placed.is_final)
    assert gateway.truth.open_orders == []


async def test_new_orders_are_bound_as_they_come(gateway, connect, wait_until):
    default = await connect(gateway, 0)
    default.reqAutoOpenOrders(True)
    await wait_until(lambda: gateway.server.client(0).auto_bind)
    placed = gateway.place_by_hand("KO", by_hand(price=51.0))
    await wait_until(lambda: default.calls["orderStatus"])
    assert default.calls["orderBound"] == [(placed.perm_id, 0, placed.order_id)]
    await gateway.advance(1)
    await wait_until(lambda: default.calls["commissionAndFeesReport"])
    assert default.calls["execDetails"][-1][2].orderId == placed.order_id


async def test_without_binding_client_0_only_watches(gateway, connect, wait_until):
    default = await connect(gateway, 0)
    default.reqAutoOpenOrders(False)
    await wait_until(lambda: gateway.server.client(0).sees_manual)
    placed = gateway.place_by_hand("KO", by_hand())
    await wait_until(lambda: default.calls["orderStatus"])
    assert {ident for ident, *_ in orders_of(default)} == {0}
    assert default.calls["orderBound"] == []
    assert not placed.is_bound


async def test_only_client_0_may_bind(gateway, connect, wait_until):
    other = await connect(gateway, 5)
    other.reqAutoOpenOrders(True)
    await wait_until(other.errors)
    assert other.errors()[0][1] == 321


async def test_the_master_client_sees_orders_by_hand_and_of_others(
    start_gateway, quotes_file, connect, wait_until
):
    gateway = await start_gateway(replay=[quotes_file], master_client_id=9)
    master, other = await connect(gateway, 9), await connect(gateway, 5)
    gateway.place_by_hand("KO", by_hand())
    other.placeOrder(1, stock("KO"), order("BUY", 100))
    await wait_until(lambda: other.calls["orderStatus"])
    await gateway.advance(1)
    await wait_until(lambda: master.calls["commissionAndFeesReport"])
    assert {(ident, client) for ident, _, client in orders_of(master)} == {(0, 0), (1, 5)}
    assert master.calls["execDetails"][-1][2].clientId == 5
