"""Orders through the engine and a real socket to the simulated venue, and back.

The tests carry the numbers of the execution cases that they prove (E01 to E101).
"""

import datetime as dt
from decimal import Decimal

import pytest

from posei_trader.adapters.interactive_brokers.common import IBOrderTags
from posei_trader.errors import FixRequest
from posei_trader.model.enums import OrderSide, OrderStatus, TimeInForce
from posei_trader.model.events import OrderSubmitted
from posei_trader.model.values import Price, Quantity

BUY, SELL = OrderSide.BUY, OrderSide.SELL
HUNDRED = Quantity("100")


def quote(desk):
    return desk.gateway.truth.board("AAPL").quote


def price(value):
    return Price(round(float(value), 2), 2)


def away(desk, side, distance=5.0):
    """A price that does not fill: below the bid to buy, above the ask to sell."""
    now = quote(desk)
    return price(now.bid - distance) if side is BUY else price(now.ask + distance)


def through(desk, side, distance=1.0):
    """A price that fills at once."""
    now = quote(desk)
    return price(now.ask + distance) if side is BUY else price(now.bid - distance)


async def working(desk, order):
    desk.commands.submit_order(order)
    await desk.until(lambda: order.is_open)
    return order


# -- group 1 and 2: market and limit ---------------------------------------------------------------


@pytest.mark.parametrize("side", [BUY, SELL], ids=["E01", "E02"])
async def test_a_market_order_is_accepted_filled_and_paid_for(desk, aapl, side):
    order = desk.factory.market(aapl, side, HUNDRED)
    desk.commands.submit_order(order)
    assert order.status is OrderStatus.SUBMITTED  # announced before anything can come back
    await desk.done(order)
    await desk.until(lambda: order.commissions)
    assert order.status is OrderStatus.FILLED
    assert desk.names(order)[:2] == ["Submitted", "Accepted"]
    fills = desk.gateway.truth.executions
    paid = sum((Decimal(str(f.price)) * f.quantity for f in fills), Decimal(0)) / 100
    assert order.avg_px == paid
    assert sum(fill.commission.as_decimal() for fill in order.fills) == sum(
        Decimal(str(f.commission)) for f in fills
    )
    assert desk.gateway.truth.positions() == {"AAPL": Decimal(100 * side.sign)}
    desk.check()


async def test_an_order_that_is_canceled_when_it_is_announced_reaches_the_venue_before_its_cancel(
    desk, aapl
):
    order = desk.factory.limit(aapl, BUY, HUNDRED, away(desk, BUY))

    def announced(event):
        if isinstance(event, OrderSubmitted):
            desk.commands.cancel_order(order)

    desk.bus.subscribe(f"events.order.{order.strategy_id}", announced)
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.CANCELED
    assert "CancelRejected" not in desk.names(order)
    assert desk.gateway.truth.open_orders == []
    desk.check()


async def test_what_is_loaded_is_prepared_for_its_first_order_and_nothing_is_sent(desk, aapl):
    encoder = desk.connection._order_encoder
    contract = desk.client._contracts.need(aapl).contract
    assert contract in encoder._templates
    encoder._templates.clear()
    sent = desk.connection.pacing().messages
    desk.connection.prepare_order(contract)
    assert contract in encoder._templates
    assert desk.connection.pacing().messages == sent
    assert desk.gateway.truth.open_orders == []
    await desk.lose_connection()
    await desk.reconciled()
    assert contract in desk.connection._order_encoder._templates


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK], ids=["E03", "E04"])
async def test_a_market_order_may_be_immediate(desk, aapl, tif):
    order = desk.factory.market(aapl, BUY, HUNDRED, time_in_force=tif)
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.FILLED
    desk.check()


async def test_e05_a_market_order_for_money_is_denied_for_shares(desk, aapl):
    order = desk.factory.market(aapl, BUY, Quantity("1000"), quote_quantity=True)
    desk.commands.submit_order(order)
    assert order.status is OrderStatus.DENIED
    assert "amount of money" in order.reason


@pytest.mark.parametrize("side", [BUY, SELL], ids=["E10", "E11"])
@pytest.mark.parametrize("tif", [TimeInForce.GTC, TimeInForce.DAY], ids=["GTC", "E19 DAY"])
async def test_a_limit_order_rests_until_it_is_canceled(desk, aapl, side, tif):
    order = await working(
        desk, desk.factory.limit(aapl, side, HUNDRED, away(desk, side), time_in_force=tif)
    )
    assert desk.names(order) == ["Submitted", "Accepted"]
    assert order.venue_order_id is not None
    desk.commands.cancel_order(order)
    await desk.done(order)
    assert desk.names(order) == ["Submitted", "Accepted", "PendingCancel", "Canceled"]
    assert desk.gateway.truth.open_orders == []
    desk.check()


