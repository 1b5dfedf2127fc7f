"""Execution cases beyond orders of shares one at a time: money, batches, expiry, options, a node.

The names carry the numbers of the execution cases that they prove.
"""

import asyncio
import datetime as dt
from decimal import Decimal

import pytest

from posei_ib_sim.contracts.model import ContractQuery
from posei_trader.adapters.interactive_brokers.common import IBOrderTags
from posei_trader.errors import InvalidRequest, RequestRejected
from posei_trader.model.enums import OrderSide, OrderStatus, TimeInForce, TrailingOffsetType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.values import Price, Quantity

BUY, SELL = OrderSide.BUY, OrderSide.SELL
HUNDRED = Quantity("100")


def quote(desk, name="AAPL"):
    return desk.gateway.truth.board(name).quote


def price(value):
    return Price(round(float(value), 2), 2)


def away(desk, side, distance=5.0):
    now = quote(desk)
    return price(now.bid - distance) if side is BUY else price(now.ask + distance)


def through(desk, side):
    now = quote(desk)
    return price(now.ask + 1) if side is BUY else price(now.bid - 1)


async def working(desk, order):
    desk.commands.submit_order(order)
    await desk.until(lambda: order.is_open)
    return order


def limit(desk, aapl, side=BUY, distance=5.0):
    return desk.factory.limit(aapl, side, HUNDRED, away(desk, side, distance))


# -- money, positions, expiry ----------------------------------------------------------------------


async def test_e05_a_market_order_for_money_buys_crypto_and_ends_filled(desk):
    coin = await desk.client.instrument_provider.load(InstrumentId("BTC/USD.PAXOS"))
    order = desk.factory.market(
        coin.id, BUY, Quantity("5000"), time_in_force=TimeInForce.IOC, quote_quantity=True
    )
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.FILLED, order.reason
    assert order.quantity == order.filled_qty  # in coins now, no more in dollars
    (sent,) = desk.gateway.truth.orders
    assert float(sent.request.cashQty) == 5000
    assert order.filled_qty.as_decimal() == sum(f.quantity for f in desk.gateway.truth.executions)
    assert (await desk.engine.reconcile(desk.client)).lines == ()
    desk.check()


@pytest.mark.parametrize("side", [BUY, SELL], ids=["E86 long", "E87 short"])
async def test_a_position_of_the_last_run_is_taken_over(open_desk, start_gateway, aapl, side):
    gateway = await start_gateway()
    first = await open_desk(gateway)
    order = first.factory.market(aapl, side, HUNDRED)
    first.commands.submit_order(order)
    await first.done(order)
    await first.close()
    second = await open_desk(gateway)
    (position,) = second.cache.positions_open()
    assert position.signed_qty == Decimal(100 * side.sign)
    second.check()


@pytest.mark.parametrize("side", [BUY, SELL])
async def test_e06_a_position_is_closed_by_the_opposite_market_order(desk, aapl, side):
    for wanted in (side, side.opposite):
        order = desk.factory.market(aapl, wanted, HUNDRED)
        desk.commands.submit_order(order)
        await desk.done(order)
    assert desk.cache.positions_open() == []
    assert desk.gateway.truth.positions() == {}


async def test_e12_a_pair_of_limit_orders_rests_on_both_sides(desk, aapl):
    pair = [await working(desk, limit(desk, aapl, side)) for side in (BUY, SELL)]
    assert [order.status for order in pair] == [OrderStatus.ACCEPTED] * 2
    assert len(desk.gateway.truth.open_orders) == 2


async def test_e15_a_fill_or_kill_order_within_reach_is_filled(desk, aapl):
    order = desk.factory.limit(
        aapl, BUY, HUNDRED, through(desk, BUY), time_in_force=TimeInForce.FOK
    )
    desk.commands.submit_order(order)
    await desk.done(order)
    assert order.status is OrderStatus.FILLED


async def test_e18_a_good_till_date_order_expires(desk, aapl, start_gateway, open_desk):
    gateway = await start_gateway(speed="step", start=dt.datetime.now(dt.UTC).isoformat())
    here = await open_desk(gateway)
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    order = await working(
        here,
        here.factory.limit(
            aapl,
            BUY,
            HUNDRED,
            Price("1.00"),
            time_in_force=TimeInForce.GTD,
            expire_time=until,
        ),
    )
    await here.until(lambda: here.clock.timestamp_ns() > order.terms.expire_time_ns)
    await gateway.advance(3)
    await here.done(order)
    assert order.status is OrderStatus.EXPIRED
    here.check()


