"""What happens to orders when the connection, the gateway or the messages fail."""

from decimal import Decimal

import pytest

from posei_trader.errors import AccountMismatch, LiveTradingRefused, NotConnected
from posei_trader.model.enums import OrderSide, OrderStatus
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import CancelOrder, QueryOrder, SubmitOrder
from posei_trader.model.values import Price, Quantity

BUY, SELL = OrderSide.BUY, OrderSide.SELL
HUNDRED = Quantity("100")


def limit(desk, aapl, side=BUY, distance=5.0):
    now = desk.gateway.truth.board("AAPL").quote
    value = now.bid - distance if side is BUY else now.ask + distance
    return desk.factory.limit(aapl, side, HUNDRED, Price(round(float(value), 2), 2))


async def working(desk, order):
    desk.commands.submit_order(order)
    await desk.until(lambda: order.is_open)
    return order


# -- ambiguous commands ----------------------------------------------------------------------------


async def test_e74_an_order_whose_answer_was_cut_off_is_found_again(desk, aapl):
    """The venue took the order, its answer was lost: in flight, then accepted, never rejected."""
    order = limit(desk, aapl)
    desk.gateway.faults.stall()
    desk.commands.submit_order(order)
    await desk.until(lambda: desk.gateway.truth.open_orders)
    await desk.lose_connection()
    assert order.status is OrderStatus.SUBMITTED
    await desk.reconciled()
    assert order.status is OrderStatus.ACCEPTED
    assert desk.names(order) == ["Submitted", "Accepted"]
    assert len(desk.gateway.truth.orders) == 1
    desk.check()


async def test_e74_an_order_that_never_arrived_is_rejected_once_ib_has_told(desk, aapl):
    desk.gateway.faults.half_open()
    order = limit(desk, aapl)
    desk.commands.submit_order(order)
    await desk.lose_connection()
    assert order.status is OrderStatus.SUBMITTED
    await desk.reconciled()
    assert order.status is OrderStatus.REJECTED
    assert "lost before it arrived" in order.reason
    assert desk.gateway.truth.orders == []
    desk.check()


async def test_e75_a_cancel_that_was_lost_leaves_the_order_working(desk, aapl):
    order = await working(desk, limit(desk, aapl))
    desk.gateway.faults.half_open()
    desk.commands.cancel_order(order)
    await desk.lose_connection()
    assert order.status is OrderStatus.PENDING_CANCEL
    await desk.reconciled()
    assert order.status is OrderStatus.ACCEPTED
    assert desk.names(order)[-1] == "CancelRejected"
    desk.commands.cancel_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.CANCELED
    desk.check()


async def test_e75_a_cancel_whose_answer_was_lost_is_confirmed(desk, aapl):
    order = await working(desk, limit(desk, aapl))
    desk.gateway.faults.stall()
    desk.commands.cancel_order(order)
    await desk.until(lambda: not desk.gateway.truth.open_orders)
    await desk.lose_connection()
    assert order.status is OrderStatus.PENDING_CANCEL
    await desk.reconciled()
    assert order.status is OrderStatus.CANCELED
    desk.check()


async def test_e76_a_change_that_was_lost_leaves_the_terms_as_they_were(desk, aapl):
    order = await working(desk, limit(desk, aapl))
    before = order.price
    desk.gateway.faults.half_open()
    desk.commands.modify_order(order, price=before - Price("1.00"))
    await desk.lose_connection()
    assert order.status is OrderStatus.PENDING_UPDATE
    await desk.reconciled()
    assert (order.status, order.price) == (OrderStatus.ACCEPTED, before)
    assert desk.names(order)[-1] == "ModifyRejected"
    desk.check()


async def test_e76_a_change_whose_answer_was_lost_is_confirmed(desk, aapl):
    order = await working(desk, limit(desk, aapl))
    wanted = order.price - Price("1.00")
    desk.gateway.faults.stall()
    desk.commands.modify_order(order, price=wanted)
    await desk.until(
        lambda: float(desk.gateway.truth.open_orders[0].request.lmtPrice) == float(wanted)
    )
    await desk.lose_connection()
    await desk.reconciled()
    assert (order.status, order.price) == (OrderStatus.ACCEPTED, wanted)
    assert desk.names(order)[-1] == "Updated"
    desk.check()


