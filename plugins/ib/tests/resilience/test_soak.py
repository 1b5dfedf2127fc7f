"""Days of a node's life in accelerated time: nightly restarts, a weekend, and a fault now and then.

Nothing grows, no order event is lost, and every bar is delivered or its absence was announced. An
ordinary test run lives through a day; ``POSEI_SOAK_DAYS`` asks for more, `make soak` for a week.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from chaos_kit.virtual_time import EPOCH_NS, VirtualTimeLoop
from resilience_kit.faults import FAULTS
from resilience_kit.station import AAPL, MINUTES, Station, gateway

from posei_trader.adapters.interactive_brokers.client import Subscription
from posei_trader.adapters.interactive_brokers.client.requests import Request
from posei_trader.adapters.interactive_brokers.client.scheduler import Command
from posei_trader.adapters.interactive_brokers.client.stream_records import Stream
from posei_trader.adapters.interactive_brokers.maintenance import NORTH_AMERICA
from posei_trader.engine.clock import Timer
from posei_trader.model.enums import OrderSide
from posei_trader.model.requests import HistoryRequest
from posei_trader.model.values import Price, Quantity

DAYS = float(os.environ.get("POSEI_SOAK_DAYS", "1"))
SEED = int(os.environ.get("POSEI_SOAK_SEED", "1"))
HOUR = 3_600
DAY = 24 * HOUR
NS = 10**9
STEP_S = 5.0

# The first moments, seconds after the start on a Tuesday at 15:00 UTC, in daily windows of IB's.
NIGHTLY_S = 14.5 * HOUR  # 00:30 in New York
WEEKEND_S = 3 * DAY + 13.5 * HOUR  # Friday 23:30 in New York

UNSUITED = {"a clock that jumps"}  # bars of a jumped gap never existed
OURS = tuple(
    f"posei_trader.adapters.interactive_brokers.{part}" for part in ("client", "data", "wire")
)
"""Whose objects may not grow in number; orders and bars are kept, by intention."""
KINDS = (Stream, Request, Command, Subscription, Timer, asyncio.Task)


class Life:
    """A node that trades a little and suffers now and then."""

    def __init__(self, station, seed):
        self.station, self.venue, self.random = station, station.venue, random.Random(seed)
        self.suffered = Counter()
        self.samples = []
        self.passed = 0.0

    async def live(self, seconds):
        moments = self.plan(seconds)
        for moment, deed in moments:
            await self.go_on_until(moment)
            await deed()
        await self.go_on_until(seconds)

    async def go_on_until(self, moment):
        left = moment - self.passed
        if left > 0:
            await self.station.pass_time(left, STEP_S)
            self.passed = moment

    def plan(self, seconds):
        plan = [(moment, self.trade) for moment in every(900, seconds)]
        plan += [(moment, self.sample) for moment in every(6 * HOUR, seconds)]
        plan += [(moment, self.nightly) for moment in every(DAY, seconds, NIGHTLY_S)]
        plan += [(moment, self.weekend) for moment in every(7 * DAY, seconds, WEEKEND_S)]
        moment = 0.0
        while (moment := moment + self.random.uniform(20, 90) * 60) < seconds:
            plan.append((moment, self.suffer))
        return sorted(plan, key=lambda one: one[0])

    async def nightly(self):
        """The gateway is restarted within IB's nightly window, and refuses our id for a while."""
        self.suffered["nightly restart"] += 1
        self.venue.faults.restart(240, refuse_seconds=30)
        await self.wait(600)

    async def weekend(self):
        """IB's weekend maintenance."""
        self.suffered["weekend"] += 1
        self.venue.faults.restart(3 * HOUR)
        await self.wait(3.5 * HOUR)

    async def suffer(self):
        fault = self.random.choice([one for one in FAULTS if one.name not in UNSUITED])
        self.suffered[fault.name] += 1
        fault.cause(self.venue)
        await self.wait(self.random.choice([1.0, 5.0, 20.0]))
        if fault.cure is not None:
            fault.cure(self.venue)
        await self.wait(60)

    async def trade(self):
        strategy = self.station.strategy
        if not strategy.exec_client.may_trade:
            return
        side = self.random.choice(list(OrderSide))
        make = strategy.order_factory
        if self.random.random() < 0.5:
            order = make.market(AAPL, side, Quantity(str(self.random.randrange(1, 20))))
        else:
            price = Price("1.00") if side is OrderSide.BUY else Price("900.00")
            order = make.limit(AAPL, side, Quantity("5"), price)
        strategy.submit_order(order)
        for other in self.station.cache.orders_open():
            if other.strategy_id == strategy.strategy_id and self.random.random() < 0.7:
                strategy.cancel_order(other)

    async def wait(self, seconds):
        await self.station.pass_time(seconds, STEP_S)
        self.passed += seconds

    async def sample(self):
        gc.collect()
        types = Counter(type(one) for one in gc.get_objects())
        kinds = {kind: types[kind] for kind in KINDS}
        self.samples.append(
            {
                "hours": round(self.passed / HOUR, 1),
                "streams": len(self.station.connection.health().streams),
                "tasks": len(asyncio.all_tasks()),
                "sockets": sockets(),
                "waiting": sum(
                    kinds[kind] for kind in (Stream, Request, Command, Subscription, Timer)
                ),
                "objects": sum(
                    count for kind, count in types.items() if str(kind.__module__).startswith(OURS)
                ),
                "megabytes": rss(),
                "cpu seconds": round(time.process_time()),
            }
        )
        if "POSEI_SOAK_DAYS" in os.environ:
            print(self.samples[-1], file=sys.__stderr__, flush=True)


