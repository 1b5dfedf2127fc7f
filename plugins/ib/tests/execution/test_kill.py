"""``kill -9`` in earnest: a node in a process of its own dies at any message, and the next resumes.

Rerun a failing seed alone: ``POSEI_KILL_SEED=7 pytest plugins/ib/tests/execution/test_kill.py``.
``POSEI_KILL_RUNS`` asks for more runs than those of an ordinary test run; ``make chaos`` does.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal

import pytest
from chaos_kit.agreement import check
from chaos_kit.node import Node
from chaos_kit.victim import Address, live

from posei_trader.engine.clock import LiveClock

RUNS = int(os.environ.get("POSEI_KILL_RUNS", "2"))
KILLS = int(os.environ.get("POSEI_KILL_KILLS", "4"))
ONLY = os.environ.get("POSEI_KILL_SEED")
SEEDS = [int(ONLY)] if ONLY else range(RUNS)
ORDERS_OF_A_LIFE = 25
LONGEST_LIFE_S = 90


class Executioner:
    """Kills at the message that the gateway sees then, whatever the node is doing."""

    def __init__(self) -> None:
        self.victim: multiprocessing.Process | None = None
        self._left = 0

    def kill_after(self, messages: int, victim: multiprocessing.Process) -> None:
        self._left, self.victim = messages, victim

    def __call__(self, event: str) -> None:
        if event != "message" or self.victim is None:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(self.victim.pid, signal.SIGKILL)


async def death(process: multiprocessing.Process) -> int:
    """Wait until a process has ended, and return how."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(process.sentinel, over.set)
    try:
        async with asyncio.timeout(LONGEST_LIFE_S):
            await over.wait()
    finally:
        loop.remove_reader(process.sentinel)
        process.kill()
        process.join()
    return process.exitcode


@pytest.fixture(scope="module")
def processes():
    """Children start from a server that has imported everything once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "posei_trader.adapters.interactive_brokers.execution",
            "posei_trader.adapters.interactive_brokers.providers",
            "posei_trader.engine.execution",
            "posei_trader.engine.sqlite_store",
            "posei_trader.trading.factory",
        ]
    )
    return context


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed_{seed}")
async def test_whoever_resumes_after_kill_9_agrees_with_the_venue(
    seed, tmp_path, start_gateway, processes
):
    dice = random.Random(seed)
    gateway = await start_gateway(seed=seed + 1)
    address, store = Address(gateway.host, gateway.port), tmp_path / "orders.db"
    gateway.server.on_event = executioner = Executioner()
    killed = 0
    for life in range(KILLS + 1):
        orders = ORDERS_OF_A_LIFE * (life + 1)
        victim = processes.Process(target=live, args=(address, store, dice.random(), orders))
        victim.start()
        if life < KILLS:
            executioner.kill_after(dice.randrange(12, 45 + 5 * life), victim)
        code = await death(victim)
        assert code in {0, -signal.SIGKILL}, f"life {life} ended with {code}"
        killed += code != 0
        executioner.victim = None
    assert killed, "nobody was killed: the lives are too short"
    node = Node(gateway, store, LiveClock())
    await node.live()
    try:
        check(node, tmp_path, lives=KILLS + 2)
        assert len(gateway.truth.orders) >= ORDERS_OF_A_LIFE
    finally:
        await node.stop()
