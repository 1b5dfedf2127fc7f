"""Hundreds of random orders under random faults: in the end node, store and venue agree.

Rerun a failing seed alone: ``POSEI_CHAOS_SEED=17 pytest plugins/ib/tests/execution/test_chaos.py``.
``POSEI_CHAOS_RUNS`` asks for more runs than those of an ordinary test run; ``make chaos`` does.
"""

from __future__ import annotations

import asyncio
import collections
import gc
import os
import sys

import pytest
from chaos_kit.agreement import check
from chaos_kit.gambler import Gambler
from chaos_kit.virtual_time import VirtualTimeLoop

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig

ORDERS = int(os.environ.get("POSEI_CHAOS_ORDERS", "110"))
RUNS = int(os.environ.get("POSEI_CHAOS_RUNS", "50"))
FIRST = int(os.environ.get("POSEI_CHAOS_FIRST", "0"))
ONLY = os.environ.get("POSEI_CHAOS_SEED")
SEEDS = [int(ONLY)] if ONLY else range(FIRST, FIRST + RUNS)


@pytest.fixture(scope="module", autouse=True)
def what_was_imported_is_not_looked_through_again():
    """An eighth of the time goes into the collector, which finds the modules where they were."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def garbage_is_collected_after_a_run():
    gc.disable()
    yield
    gc.enable()
    gc.collect()


async def play(seed, folder):
    config = SimulatedIBGatewayConfig(
        speed="step",
        start="2024-03-05T15:00:00Z",
        fill_on="standing_quote",
        pacing=False,
        seed=seed + 1,
    )
    async with SimulatedIBGateway(config) as gateway:
        gambler = Gambler(gateway, folder, seed)
        await gambler.play(ORDERS)
        check(gambler.node, folder, gambler.lives)
        await gambler.node.stop()
    return collections.Counter(gambler.played, lives=gambler.lives)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed_{seed}")
def test_node_store_and_venue_agree_after_whatever_happened(seed, tmp_path, capsys):
    try:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(play(seed, tmp_path))
    except BaseException:
        with capsys.disabled():
            sys.stdout.write(
                f"\nseed {seed} failed; rerun it alone with\n  POSEI_CHAOS_SEED={seed} "
                f"POSEI_CHAOS_ORDERS={ORDERS} python -m pytest {os.path.relpath(__file__)}\n"
            )
        raise