async def test_commands_without_a_connection_send_and_emit_nothing(desk, aapl):
    order = await working(desk, limit(desk, aapl))
    desk.gateway.faults.refuse_client_ids(5)
    await desk.lose_connection()
    other = limit(desk, aapl)
    desk.cache.add_order(other, desk.client.client_id)
    with pytest.raises(NotConnected):
        desk.client.submit_order(SubmitOrder(other, 0))
    with pytest.raises(NotConnected):
        desk.client.cancel_order(CancelOrder(order, 0))
    assert desk.names(other) == []
    assert desk.names(order) == ["Submitted", "Accepted"]
    desk.gateway.faults.refuse_client_ids(0)


# -- fills -----------------------------------------------------------------------------------------


async def test_a_fill_that_happened_during_an_outage_is_found_once(desk, aapl):
    order = desk.factory.market(aapl, BUY, HUNDRED)
    desk.gateway.faults.stall()
    desk.commands.submit_order(order)
    await desk.until(lambda: desk.gateway.truth.executions)
    await desk.lose_connection()
    await desk.reconciled()
    assert order.status is OrderStatus.FILLED
    assert len(order.fills) == len(desk.gateway.truth.executions)
    assert order.commissions[0].as_decimal() == sum(
        fill.commission for fill in desk.gateway.truth.executions
    )
    desk.check()


async def test_executions_that_ib_repeats_are_counted_once(desk, aapl):
    desk.gateway.faults.repeat_executions(3)
    order = desk.factory.market(aapl, BUY, HUNDRED)
    desk.commands.submit_order(order)
    await desk.done(order)
    await desk.until(lambda: order.commissions)
    assert order.filled_qty == HUNDRED
    assert len(order.fills) == len(desk.gateway.truth.executions)
    desk.check()


async def test_a_late_commission_amends_its_fill(desk, aapl):
    desk.gateway.faults.delay_commissions(0.3)
    order = desk.factory.market(aapl, BUY, HUNDRED)
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.commissions == []
    await desk.until(lambda: order.commissions)
    assert desk.names(order)[-1] == "FillAmended"
    desk.check()


async def test_a_corrected_execution_corrects_the_fill(desk, aapl):
    order = desk.factory.market(aapl, BUY, HUNDRED)
    desk.commands.submit_order(order)
    await desk.done(order)
    await desk.until(lambda: order.commissions)
    fill = desk.gateway.truth.executions[-1]
    desk.gateway.simulation.desk.correct(fill, Decimal("99.99"))
    await desk.until(lambda: order.fills[-1].price == Price("99.99"))
    assert order.filled_qty == HUNDRED
    assert desk.names(order)[-1] == "FillAmended"
    assert order.last_event.new_trade_id.endswith(".02")
    desk.check()


# -- restarts and other people's orders ------------------------------------------------------------


async def test_e84_to_e86_a_new_run_finds_orders_and_positions_of_the_last_one(
    start_gateway, open_desk, aapl
):
    gateway = await start_gateway()
    first = await open_desk(gateway)
    bought = first.factory.market(aapl, BUY, HUNDRED)
    first.commands.submit_order(bought)
    await first.done(bought)
    resting = await working(first, limit(first, aapl))
    await first.close()

    second = await open_desk(gateway)
    (position,) = second.cache.positions_open()
    assert position.signed_qty == Decimal(100)
    adopted = [order for order in second.cache.orders() if order.is_open]
    assert [order.price for order in adopted] == [resting.price]
    assert adopted[0].venue_order_id == resting.venue_order_id
    second.check()


