"""What a gateway still tells of earlier days, and what it forgets."""

from decimal import Decimal

import pytest

from posei_ib_sim import wire
from posei_ib_sim.testing import RawClient

APPLE = wire.Contract(symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
START = "2024-03-05T15:00:00"  # a Tuesday
NINE = 9 * 3600


def order(kind="MKT", tif="DAY", **terms):
    return wire.Order(
        action="BUY", totalQuantity=Decimal(100), orderType=kind, tif=tif, transmit=True, **terms
    )


def place(client, order_id, placed):
    client.send(wire.PlaceOrderRequest(orderId=order_id, contract=APPLE, order=placed))


async def executed(client, req_id, **terms):
    wanted = wire.ExecutionFilter(**terms)
    client.send(wire.ExecutionRequest(reqId=req_id, executionFilter=wanted))
    told = await client.received(wire.ExecutionDetails)
    return [one.execution.orderId for one in told if one.reqId == req_id]


async def completed(client, *, api_only=False):
    client.send(wire.CompletedOrdersRequest(apiOnly=api_only))
    return [one.order.permId for one in await client.received(wire.CompletedOrder)]


@pytest.mark.parametrize("version", [200, 226])
async def test_executions_and_completed_orders_are_those_since_midnight(start_gateway, version):
    gateway = await start_gateway(start=START, server_version=version)
    async with await RawClient.connect(gateway.host, gateway.port) as client:
        await client.receive(wire.NextValidId)
        place(client, 1, order())
        await client.receive(wire.OpenOrder)
        await gateway.advance(60)
        (first,) = {fill.perm_id for fill in gateway.truth.executions}
        assert set(await executed(client, 1)) == {1}
        assert await completed(client) == [first]
        # Seconds before midnight in New York, and at midnight.
        await gateway.advance(14 * 3600 - 61)
        assert set(await executed(client, 2)) == {1}
        await gateway.advance(1)
        assert await executed(client, 3) == []
        assert await completed(client) == []
        assert set(await executed(client, 4, lastNDays=2)) == {1}
        assert set(await executed(client, 5, specificDates=(20240305,))) == {1}
        assert await executed(client, 6, specificDates=(20240306,)) == []
        assert await executed(client, 7, lastNDays=2, time="20240305-15:30:00") == []
    assert [fill.perm_id for fill in gateway.truth.executions][:1] == [first]


async def test_orders_entered_by_hand_are_no_api_orders(start_gateway):
    gateway = await start_gateway(start=START)
    manual = gateway.place_by_hand("AAPL", order())
    await gateway.advance(60)
    async with await RawClient.connect(gateway.host, gateway.port) as client:
        await client.receive(wire.NextValidId)
        assert await completed(client, api_only=True) == []
        assert await completed(client) == [manual.perm_id]


async def test_what_was_over_a_week_ago_is_forgotten_but_for_parents_of_live_orders(start_gateway):
    gateway = await start_gateway(start=START)
    async with await RawClient.connect(gateway.host, gateway.port) as client:
        await client.receive(wire.NextValidId)
        place(client, 1, order())
        place(client, 2, order())
        place(client, 3, order("LMT", "GTC", lmtPrice=1.0, parentId=2))
        await client.receive(wire.OpenOrder, about=3)
        await gateway.advance(60)
        registry = gateway.simulation.desk.registry
        # What every midnight does, with the one of this morning and with the next.
        registry.forget(gateway.simulation.midnight_ns(0))
        assert [one.order_id for one in gateway.truth.orders] == [1, 2, 3]
        registry.forget(gateway.simulation.midnight_ns(1))
        assert [one.order_id for one in gateway.truth.orders] == [2, 3]
        assert {fill.order_id for fill in gateway.truth.executions} == {2}
        # The ids of what is forgotten stay used.
        place(client, 1, order())
        error = await client.receive(wire.ErrorMessage, about=1)
        assert error.errorCode == 103