# -- changes and cancels ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["E32 BUY", "E33 SELL", "E35 stop"])
async def test_an_order_is_replaced_by_cancel_and_a_new_one(desk, aapl, kind):
    side = SELL if "SELL" in kind else BUY

    def make(distance):
        if "stop" in kind:
            trigger = away(desk, side.opposite, distance)
            return desk.factory.stop_market(aapl, side, HUNDRED, trigger_price=trigger)
        return limit(desk, aapl, side, distance)

    first = await working(desk, make(5.0))
    desk.commands.cancel_order(first)
    second = await working(desk, make(6.0))
    await desk.done(first)
    assert (first.status, second.status) == (OrderStatus.CANCELED, OrderStatus.ACCEPTED)
    assert len(desk.gateway.truth.open_orders) == 1


@pytest.mark.parametrize("case", ["E40 one", "E42 individually", "E43 batch"])
async def test_orders_are_cancelled_one_by_one_or_together(desk, aapl, case):
    count = 1 if case == "E40 one" else 3
    orders = [await working(desk, limit(desk, aapl)) for _ in range(count)]
    kept = await working(desk, limit(desk, aapl, SELL))
    if case == "E43 batch":
        desk.commands.cancel_all_orders(orders[0].strategy_id, aapl, BUY)
    else:
        for order in orders:
            desk.commands.cancel_order(order)
    await desk.until(lambda: all(order.is_closed for order in orders))
    assert {order.status for order in orders} == {OrderStatus.CANCELED}
    assert kept.status is OrderStatus.ACCEPTED
    desk.check()


# -- brackets --------------------------------------------------------------------------------------


async def test_e52_children_of_a_bracket_wait_for_the_fill_of_their_entry(desk, aapl):
    bracket = desk.factory.bracket(
        aapl,
        BUY,
        HUNDRED,
        sl_trigger_price=away(desk, BUY, 9.0),
        tp_price=away(desk, SELL, 9.0),
        entry_price=away(desk, BUY, 4.0),
    )
    entry, stop, target = bracket.orders
    desk.commands.submit_order_list(bracket)
    await desk.until(lambda: all(order.is_open for order in bracket.orders))
    held = {one.request.orderRef: one.held for one in desk.gateway.truth.open_orders}
    assert held[str(stop.client_order_id)] == held[str(target.client_order_id)] == "parent"
    desk.commands.modify_order(entry, price=through(desk, BUY))
    await desk.done(entry)
    await desk.until(lambda: all(one.held != "parent" for one in desk.gateway.truth.open_orders))
    desk.check()


async def test_e53_a_bracket_with_a_post_only_entry_is_denied_whole(desk, aapl):
    bracket = desk.factory.bracket(
        aapl,
        BUY,
        HUNDRED,
        sl_trigger_price=away(desk, BUY, 9.0),
        tp_price=away(desk, SELL, 9.0),
        entry_price=away(desk, BUY, 4.0),
        post_only=True,
    )
    desk.commands.submit_order_list(bracket)
    assert {order.status for order in bracket.orders} == {OrderStatus.DENIED}


# -- refusals and ambiguity ------------------------------------------------------------------------


async def test_e72_a_type_that_ib_does_not_have_is_denied_before_it_is_sent(desk, aapl):
    order = desk.factory.trailing_stop_limit(
        aapl,
        SELL,
        HUNDRED,
        trailing_offset=Decimal(50),
        trailing_offset_type=TrailingOffsetType.BASIS_POINTS,
        limit_offset=Decimal(10),
    )
    desk.commands.submit_order(order)
    assert order.status is OrderStatus.DENIED
    assert desk.gateway.truth.orders == []


async def test_e77_a_batch_whose_answers_were_cut_off_rejects_nothing(desk, aapl):
    orders = [limit(desk, aapl, side) for side in (BUY, SELL, BUY)]
    desk.gateway.faults.stall()
    for order in orders:
        desk.commands.submit_order(order)
    await desk.until(lambda: len(desk.gateway.truth.open_orders) == 3)
    await desk.lose_connection()
    assert {order.status for order in orders} == {OrderStatus.SUBMITTED}
    await desk.reconciled()
    assert {order.status for order in orders} == {OrderStatus.ACCEPTED}
    desk.check()


