"""Orders at gateways that speak text, of the oldest version to the newest."""

from decimal import Decimal

import pytest

from posei_trader.adapters.interactive_brokers.common import IBOrderTags
from posei_trader.model.enums import OrderSide, OrderStatus, TrailingOffsetType
from posei_trader.model.values import Price, Quantity

VERSIONS = (157, 176, 178, 195, 200)
BUY, SELL = OrderSide.BUY, OrderSide.SELL
HUNDRED = Quantity("100")
TAGS = [IBOrderTags(notHeld=True, outsideRth=True).value]


@pytest.fixture(params=VERSIONS)
async def text_desk(request, start_gateway, open_desk):
    desk = await open_desk(await start_gateway(server_version=request.param))
    assert desk.connection.health().server_version == request.param
    return desk


def price(value):
    return Price(round(float(value), 2), 2)


async def test_a_market_order_is_filled_and_paid_for(text_desk, aapl):
    desk = text_desk
    order = desk.factory.market(aapl, BUY, HUNDRED)
    desk.commands.submit_order(order)
    await desk.done(order)
    await desk.until(lambda: order.commissions)
    fills = desk.gateway.truth.executions
    assert order.avg_px == sum(Decimal(str(f.price)) * f.quantity for f in fills) / 100
    assert sum(fill.commission.as_decimal() for fill in order.fills) == sum(
        Decimal(str(f.commission)) for f in fills
    )
    desk.check()


async def test_a_limit_order_is_changed_and_canceled(text_desk, aapl):
    desk = text_desk
    low = price(desk.gateway.truth.board("AAPL").quote.bid - 5)
    order = desk.factory.limit(aapl, BUY, HUNDRED, low)
    desk.commands.submit_order(order)
    await desk.until(lambda: order.is_open)
    lower = price(float(low) - 1)
    desk.commands.modify_order(order, price=lower)
    await desk.until(lambda: order.price == lower)
    (at_venue,) = desk.gateway.truth.open_orders
    assert float(at_venue.request.lmtPrice) == float(lower)
    desk.commands.cancel_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.CANCELED
    desk.check()


async def test_a_trailing_stop_and_terms_of_ib_alone_arrive(text_desk, aapl):
    desk = text_desk
    trail = desk.factory.trailing_stop_market(
        aapl,
        SELL,
        HUNDRED,
        trailing_offset=Decimal("2.5"),
        trailing_offset_type=TrailingOffsetType.PRICE,
    )
    low = price(desk.gateway.truth.board("AAPL").quote.bid - 5)
    tagged = desk.factory.limit(aapl, BUY, HUNDRED, low, tags=TAGS)
    for order in (trail, tagged):
        desk.commands.submit_order(order)
    await desk.until(lambda: trail.is_open and tagged.is_open)
    first, second = (one.request for one in desk.gateway.truth.open_orders)
    assert (first.orderType, float(first.auxPrice)) == ("TRAIL", 2.5)
    assert (second.notHeld, second.outsideRth, float(second.lmtPrice)) == (True, True, float(low))
    desk.check()
