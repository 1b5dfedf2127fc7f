"""A node with a real venue in this process, from build to dispose."""

from __future__ import annotations

import asyncio
import threading
import time
from decimal import Decimal

import pytest
from nodes import bare_node, make_node, node_config
from venue import AAPL, USD, VenueDataConfig, VenueDataFactory, VenueExecFactory, quote

from posei_trader.config import ImportableConfig, LiveExecEngineConfig, LoggingConfig
from posei_trader.errors import (
    AuthenticationFailed,
    ConfigError,
    ConnectionFailed,
    InvalidRequest,
    ReconciliationFailed,
    RequestTimeout,
    StoreCorrupt,
)
from posei_trader.live.node import NodeState, TradingNode
from posei_trader.model import identifiers as ids
from posei_trader.model.enums import OrderSide, OrderStatus
from posei_trader.model.values import Money, Price, Quantity
from posei_trader.plugins import LifecycleStage, Registry, hookimpl
from posei_trader.trading.actor import Actor
from posei_trader.trading.strategy import Strategy

SIM = ids.Venue("SIM")


class BuyOnce(Strategy):
    """Buys ten at the first quote, and stops the node when the position is there."""

    def __init__(self, node, venue):
        super().__init__()
        self.node = node
        self.venue = venue
        self.seen = []

    def on_start(self):
        self.subscribe_quote_ticks(AAPL)
        self.clock.set_time_alert("market", self.clock.utc_now(), self.move)

    def move(self, _):
        self.venue.set_quote(quote(AAPL, "99.99", "100.00"))

    def on_quote_tick(self, tick):
        self.submit_order(self.order_factory.market(AAPL, OrderSide.BUY, Quantity("10")))

    def on_order_event(self, event):
        self.seen.append(type(event).__name__)

    def on_position_opened(self, event):
        self.seen.append("PositionOpened")
        self.node.stop()

    def on_position_changed(self, event):
        self.node.stop()


class StopAtOnce(Actor):
    """Stops the node as soon as it runs."""

    def __init__(self, node):
        super().__init__()
        self.node = node

    def on_start(self):
        self.node.stop()


async def started(node):
    """Run a node on this loop, and return when its actors have started."""
    running = asyncio.Event()

    class Announcer(Actor):
        def on_start(self):
            running.set()

    node.trader.add_actor(Announcer())
    task = asyncio.create_task(node.run_async())
    await asyncio.wait_for(running.wait(), 10)
    return task


def run_with(strategy_or_actor, node):
    add = (
        node.trader.add_strategy
        if isinstance(strategy_or_actor, Strategy)
        else (node.trader.add_actor)
    )
    add(strategy_or_actor)
    node.run()
    node.dispose()


def test_a_node_runs_a_strategy_to_a_fill_and_stops(venue):
    node = make_node()
    node.portfolio.set_specific_venue(SIM)
    strategy = BuyOnce(node, venue)
    run_with(strategy, node)
    assert strategy.seen == ["OrderSubmitted", "OrderAccepted", "OrderFilled", "PositionOpened"]
    assert node.state is NodeState.DISPOSED
    assert node.portfolio.net_position(AAPL) == Decimal(10)
    [order] = node.cache.orders()
    assert order.status is OrderStatus.FILLED
    assert venue.holdings[AAPL] == 10
    assert node.portfolio.account(ids.Venue("ANY")).balance(USD).total <= Money("100000", USD)
    assert not venue.data_client.is_connected
    assert not venue.exec_client.is_connected


async def test_a_node_runs_on_a_loop_of_the_callers(venue):
    node = make_node()
    strategy = BuyOnce(node, venue)
    node.trader.add_strategy(strategy)
    await asyncio.wait_for(node.run_async(), 10)
    node.dispose()
    assert strategy.seen[-1] == "PositionOpened"
    assert node.trader_id == "TESTER-001"


async def test_stop_async_returns_when_everything_has_stopped(venue):
    node = make_node()
    task = await started(node)
    assert node.is_built
    with pytest.raises(InvalidRequest, match="running node cannot be disposed"):
        node.dispose()
    await node.stop_async()
    await node.stop_async()
    assert node.state is NodeState.STOPPED
    await task
    node.dispose()
    node.dispose()


