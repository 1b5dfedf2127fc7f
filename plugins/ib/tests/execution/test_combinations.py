"""Combinations: filled as one, held as their legs, at gateways that name the legs and that do not.

Gateways that speak text tell the execution of a combination without its legs.
"""

from decimal import Decimal

import pytest
from chaos_kit.ferry import Ferry

from posei_trader.adapters.interactive_brokers.client import (
    ConnectionOptions,
    InteractiveBrokersClient,
)
from posei_trader.model.enums import OrderSide, OrderStatus
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.values import Price, Quantity

BUY, SELL = OrderSide.BUY, OrderSide.SELL
SPREAD = InstrumentId("(1)ESM4___((1))ESH4.CME")
OTHER_SPREAD = InstrumentId("(1)ESM4___((2))ESH4.CME")
LEGS = {InstrumentId("ESH4.CME"): Decimal(-2), InstrumentId("ESM4.CME"): Decimal(2)}
COMPLETED_ORDER = 101


@pytest.fixture(params=[157, 178, 200, None], ids=["text_157", "text_178", "text_200", "protobuf"])
def version(request):
    return request.param


async def place(desk, spread_id=SPREAD, side=BUY, quantity="2"):
    """Order a combination and wait until it is filled and its legs are held."""
    spread = await desk.client.instrument_provider.load(spread_id)
    order = desk.factory.market(spread.id, side, Quantity(quantity))
    desk.commands.submit_order(order)
    await desk.done(order)
    await desk.until(lambda: len(fills(desk)) == len(desk.gateway.truth.executions))
    return order


def fills(desk):
    return [fill for order in desk.cache.orders() for fill in order.fills]


def held(desk):
    return {p.instrument_id: p.signed_qty for p in desk.cache.positions_open()}


def combinations(desk):
    """Return how much of which combination traded, by the orders that the node knows."""
    return sorted(
        (str(order.instrument_id), str(order.side), str(order.filled_qty))
        for order in desk.cache.orders()
        if "___" in order.instrument_id
    )


async def check_it_agrees(desk):
    """Nothing is booked twice, nothing is missing, and another look changes nothing."""
    executions = desk.gateway.truth.executions
    assert sorted(fill.trade_id for fill in fills(desk)) == sorted(
        one.exec_id for one in executions
    )
    again = await desk.engine.reconcile(desk.client)
    assert again.lines == ()
    assert len(fills(desk)) == len(executions)
    desk.check()


async def test_a_combination_is_filled_as_one_and_held_as_its_legs(
    start_gateway, open_desk, version
):
    desk = await open_desk(await start_gateway(server_version=version))
    order = await place(desk)
    assert order.filled_qty == Quantity("2")
    assert held(desk) == LEGS
    assert {p.strategy_id for p in desk.cache.positions_open()} == {order.strategy_id}
    status = await desk.client.generate_mass_status()
    ours = [fill for fill in status.fills if fill.client_order_id == order.client_order_id]
    assert [fill.instrument_id for fill in ours] == [order.instrument_id]
    assert len(status.fills) == 3
    assert status.unattributed == ()
    await check_it_agrees(desk)  # the venue holds no spread, and neither do we
    await desk.until(lambda: all(fill.commission is not None for fill in fills(desk)))
    paid = sum(fill.commission.as_decimal() for fill in fills(desk))
    assert paid == sum(one.commission for one in desk.gateway.truth.executions)


async def test_a_combination_that_was_filled_unheard_is_made_up_for_after_a_reconnect(
    start_gateway, open_desk, version
):
    desk = await open_desk(await start_gateway(server_version=version))
    spread = await desk.client.instrument_provider.load(SPREAD)
    order = desk.factory.market(spread.id, BUY, Quantity("2"))
    desk.gateway.faults.stall()
    desk.commands.submit_order(order)
    await desk.until(lambda: len(desk.gateway.truth.executions) == 3)
    await desk.lose_connection()
    await desk.reconciled()
    assert order.status is OrderStatus.FILLED
    assert held(desk) == LEGS
    assert {p.strategy_id for p in desk.cache.positions_open()} == {order.strategy_id}
    await check_it_agrees(desk)


