"""The order in which a client hears of an order that fills at once, over a socket."""

from decimal import Decimal

import pytest

from posei_ib_sim import wire
from posei_ib_sim.testing import RawClient

KO = wire.Contract(symbol="KO", secType="STK", exchange="SMART", currency="USD")
OF_ORDERS = (
    wire.OpenOrder,
    wire.OrderStatus,
    wire.ExecutionDetails,
    wire.CommissionAndFeesReport,
)


@pytest.mark.parametrize("version", [178, 226])
@pytest.mark.parametrize(
    ("executions_first", "names"),
    [
        (
            False,
            ["OpenOrder", "OrderStatus"] * 2 + ["ExecutionDetails", "OpenOrder", "OrderStatus"],
        ),
        (True, ["ExecutionDetails", "OpenOrder", "OrderStatus", "CommissionAndFeesReport"]),
    ],
)
async def test_a_fill_comes_before_or_after_the_first_open_order(
    start_gateway, quotes_file, version, executions_first, names
):
    gateway = await start_gateway(
        replay=[quotes_file],
        fill_on="standing_quote",
        executions_first=executions_first,
        server_version=version,
    )
    await gateway.advance(0.5)
    async with await RawClient.connect(gateway.host, gateway.port) as client:
        await client.receive(wire.NextValidId)
        order = wire.Order(action="BUY", totalQuantity=Decimal(100), orderType="MKT", transmit=True)
        client.send(wire.PlaceOrderRequest(orderId=1, contract=KO, order=order))
        told = [type(one).__name__ for one in await client.received(OF_ORDERS)]
        await gateway.advance(0.1)
        told += [type(one).__name__ for one in await client.received(OF_ORDERS)]
    assert told[: len(names)] == names
    assert told.count("ExecutionDetails") == 1