async def test_orders_of_an_earlier_run_are_known_again_and_can_be_changed(
    start_gateway, open_desk, aapl
):
    """What a durable store restores: the same orders in the cache, then a reconciliation."""
    gateway = await start_gateway()
    first = await open_desk(gateway)
    resting = await working(first, limit(first, aapl))
    await first.close()

    second = await open_desk(gateway, connect=False)
    second.cache.add_order(resting, second.client.client_id)
    await second.connect()
    assert resting.status is OrderStatus.ACCEPTED
    wanted = resting.price - Price("1.00")
    second.commands.modify_order(resting, price=wanted)
    await second.until(lambda: resting.price == wanted)
    second.commands.cancel_order(resting)
    await second.done(resting)
    assert resting.status is OrderStatus.CANCELED
    second.check()


async def test_a_query_tells_what_ib_knows_and_none_for_what_it_does_not(desk, aapl):
    order = await working(desk, limit(desk, aapl))
    report = await desk.client.query_order(QueryOrder(order.client_order_id, aapl))
    assert report.order_status is OrderStatus.ACCEPTED
    assert (report.price, report.quantity) == (order.price, order.quantity)
    assert report.venue_order_id == order.venue_order_id
    unknown = limit(desk, aapl)
    assert (await desk.client.query_order(QueryOrder(unknown.client_order_id, aapl))) is None


# -- the account guard -----------------------------------------------------------------------------


async def test_an_account_that_the_login_does_not_manage_fails_the_start(start_gateway, open_desk):
    gateway = await start_gateway(account_ids=["DU111111", "DU222222"])
    with pytest.raises(AccountMismatch) as caught:
        await open_desk(gateway, account_id="DU999999")
    text = str(caught.value)
    assert "DU***11" in text
    assert "DU***22" in text
    assert "DU999999" not in text
    assert "DU111111" not in text


async def test_a_start_that_fails_keeps_no_connection(start_gateway, open_desk):
    gateway = await start_gateway(account_ids=["DU111111"])
    desk = await open_desk(gateway, connect=False, account_id="DU999999")
    with pytest.raises(AccountMismatch):
        await desk.connect()
    assert not desk.connection.is_connected
    assert not desk.client.is_connected


async def test_several_accounts_need_a_choice(start_gateway, open_desk):
    gateway = await start_gateway(account_ids=["DU111111", "DU222222"])
    with pytest.raises(AccountMismatch, match="several accounts"):
        await open_desk(gateway)
    desk = await open_desk(gateway, account_id="DU222222", client_id=2)
    assert desk.client.account_id == "IB-DU222222"


async def test_a_live_account_needs_an_explicit_word(start_gateway, open_desk):
    gateway = await start_gateway(account_ids=["U7654321"])
    with pytest.raises(LiveTradingRefused, match="allow_live_trading"):
        await open_desk(gateway, account_id="U7654321")
    desk = await open_desk(gateway, account_id="U7654321", allow_live_trading=True, client_id=2)
    assert desk.client.is_connected


async def test_the_account_may_come_from_the_environment(start_gateway, open_desk, monkeypatch):
    monkeypatch.setenv("TWS_ACCOUNT", "DU222222")
    gateway = await start_gateway(account_ids=["DU111111", "DU222222"])
    desk = await open_desk(gateway)
    assert desk.client.account_id == "IB-DU222222"


@pytest.mark.parametrize("version", [200, None])
async def test_a_fill_before_midnight_is_known_after_a_reconnection_past_it(
    open_desk, start_gateway, version
):
    """Unless it is asked for more, IB tells of the executions of the day alone."""
    gateway = await start_gateway(start="2024-03-06T04:59:30Z", server_version=version)
    desk = await open_desk(gateway)
    order = desk.factory.market(InstrumentId("EUR/USD.IDEALPRO"), BUY, Quantity("20000"))
    gateway.faults.stall()
    desk.commands.submit_order(order)
    await desk.until(lambda: gateway.truth.executions)
    await gateway.advance(60)
    await desk.lose_connection()
    await desk.reconciled()
    assert order.status is OrderStatus.FILLED
    assert desk.cache.positions()[0].quantity == Quantity("20000")
    desk.check()