async def test_e78_of_a_batch_only_the_order_that_ib_refuses_is_rejected(desk, aapl):
    good = [limit(desk, aapl, side) for side in (BUY, SELL)]
    bad = desk.factory.limit(aapl, BUY, Quantity("90000000"), away(desk, BUY))
    for order in (good[0], bad, good[1]):
        desk.commands.submit_order(order)
    await desk.done(bad)
    await desk.until(lambda: all(order.is_open for order in good))
    assert bad.status is OrderStatus.REJECTED
    assert bad.last_event.code == 201
    desk.check()


async def test_an_order_that_ib_never_answers_is_asked_about(open_desk, aapl):
    desk = await open_desk(order_answer_timeout=0.05)
    desk.gateway.faults.desync_orders(1)
    order = limit(desk, aapl)
    desk.commands.submit_order(order)
    await desk.until(lambda: order.is_open)  # nobody told: the question did
    assert order.status is OrderStatus.ACCEPTED
    desk.check()


async def test_a_cancel_that_nobody_told_of_is_found_by_the_audit(open_desk, aapl):
    desk = await open_desk(order_audit_interval=0.2)
    order = await working(desk, limit(desk, aapl))
    (sent,) = desk.gateway.truth.open_orders
    desk.gateway.faults.cancel_silently(1, sent.order_id)
    await desk.done(order)
    assert order.status is OrderStatus.CANCELED
    desk.check()


# -- options ---------------------------------------------------------------------------------------


async def option_of(desk):
    """Load a call that is in the money; return it as the venue and as we know it."""
    query = ContractQuery(symbol="AAPL", sec_type="OPT", right="C", exchange="SMART")
    spot = quote(desk).bid
    found = desk.gateway.simulation.contracts.find(query)
    contract = max(
        (one for one in found if float(one.strike) < spot - 5),
        key=lambda one: (one.strike, one.last_trade_date),
    )
    name = f"{contract.local_symbol.replace(' ', '')}.SMART"
    return contract, await desk.client.instrument_provider.load(InstrumentId(name))


@pytest.fixture
async def option(desk):
    _, instrument = await option_of(desk)
    return instrument


@pytest.mark.parametrize(
    "case", ["E90 buy", "E91 sell", "E99 FOK", "E100 cancel", "E101 reconcile position"]
)
async def test_options_are_traded_like_anything_else(desk, option, case):
    side = SELL if "sell" in case else BUY
    tif = TimeInForce.FOK if "FOK" in case else TimeInForce.DAY
    value = Price("0.05") if "cancel" in case else Price("500.00" if side is BUY else "0.05")
    order = desk.factory.limit(option.id, side, Quantity("2"), value, time_in_force=tif)
    desk.commands.submit_order(order)
    if "cancel" in case:
        await desk.until(lambda: order.is_open)
        desk.commands.cancel_order(order)
        await desk.done(order)
        assert order.status is OrderStatus.CANCELED
        return
    await desk.done(order)
    assert order.status is OrderStatus.FILLED, order.reason
    (report,) = await desk.client.generate_position_reports()
    assert (report.instrument_id, report.signed_qty) == (option.id, Decimal(2 * side.sign))
    assert (await desk.engine.reconcile(desk.client)).lines == ()
    desk.check()


async def test_e92_an_option_is_priced_by_volatility_through_the_tags(desk, option):
    tags = IBOrderTags(orderType="VOL", volatility=0.3, volatilityType=2)
    order = desk.factory.market(option.id, BUY, Quantity("1"), tags=[tags.value])
    await working(desk, order)
    (sent,) = desk.gateway.truth.open_orders
    assert (sent.request.orderType, sent.request.volatility) == ("VOL", 0.3)
    assert sent.request.volatilityType == 2


async def test_e94_an_option_order_at_the_close_with_a_stop_is_denied(desk, option):
    order = desk.factory.stop_market(
        option.id,
        SELL,
        Quantity("1"),
        trigger_price=Price("1.00"),
        time_in_force=TimeInForce.AT_THE_CLOSE,
    )
    desk.commands.submit_order(order)
    assert order.status is OrderStatus.DENIED


async def test_e96_a_condition_that_cannot_be_read_denies_the_order(desk, option):
    order = desk.factory.limit(
        option.id,
        BUY,
        Quantity("1"),
        Price("0.05"),
        tags=['IBOrderTags:{"conditions":[{"type":"moon","isFull":true}]}'],
    )
    desk.commands.submit_order(order)
    assert order.status is OrderStatus.DENIED
    assert desk.gateway.truth.orders == []


async def bought(desk, option, count="3"):
    order = desk.factory.limit(option.id, BUY, Quantity(count), Price("500.00"))
    desk.commands.submit_order(order)
    await desk.done(order)
    await desk.until(lambda: order.commissions)


