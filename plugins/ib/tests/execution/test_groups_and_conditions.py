"""Groups of one-cancels-all and conditions: what the venue makes of them, and what we then know."""

import pytest

from posei_trader.adapters.interactive_brokers.common import (
    ExecutionCondition,
    IBOrderTags,
    MarginCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from posei_trader.model.enums import OrderSide, OrderStatus
from posei_trader.model.values import Price, Quantity

BUY = OrderSide.BUY
AAPL_ID = 265598


def price(value):
    return Price(round(float(value), 2), 2)


async def working(desk, order):
    desk.commands.submit_order(order)
    await desk.until(lambda: order.is_open or order.is_closed)
    assert order.is_open, order.reason
    return order


@pytest.fixture
async def desk(open_desk, start_gateway):
    """A desk at a venue that lives half a minute in each second."""
    return await open_desk(await start_gateway(speed=30.0))


@pytest.mark.parametrize("kind", [1, 2, 3])
async def test_when_one_of_a_group_is_filled_the_others_go(desk, aapl, kind):
    quote = desk.gateway.truth.board("AAPL").quote
    tags = [IBOrderTags(ocaGroup="G1", ocaType=kind).value]
    resting = desk.factory.limit(aapl, BUY, Quantity("100"), price(quote.bid - 5), tags=tags)
    await working(desk, resting)
    taking = desk.factory.limit(aapl, BUY, Quantity("40"), price(quote.ask + 1), tags=tags)
    desk.commands.submit_order(taking)
    await desk.done(taking)
    await desk.done(resting)
    assert (taking.status, resting.status) == (OrderStatus.FILLED, OrderStatus.CANCELED)
    assert (await desk.engine.reconcile(desk.client)).lines == ()
    desk.check()


@pytest.mark.parametrize("kind", [2, 3])
async def test_when_one_of_a_group_is_filled_in_part_the_others_shrink_and_we_know_it(
    open_desk, start_gateway, aapl, kind
):
    desk = await open_desk(await start_gateway())  # a quote of less than the order
    quote = desk.gateway.truth.board("AAPL").quote
    tags = [IBOrderTags(ocaGroup="G1", ocaType=kind).value]
    size = Quantity(int(quote.ask_size) * 3)
    resting = desk.factory.limit(aapl, BUY, size, price(quote.bid - 5), tags=tags)
    await working(desk, resting)
    taking = desk.factory.limit(aapl, BUY, size, price(quote.ask + 1), tags=tags)
    desk.commands.submit_order(taking)
    await desk.until(lambda: taking.filled_qty.raw)
    await desk.until(lambda: "Updated" in desk.names(resting))

    def at_the_venue():
        return next(
            one for one in desk.gateway.truth.open_orders
            if one.request.orderRef == resting.client_order_id
        ).request.totalQuantity  # fmt: skip

    await desk.until(lambda: resting.quantity.as_decimal() == at_the_venue())
    assert resting.quantity < size
    desk.check()


FAR = "20300101-00:00:00"
PAST = "20240101-00:00:00"
KINDS = {
    "price": lambda is_true: PriceCondition(
        conId=AAPL_ID, exchange="SMART", price=1.0 if is_true else 100_000.0
    ),
    "time": lambda is_true: TimeCondition(time=PAST if is_true else FAR),
    "margin": lambda is_true: MarginCondition(percent=1 if is_true else 1000),
    "volume": lambda is_true: VolumeCondition(
        conId=AAPL_ID, exchange="SMART", volume=0 if is_true else 2_000_000_000
    ),
    "percent change": lambda is_true: PercentChangeCondition(
        conId=AAPL_ID, exchange="SMART", changePercent=-99.0 if is_true else 5000.0
    ),
}


@pytest.mark.parametrize("name", KINDS)
async def test_an_order_waits_for_its_condition_and_goes_when_it_is_true(desk, aapl, name):
    make = KINDS[name]
    waiting = desk.factory.market(
        aapl, BUY, Quantity("10"), tags=[IBOrderTags(conditions=(make(False),)).value]
    )
    going = desk.factory.market(
        aapl, BUY, Quantity("10"), tags=[IBOrderTags(conditions=(make(True),)).value]
    )
    await working(desk, waiting)
    desk.commands.submit_order(going)
    await desk.done(going)
    assert going.status is OrderStatus.FILLED, going.reason
    assert waiting.is_open
    desk.check()


@pytest.mark.parametrize(("conjunction", "goes"), [("and", False), ("or", True)])
async def test_conditions_are_joined(desk, aapl, conjunction, goes):
    first = PriceCondition(conId=AAPL_ID, exchange="SMART", price=1.0, conjunction=conjunction)
    tags = IBOrderTags(conditions=(first, KINDS["time"](False)))
    order = desk.factory.market(aapl, BUY, Quantity("10"), tags=[tags.value])
    desk.commands.submit_order(order)
    await desk.until(lambda: order.is_open or order.is_closed)
    if goes:
        await desk.done(order)
        assert order.status is OrderStatus.FILLED, order.reason
    else:
        assert order.is_open
    desk.check()


async def test_a_trade_of_ours_elsewhere_sets_an_order_off(desk, aapl):
    eurusd = next(i for i in desk.cache.instruments() if i.id.symbol == "EUR/USD")
    tags = IBOrderTags(
        conditions=(ExecutionCondition(symbol="EUR", secType="CASH", exchange="IDEALPRO"),)
    )
    order = desk.factory.market(aapl, BUY, Quantity("10"), tags=[tags.value])
    await working(desk, order)
    other = desk.factory.market(eurusd.id, BUY, Quantity("25000"))
    desk.commands.submit_order(other)
    await desk.done(other)
    await desk.done(order)
    assert (other.status, order.status) == (OrderStatus.FILLED, OrderStatus.FILLED)
    desk.check()


async def test_conditions_may_cancel_an_order_instead(desk, aapl):
    tags = IBOrderTags(conditions=(KINDS["time"](True),), conditionsCancelOrder=True)
    order = desk.factory.limit(aapl, BUY, Quantity("10"), price(1), tags=[tags.value])
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.CANCELED, order.reason
    desk.check()