async def test_cancelling_a_run_stops_the_node_before_the_cancellation_goes_on(venue):
    node = make_node()
    task = await started(node)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert node.state is NodeState.STOPPED
    assert not venue.exec_client.is_connected
    node.dispose()


def test_stop_comes_from_any_thread_also_before_it_runs(venue):
    node = make_node()
    node.stop()
    node.run()
    assert node.state is NodeState.STOPPED

    node = make_node()
    started = threading.Event()

    class Tell(Actor):
        def on_start(self):
            started.set()

    node.trader.add_actor(Tell())
    other = threading.Thread(target=lambda: (started.wait(5), node.stop()))
    other.start()
    node.run()
    other.join()
    node.dispose()
    node.stop()


async def test_stopping_a_node_that_never_ran_is_no_wait(venue):
    node = make_node()
    await asyncio.wait_for(node.stop_async(), 1)
    node.dispose()


def test_a_node_runs_in_a_thread_without_touching_signals(venue):
    node = make_node()
    node.trader.add_actor(StopAtOnce(node))
    thread = threading.Thread(target=node.run)
    thread.start()
    thread.join(10)
    assert node.state is NodeState.STOPPED
    node.dispose()


def test_a_node_without_execution_clients_runs_on_data_alone(venue):
    node = TradingNode(node_config(exec_clients={}))
    node.add_data_client_factory("SIM", VenueDataFactory)
    node.build()
    run_with(StopAtOnce(node), node)
    assert node.state is NodeState.DISPOSED


def test_a_node_without_any_client_runs():
    node = TradingNode(node_config(exec_clients={}, data_clients={}))
    node.build()
    run_with(StopAtOnce(node), node)


# -- the way up ------------------------------------------------------------------------------------


def failing_run(node):
    node.trader.add_actor(StopAtOnce(node))
    try:
        node.run()
    finally:
        assert node.state is NodeState.STOPPED
        node.dispose()


def test_a_venue_that_refuses_fails_the_run_with_its_own_error(venue, capsys):
    venue.connect_error = ConnectionFailed(
        "nobody answers", field="port", value=7497, remedy="start TWS"
    )
    with pytest.raises(ConnectionFailed, match="nobody answers"):
        failing_run(make_node())
    assert "client SIM: nobody answers" in capsys.readouterr().err


def test_a_venue_that_does_not_answer_fails_the_run_in_the_configured_time(venue):
    venue.connect_delay = 60
    begin = time.monotonic()
    with pytest.raises(RequestTimeout, match="data client SIM, exec client SIM") as caught:
        failing_run(make_node(timeout_connection=0.05))
    assert (caught.value.field, caught.value.value) == ("timeout_connection", 0.05)
    assert "gateway" in caught.value.remedy
    assert time.monotonic() - begin < 5


def test_a_gateway_may_take_longer_to_start_than_the_connection_may(venue):
    venue.gateway_delay = 0.3
    node = make_node(timeout_connection=0.2)
    node.trader.add_actor(StopAtOnce(node))
    node.run()
    assert node.state is NodeState.STOPPED
    node.dispose()


def test_a_gateway_that_does_not_start_fails_the_run_with_its_own_error(venue, capsys):
    venue.gateway_error = AuthenticationFailed("the login was refused", remedy="correct it")
    with pytest.raises(AuthenticationFailed, match="refused"):
        failing_run(make_node())
    assert "client SIM: the login was refused" in capsys.readouterr().err


def test_a_venue_that_goes_on_failing_tells_why_when_the_time_is_up(venue):
    venue.connect_delay = 60
    venue.connect_failure = ConnectionFailed(
        "connection refused", field="port", value="127.0.0.1:7497", remedy="start TWS"
    )
    with pytest.raises(RequestTimeout, match=r"within timeout_connection \(0.05 s\)") as caught:
        failing_run(make_node(timeout_connection=0.05))
    told = str(caught.value)
    assert told.startswith("data client SIM did not connect")
    assert "connection refused" in told
    assert (caught.value.field, caught.value.value) == ("port", "127.0.0.1:7497")
    assert caught.value.remedy == "start TWS"
    assert caught.value.__cause__ is venue.connect_failure


