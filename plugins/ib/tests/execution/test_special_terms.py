"""IB's own order types and the prices of legs, through the whole stack to the simulated venue."""

import pytest

from posei_trader.adapters.interactive_brokers.common import IBOrderTags
from posei_trader.model.enums import OrderSide, OrderStatus, TimeInForce
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.values import Price, Quantity

BUY = OrderSide.BUY
HUNDRED = Quantity("100")
SPREAD = InstrumentId("(1)ESM4___((1))ESH4.CME")


async def working(desk, order):
    desk.commands.submit_order(order)
    await desk.until(lambda: order.is_open or order.is_closed)
    assert order.is_open, order.reason
    return desk.gateway.truth.open_orders[-1]


def denied(desk, order):
    desk.commands.submit_order(order)
    assert order.status is OrderStatus.DENIED
    assert desk.gateway.truth.orders == []
    return order.reason


async def test_an_order_type_of_ibs_own_refines_ours_and_reaches_the_venue(desk, aapl):
    quote = desk.gateway.truth.board("AAPL").quote
    cap = Price(round(float(quote.bid) - 5, 2), 2)
    tags = IBOrderTags(orderType="REL", auxPrice=0.01)
    order = desk.factory.limit(aapl, BUY, HUNDRED, cap, tags=[tags.value])
    sent = await working(desk, order)
    assert (sent.request.orderType, sent.request.auxPrice) == ("REL", 0.01)
    assert sent.request.lmtPrice == float(cap)
    assert order.price == cap
    assert desk.names(order) == ["Submitted", "Accepted"]
    again = await desk.engine.reconcile(desk.client)
    assert again.lines == ()
    desk.check()


async def test_terms_of_a_type_of_ibs_reach_the_venue_only_with_it(desk, aapl):
    terms = {"referenceContractId": 756733, "peggedChangeAmount": 0.1,
             "referenceChangeAmount": 0.5}  # fmt: skip
    with_type = IBOrderTags(orderType="PEG BENCH", **terms, startingPrice=10.0)
    sent = await working(desk, desk.factory.market(aapl, BUY, HUNDRED, tags=[with_type.value]))
    assert sent.request.orderType == "PEG BENCH"
    assert {name: getattr(sent.request, name) for name in terms} == terms


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        (IBOrderTags(volatility=30.0), "orderType='VOL'"),
        (IBOrderTags(referenceContractId=1), "orderType='PEG BENCH'"),
        (IBOrderTags(percentOffset=0.1, orderType="PEG MID"), "orderType='PASSV REL'"),
        (IBOrderTags(hedgeParam="0.5"), "give hedgeType too"),
        (IBOrderTags(algoParams={"maxPctVol": "0.1"}), "give algoStrategy too"),
        (IBOrderTags(conditionsCancelOrder=True), "give conditions too"),
        (IBOrderTags(scaleAutoReset=True), "give scalePriceIncrement too"),
        (IBOrderTags(deltaNeutralConId=5), "give deltaNeutralOrderType too"),
        (IBOrderTags(adjustedStopPrice=5.0), "give adjustedOrderType too"),
        (IBOrderTags(NonGuaranteed=True), "only for combinations"),
        (IBOrderTags(orderComboLegs=(1.0,)), "only for combinations"),
        (IBOrderTags(orderType="STP PRT"), "make it a STOP_MARKET order"),
        (IBOrderTags(orderType="VOL", volatility=0.3), "make it a MARKET order"),
    ],
)
async def test_a_term_that_ib_would_not_heed_denies_the_order_and_names_what_it_lacks(
    desk, aapl, tags, named
):
    order = desk.factory.limit(aapl, BUY, HUNDRED, Price("1.00"), tags=[tags.value])
    assert named in denied(desk, order)


async def test_what_the_venue_refuses_with_a_code_that_nobody_listed_is_rejected_in_its_words(
    desk, aapl
):
    tags = IBOrderTags(orderType="REL", percentOffset=0.01).value
    order = desk.factory.limit(aapl, BUY, HUNDRED, Price("1.00"), tags=[tags])
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.REJECTED
    assert "attribute is not supported: percentOffset" in order.reason
    assert order.events[-1].code == 10340
    desk.check()


async def test_a_type_of_ibs_cannot_wait_for_the_close(desk, aapl):
    tags = IBOrderTags(orderType="REL").value
    order = desk.factory.limit(
        aapl, BUY, HUNDRED, Price("1.00"), time_in_force=TimeInForce.AT_THE_CLOSE, tags=[tags]
    )
    assert "at the close" in denied(desk, order)


async def test_a_term_that_an_old_gateway_has_no_field_for_rejects_the_order_unsent(
    open_desk, start_gateway, aapl
):
    desk = await open_desk(await start_gateway(server_version=176))
    order = desk.factory.limit(
        aapl, BUY, HUNDRED, Price("1.00"), tags=[IBOrderTags(postOnly=True).value]
    )
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.REJECTED
    assert "postOnly" in order.reason
    assert desk.gateway.truth.orders == []
    desk.check()


async def test_the_legs_of_a_combination_have_limits_of_their_own(desk):
    spread = await desk.client.instrument_provider.load(SPREAD)
    bids = [desk.gateway.truth.board(leg.instrument_id.symbol).quote.bid for leg in spread.legs]
    limits = tuple(float(bid) - 50 * leg.ratio for bid, leg in zip(bids, spread.legs, strict=True))
    assert [leg.ratio for leg in spread.legs] == [-1, 1]
    net = limits[1] - limits[0]  # a hundred below the market
    order = desk.factory.limit(
        spread.id,
        BUY,
        Quantity("1"),
        Price(net, 2),
        tags=[IBOrderTags(orderComboLegs=limits, NonGuaranteed=True).value],
    )
    sent = await working(desk, order)
    assert sent.request.lmtPrice == net  # what its legs come to
    desk.commands.modify_order(order, price=Price(net - 1, 2))
    await desk.until(lambda: "ModifyRejected" in desk.names(order))
    assert "cancel it and send another" in order.events[-1].reason
    desk.check()


async def test_legs_that_do_not_come_to_the_price_of_the_order_deny_it(desk):
    spread = await desk.client.instrument_provider.load(SPREAD)
    tags = IBOrderTags(orderComboLegs=(5000.0, 5001.0)).value
    order = desk.factory.limit(spread.id, BUY, Quantity("1"), Price("7.00"), tags=[tags])
    assert "come to" in denied(desk, order)
    tags = IBOrderTags(orderComboLegs=(5000.0,)).value
    order = desk.factory.limit(spread.id, BUY, Quantity("1"), Price("7.00"), tags=[tags])
    assert "give 2 prices" in denied(desk, order)
