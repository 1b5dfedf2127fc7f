"""A bracket whose transmission was cut is withdrawn: no parent ever works without its stops."""

import socket

import pytest
from chaos_kit.ferry import Ferry

from posei_trader.adapters.interactive_brokers.client import (
    ConnectionOptions,
    InteractiveBrokersClient,
)
from posei_trader.model.enums import OrderSide, OrderStatus
from posei_trader.model.values import Price, Quantity

ENDED = {OrderStatus.CANCELED, OrderStatus.REJECTED}


@pytest.fixture(params=[157, 178, None], ids=["text_157", "text_178", "protobuf"])
async def ferried(request, start_gateway, open_desk):
    """A desk whose connection crosses on a ferry."""
    gateway = await start_gateway(server_version=request.param)
    async with Ferry(gateway.host, gateway.port) as ferry:
        connection = InteractiveBrokersClient(
            "127.0.0.1",
            ferry.port,
            1,
            request_timeout=30,
            options=ConnectionOptions(connection_timeout=30, first_pause=0.02, longest_pause=0.05),
        )
        desk = await open_desk(gateway, connection=connection)
        yield desk, ferry


def bracket(desk, aapl):
    quote = desk.gateway.truth.board("AAPL").quote
    away = Price(round(float(quote.bid) - 5, 2), 2)
    return desk.factory.bracket(
        aapl,
        OrderSide.BUY,
        Quantity("100"),
        sl_trigger_price=Price(round(float(quote.bid) - 20, 2), 2),
        tp_price=Price(round(float(quote.bid) + 20, 2), 2),
        entry_price=away,
    )


async def sunk(desk, ferry, times=1):
    await desk.until(lambda: ferry.sank == times)
    await desk.until(lambda: not desk.client.is_connected)


def check_nothing_is_left(desk, orders):
    """Nothing works, nothing waits at the venue, and nothing was sent twice."""
    placed = desk.gateway.truth.orders
    assert all(one.is_final and not one.fills for one in placed)
    references = [one.request.orderRef for one in placed]
    assert len(references) == len(set(references))
    assert {order.status for order in orders} <= ENDED
    for order in orders:
        came = str(order.client_order_id) in references
        assert order.status is (OrderStatus.CANCELED if came else OrderStatus.REJECTED)
    assert desk.gateway.truth.positions() == {}
    desk.check()


@pytest.mark.parametrize("spill", [0, 30], ids=["between_messages", "within_the_next"])
@pytest.mark.parametrize("sent", [0, 1, 2])
async def test_a_list_that_was_cut_is_withdrawn(ferried, aapl, sent, spill):
    desk, ferry = ferried
    orders = bracket(desk, aapl)
    ferry.sink_after(sent, spill)
    desk.commands.submit_order_list(orders)
    await sunk(desk, ferry)
    await desk.reconciled()
    assert len(desk.gateway.truth.orders) == sent
    check_nothing_is_left(desk, orders.orders)
    came = [order for order in orders.orders if order.status is OrderStatus.CANCELED]
    assert all("its whole list was sent" in order.events[-1].reason for order in came)


async def test_a_list_that_came_whole_works_on_though_its_answers_were_lost(ferried, aapl):
    desk, _ = ferried
    orders = bracket(desk, aapl)
    desk.gateway.faults.stall()
    desk.commands.submit_order_list(orders)
    await desk.until(lambda: len(desk.gateway.truth.open_orders) == 3)
    await desk.lose_connection()
    await desk.reconciled()
    assert [order.status for order in orders.orders] == [OrderStatus.ACCEPTED] * 3
    assert len(desk.gateway.truth.orders) == len(desk.gateway.truth.open_orders) == 3
    desk.check()


@pytest.mark.parametrize("canceled", [0, 1, 2])
async def test_a_withdrawal_that_is_cut_is_begun_again(ferried, aapl, canceled):
    desk, ferry = ferried
    orders = bracket(desk, aapl)
    ferry.sink_after(2)
    desk.commands.submit_order_list(orders)
    await sunk(desk, ferry)
    ferry.sink_after(canceled)
    await desk.until(lambda: ferry.sank == 2)
    await desk.reconciled()
    check_nothing_is_left(desk, orders.orders)


async def test_another_bracket_that_works_is_left_alone(ferried, aapl):
    desk, ferry = ferried
    whole, cut = bracket(desk, aapl), bracket(desk, aapl)
    desk.commands.submit_order_list(whole)
    await desk.until(lambda: all(order.is_open for order in whole.orders))
    ferry.sink_after(1)
    desk.commands.submit_order_list(cut)
    await sunk(desk, ferry)
    await desk.reconciled()
    assert [order.status for order in whole.orders] == [OrderStatus.ACCEPTED] * 3
    assert {order.status for order in cut.orders} <= ENDED
    assert len(desk.gateway.truth.open_orders) == 3
    desk.check()


async def test_a_list_leaves_by_a_single_write(ferried, aapl, monkeypatch):
    """So that a process which dies leaves all of it at the venue, or nothing."""
    desk, _ = ferried
    sent = []
    send = socket.socket.send

    def watched(self, data):
        sent.append(bytes(data))
        return send(self, data)

    monkeypatch.setattr(socket.socket, "send", watched)
    orders = bracket(desk, aapl)
    desk.commands.submit_order_list(orders)
    await desk.until(lambda: all(order.status is OrderStatus.ACCEPTED for order in orders.orders))
    names = [str(order.client_order_id).encode() for order in orders.orders]
    first = next(data for data in sent if names[0] in data)
    assert all(name in first for name in names)
    desk.check()