async def test_e13_an_immediate_limit_order_fills_what_it_can(desk, aapl):
    order = desk.factory.limit(
        aapl, BUY, HUNDRED, through(desk, BUY), time_in_force=TimeInForce.IOC
    )
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.filled_qty > Quantity("0")


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK], ids=["E14", "E16"])
async def test_an_immediate_limit_order_that_does_not_fill_is_canceled(desk, aapl, tif):
    order = desk.factory.limit(aapl, BUY, HUNDRED, away(desk, BUY), time_in_force=tif)
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.CANCELED
    assert order.filled_qty == Quantity("0")
    desk.check()


async def test_e17_a_good_till_date_order_tells_the_venue_when(desk, aapl):
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    order = await working(
        desk,
        desk.factory.limit(
            aapl, BUY, HUNDRED, away(desk, BUY), time_in_force=TimeInForce.GTD, expire_time=until
        ),
    )
    (sent,) = desk.gateway.truth.open_orders
    assert sent.request.goodTillDate == until.strftime("%Y%m%d %H:%M:%S UTC")
    assert order.status is OrderStatus.ACCEPTED


# -- group 3: stops --------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize(
    "kind", ["stop_market", "stop_limit", "market_if_touched", "limit_if_touched"]
)
async def test_e20_to_e27_conditional_orders_wait_for_their_price(desk, aapl, side, kind):
    is_stop = kind.startswith("stop")
    trigger = away(desk, side.opposite if is_stop else side)
    prices = {"trigger_price": trigger}
    if kind in {"stop_limit", "limit_if_touched"}:
        prices["price"] = trigger
    order = await working(desk, getattr(desk.factory, kind)(aapl, side, HUNDRED, **prices))
    assert order.status is OrderStatus.ACCEPTED
    desk.commands.cancel_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.CANCELED
    desk.check()


async def test_a_stop_that_is_reached_is_triggered_and_fills(desk, aapl):
    trigger = price(quote(desk).bid - 0.05)
    order = desk.factory.stop_market(aapl, BUY, HUNDRED, trigger_price=trigger)
    desk.commands.submit_order(order)
    await desk.until(lambda: order.is_closed, seconds=30)
    assert order.status is OrderStatus.FILLED
    desk.check()


@pytest.mark.parametrize("kind", ["market", "limit"], ids=["MOC", "LOC"])
async def test_orders_at_the_close_are_other_types_at_ib(desk, aapl, kind):
    options = {"time_in_force": TimeInForce.AT_THE_CLOSE}
    if kind == "market":
        order = desk.factory.market(aapl, BUY, HUNDRED, **options)
    else:
        order = desk.factory.limit(aapl, BUY, HUNDRED, away(desk, BUY), **options)
    await working(desk, order)
    (sent,) = desk.gateway.truth.open_orders
    assert sent.request.orderType == {"market": "MOC", "limit": "LOC"}[kind]


# -- group 4: changes ------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [BUY, SELL], ids=["E30", "E31"])
async def test_a_price_is_changed_in_place(desk, aapl, side):
    order = await working(desk, desk.factory.limit(aapl, side, HUNDRED, away(desk, side)))
    desk.commands.modify_order(order, price=away(desk, side, 6.0), quantity=Quantity("50"))
    assert order.status is OrderStatus.PENDING_UPDATE
    await desk.until(lambda: order.status is OrderStatus.ACCEPTED)
    assert order.price == away(desk, side, 6.0) or order.quantity == Quantity("50")
    (sent,) = desk.gateway.truth.open_orders
    assert float(sent.request.lmtPrice) == float(order.price)
    assert int(sent.request.totalQuantity) == 50
    assert desk.names(order) == ["Submitted", "Accepted", "PendingUpdate", "Updated"]
    desk.check()


async def test_e34_a_stops_trigger_is_changed_in_place(desk, aapl):
    first = away(desk, SELL)
    order = await working(desk, desk.factory.stop_market(aapl, BUY, HUNDRED, trigger_price=first))
    wanted = price(float(first) + 1)
    desk.commands.modify_order(order, trigger_price=wanted)
    await desk.until(lambda: order.status is OrderStatus.ACCEPTED)
    assert order.trigger_price == wanted
    desk.check()