def test_a_venue_that_does_not_tell_its_orders_fails_the_run(venue):
    venue.is_silent = True
    with pytest.raises(RequestTimeout) as caught:
        failing_run(make_node(timeout_reconciliation=0.05))
    assert caught.value.field == "timeout_reconciliation"


def test_a_position_that_nobody_understands_fails_the_run(venue):
    venue.extra_positions[ids.InstrumentId("GONE.SIM")] = (Decimal(3), Decimal(1))
    with pytest.raises(ReconciliationFailed):
        failing_run(make_node())


def test_reconciliation_can_be_switched_off(venue):
    venue.is_silent = True
    config = LiveExecEngineConfig(reconciliation=False)
    run_with_stop = make_node(exec_engine=config)
    run_with(StopAtOnce(run_with_stop), run_with_stop)


def test_an_account_that_says_nothing_fails_the_run(venue, monkeypatch):
    node = make_node(timeout_portfolio=0.05)
    monkeypatch.setattr(node.wiring.cache, "set_account", lambda state: None)
    with pytest.raises(RequestTimeout, match="no account state came from exec client SIM"):
        failing_run(node)


def test_an_account_that_is_not_known_at_all_fails_the_run(venue):
    node = make_node(timeout_portfolio=0.05, exec_engine=LiveExecEngineConfig(reconciliation=False))
    connect = venue.exec_client.connect

    async def half():
        await connect()
        venue.exec_client.is_connected = False

    venue.exec_client.connect = half
    with pytest.raises(RequestTimeout, match="no account state"):
        failing_run(node)


# -- the way down ----------------------------------------------------------------------------------


def test_a_venue_that_never_disconnects_is_abandoned_in_time(venue, capsys):
    venue.disconnect_delay = 60
    node = make_node(timeout_disconnection=0.05)
    begin = time.monotonic()
    run_with(StopAtOnce(node), node)
    assert time.monotonic() - begin < 5
    assert "is abandoned" in capsys.readouterr().err


def test_a_venue_that_fails_to_disconnect_is_logged(venue, capsys):
    node = make_node()

    async def broken():
        raise KeyError("bug")

    venue.data_client.disconnect = broken
    run_with(StopAtOnce(node), node)
    errors = capsys.readouterr().err
    assert "disconnect data client SIM failed" in errors
    assert "KeyError" in errors


class CancelAtTheEnd(Strategy):
    """Leaves an order working, and cancels it when it is stopped."""

    def __init__(self, node):
        super().__init__()
        self.node = node
        self.order = None

    def on_start(self):
        self.order = self.order_factory.limit(AAPL, OrderSide.BUY, Quantity("1"), Price("90.00"))
        self.submit_order(self.order)

    def on_order_accepted(self, event):
        self.node.stop()

    def on_stop(self):
        self.cancel_all_orders(AAPL)


def test_the_farewell_waits_until_cancels_are_answered(venue):
    node = make_node()
    strategy = CancelAtTheEnd(node)
    run_with(strategy, node)
    assert strategy.order.status is OrderStatus.CANCELED


def test_the_farewell_does_not_wait_for_ever(venue, capsys):
    node = make_node(timeout_post_stop=0.05)

    class Deaf(CancelAtTheEnd):
        def on_stop(self):
            venue.is_deaf = True
            super().on_stop()

    strategy = Deaf(node)
    run_with(strategy, node)
    assert strategy.order.status is OrderStatus.PENDING_CANCEL
    assert "has not answered yet" in capsys.readouterr().err


def test_a_strategys_traceback_is_in_the_log_and_the_node_goes_on(venue, capsys):
    node = make_node()

    class Broken(Actor):
        def on_start(self):
            raise ValueError("my bug")

    node.trader.add_actor(Broken())
    run_with(StopAtOnce(node), node)
    errors = capsys.readouterr().err
    assert "ValueError: my bug" in errors
    assert "Traceback" in errors


