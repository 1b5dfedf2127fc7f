"""An advisor's orders: shared out among accounts by IB, one order and one position for us."""

from decimal import Decimal

from posei_trader.adapters.interactive_brokers.client.messages import Position
from posei_trader.adapters.interactive_brokers.common import IBContract, IBOrderTags
from posei_trader.adapters.interactive_brokers.execution.desk import added_up
from posei_trader.model.enums import OrderSide, OrderStatus
from posei_trader.model.values import Price, Quantity

BUY, SELL = OrderSide.BUY, OrderSide.SELL
ADVISOR, FIRST, SECOND = "DF1234567", "DU1111111", "DU2222222"
GROUPS = (
    '<?xml version="1.0" encoding="UTF-8"?><ListOfGroups><Group><name>Uneven</name>'
    "<defaultMethod>Ratio</defaultMethod><ListOfAccts>"
    f"<Account><acct>{FIRST}</acct><amount>3</amount></Account>"
    f"<Account><acct>{SECOND}</acct><amount>1</amount></Account></ListOfAccts></Group></ListOfGroups>"
)
TAGS = [IBOrderTags(faGroup="Uneven").value]


async def opened(open_desk, start_gateway):
    gateway = await start_gateway(account_ids=(ADVISOR, FIRST, SECOND))
    gateway.simulation.desk.advisor.replace(1, GROUPS)
    return await open_desk(gateway, account_id=ADVISOR)


async def test_an_order_for_a_group_is_filled_by_what_its_accounts_got(
    open_desk, start_gateway, aapl
):
    desk = await opened(open_desk, start_gateway)
    order = desk.factory.market(aapl, BUY, Quantity("40"), tags=TAGS)
    desk.commands.submit_order(order)
    await desk.done(order)
    assert (order.status, order.filled_qty) == (OrderStatus.FILLED, Quantity("40"))
    truth = desk.gateway.truth
    assert [truth.positions(name)["AAPL"] for name in (FIRST, SECOND)] == [30, 10]
    (position,) = desk.cache.positions_open()
    assert position.signed_qty == Decimal(40)
    assert (await desk.engine.reconcile(desk.client)).lines == ()
    closing = desk.factory.market(aapl, SELL, Quantity("40"), tags=TAGS)
    desk.commands.submit_order(closing)
    await desk.done(closing)
    assert desk.cache.positions_open() == []
    assert (await desk.engine.reconcile(desk.client)).lines == ()
    desk.check()


async def test_an_advisors_order_without_a_group_is_denied_and_says_what_to_do(
    open_desk, start_gateway, aapl
):
    desk = await opened(open_desk, start_gateway)
    order = desk.factory.limit(aapl, BUY, Quantity("40"), Price("1.00"))
    desk.commands.submit_order(order)
    assert order.status is OrderStatus.DENIED
    assert "faGroup" in order.reason
    assert desk.gateway.truth.orders == []


async def test_one_account_of_an_advisor_is_traded_alone(open_desk, start_gateway, aapl):
    gateway = await start_gateway(account_ids=(ADVISOR, FIRST, SECOND))
    desk = await open_desk(gateway, account_id=SECOND)
    order = desk.factory.market(aapl, BUY, Quantity("40"))
    desk.commands.submit_order(order)
    await desk.done(order)
    assert gateway.truth.positions(SECOND)["AAPL"] == 40
    assert gateway.truth.positions(FIRST) == {}
    desk.check()


def held(account, quantity, cost, con_id=1):
    return Position(account, IBContract(conId=con_id), Decimal(quantity), cost)


def test_what_accounts_hold_is_added_up_by_contract():
    sums = added_up(
        [
            held(FIRST, 30, 10.0),
            held(SECOND, 10, 14.0),
            held(FIRST, 5, 1.0, con_id=2),
            held(SECOND, -5, 2.0, con_id=2),
            held(FIRST, -8, 3.0, con_id=3),
            held(SECOND, 2, 9.0, con_id=3),
        ]
    )
    assert [(one.contract.conId, one.quantity, one.avg_cost) for one in sums] == [
        (1, Decimal(40), 11.0),
        (3, Decimal(-6), 3.0),
    ]
