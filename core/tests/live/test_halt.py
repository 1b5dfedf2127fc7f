"""The kill switch: from the command line of one process to the orders of another."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest
from nodes import make_node
from venue import AAPL, quote

from posei_trader.config import LiveRiskEngineConfig
from posei_trader.engine.halting import Halt, HaltSwitch
from posei_trader.errors import ResourceExhausted
from posei_trader.model.enums import OrderSide, OrderStatus, TradingState
from posei_trader.model.identifiers import TraderId
from posei_trader.model.values import Price, Quantity
from posei_trader.trading.strategy import Strategy

TRADER = TraderId("TESTER-001")


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEI_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


class Trades(Strategy):
    """Sends orders when the test says so."""

    def __init__(self):
        super().__init__()
        self.is_started = asyncio.Event()
        self.changed = asyncio.Event()

    def on_start(self):
        self.is_started.set()

    def on_order_event(self, event):
        self.changed.set()

    def buy(self, price=None, quantity="10"):
        size = Quantity(quantity)
        order = (
            self.order_factory.market(AAPL, OrderSide.BUY, size)
            if price is None
            else self.order_factory.limit(AAPL, OrderSide.BUY, size, Price(price))
        )
        self.submit_order(order)
        return order

    async def until(self, order, status):
        while order.status is not status:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 5)


@pytest.fixture
async def trading(venue):
    venue.set_quote(quote(AAPL, "99.99", "100.00"))
    node = make_node()
    strategy = Trades()
    node.trader.add_strategy(strategy)
    running = asyncio.create_task(node.run_async())
    await asyncio.wait_for(strategy.is_started.wait(), 5)
    yield strategy
    node.stop()
    await running
    node.dispose()


async def posei(*arguments):
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "posei_trader",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(child.communicate(), 30)
    return child.returncode, out.decode(), err.decode()


async def test_another_process_halts_a_node_and_cancels_what_works(trading):
    working = trading.buy("90.00")
    await trading.until(working, OrderStatus.ACCEPTED)
    code, out, err = await posei("halt", TRADER, "--cancel", "--reason", "fat finger")
    assert code == 0, err
    assert out.splitlines() == [
        "TESTER-001 is HALTED, 1 orders are being canceled",
        "trade again with: posei resume TESTER-001",
    ]
    await trading.until(working, OrderStatus.CANCELED)
    denied = trading.buy()
    assert denied.reason == (
        "TRADING_HALTED: no orders are sent until trading is resumed (fat finger)"
    )
    code, out, _ = await posei("resume", TRADER)
    assert (code, out) == (0, "TESTER-001 is ACTIVE\n")
    await trading.until(trading.buy(), OrderStatus.FILLED)


async def test_no_order_leaves_once_the_note_is_written_though_nobody_looked(trading, state):
    HaltSwitch(state, None).demand(Halt(reason="all of us"))
    # Not one turn of the event loop lies between.
    assert trading.buy().reason.startswith("TRADING_HALTED")


async def test_reducing_lets_positions_be_closed(trading, state):
    await trading.until(trading.buy(), OrderStatus.FILLED)
    HaltSwitch(state, TRADER).demand(Halt(state=TradingState.REDUCING, reason="late"))
    assert trading.buy().reason.startswith("TRADING_REDUCING")
    close = trading.order_factory.market(AAPL, OrderSide.SELL, Quantity("10"))
    trading.submit_order(close)
    await trading.until(close, OrderStatus.FILLED)


async def test_every_node_is_halted_and_scripts_are_told(trading):
    code, out, _ = await posei("halt", "--all", "--json")
    assert code == 0
    assert json.loads(out) == {
        "state": "HALTED",
        "nodes": [{"trader_id": "TESTER-001", "state": "HALTED", "canceled": 0}],
    }
    code, _, err = await posei("resume", TRADER)
    assert code == 2
    assert "posei resume --all" in err
    assert (await posei("resume", "--all"))[0] == 0
    code, _, err = await posei("resume", TRADER)
    assert (code, err) == (1, "nothing was halted by that name\n")


async def test_a_halt_outlives_the_node_and_nobody_answers_for_one_that_is_gone(venue, state):
    HaltSwitch(state, TRADER).demand(Halt())
    venue.set_quote(quote(AAPL, "99.99", "100.00"))
    node = make_node()
    strategy = Trades()
    node.trader.add_strategy(strategy)
    running = asyncio.create_task(node.run_async())
    await asyncio.wait_for(strategy.is_started.wait(), 10)
    assert strategy.buy().status is OrderStatus.DENIED
    node.stop()
    await running
    node.dispose()
    code, _, err = await posei("halt", TRADER, "--wait", "0")
    assert (code, err) == (
        1,
        "no running node TESTER-001 answered; one that is started will be HALTED\n",
    )


async def test_a_node_that_is_told_not_to_obey_does_not(venue, state):
    HaltSwitch(state, TRADER).demand(Halt())
    node = make_node(risk_engine=LiveRiskEngineConfig(obey_halt=False))
    assert node.wiring.risk.trading_state is TradingState.ACTIVE
    node.dispose()


def test_a_note_that_cannot_be_read_halts(state):
    switch = HaltSwitch(state, TRADER)
    switch.demand(Halt())
    (state / "halt" / "TESTER-001.json").write_text("{")
    demanded, why = switch.state()
    assert demanded is TradingState.HALTED
    assert "cannot be read" in why


def test_the_stricter_of_two_notes_holds(state):
    HaltSwitch(state, None).demand(Halt(state=TradingState.REDUCING, reason="all"))
    mine = HaltSwitch(state, TRADER)
    assert mine.state() == (TradingState.REDUCING, "all")
    mine.demand(Halt(reason="mine"))
    assert mine.state() == (TradingState.HALTED, "mine")
    assert mine.lift()
    assert not mine.lift()
    assert mine.state() == (TradingState.REDUCING, "all")


def test_a_place_that_cannot_be_written_is_a_readable_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceExhausted, match="kill switch") as caught:
        HaltSwitch(tmp_path / "file", TRADER).demand(Halt())
    assert "POSEI_STATE_DIR" in caught.value.remedy