async def test_e36_a_change_that_ib_refuses_leaves_the_order_as_it_was(desk, aapl):
    start = away(desk, BUY)
    order = await working(desk, desk.factory.limit(aapl, BUY, HUNDRED, start))
    # Below the instrument's tick: the risk engine is passed by, IB answers 110.
    desk.client.modify_order(
        _modify(order, price=Price(float(start) + 0.001, 3)),
    )
    await desk.until(lambda: "ModifyRejected" in desk.names(order))
    assert order.status is OrderStatus.ACCEPTED
    assert order.price == start
    assert order.last_event.code == 110
    desk.check()


def _modify(order, **terms):
    from posei_trader.model.requests import ModifyOrder

    return ModifyOrder(order=order, **terms)


async def test_a_change_that_cannot_be_is_refused_here(desk, aapl):
    order = await working(desk, desk.factory.limit(aapl, BUY, HUNDRED, away(desk, BUY)))
    desk.client.modify_order(_modify(order, trigger_price=Price("1.00")))
    assert desk.names(order)[-1] == "ModifyRejected"
    assert "no trigger price" in order.last_event.reason
    assert order.status is OrderStatus.ACCEPTED


# -- group 5: cancels ------------------------------------------------------------------------------


async def test_e41_cancel_all_takes_only_what_was_asked_for(desk, aapl):
    orders = [
        await working(desk, desk.factory.limit(aapl, side, HUNDRED, away(desk, side)))
        for side in (BUY, BUY, SELL)
    ]
    desk.commands.cancel_all_orders(orders[0].strategy_id, aapl, BUY)
    await desk.until(lambda: orders[0].is_closed and orders[1].is_closed)
    assert orders[2].status is OrderStatus.ACCEPTED
    assert len(desk.gateway.truth.open_orders) == 1
    desk.check()


async def test_e44_cancelling_what_is_done_is_refused(desk, aapl):
    order = desk.factory.market(aapl, BUY, HUNDRED)
    desk.commands.submit_order(order)
    await desk.done(order)
    desk.commands.cancel_order(order)
    assert desk.names(order)[-1] == "CancelRejected"
    assert order.status is OrderStatus.FILLED


# -- group 6: brackets -----------------------------------------------------------------------------


@pytest.mark.parametrize("side", [BUY, SELL], ids=["E50", "E51"])
async def test_a_bracket_protects_its_entry_and_one_exit_ends_the_other(desk, aapl, side):
    now = quote(desk)
    loss = price(now.bid - 5) if side is BUY else price(now.ask + 5)
    profit = price(now.ask + 5) if side is BUY else price(now.bid - 5)
    bracket = desk.factory.bracket(aapl, side, HUNDRED, sl_trigger_price=loss, tp_price=profit)
    entry, stop, target = bracket.orders
    desk.commands.submit_order_list(bracket)
    await desk.done(entry)
    assert entry.status is OrderStatus.FILLED
    await desk.until(lambda: stop.is_open and target.is_open)
    sent = {order.request.orderRef: order for order in desk.gateway.truth.orders}
    parent = sent[str(entry.client_order_id)].order_id
    assert sent[str(stop.client_order_id)].request.parentId == parent
    assert sent[str(target.client_order_id)].request.parentId == parent
    desk.commands.modify_order(target, price=through(desk, side.opposite))
    await desk.until(lambda: target.is_closed and stop.is_closed)
    assert (target.status, stop.status) == (OrderStatus.FILLED, OrderStatus.CANCELED)
    assert desk.gateway.truth.positions() == {}
    desk.check()


async def test_one_term_that_cannot_be_honoured_denies_the_whole_list(desk, aapl):
    bracket = desk.factory.bracket(
        aapl,
        BUY,
        HUNDRED,
        sl_trigger_price=away(desk, BUY),
        tp_price=away(desk, SELL),
        entry_price=away(desk, BUY, 1.0),
        post_only=True,
    )
    desk.commands.submit_order_list(bracket)
    assert {order.status for order in bracket.orders} == {OrderStatus.DENIED}
    assert desk.gateway.truth.orders == []