# -- the store -------------------------------------------------------------------------------------


def test_a_restarted_node_knows_its_orders_and_goes_on_trading(venue, tmp_path):
    engine = LiveExecEngineConfig(store_path=tmp_path / "orders.db")
    first = make_node(exec_engine=engine)
    run_with(BuyOnce(first, venue), first)
    second = make_node(exec_engine=engine)
    run_with(BuyOnce(second, venue), second)
    assert second.portfolio.net_position(AAPL) == venue.holdings[AAPL] == 20
    assert len({order.client_order_id for order in second.cache.orders()}) == 2
    assert {order.strategy_id for order in second.cache.orders()} == {"BuyOnce-001"}


def test_a_store_that_is_no_store_fails_before_anything_is_done(venue, tmp_path):
    (tmp_path / "orders.db").write_bytes(b"shopping list, a long one indeed\n" * 99)
    with pytest.raises(StoreCorrupt):
        make_node(exec_engine=LiveExecEngineConfig(store_path=tmp_path / "orders.db"))


# -- building --------------------------------------------------------------------------------------


def test_the_order_of_calls_is_enforced(venue):
    node = bare_node()
    with pytest.raises(InvalidRequest, match="run is for a node that is BUILT"):
        node.run()
    node.build()
    for again in (
        node.build,
        lambda: node.add_data_client_factory("X", VenueDataFactory),
        lambda: node.add_exec_client_factory("X", VenueExecFactory),
    ):
        with pytest.raises(InvalidRequest, match="is for a node that is CREATED"):
            again()
    node.dispose()
    with pytest.raises(InvalidRequest):
        node.run()


def test_strategies_and_actors_can_come_from_the_configuration(venue):
    node = make_node(
        strategies=(ImportableConfig(path="strategies_here:Quiet", config={"size": 3}),),
        actors=(ImportableConfig(path="strategies_here:Ender"),),
    )
    [strategy] = node.trader.strategies()
    assert strategy.config.size == 3
    node.trader.actors()[0].node = node
    node.run()
    node.dispose()
    with pytest.raises(ConfigError, match="is no Strategy"):
        make_node(strategies=(ImportableConfig(path="strategies_here:Ender"),))


def test_the_configured_log_file_is_written_and_closed(venue, tmp_path):
    logging = LoggingConfig(log_level_file="INFO", log_directory=tmp_path, log_file_name="node.log")
    node = make_node(logging=logging)
    run_with(StopAtOnce(node), node)
    text = (tmp_path / "node.log").read_text()
    assert "BUILT -> CONNECTING" in text
    assert "TESTER-001" in text


class Follower:
    """A plugin that follows the node's life."""

    def __init__(self):
        self.stages = []

    @hookimpl
    def posei_on_lifecycle(self, event):
        self.stages.append(event.stage)


def test_plugins_are_told_every_stage(venue):
    registry, follower = Registry(entry_points=[], environ={}), Follower()
    registry.register(follower, name="follower")
    node = TradingNode(node_config(exec_clients={}), registry=registry)
    node.add_data_client_factory("SIM", VenueDataFactory)
    node.build()
    run_with(StopAtOnce(node), node)
    assert follower.stages == [
        LifecycleStage.BUILT,
        LifecycleStage.STARTING,
        LifecycleStage.RUNNING,
        LifecycleStage.STOPPING,
        LifecycleStage.STOPPED,
        LifecycleStage.DISPOSED,
    ]


def test_two_default_clients_are_refused_when_the_node_is_built(venue):
    routing = {"default": True}
    node = TradingNode(
        node_config(
            exec_clients={},
            data_clients={
                "A": VenueDataConfig(venue="SIM", routing=routing),
                "B": VenueDataConfig(venue="SIM", routing=routing),
            },
        )
    )
    node.add_data_client_factory("A", VenueDataFactory)
    node.add_data_client_factory("B", VenueDataFactory)
    with pytest.raises(ConfigError, match="two clients want to be the default"):
        node.build()
    node.dispose()