def every(period, seconds, first=None):
    moment = period if first is None else first
    while moment < seconds:
        yield moment
        moment += period


def sockets():
    links = list(Path("/proc/self/fd").iterdir())
    return sum(1 for link in links if link.is_symlink() and "socket" in str(link.readlink()))


def rss():
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize() // 2**20


async def settled(station):
    """Let all wounds heal and all orders end."""
    faults = station.venue.faults
    faults.release()
    faults.competing_session(active=False)
    faults.delay_commissions(0)
    faults.repeat_executions(0)
    await station.pass_time(120)
    await station.until(lambda: station.is_well and station.streams_are_open(), "all is well")
    await station.until(lambda: not station.cache.orders_in_flight(), "answers")
    for order in station.cache.orders_open():
        if order.strategy_id == station.strategy.strategy_id:
            station.strategy.cancel_order(order)
    await station.until(
        lambda: (
            not [
                one
                for one in station.cache.orders()
                if not one.is_closed and one.strategy_id == station.strategy.strategy_id
            ]
        ),
        "the last orders",
    )


async def missing_bars(station):
    """Return the bars that the venue has and the strategy got neither a bar nor a word of."""
    end = station.clock.timestamp_ns() // (60 * NS) * 60 * NS - 120 * NS
    wanted = HistoryRequest(instrument_id=AAPL, start_ns=EPOCH_NS + 120 * NS, end_ns=end)
    task = asyncio.create_task(station.data.request_bars(MINUTES, wanted))
    await station.until(task.done)
    seen = {bar.ts_event for bar in station.strategy.bars}
    spans = [
        (gap.start_ns - 60 * NS, gap.end_ns + 60 * NS)
        for gap in station.strategy.gaps
        if gap.subscription.bar_type == MINUTES
    ]
    lost = [bar.ts_event for bar in task.result() if bar.ts_event not in seen]
    unannounced = [ts for ts in lost if not any(a <= ts <= b for a, b in spans)]
    return len(task.result()), lost, unannounced


async def soak(days, seed):
    begun = time.perf_counter()
    async with gateway(seed=seed) as venue:
        station = Station(venue, maintenance=NORTH_AMERICA)
        station.strategy.keeps_trades = False
        await station.connect()
        await station.start()
        life = Life(station, seed)
        await life.sample()
        await life.live(days * DAY)
        await settled(station)
        await life.sample()
        station.check_streams(counts_reissues=False)
        station.check_orders()
        station.check_data()
        total, lost, unannounced = await missing_bars(station)
        health = station.connection.health()
        figures = {
            "wall seconds": round(time.perf_counter() - begun),
            "faults": sum(life.suffered.values()),
            "reconnects": health.reconnects,
            "orders": len(station.cache.orders()),
            "order events": len(station.strategy.events),
            "bars": len(station.strategy.bars),
            "bars of the venue": total,
            "bars lost and announced": len(lost) - len(unannounced),
            "quotes": station.strategy.quotes,
            "messages": health.messages,
            "alarms": health.alarms,
            "samples": life.samples,
        }
        assert health.handler_errors == 0
        assert not unannounced, (len(unannounced), unannounced[:5])
        await station.stop()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    return figures


@pytest.mark.slow
def test_nothing_grows_and_nothing_is_lost_over_days(capsys):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        figures = runner.run(soak(DAYS, SEED))
    samples = figures["samples"]
    if "POSEI_SOAK_DAYS" in os.environ:
        with capsys.disabled():
            print()  # noqa: T201 - the figures were asked for
            for name, value in figures.items():
                rows = value if name == "samples" else [value]
                print(f"{name}:", *rows, sep="\n  ")  # noqa: T201 - same
    first, last = samples[0], samples[-1]
    assert last["streams"] == first["streams"]
    assert last["sockets"] <= first["sockets"] + 1
    assert last["tasks"] <= first["tasks"] + 3
    assert max(one["waiting"] for one in samples) <= first["waiting"] + 60
    assert max(one["objects"] for one in samples) <= first["objects"] + 500