# -- group 7 and 8: flags and refusals -------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "words"),
    [("post_only", "only adds liquidity"), ("reduce_only", "only reduces a position")],
    ids=["E60 E70", "E61 E71"],
)
async def test_flags_that_ib_cannot_honour_deny_the_order_before_it_is_sent(
    desk, aapl, flag, words
):
    order = desk.factory.limit(aapl, BUY, HUNDRED, away(desk, BUY), **{flag: True})
    desk.commands.submit_order(order)
    assert order.status is OrderStatus.DENIED
    assert words in order.reason
    assert desk.gateway.truth.orders == []


async def test_e62_a_display_quantity_hides_the_rest(desk, aapl):
    await working(
        desk,
        desk.factory.limit(aapl, BUY, HUNDRED, away(desk, BUY), display_qty=Quantity("10")),
    )
    (sent,) = desk.gateway.truth.open_orders
    assert sent.request.displaySize == 10


async def test_e63_tags_and_params_reach_the_venue(desk, aapl):
    tags = IBOrderTags(ocaGroup="MyGroup1", ocaType=1, outsideRth=True)
    await working(
        desk,
        desk.factory.limit(
            aapl,
            BUY,
            HUNDRED,
            away(desk, BUY),
            tags=[tags.value],
            params={"exchange": "ARCA"},
        ),
    )
    (sent,) = desk.gateway.truth.open_orders
    assert (sent.request.ocaGroup, sent.request.outsideRth) == ("MyGroup1", True)


async def test_e73_a_time_in_force_that_ib_lacks_for_the_type_is_denied(desk, aapl):
    order = desk.factory.stop_market(
        aapl,
        BUY,
        HUNDRED,
        trigger_price=away(desk, SELL),
        time_in_force=TimeInForce.AT_THE_CLOSE,
    )
    desk.commands.submit_order(order)
    assert order.status is OrderStatus.DENIED


async def test_what_ib_refuses_is_rejected_with_its_code_and_words(desk, aapl):
    order = desk.factory.limit(aapl, BUY, HUNDRED, Price("100.001"))
    desk.client.submit_order(_submit(desk, order))
    await desk.done(order)
    assert order.status is OrderStatus.REJECTED
    assert order.last_event.code == 110
    assert desk.names(order) == ["Submitted", "Rejected"]
    desk.check()


def _submit(desk, order):
    from posei_trader.model.requests import SubmitOrder

    desk.cache.add_order(order, desk.client.client_id)
    return SubmitOrder(order, desk.clock.timestamp_ns())


# -- the account -----------------------------------------------------------------------------------


async def test_the_account_is_known_when_connecting_returns(desk):
    state = desk.cache.account(desk.client.account_id)
    assert desk.client.account_id == "IB-DU123456"
    assert state.base_currency.code == "USD"
    (usd,) = [one for one in state.balances if one.currency.code == "USD"]
    assert usd.total.as_decimal() == 1_000_000
    assert state.equity.as_decimal() == 1_000_000


async def test_positions_are_reported_in_our_units(desk, aapl):
    order = desk.factory.market(aapl, BUY, HUNDRED)
    desk.commands.submit_order(order)
    await desk.done(order)
    (report,) = await desk.client.generate_position_reports()
    assert (report.instrument_id, report.signed_qty) == (aapl, Decimal(100))
    assert abs(report.avg_px_open - order.avg_px) < Decimal("0.05")  # IB adds the commission


# -- asking instead of trading ---------------------------------------------------------------------


async def test_a_preview_tells_margin_and_commission_and_trades_nothing(desk, aapl):
    preview = await desk.client.preview_order(desk.factory.market(aapl, BUY, HUNDRED))
    before, change, after = preview.initial_margin
    assert before + change == after
    assert change > 0
    assert preview.commission_currency == "USD"
    assert desk.gateway.truth.orders == []
    desk.check()


async def test_a_preview_of_an_order_that_ib_would_refuse_raises(desk, aapl):
    with pytest.raises(FixRequest):
        await desk.client.preview_order(desk.factory.limit(aapl, BUY, HUNDRED, Price("100.001")))


async def test_an_order_tagged_what_if_ends_with_its_preview(desk, aapl):
    order = desk.factory.market(aapl, BUY, HUNDRED, tags=[IBOrderTags(whatIf=True).value])
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.REJECTED
    assert order.reason.startswith('what-if: {"initial_margin":[')
    assert desk.gateway.truth.orders == []
    desk.check()


async def test_the_client_is_what_the_protocol_asks_for(desk):
    from posei_trader.protocols import ExecClient

    assert isinstance(desk.client, ExecClient)