async def test_combinations_of_a_lost_run_are_taken_in_each_as_what_it_is(
    start_gateway, open_desk, version
):
    gateway = await start_gateway(server_version=version)
    before = await open_desk(gateway)
    await place(before)
    await place(before, OTHER_SPREAD, SELL, "1")
    await before.close()
    desk = await open_desk(gateway)  # it knows of nothing
    assert combinations(desk) == combinations(before)
    assert len(combinations(desk)) == 2
    assert held(desk) == held(before) == {InstrumentId("ESM4.CME"): Decimal(1)}
    await check_it_agrees(desk)


async def test_a_combination_that_a_lost_run_left_working_is_changed_and_filled(
    start_gateway, open_desk, version
):
    gateway = await start_gateway(server_version=version)
    before = await open_desk(gateway)
    spread = await before.client.instrument_provider.load(SPREAD)
    resting = before.factory.limit(spread.id, BUY, Quantity("2"), Price("-5000.00"))
    before.commands.submit_order(resting)
    await before.until(lambda: resting.is_open)
    await before.close()
    desk = await open_desk(gateway)
    (order,) = desk.cache.orders()
    assert (order.client_order_id[:4], order.price) == ("EXT-", resting.price)
    desk.commands.modify_order(order, price=Price("5000.00"))
    await desk.until(lambda: order.is_closed and len(fills(desk)) == 3)
    assert order.status is OrderStatus.FILLED
    assert held(desk) == LEGS
    await check_it_agrees(desk)


@pytest.mark.parametrize("executions_first", [False, True])
async def test_a_combination_of_another_client_is_heard_of_as_it_trades(
    start_gateway, open_desk, version, executions_first
):
    gateway = await start_gateway(
        server_version=version, master_client_id=1, executions_first=executions_first
    )
    desk = await open_desk(gateway)
    other = await open_desk(gateway, client_id=7)
    await place(other)
    await desk.until(lambda: len(fills(desk)) == 3)
    assert combinations(desk) == combinations(other)
    assert held(desk) == LEGS
    await check_it_agrees(desk)


async def test_a_combination_of_another_client_that_still_works_is_known_by_its_order(
    start_gateway, open_desk, version
):
    gateway = await start_gateway(server_version=version, initial_cash={"USD": 10_000_000_000})
    other = await open_desk(gateway, client_id=7)
    spread = await other.client.instrument_provider.load(SPREAD)
    order = other.factory.market(spread.id, BUY, Quantity("5000"))
    other.commands.submit_order(order)
    await other.until(lambda: order.fills)
    gateway.pause()
    await other.until(lambda: len(fills(other)) == len(gateway.truth.executions))
    assert order.is_open
    desk = await open_desk(gateway, client_id=1)
    assert combinations(desk) == combinations(other)
    assert held(desk) == held(other)
    await check_it_agrees(desk)


@pytest.mark.parametrize("text_version", [157, 178])
async def test_a_combination_whose_legs_nothing_names_is_told_and_its_legs_are_held(
    start_gateway, open_desk, text_version
):
    gateway = await start_gateway(server_version=text_version)
    await place(await open_desk(gateway, client_id=7))
    async with Ferry(gateway.host, gateway.port) as ferry:
        ferry.withhold(COMPLETED_ORDER)
        connection = InteractiveBrokersClient(
            "127.0.0.1",
            ferry.port,
            1,
            request_timeout=30,
            options=ConnectionOptions(connection_timeout=30, first_pause=0.02, longest_pause=0.05),
        )
        desk = await open_desk(gateway, connection=connection)
        assert held(desk) == LEGS
        assert combinations(desk) == []
        assert len(fills(desk)) == 2
        (line,) = (await desk.engine.reconcile(desk.client)).lines
        assert "BOT 2" in line
        assert "00000001.00000001.01.01" in line
        assert held(desk) == LEGS
        ferry.withhold()  # now the orders are listed: nothing was lost, nothing counts twice
        await desk.engine.reconcile(desk.client)
        assert combinations(desk) == [("((1))ESH4___(1)ESM4.CME", "BUY", "2")]
        assert held(desk) == LEGS
        await check_it_agrees(desk)
        await desk.close()