@pytest.mark.parametrize("is_lapse", [False, True], ids=["exercise", "lapse"])
async def test_options_are_exercised_or_lapse(desk, option, aapl, is_lapse):
    await bought(desk, option)
    await desk.commands.exercise_option(option.id, Quantity("2"), is_lapse=is_lapse)
    await desk.until(
        lambda: [p.signed_qty for p in desk.cache.positions_open(option.id)] == [Decimal(1)]
    )
    shares = [p.signed_qty for p in desk.cache.positions_open(aapl)]
    assert shares == ([] if is_lapse else [Decimal(200)])
    assert {name: size for name, size in desk.gateway.truth.positions().items() if size} == {
        str(option.raw_symbol): Decimal(1),
        **({} if is_lapse else {"AAPL": Decimal(200)}),
    }
    await desk.reconciled()
    assert (await desk.engine.reconcile(desk.client)).lines == ()
    desk.check()


async def test_only_options_that_are_held_can_be_exercised(desk, option, aapl):
    await bought(desk, option, "1")
    with pytest.raises(InvalidRequest, match="only options that are held"):
        await desk.commands.exercise_option(option.id, Quantity("2"))
    with pytest.raises(InvalidRequest, match="held"):
        await desk.commands.exercise_option(aapl, Quantity("1"))
    from posei_trader.model.requests import ExerciseOption

    with pytest.raises(RequestRejected, match="No unlapsed position"):
        await desk.client.exercise_option(
            ExerciseOption(instrument_id=option.id, quantity=Quantity("5"))
        )


async def test_an_exercise_elsewhere_is_noticed_from_the_positions(open_desk, aapl):
    desk = await open_desk(track_option_exercise_from_position_update=True)
    contract, option = await option_of(desk)
    await bought(desk, option, "1")
    account = desk.gateway.simulation.accounts.default
    desk.gateway.simulation.desk.exercise((9, 77), account, contract, Decimal(1), lapse=False)
    await desk.until(lambda: desk.cache.positions_open(aapl))
    await desk.until(lambda: desk.cache.positions_open(option.id) == [])
    desk.check()


# -- a whole node ----------------------------------------------------------------------------------


async def test_e80_to_e83_a_strategy_opens_on_start_and_tidies_up_on_stop(start_gateway, aapl):
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersDataClientConfig,
        InteractiveBrokersExecClientConfig,
        InteractiveBrokersInstrumentProviderConfig,
    )
    from posei_trader.adapters.interactive_brokers.factories import (
        InteractiveBrokersLiveDataClientFactory,
        InteractiveBrokersLiveExecClientFactory,
    )
    from posei_trader.config import LoggingConfig, RoutingConfig, TradingNodeConfig
    from posei_trader.live.node import TradingNode
    from posei_trader.trading.strategy import Strategy

    gateway = await start_gateway()
    held = asyncio.Event()

    class Careful(Strategy):
        def on_start(self):
            self.subscribe_quote_ticks(aapl)
            self.submit_order(self.order_factory.market(aapl, BUY, HUNDRED))
            self.submit_order(self.order_factory.limit(aapl, BUY, HUNDRED, Price("1.00")))

        def on_position_opened(self, _event):
            held.set()

        def on_stop(self):
            self.unsubscribe_quote_ticks(aapl)
            self.cancel_all_orders(aapl)
            self.close_all_positions(aapl)

    provider = InteractiveBrokersInstrumentProviderConfig(load_ids=frozenset({"AAPL.NASDAQ"}))
    shared = {"ibg_port": gateway.port, "instrument_provider": provider}
    node = TradingNode(
        config=TradingNodeConfig(
            logging=LoggingConfig(log_level="ERROR"),
            data_clients={
                "IB": InteractiveBrokersDataClientConfig(
                    **shared, routing=RoutingConfig(default=True)
                )
            },
            exec_clients={
                "IB": InteractiveBrokersExecClientConfig(
                    **shared, routing=RoutingConfig(default=True)
                )
            },
        )
    )
    node.add_data_client_factory("IB", InteractiveBrokersLiveDataClientFactory)
    node.add_exec_client_factory("IB", InteractiveBrokersLiveExecClientFactory)
    node.build()
    node.trader.add_strategy(Careful())
    run = asyncio.create_task(node.run_async())
    async with asyncio.timeout(30):
        await held.wait()
        await node.stop_async()
        await run
    assert gateway.truth.open_orders == []
    assert gateway.truth.positions() == {}
    assert [order.status for order in gateway.truth.orders].count("Filled") == 2
