"""Orders through the engine and a real socket to the simulated venue, and back."""

from decimal import Decimal

from posei_trader.model.enums import OrderSide, OrderStatus, TimeInForce
from posei_trader.model.values import Price, Quantity


async def test_a_market_order_is_accepted_filled_and_paid_for(desk, aapl):
    order = desk.factory.market(aapl, OrderSide.BUY, Quantity("100"))
    desk.commands.submit_order(order)
    assert order.status is OrderStatus.SUBMITTED  # announced before anything is on the wire
    await desk.done(order)
    await desk.until(lambda: order.commissions)
    assert order.status is OrderStatus.FILLED
    assert desk.names(order)[:2] == ["Submitted", "Accepted"]
    (fill,) = desk.gateway.truth.executions
    assert order.avg_px == Decimal(str(fill.price))
    assert desk.gateway.truth.positions() == {"AAPL": Decimal(100)}
    desk.check()
