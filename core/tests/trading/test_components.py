"""Actors, strategies and their trader, on engines with a venue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rig import SIM, START, Rig
from venue import AAPL, MSFT, SECOND, USD, equity, quote, trade

from posei_trader.errors import ConfigError, InvalidRequest, RequestTimeout, Unsupported
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.book import OrderBookDelta, OrderBookDeltas
from posei_trader.model.derivatives import OpenInterest, OptionGreeks
from posei_trader.model.enums import (
    GreeksBasis,
    MarketStatus,
    OmsType,
    OrderSide,
    OrderStatus,
    PositionSide,
)
from posei_trader.model.identifiers import ComponentId, InstrumentId, StrategyId
from posei_trader.model.requests import DataKind
from posei_trader.model.ticks import IndexPriceUpdate, InstrumentStatus
from posei_trader.model.values import Money, Price, Quantity
from posei_trader.trading.actor import Actor
from posei_trader.trading.component import ComponentState
from posei_trader.trading.config import ActorConfig, StrategyConfig
from posei_trader.trading.strategy import Strategy

MINUTE = BarType.from_str(f"{AAPL}-1-MINUTE-LAST-EXTERNAL")
NOW = datetime.fromtimestamp(START / SECOND, UTC)


def noting(name):
    def note(self, *arguments):
        self.seen.append((name, *arguments))
        action = self.actions.get(name)
        if action is not None:
            action(*arguments)

    return note


CALLBACKS = [name for name in dir(Strategy) if name.startswith("on_")]


def recorder(base, callbacks):
    class Recorder(base):
        """Notes every callback, and does what the test wants in it."""

        def __init__(self, config=None, **actions):
            super().__init__(config)
            self.seen = []
            self.actions = actions

        @property
        def names(self):
            return [entry[0] for entry in self.seen]

    for name in callbacks:
        setattr(Recorder, name, noting(name))
    return Recorder


Recorder = recorder(Strategy, CALLBACKS)
ActorRecorder = recorder(Actor, [name for name in dir(Actor) if name.startswith("on_")])


def running(rig=None, config=None, **actions):
    rig = rig or Rig()
    strategy = Recorder(config, **actions)
    rig.trader.add_strategy(strategy)
    rig.trader.start()
    strategy.seen.clear()
    return rig, strategy


def buy(strategy, quantity="10", **options):
    order = strategy.order_factory.market(AAPL, OrderSide.BUY, Quantity(quantity), **options)
    strategy.submit_order(order)
    return order


# -- life cycle ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["cache", "clock", "portfolio", "trader_id", "id", "data_client", "strategy_id",
     "order_factory", "exec_client"],
)  # fmt: skip
def test_what_a_node_gives_is_missing_before_it_is_added_with_a_remedy(name):
    with pytest.raises(InvalidRequest, match=f"Recorder.{name} is there once") as caught:
        getattr(Recorder(), name)
    assert "on_start" in caught.value.remedy


def test_a_strategy_starts_stops_resets_and_starts_again():
    rig = Rig()
    strategy = Recorder()
    assert strategy.state is ComponentState.CREATED
    rig.trader.add_strategy(strategy)
    assert strategy.state is ComponentState.READY
    rig.trader.start()
    rig.trader.start()
    assert strategy.is_running
    with pytest.raises(InvalidRequest, match="stop it first"):
        strategy.reset()
    rig.trader.stop()
    rig.trader.stop()
    assert strategy.state is ComponentState.STOPPED
    strategy.reset()
    rig.trader.start()
    assert strategy.names == ["on_start", "on_stop", "on_reset", "on_start"]


def test_names_and_tags_are_given_in_order_or_as_configured():
    rig = Rig()
    named = Recorder(StrategyConfig(strategy_id=StrategyId("MINE"), order_id_tag="002"))
    rig.trader.add_strategies([Recorder(), named, Recorder()])
    rig.trader.add_actor(ActorRecorder())
    rig.trader.add_actor(ActorRecorder(ActorConfig(component_id=ComponentId("WATCH"))))
    assert [one.id for one in rig.trader.strategies()] == ["Recorder-001", "MINE", "Recorder-003"]
    assert [one.id for one in rig.trader.actors()] == ["Recorder-001", "WATCH"] or [
        one.id for one in rig.trader.actors()
    ] == ["Recorder-004", "WATCH"]
    assert rig.trader.trader_id == named.trader_id == "TESTER-001"
    assert buy_id(named).startswith("O-20231114-221320-0000-001-002-")


def buy_id(strategy):
    return strategy.order_factory.next_order_id()


def test_what_cannot_be_added_is_refused_with_a_remedy():
    rig, strategy = running()
    with pytest.raises(ConfigError, match="no strategy"):
        rig.trader.add_strategy(ActorRecorder())
    with pytest.raises(ConfigError, match="no actor"):
        rig.trader.add_actor(strategy)
    with pytest.raises(ConfigError, match="the name is taken"):
        rig.trader.add_strategy(Recorder(StrategyConfig(strategy_id=strategy.strategy_id)))
    with pytest.raises(ConfigError, match="order id tag"):
        rig.trader.add_strategy(Recorder(StrategyConfig(order_id_tag="001", strategy_id="X")))
    with pytest.raises(InvalidRequest, match="added to a node before"):
        Rig().trader.add_strategy(strategy)
    claims = frozenset({AAPL})
    rig.trader.add_strategy(Recorder(StrategyConfig(external_order_claims=claims)))
    with pytest.raises(ConfigError, match="claim"):
        rig.trader.add_strategy(Recorder(StrategyConfig(external_order_claims=claims)))


def test_what_is_added_to_a_running_node_starts_at_once():
    rig, _ = running()
    actor = ActorRecorder()
    rig.trader.add_actor(actor)
    assert actor.is_running
    assert rig.trader.is_running


@pytest.mark.parametrize("policy", ["stop", "log"])
async def test_a_raising_callback_is_logged_with_its_traceback_and_treated_by_policy(
    policy, caplog
):
    def broken(_):
        raise ValueError("my bug")

    rig, strategy = running(config=StrategyConfig(on_error=policy), on_quote_tick=broken)
    _, other = running(rig)
    for one in (strategy, other):
        one.subscribe_quote_ticks(AAPL)
    await rig.data.settle()
    rig.venue.set_quote(quote(AAPL, "1", "2"))
    rig.venue.set_quote(quote(AAPL, "1", "2"))
    assert other.names == ["on_quote_tick", "on_quote_tick"]
    assert "ValueError: my bug" in caplog.text
    if policy == "stop":
        assert strategy.state is ComponentState.FAULTED
        assert strategy.names == ["on_quote_tick", "on_stop"]
    else:
        assert strategy.is_running
        assert strategy.names == ["on_quote_tick", "on_quote_tick"]


def test_a_strategy_that_cannot_start_stops_alone(caplog):
    rig = Rig()
    broken = Recorder(on_start=lambda: 1 / 0, on_stop=lambda: 1 / 0)
    fine = Recorder()
    rig.trader.add_strategies([broken, fine])
    rig.trader.start()
    assert (broken.state, fine.state) == (ComponentState.FAULTED, ComponentState.RUNNING)
    assert "on_start raised" in caplog.text
    assert "on_stop raised" in caplog.text


def test_a_faulted_strategy_hears_nothing_more_and_its_orders_live_on():
    rig, strategy = running(on_order_accepted=lambda _: 1 / 0)
    order = strategy.order_factory.limit(AAPL, OrderSide.BUY, Quantity("1"), Price("90.00"))
    strategy.submit_order(order)
    rig.run()
    assert strategy.state is ComponentState.FAULTED
    rig.venue.set_quote(quote(AAPL, "89.00", "89.50", 1))
    rig.run()
    assert order.status is OrderStatus.FILLED
    assert "on_order_filled" not in strategy.names


def test_only_a_running_strategy_may_trade():
    rig = Rig()
    strategy = Recorder()
    rig.trader.add_strategy(strategy)
    with pytest.raises(InvalidRequest, match="only a running strategy"):
        buy(strategy)
    with pytest.raises(InvalidRequest, match="only a running strategy"):
        strategy.cancel_all_orders(AAPL)


def test_orders_and_positions_of_others_are_not_ones_own():
    rig, strategy = running()
    _, other = running(rig)
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", 1))
    order = buy(strategy)
    rig.run()
    for action in (other.cancel_order, other.modify_order):
        with pytest.raises(InvalidRequest, match="order belongs to another strategy"):
            action(order)
    [position] = rig.cache.positions_open()
    with pytest.raises(InvalidRequest, match="position belongs to another strategy"):
        other.close_position(position)
    assert other.names == ["on_account_state"]


# -- data ------------------------------------------------------------------------------------------


async def test_every_kind_of_data_reaches_its_callback_until_it_is_unsubscribed():
    rig, strategy = running()
    kinds = {
        DataKind.QUOTE_TICKS: "quote_ticks",
        DataKind.TRADE_TICKS: "trade_ticks",
        DataKind.ORDER_BOOK_DELTAS: "order_book_deltas",
        DataKind.INSTRUMENT_STATUS: "instrument_status",
        DataKind.INDEX_PRICES: "index_prices",
        DataKind.OPTION_GREEKS: "option_greeks",
        DataKind.OPEN_INTEREST: "open_interest",
    }

    def each(verb):
        for name in kinds.values():
            getattr(strategy, f"{verb}_{name}")(AAPL)
        getattr(strategy, f"{verb}_bars")(MINUTE)
        getattr(strategy, f"{verb}_instrument")(AAPL)

    items = [
        (rig.data.quote_tick, quote(AAPL, "1", "2", 1)),
        (rig.data.trade_tick, trade(AAPL, "1", "2", 1)),
        (rig.data.bar, Bar(MINUTE, 1, 1, 1, 1, 1, 2, 0, 1, 1)),
        (
            rig.data.order_book_deltas,
            OrderBookDeltas(AAPL, (OrderBookDelta.clear(AAPL, 1, 1),), 1, 1),
        ),
        (rig.data.instrument_status, InstrumentStatus(AAPL, MarketStatus.OPEN, 1, 1)),
        (rig.data.index_price, IndexPriceUpdate(AAPL, 1, 2, 1, 1)),
        (
            rig.data.option_greeks,
            OptionGreeks(AAPL, GreeksBasis.MODEL, 0.2, 0.5, 0.1, 0.3, -0.1, 7.0, 190.0, None, 1, 1),
        ),
        (rig.data.open_interest, OpenInterest(AAPL, 5, 0, 1, 1)),
        (rig.data.instrument, equity(AAPL)),
    ]
    each("subscribe")
    await rig.data.settle()
    assert {stream.kind for stream in rig.data_client.streams} == {*kinds, DataKind.BARS}
    for deliver, item in items:
        deliver(item)
    assert strategy.names == [
        "on_quote_tick",
        "on_trade_tick",
        "on_bar",
        "on_order_book_deltas",
        "on_instrument_status",
        "on_index_price",
        "on_option_greeks",
        "on_open_interest",
        "on_instrument",
    ]
    assert [entry[1] for entry in strategy.seen] == [item for _, item in items]
    each("unsubscribe")
    each("unsubscribe")
    await rig.data.settle()
    for deliver, item in items:
        deliver(item)
    assert len(strategy.seen) == len(items)
    assert rig.data_client.streams == set()


async def test_a_gap_and_a_silence_reach_the_strategy_that_listens():
    rig, strategy = running()
    strategy.subscribe_quote_ticks(AAPL)
    await rig.data.settle()
    [stream] = rig.data_client.streams
    rig.data.data_gap(stream, 1, 2, "nobody has it")
    rig.data.stream_silent(stream, 1, "opened anew")
    assert strategy.names == ["on_data_gap", "on_data_silence"]
    assert strategy.seen[0][1].reason == "nobody has it"
    assert strategy.seen[1][1].subscription == stream


async def test_terms_that_are_numbers_or_truth_values_say_the_same_as_their_texts():
    rig, strategy = running()
    strategy.subscribe_quote_ticks(AAPL, params={"batch": False, "stale_after": 30})
    await rig.data.settle()
    [stream] = rig.data_client.streams
    assert stream.params == (("batch", "False"), ("stale_after", "30"))
    strategy.unsubscribe_quote_ticks(AAPL, params={"batch": "False", "stale_after": "30"})
    await rig.data.settle()
    assert rig.data_client.streams == set()


async def test_bars_that_are_no_bar_type_are_refused_with_what_to_write():
    _, strategy = running()
    with pytest.raises(InvalidRequest, match="by their bar type") as refused:
        strategy.subscribe_bars(str(MINUTE))
    assert f"BarType.from_str('{MINUTE}')" in refused.value.remedy


async def test_stopping_ends_every_stream_timer_and_definition():
    rig, strategy = running()
    strategy.subscribe_quote_ticks(AAPL, params={"b": "2", "a": "1"})
    strategy.subscribe_order_book_deltas(AAPL, depth=5)
    strategy.subscribe_instrument(AAPL)
    strategy.clock.set_timer("t", timedelta(seconds=1), print)
    await rig.data.settle()
    assert {stream.params for stream in rig.data_client.streams} == {
        (("a", "1"), ("b", "2")),
        (("depth", "5"),),
    }
    rig.trader.stop()
    await rig.data.settle()
    rig.data.instrument(equity(AAPL))
    assert rig.data_client.streams == set()
    assert strategy.clock.timer_names == []
    assert strategy.names == ["on_stop"]


async def test_gaps_failures_and_connections_are_told():
    rig, strategy = running()
    strategy.subscribe_quote_ticks(AAPL)
    await rig.data.settle()
    rig.data_client.drop("cut")
    rig.data_client.restore()
    strategy.subscribe_quote_ticks(MSFT, params={"refuse": "1"})
    await rig.data.settle()
    assert strategy.names == [
        "on_connection_changed",
        "on_data_gap",
        "on_connection_changed",
        "on_subscription_failed",
    ]
    assert isinstance(strategy.seen[-1][2], Unsupported)
    assert strategy.data_client.is_connected
    assert strategy.data_client.client_ids == [SIM]


async def test_history_can_be_awaited_and_calls_back():
    rig, strategy = running()
    rig.data_client.bars = [
        Bar(MINUTE, 1, 1, 1, 1, 1, 2, 0, START + n * SECOND, START) for n in range(4)
    ]
    got = []
    task = strategy.request_bars(
        MINUTE, NOW + timedelta(seconds=1), NOW + timedelta(seconds=3), callback=got.append
    )
    assert await task == rig.data_client.bars[1:3]
    assert got == [rig.data_client.bars[1:3]]
    rig.venue.set_quote(quote(AAPL, "1", "2"))
    assert await strategy.request_quote_ticks(AAPL, limit=1) == [rig.venue.quotes[AAPL]]
    assert await strategy.request_trade_ticks(AAPL) == []
    new = equity(InstrumentId("NVDA.SIM"))
    rig.venue.instruments[new.id] = new
    assert await strategy.request_instrument(new.id, callback=got.append) is new
    assert got[-1] is new


async def test_a_request_that_fails_is_raised_and_logged_and_never_calls_back(caplog):
    rig, strategy = running()
    rig.venue.is_silent = True
    got = []
    with pytest.raises(RequestTimeout):
        await strategy.request_bars(MINUTE, callback=got.append)
    assert got == []
    assert f"request of {MINUTE} failed" in caplog.text
    with pytest.raises(InvalidRequest, match="time zone"):
        strategy.request_bars(MINUTE, start=datetime(2024, 1, 1))  # noqa: DTZ001  that is the point


async def test_a_raising_history_callback_is_treated_by_policy():
    _, strategy = running()
    await strategy.request_trade_ticks(AAPL, callback=lambda _: 1 / 0)
    assert strategy.state is ComponentState.FAULTED


async def test_an_answer_after_the_stop_calls_nobody_back():
    rig, strategy = running()
    got = []
    task = strategy.request_trade_ticks(AAPL, callback=got.append)
    rig.trader.stop()
    assert await task == []
    assert got == []
    strategy._state = ComponentState.RUNNING
    strategy.request_trade_ticks(AAPL, callback=got.append)
    await rig.trader.close()
    assert got == []


# -- timers ----------------------------------------------------------------------------------------


def test_alerts_and_timers_call_back_by_name():
    rig, strategy = running()
    seen = []
    strategy.clock.set_time_alert("once", NOW + timedelta(seconds=2), seen.append)
    strategy.clock.set_timer(
        "tick", timedelta(seconds=1), seen.append, stop=NOW + timedelta(seconds=3)
    )
    strategy.clock.set_timer(
        "late", timedelta(seconds=1), seen.append, start=NOW + timedelta(seconds=9)
    )
    assert strategy.clock.timer_names == ["late", "once", "tick"]
    assert strategy.clock.utc_now() == NOW
    rig.clock.advance(5 * SECOND)
    assert [(event.name, (event.ts_event - START) // SECOND) for event in seen] == [
        ("tick", 1),
        ("once", 2),
        ("tick", 2),
        ("tick", 3),
    ]
    assert strategy.clock.timer_names == ["late"]
    strategy.clock.cancel_timer("late")
    strategy.clock.cancel_timer("late")
    assert rig.clock.next_timer_ns() is None


def test_missed_ticks_of_a_timer_are_skipped():
    rig, strategy = running()
    seen = []
    strategy.clock.set_timer(
        "tick", timedelta(seconds=1), seen.append, start=NOW - timedelta(seconds=10)
    )
    rig.clock.advance(0)
    rig.clock.advance(SECOND)
    assert [event.ts_event - START for event in seen] == [-9 * SECOND, SECOND]


def test_wrong_timers_are_refused():
    _, strategy = running()
    strategy.clock.set_time_alert("a", NOW, print)
    with pytest.raises(InvalidRequest, match="is set already"):
        strategy.clock.set_time_alert("a", NOW, print)
    with pytest.raises(InvalidRequest, match="must be positive"):
        strategy.clock.set_timer("b", timedelta(0), print)
    with pytest.raises(InvalidRequest, match="time zone"):
        strategy.clock.set_time_alert("c", NOW.replace(tzinfo=None), print)


def test_a_raising_timer_is_treated_by_policy():
    rig, strategy = running()
    strategy.clock.set_time_alert("a", NOW, lambda _: 1 / 0)
    rig.clock.advance(0)
    assert strategy.state is ComponentState.FAULTED


# -- orders ----------------------------------------------------------------------------------------


def test_every_order_event_reaches_its_own_callback_and_the_general_one():
    rig, strategy = running()
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", 1))
    rig.exec_client.is_late_with_commissions = True
    buy(strategy)
    rig.run()
    specific = [name for name in strategy.names if name != "on_order_event"]
    assert specific == [
        "on_order_submitted",
        "on_order_accepted",
        "on_order_filled",
        "on_position_opened",
        "on_order_fill_amended",
        "on_position_changed",
        "on_account_state",
    ]
    assert strategy.names.count("on_order_event") == 4
    assert strategy.names[:2] == ["on_order_submitted", "on_order_event"]


def test_a_list_is_submitted_and_canceled():
    rig, strategy = running()
    factory = strategy.order_factory
    pair = [
        factory.limit(AAPL, OrderSide.BUY, Quantity("1"), Price(price)) for price in ("90", "91")
    ]
    strategy.submit_order_list(factory.order_list(pair))
    rig.run()
    strategy.modify_order(pair[0], price=Price("89"))
    rig.run()
    assert pair[0].price == Price("89")
    strategy.cancel_orders(pair)
    rig.run()
    assert {order.status for order in pair} == {OrderStatus.CANCELED}
    assert strategy.exec_client.is_connected
    assert strategy.exec_client.may_trade
    assert strategy.exec_client.client_ids == [SIM]


def test_the_cancels_of_on_stop_are_answered_too():
    rig, strategy = running()
    strategy.actions["on_stop"] = lambda: strategy.cancel_all_orders(AAPL)
    order = strategy.order_factory.limit(AAPL, OrderSide.BUY, Quantity("1"), Price("90"))
    strategy.submit_order(order)
    rig.run()
    rig.trader.stop()
    rig.run()
    assert order.status is OrderStatus.CANCELED
    assert strategy.names[-2:] == ["on_order_canceled", "on_order_event"]


@pytest.mark.parametrize("oms_type", list(OmsType))
def test_positions_are_closed_each_by_its_own_order(oms_type):
    rig, strategy = running(config=StrategyConfig(oms_type=oms_type))
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", 1))
    buy(strategy)
    buy(strategy, "5")
    rig.run()
    sell = strategy.order_factory.market(AAPL, OrderSide.SELL, Quantity("3"))
    strategy.submit_order(sell)
    rig.run()
    strategy.close_all_positions(AAPL, PositionSide.SHORT)
    rig.run()
    strategy.close_all_positions(AAPL)
    rig.run()
    assert strategy.portfolio.is_completely_flat()
    assert rig.venue.holdings[AAPL] == 0
    held = rig.cache.positions()
    assert len(held) == (1 if oms_type is OmsType.NETTING else 3)
    strategy.close_position(held[0])
    assert strategy.portfolio.commissions()[USD] == Money(len(rig.venue.executions), USD)


async def test_a_query_goes_to_the_venue():
    rig, strategy = running()
    order = strategy.order_factory.limit(AAPL, OrderSide.BUY, Quantity("1"), Price("90"))
    strategy.submit_order(order)
    rig.run()
    report = await strategy.query_order(order)
    assert report.order_status is OrderStatus.ACCEPTED


def test_a_strategys_own_settings_are_typed_and_checked():
    class MyConfig(StrategyConfig):
        fast: int = 10

    class Mine(Strategy):
        config: MyConfig

        def __init__(self, config: MyConfig):
            super().__init__(config)

    assert Mine(MyConfig(fast=3)).config.fast == 3
    with pytest.raises(ConfigError):
        MyConfig(slow=3)


def test_the_default_callbacks_do_nothing():
    rig = Rig()
    strategy, actor = Strategy(), Actor()
    rig.trader.add_strategy(strategy)
    rig.trader.add_actor(actor)
    rig.trader.start()
    for one in (strategy, actor):
        for name in dir(one):
            if name.startswith("on_"):
                wanted = getattr(type(one), name).__code__.co_argcount - 1
                assert getattr(one, name)(*[None] * wanted) is None
    strategy.reset() if not strategy.is_running else rig.trader.stop()
    strategy.log.info("named %s", "well", extra_key=1)
