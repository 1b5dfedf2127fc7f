"""Orders that this client did not place: by hand, by another client id, of another account."""

from decimal import Decimal

import pytest

from posei_ib_sim.wire import Order as WireOrder
from posei_trader.adapters.interactive_brokers.config import InteractiveBrokersExecClientConfig
from posei_trader.adapters.interactive_brokers.factories import ClientPool
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import LiveClock
from posei_trader.model.enums import OrderSide, OrderStatus
from posei_trader.model.values import Price, Quantity

BUY, SELL = OrderSide.BUY, OrderSide.SELL
HUNDRED = Quantity("100")


def resting(desk, distance=5.0):
    now = desk.gateway.truth.board("AAPL").quote
    return round(float(now.bid) - distance, 2)


def limit(desk, aapl):
    return desk.factory.limit(aapl, BUY, HUNDRED, Price(resting(desk), 2))


def by_hand(desk, **terms):
    request = WireOrder(
        action="BUY",
        totalQuantity=Decimal(100),
        orderType="LMT",
        lmtPrice=resting(desk),
        tif="DAY",
        **terms,
    )
    return desk.gateway.place_by_hand("AAPL", request)


def external(desk):
    return [order for order in desk.cache.orders() if order.client_order_id.startswith("EXT-")]


async def test_client_0_adopts_what_is_entered_by_hand_and_may_change_and_cancel_it(open_desk):
    desk = await open_desk(client_id=0)
    placed = by_hand(desk, hidden=True)
    await desk.until(lambda: external(desk))
    (order,) = external(desk)
    assert (order.status, order.strategy_id) == (OrderStatus.ACCEPTED, "EXTERNAL")
    wanted = Price(resting(desk, 6.0), 2)
    desk.commands.modify_order(order, price=wanted)
    await desk.until(lambda: order.price == wanted)
    assert float(placed.request.lmtPrice) == float(wanted)
    assert placed.request.hidden  # a term that our order cannot express is kept
    desk.commands.cancel_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.CANCELED
    assert desk.gateway.truth.open_orders == []
    desk.check()


async def test_what_was_entered_by_hand_before_the_start_is_bound_by_client_0(
    open_desk, start_gateway
):
    desk = await open_desk(await start_gateway(), client_id=0, connect=False)
    by_hand(desk)
    await desk.connect()
    (order,) = external(desk)
    desk.commands.cancel_order(order)
    await desk.done(order)
    assert desk.gateway.truth.open_orders == []


async def test_orders_of_another_client_id_are_adopted_and_refuse_commands_clearly(
    open_desk, start_gateway, aapl
):
    gateway = await start_gateway()
    other = await open_desk(gateway, client_id=7)
    placed = limit(other, aapl)
    other.commands.submit_order(placed)
    await other.until(lambda: placed.is_open)
    desk = await open_desk(gateway, client_id=1, fetch_all_open_orders=True)
    (order,) = external(desk)
    assert order.venue_order_id == placed.venue_order_id
    desk.commands.cancel_order(order)
    assert "no order id of this API client" in order.last_event.reason
    assert "ibg_client_id=0" in order.last_event.reason
    desk.commands.modify_order(order, price=Price("1.00"))
    assert desk.names(order)[-1] == "ModifyRejected"
    assert placed.status is OrderStatus.ACCEPTED


async def test_without_fetching_all_orders_those_of_other_clients_are_left_alone(
    open_desk, start_gateway, aapl
):
    gateway = await start_gateway()
    other = await open_desk(gateway, client_id=7)
    placed = limit(other, aapl)
    other.commands.submit_order(placed)
    await other.until(lambda: placed.is_open)
    desk = await open_desk(gateway, client_id=1)
    assert external(desk) == []


async def test_executions_of_others_are_corrected_and_taken_back_too(open_desk, start_gateway):
    desk = await open_desk(await start_gateway(), client_id=0)
    now = desk.gateway.truth.board("AAPL").quote
    request = WireOrder(
        action="BUY",
        totalQuantity=Decimal(100),
        orderType="LMT",
        lmtPrice=round(float(now.ask) + 1, 2),
        tif="DAY",
    )
    desk.gateway.place_by_hand("AAPL", request)
    await desk.until(lambda: external(desk) and external(desk)[0].filled_qty == HUNDRED)
    (order,) = external(desk)
    await desk.until(lambda: all(fill.commission is not None for fill in order.fills))
    last = desk.gateway.truth.executions[-1]
    desk.gateway.faults.correct_execution(last.exec_id, 99.99)
    await desk.until(lambda: order.fills[-1].price == Price("99.99"))
    assert order.filled_qty == HUNDRED
    desk.gateway.faults.bust_execution(desk.gateway.truth.executions[-1].exec_id)
    await desk.until(lambda: order.filled_qty < HUNDRED)
    held = sum((p.signed_qty for p in desk.cache.positions_open()), Decimal(0))
    assert held == desk.gateway.truth.positions().get("AAPL", Decimal(0))
    desk.check()


# -- several accounts on one connection ------------------------------------------------------------


@pytest.fixture
async def two_accounts(open_desk, start_gateway):
    """Two execution clients, each with an account of its own, on one connection."""
    gateway = await start_gateway(account_ids=["DU111111", "DU222222"])
    pool = ClientPool(LiveClock(), Cache())
    config = InteractiveBrokersExecClientConfig(ibg_port=gateway.port)
    first, second = [
        await open_desk(gateway, account_id=number, connection=pool.client(config))
        for number in ("DU111111", "DU222222")
    ]
    return first, second


async def test_each_account_of_a_shared_connection_has_its_own_orders(two_accounts, aapl):
    first, second = two_accounts
    bought, sold = (
        desk.factory.market(aapl, side, HUNDRED)
        for desk, side in zip(two_accounts, (BUY, SELL), strict=True)
    )
    first.commands.submit_order(bought)
    second.commands.submit_order(sold)
    await first.done(bought)
    await second.done(sold)
    for desk, order, number in ((first, bought, "DU111111"), (second, sold, "DU222222")):
        assert order.status is OrderStatus.FILLED
        assert order.account_id == f"IB-{number}"
        assert [one.client_order_id for one in desk.cache.orders()] == [order.client_order_id]
        (position,) = desk.cache.positions_open()
        assert position.signed_qty == desk.gateway.truth.positions(number)["AAPL"]
        desk.check()


async def test_one_account_that_leaves_does_not_silence_the_other(two_accounts, aapl):
    first, second = two_accounts
    await second.close()
    order = limit(first, aapl)
    first.commands.submit_order(order)
    await first.until(lambda: order.is_open)
    first.check()


async def test_a_code_for_an_order_reaches_the_account_that_placed_it(two_accounts, aapl):
    first, second = two_accounts
    order = limit(first, aapl)
    first.commands.submit_order(order)
    await first.until(lambda: order.is_open)
    first.gateway.faults.cancel_silently(1, int(first.gateway.truth.open_orders[0].order_id))
    first.commands.cancel_order(order)
    await first.until(lambda: order.is_closed or "CancelRejected" in first.names(order))
    assert second.cache.orders() == []
    assert second.events == []
