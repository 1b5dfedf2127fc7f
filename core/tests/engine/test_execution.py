"""Commands and events between strategies, the engine and a venue."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import OWNER, SIM, Rig
from venue import AAPL, MSFT, SECOND, USD, equity, quote

from posei_trader.config import LiveExecEngineConfig, RoutingConfig
from posei_trader.engine.outbox import Outbox
from posei_trader.errors import ConfigError, InvalidRequest, NotConnected, RequestTimeout
from posei_trader.model import events as ev
from posei_trader.model.enums import OmsType, OrderSide, OrderStatus, TradingState
from posei_trader.model.identifiers import (
    ClientId,
    ClientOrderId,
    InstrumentId,
    PositionId,
    StrategyId,
    TradeId,
    Venue,
)
from posei_trader.model.orders import OrderList
from posei_trader.model.values import Money, Price, Quantity


def ready(**settings):
    rig = Rig(**settings)
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", rig.clock.timestamp_ns()))
    return rig


def new(rig, side="BUY", quantity="10", **options):
    return rig.factory.market(AAPL, OrderSide(side), Quantity(quantity), **options)


# -- submitting ------------------------------------------------------------------------------------


def test_a_market_order_goes_to_a_fill_and_a_position():
    rig = ready()
    order = rig.market(AAPL, "BUY", "10")
    assert rig.names == ["OrderSubmitted", "OrderAccepted", "OrderFilled", "PositionOpened"]
    assert order.status is OrderStatus.FILLED
    [position] = rig.cache.positions_open()
    assert (position.signed_qty, position.avg_px_open) == (10, 100)
    assert position.strategy_id == OWNER
    assert rig.portfolio.net_position(AAPL) == rig.venue.holdings[AAPL]
    assert rig.cache.account(rig.venue.account_id).balances[0].total == Money("98999", USD)


def test_the_cache_contains_an_event_before_anybody_is_told_of_it():
    rig = ready()
    seen = []
    rig.bus.subscribe(
        "events.order.*",
        lambda event: seen.append(
            (type(event).__name__, rig.cache.order(event.client_order_id).status)
        ),
    )
    rig.bus.subscribe("events.order.*", lambda _: seen.append(rig.portfolio.net_position(AAPL)))
    rig.market(AAPL, "BUY", "10")
    assert seen == [
        ("OrderSubmitted", "SUBMITTED"),
        0,
        ("OrderAccepted", "ACCEPTED"),
        0,
        ("OrderFilled", "FILLED"),
        10,
    ]


def test_an_order_is_submitted_once():
    rig = ready()
    order = rig.market(AAPL, "BUY", "10")
    with pytest.raises(InvalidRequest, match="was submitted before"):
        rig.commands.submit_order(order)
    assert rig.venue.log == [f"order {order.client_order_id}"]


def test_what_risk_refuses_is_denied_by_the_rules_name_and_never_sent():
    rig = ready()
    order = new(rig, quantity="0.5")
    rig.commands.submit_order(order)
    rig.run()
    assert rig.names == ["OrderDenied"]
    assert order.status is OrderStatus.DENIED
    assert order.reason.startswith("QUANTITY_INCREMENT: 0.5")
    assert rig.venue.log == []


def test_what_nobody_serves_is_denied():
    rig = ready()
    order = new(rig)
    rig.commands.submit_order(order, client_id=ClientId("TWS"))
    assert order.reason.startswith("NO_CLIENT: there is no exec client of this name")
    with pytest.raises(InvalidRequest, match="no client handles"):
        rig.commands.cancel_order(order)


def test_without_a_connection_orders_are_denied_and_changes_refused():
    rig = ready()
    working = rig.limit(AAPL, "BUY", "1", "90.00")
    rig.exec_client.drop()
    order = new(rig)
    rig.commands.submit_order(order)
    rig.commands.modify_order(working, price=Price("91.00"))
    rig.commands.cancel_order(working)
    rig.commands.cancel_all_orders(OWNER, AAPL)
    assert rig.names[2:] == [
        "OrderDenied",
        "OrderModifyRejected",
        "OrderCancelRejected",
        "OrderCancelRejected",
    ]
    assert all(event.reason.startswith("NOT_CONNECTED") for event in rig.events[2:])
    assert working.status is OrderStatus.ACCEPTED


def test_an_order_that_the_client_denies_is_denied():
    rig = ready()
    order = rig.market(AAPL, "BUY", "10", tags=("deny",))
    assert (order.status, order.reason) == (OrderStatus.DENIED, "cannot be honoured here")


def test_an_order_that_the_venue_rejects_is_rejected_with_its_code():
    rig = ready()
    order = rig.market(AAPL, "BUY", "10", tags=("reject",))
    assert (order.status, order.reason) == (OrderStatus.REJECTED, "not today")
    assert order.last_event.code == 201


class Broken:
    """A client that fails at a chosen moment of submitting."""

    def __init__(self, rig, error, *, after_submitted):
        self._rig, self._error, self._after = rig, error, after_submitted

    def __call__(self, command):
        orders = command.order_list.orders if hasattr(command, "order_list") else [command.order]
        if self._after:
            self._rig.exec_client.tell_now(
                ev.OrderSubmitted, orders[0], account_id=self._rig.venue.account_id
            )
        raise self._error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotConnected("gone"), "NOT_CONNECTED: gone"),
        (InvalidRequest("no such route"), "CLIENT: no such route"),
        (KeyError("bug"), "CLIENT: KeyError: 'bug'"),
    ],
)
def test_a_client_that_fails_before_the_wire_denies_the_order(error, reason):
    rig = ready()
    rig.exec_client.submit_order = Broken(rig, error, after_submitted=False)
    order = new(rig)
    rig.commands.submit_order(order)
    assert (order.status, order.reason) == (OrderStatus.DENIED, reason)


def test_a_client_that_fails_behind_the_wire_leaves_the_order_in_flight(caplog):
    rig = ready()
    rig.exec_client.submit_order = Broken(rig, KeyError("bug"), after_submitted=True)
    order = new(rig)
    rig.commands.submit_order(order)
    assert order.status is OrderStatus.SUBMITTED
    assert rig.cache.orders_in_flight() == [order]
    assert "exec client SIM failed" in caplog.text


def test_a_list_is_sent_whole_or_denied_whole():
    rig = ready()
    bracket = rig.factory.bracket(
        AAPL,
        OrderSide.BUY,
        Quantity("10"),
        sl_trigger_price=Price("95.00"),
        tp_price=Price("105.00"),
    )
    rig.commands.submit_order_list(bracket)
    rig.run()
    assert [order.status for order in bracket.orders] == ["FILLED", "ACCEPTED", "ACCEPTED"]

    good, bad = new(rig), new(rig, quantity="0.5")
    rig.commands.submit_order_list(OrderList(rig.factory.next_list_id(), (good, bad)))
    assert {good.status, bad.status} == {OrderStatus.DENIED}
    assert good.reason == bad.reason


def test_a_list_that_breaks_half_way_denies_what_was_not_sent():
    rig = ready()
    rig.exec_client.submit_order_list = Broken(rig, KeyError("bug"), after_submitted=True)
    first, second = new(rig), new(rig)
    rig.commands.submit_order_list(OrderList(rig.factory.next_list_id(), (first, second)))
    assert (first.status, second.status) == (OrderStatus.SUBMITTED, OrderStatus.DENIED)


# -- changing and canceling ------------------------------------------------------------------------


def test_a_working_order_is_changed_and_canceled():
    rig = ready()
    order = rig.limit(AAPL, "BUY", "10", "90.00")
    rig.commands.modify_order(order, quantity=Quantity("20"), price=Price("91.00"))
    assert order.status is OrderStatus.PENDING_UPDATE
    rig.run()
    assert (order.status, order.quantity, order.price) == (
        OrderStatus.ACCEPTED,
        Quantity("20"),
        Price("91.00"),
    )
    rig.commands.cancel_order(order)
    assert order.status is OrderStatus.PENDING_CANCEL
    rig.run()
    assert order.status is OrderStatus.CANCELED
    assert rig.cache.orders_closed() == [order]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({}, "NOTHING_TO_CHANGE"),
        ({"price": Price("91.005")}, "PRICE_INCREMENT"),
        ({"quantity": Quantity("0.5")}, "QUANTITY_INCREMENT"),
    ],
)
def test_a_change_that_risk_refuses_is_rejected_by_the_rules_name(change, rule):
    rig = ready()
    order = rig.limit(AAPL, "BUY", "10", "90.00")
    rig.commands.modify_order(order, **change)
    rejected = rig.events[-1]
    assert isinstance(rejected, ev.OrderModifyRejected)
    assert rejected.reason.startswith(rule)
    assert order.status is OrderStatus.ACCEPTED


def test_a_closed_order_can_be_neither_changed_nor_canceled():
    rig = ready()
    order = rig.market(AAPL, "BUY", "10")
    rig.commands.cancel_order(order)
    rig.commands.modify_order(order, quantity=Quantity("5"))
    assert [event.reason for event in rig.events[-2:]] == ["ORDER_CLOSED: the order is FILLED"] * 2
    assert order.status is OrderStatus.FILLED


def test_cancel_all_takes_the_strategys_own_orders_of_one_side_also_in_flight():
    rig = ready()
    buy, sell = rig.limit(AAPL, "BUY", "1", "90.00"), rig.limit(AAPL, "SELL", "1", "110.00")
    other = rig.limit(MSFT, "BUY", "1", "90.00")
    flying = rig.factory.limit(AAPL, OrderSide.BUY, Quantity("1"), Price("89.00"))
    rig.commands.submit_order(flying)
    rig.commands.cancel_all_orders(OWNER, AAPL, OrderSide.BUY)
    rig.run()
    assert [order.status for order in (buy, flying)] == ["CANCELED", "CANCELED"]
    assert [order.status for order in (sell, other)] == ["ACCEPTED", "ACCEPTED"]
    rig.commands.cancel_all_orders(StrategyId("Other-001"), AAPL)
    rig.run()
    assert sell.status is OrderStatus.ACCEPTED


def test_a_cancel_that_the_client_cannot_take_is_rejected():
    rig = ready()
    order = rig.limit(AAPL, "BUY", "1", "90.00")

    def broken(_):
        raise KeyError("bug")

    rig.exec_client.cancel_order = broken
    rig.commands.cancel_order(order)
    assert rig.events[-1].reason == "CLIENT: KeyError: 'bug'"


async def test_a_query_takes_over_what_the_venue_says():
    rig = ready()
    order = rig.limit(AAPL, "BUY", "10", "90.00")
    rig.venue.orders[order.client_order_id].price = Price("91.00")
    report = await rig.commands.query_order(order)
    assert report.price == order.price == Price("91.00")
    assert rig.names[-1] == "OrderUpdated"
    del rig.venue.orders[order.client_order_id]
    assert await rig.commands.query_order(order) is None
    rig.venue.is_silent = True
    with pytest.raises(RequestTimeout):
        await rig.commands.query_order(order)


# -- events ----------------------------------------------------------------------------------------


def test_a_duplicate_execution_is_dropped_and_counted():
    rig = ready()
    order = rig.market(AAPL, "BUY", "10")
    rig.execution.order_event(order.last_event)
    assert rig.execution.counters["duplicate_executions_dropped"] == 1
    assert rig.portfolio.net_position(AAPL) == 10
    assert rig.names.count("OrderFilled") == 1


def test_an_event_of_an_unknown_order_is_counted_and_kept(caplog):
    rig = ready()
    order = rig.market(AAPL, "BUY", "10")
    stray = msgspec.structs.replace(order.last_event, client_order_id=ClientOrderId("O-x"))
    rig.execution.order_event(stray)
    assert list(rig.execution.unknown_events) == [stray]
    assert rig.execution.counters["events_of_unknown_orders"] == 1
    assert "events of unknown orders" in caplog.text


def test_an_event_that_cannot_be_is_counted_and_changes_nothing():
    rig = ready()
    order = rig.market(AAPL, "BUY", "10")
    submitted = order.events[1]
    rig.execution.order_event(submitted)
    assert order.status is OrderStatus.FILLED
    assert rig.execution.counters["events_that_cannot_be"] == 1
    assert rig.names.count("OrderSubmitted") == 1


def test_a_late_commission_is_joined_to_order_and_position():
    rig = ready()
    rig.exec_client.is_late_with_commissions = True
    order = rig.market(AAPL, "BUY", "10")
    assert rig.names[-2:] == ["OrderFillAmended", "PositionChanged"]
    assert order.commissions == [Money("1.00", USD)]
    assert rig.portfolio.realized_pnl(AAPL) == Money("-1.00", USD)
    assert rig.portfolio.commissions() == {USD: Money("1.00", USD)}


def test_a_commission_that_comes_before_its_execution_waits_for_it():
    rig = ready()
    order = rig.limit(AAPL, "BUY", "10", "90.00")
    amended = ev.OrderFillAmended(
        trader_id=order.terms.trader_id,
        strategy_id=order.strategy_id,
        instrument_id=AAPL,
        client_order_id=order.client_order_id,
        ts_event=0,
        ts_init=0,
        trade_id=TradeId("E-early"),
        commission=Money("2", USD),
    )
    rig.execution.order_event(amended)
    assert rig.names[-1] == "OrderAccepted"
    rig.execution.order_event(filled(rig, order, "E-early", "10"))
    assert rig.names[-4:] == [
        "OrderFilled",
        "PositionOpened",
        "OrderFillAmended",
        "PositionChanged",
    ]
    assert order.commissions == [Money("2", USD)]


def test_waiting_commissions_are_bounded_and_counted(monkeypatch):
    monkeypatch.setattr("posei_trader.engine.execution._PARKED_LIMIT", 2)
    rig = ready()
    order = rig.limit(AAPL, "BUY", "10", "90.00")
    for number in range(3):
        rig.execution.order_event(
            ev.OrderFillAmended(
                trader_id=order.terms.trader_id,
                strategy_id=order.strategy_id,
                instrument_id=AAPL,
                client_order_id=order.client_order_id,
                ts_event=0,
                ts_init=0,
                trade_id=TradeId(f"E-{number}"),
                commission=Money("2", USD),
            )
        )
    assert rig.execution.counters["amendments_dropped"] == 1


def filled(rig, order, trade_id, quantity, price="100.00", **terms):
    return ev.OrderFilled(
        **{
            "trader_id": order.terms.trader_id,
            "strategy_id": order.strategy_id,
            "instrument_id": order.instrument_id,
            "client_order_id": order.client_order_id,
            "ts_event": 0,
            "ts_init": 0,
            "venue_order_id": order.venue_order_id,
            "account_id": rig.venue.account_id,
            "trade_id": TradeId(trade_id),
            "order_side": order.side,
            "last_qty": Quantity(quantity),
            "last_px": Price(price),
            **terms,
        }
    )


def test_an_execution_known_by_its_corrections_id_is_a_duplicate():
    rig = ready()
    order = rig.market(AAPL, "BUY", "10")
    fill = order.last_event
    rig.execution.order_event(
        ev.OrderFillAmended(
            trader_id=order.terms.trader_id,
            strategy_id=order.strategy_id,
            instrument_id=AAPL,
            client_order_id=order.client_order_id,
            ts_event=0,
            ts_init=0,
            trade_id=fill.trade_id,
            last_px=Price("99.50"),
            new_trade_id=TradeId("E-corrected"),
        )
    )
    assert rig.cache.positions()[0].avg_px_open == Decimal("99.50")
    rig.execution.order_event(
        msgspec.structs.replace(fill, trade_id=TradeId("E-corrected"), last_px=Price("99.50"))
    )
    assert rig.portfolio.net_position(AAPL) == 10
    assert rig.execution.counters["duplicate_executions_dropped"] == 1


def test_a_fill_of_an_undefined_instrument_waits_for_its_definition():
    rig = ready()
    order = rig.limit(AAPL, "BUY", "10", "90.00")
    leg = InstrumentId("LEG.SIM")
    rig.execution.order_event(filled(rig, order, "E-1", "10", instrument_id=leg))
    assert rig.portfolio.net_position(leg) == 0
    assert rig.execution.counters["fills_waiting_for_an_instrument"] == 1
    rig.cache.add_instrument(equity(leg))
    rig.execution.instrument_loaded(leg)
    assert rig.portfolio.net_position(leg) == 10
    assert rig.names[-1] == "PositionOpened"


def test_hedging_strategies_have_a_position_for_each_order():
    rig = ready()
    rig.execution.register_strategy(OWNER, OmsType.HEDGING)
    first, second = rig.market(AAPL, "BUY", "10"), rig.market(AAPL, "SELL", "4")
    held = {position.id: position.signed_qty for position in rig.cache.positions_open()}
    name = PositionId(f"{AAPL}-{first.client_order_id}")
    assert held == {name: 10, f"{AAPL}-{second.client_order_id}": -4}
    closing = new(rig, "SELL", "10")
    rig.commands.submit_order(closing, position_id=name)
    rig.run()
    assert not rig.cache.position(name).is_open
    assert rig.portfolio.net_position(AAPL) == -4


def test_two_strategies_may_not_claim_the_same_external_orders():
    rig = ready()
    rig.execution.register_strategy(OWNER, claims=[AAPL])
    rig.execution.register_strategy(OWNER, claims=[AAPL])
    with pytest.raises(ConfigError, match="two strategies claim"):
        rig.execution.register_strategy(StrategyId("Other-001"), claims=[AAPL])


def test_the_account_of_a_venue_is_that_of_the_client_that_serves_it():
    rig = ready()
    rig.exec_client.is_connected = False
    assert rig.execution.account_of_venue(Venue("ANY")) is None
    assert not rig.execution.is_connected()
    rig.exec_client.is_connected = True
    assert rig.execution.account_of_venue(Venue("ANY")) == rig.venue.account_id
    rig.exec_client.is_connected = False  # what was known is not forgotten with the connection
    assert rig.execution.account_of_venue(Venue("ANY")) == rig.venue.account_id
    empty = Rig()
    empty.execution._router._clients.clear()
    empty.execution._router._default = None
    assert empty.execution.account_of_venue(Venue("ANY")) is None


def test_a_second_client_of_one_name_is_refused():
    rig = ready()
    with pytest.raises(ConfigError):
        rig.execution.add_client(rig.exec_client, RoutingConfig())
    assert [client.client_id for client in rig.execution.clients] == [SIM]


def test_orders_wait_for_reconciliation_but_cancels_do_not():
    rig = ready()
    order = rig.limit(AAPL, "BUY", "10", "90.00")
    rig.execution._recovery._is_wanted = True
    denied = new(rig)
    rig.commands.submit_order(denied)
    rig.commands.modify_order(order, price=Price("91.00"))
    assert denied.reason.startswith("NOT_RECONCILED")
    assert rig.events[-1].reason.startswith("NOT_RECONCILED")
    rig.commands.cancel_order(order)
    rig.run()
    assert order.status is OrderStatus.CANCELED


# -- order of events -------------------------------------------------------------------------------


def test_what_a_listener_causes_is_told_after_what_it_was_told():
    rig = ready()
    seen = []

    def answer(event):
        seen.append(type(event).__name__)
        if isinstance(event, ev.OrderFilled) and event.order_side is OrderSide.BUY:
            rig.commands.submit_order(new(rig, "SELL"))
            seen.append("submitted")

    rig.bus.subscribe("events.order.*", answer)
    rig.market(AAPL, "BUY", "10")
    assert seen == [
        "OrderSubmitted",
        "OrderAccepted",
        "OrderFilled",
        "submitted",
        "OrderSubmitted",
        "OrderAccepted",
        "OrderFilled",
    ]
    assert rig.names[2:5] == ["OrderFilled", "PositionOpened", "OrderSubmitted"]


def test_a_listener_that_answers_every_event_cannot_hold_the_loop_for_ever(monkeypatch):
    monkeypatch.setattr("posei_trader.engine.outbox._BURST", 5)
    rig = ready()
    topic, seen = rig.bus.topic("x"), []
    outbox = Outbox(rig.clock)

    def answer(number):
        seen.append(number)
        if number < 12:
            outbox.publish((topic, number + 1))

    rig.bus.subscribe("x", answer)
    outbox.publish((topic, 0))
    assert (len(seen), len(outbox)) == (5, 1)
    rig.run()
    assert seen == list(range(13))
    outbox._drain()
    assert len(outbox) == 0


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("market"), st.sampled_from(["BUY", "SELL"]), st.integers(1, 9)),
        st.tuples(st.just("limit"), st.sampled_from(["BUY", "SELL"]), st.integers(1, 9)),
        st.tuples(st.just("quote"), st.integers(9_000, 11_000), st.integers(1, 20)),
        st.tuples(st.just("cancel"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("change"), st.integers(0, 30), st.integers(1, 20)),
        st.tuples(st.just("repeat"), st.integers(0, 100), st.just(0)),
        st.tuples(st.just("run"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


def move(rig, orders, told, kind, first, second):
    match kind:
        case "market":
            orders.append(new(rig, first, str(second)))
            rig.commands.submit_order(orders[-1])
        case "limit":
            price = Price(Decimal(9_900 + 20 * second) / 100, 2)
            orders.append(rig.factory.limit(AAPL, OrderSide(first), Quantity(second), price))
            rig.commands.submit_order(orders[-1])
        case "quote":
            bid, ask = (str(Decimal(cents) / 100) for cents in (first, first + second))
            rig.venue.set_quote(quote(AAPL, bid, ask, rig.clock.timestamp_ns()))
        case "cancel" if first < len(orders):
            rig.commands.cancel_order(orders[first])
        case "change" if first < len(orders):
            rig.commands.modify_order(orders[first], quantity=Quantity(str(second)))
        case "repeat" if first < len(told):
            rig.execution.order_event(told[first])
        case "run":
            rig.run()


@given(MOVES, st.booleans(), st.one_of(st.none(), st.integers(1, 4)))
def test_whatever_happens_our_orders_positions_and_cash_equal_the_venues(moves, late, piece):
    rig = ready()
    rig.exec_client.is_late_with_commissions = late
    rig.venue.fill_size = piece
    orders, told = [], []
    rig.bus.subscribe("events.order.*", told.append)
    for kind, first, second in moves:
        move(rig, orders, told, kind, first, second)
    rig.run()

    for order in orders:
        resting = rig.venue.orders[order.client_order_id]
        assert order.filled_qty.raw == resting.filled
        assert order.is_closed == (resting.status in {"FILLED", "CANCELED"})
    assert rig.portfolio.net_position(AAPL) == rig.venue.holdings[AAPL]
    cash = Decimal(100_000)
    for fill in rig.venue.executions:
        cash -= fill.last_qty.as_decimal() * fill.order_side.sign * fill.last_px.as_decimal() + 1
    assert rig.venue.cash == cash
    mark = rig.cache.mark_price(AAPL).as_decimal()
    pnl = sum((money.as_decimal() for money in rig.portfolio.total_pnls().values()), Decimal(0))
    assert abs(cash + rig.venue.holdings[AAPL] * mark - 100_000 - pnl) < Decimal("1e-15")
    assert set(rig.cache.orders_open()) == {order for order in orders if order.is_open}
    assert set(rig.cache.orders_in_flight()) == {order for order in orders if order.is_in_flight}


def test_trading_that_is_halted_denies_everything():
    rig = ready()
    rig.risk.set_trading_state(TradingState.HALTED, "test")
    order = rig.market(AAPL, "BUY", "10")
    assert order.reason.startswith("TRADING_HALTED")


def test_the_time_of_an_event_is_that_of_the_clock():
    rig = ready(execution=LiveExecEngineConfig(reconciliation=False))
    rig.clock.advance(5 * SECOND)
    order = new(rig, quantity="0.5")
    rig.commands.submit_order(order)
    assert order.last_event.ts_init == rig.clock.timestamp_ns()
