"""Every fault of the simulator in every phase of a node's life: afterwards all is as it should be.

Connection, streams, orders, positions and downloads are compared with the simulator's own books.
Run one fault alone with ``-k "half_open"``.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from chaos_kit.virtual_time import VirtualTimeLoop
from resilience_kit.faults import FAULTS
from resilience_kit.station import AAPL, CLIENT_ID, MINUTES, Station, gateway

from posei_ib_sim.server.faults import Faults
from posei_ib_sim.wire import Order
from posei_trader.errors import RetryLater
from posei_trader.model.enums import OrderSide
from posei_trader.model.requests import HistoryRequest
from posei_trader.model.values import Price, Quantity

LASTS_S = 2.0
SOON_S = 20.0
"""Streams that heal by themselves have data again by then; those that were forgotten have not."""
NS = 10**9
START_NS = 1_709_650_800 * NS


class Cell:
    """One fault in one phase."""

    def __init__(self, fault, station):
        self.fault, self.station, self.venue = fault, station, station.venue
        self.lost_before = station.connection.health().reconnects

    async def happen(self):
        self.fault.cause(self.venue)
        await self.station.pass_time(LASTS_S, 0.25)
        if self.fault.cure is not None:
            self.fault.cure(self.venue)

    async def heal(self, *, is_new=False):
        station = self.station
        if self.fault.loses and not is_new:
            await station.until(
                lambda: station.connection.health().reconnects > self.lost_before, "noticed"
            )
        await station.pass_time(5.0)
        await station.until(lambda: station.is_well and station.streams_are_open(), "healed")
        await station.pass_time(2.0)

    async def check(self):
        station = self.station
        before = station.strategy.quotes
        await station.until(lambda: station.strategy.quotes > before + 1, "quotes go on", SOON_S)
        station.check_streams()
        station.check_data()
        await station.until(lambda: not station.cache.orders_in_flight(), "answers")
        station.check_orders()
        station.check_health()


async def driven(station, work):
    """Let time pass until some work is done; return what came of it."""
    task = asyncio.create_task(work)
    try:
        await station.until(task.done, "done")
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
    return task.result()


async def begun(venue, fault, *, is_loading):
    """Connect and start a node while the fault happens."""
    station = Station(venue)
    cell = Cell(fault, station)
    if is_loading:
        await station.connection.connect()
    task = asyncio.create_task(station.connect())
    if is_loading:
        await station.until(lambda: station.connection.health().requests or task.done())
    else:
        await station.until(lambda: venue.server.sessions or task.done())
    await cell.happen()
    await driven(station, asyncio.wait_for(task, None))
    await station.start()
    await cell.heal(is_new=True)
    await cell.check()
    return station


async def streaming(station, fault):
    cell = Cell(fault, station)
    await cell.happen()
    await cell.heal()
    await cell.check()


async def downloading(station, fault):
    wanted = HistoryRequest(
        instrument_id=AAPL, start_ns=START_NS - 24 * 3600 * NS, end_ns=START_NS - 600 * NS
    )
    truth = await driven(station, station.data.request_bars(MINUTES, wanted))
    assert len(truth) > 50, len(truth)
    cell = Cell(fault, station)
    task = asyncio.create_task(station.data.request_bars(MINUTES, wanted))
    for _ in range(20):
        if station.connection.health().requests:
            break
        await asyncio.sleep(0)
    await cell.happen()
    try:
        bars = await driven(station, asyncio.wait_for(task, None))
    except RetryLater:
        await cell.heal()
        bars = await driven(station, station.data.request_bars(MINUTES, wanted))
    assert [(bar.ts_event, str(bar.close)) for bar in bars] == [
        (bar.ts_event, str(bar.close)) for bar in truth
    ]
    await cell.heal()
    await cell.check()


async def trading(station, fault):
    strategy = station.strategy
    works = strategy.order_factory.limit(AAPL, OrderSide.BUY, Quantity("10"), Price("1.00"))
    strategy.submit_order(works)
    strategy.submit_order(strategy.order_factory.market(AAPL, OrderSide.BUY, Quantity("20")))
    await station.until(lambda: works.is_open, "works")
    cell = Cell(fault, station)
    strategy.submit_order(strategy.order_factory.market(AAPL, OrderSide.BUY, Quantity("30")))
    fault.cause(station.venue)
    if strategy.exec_client.may_trade:
        strategy.submit_order(strategy.order_factory.market(AAPL, OrderSide.BUY, Quantity("40")))
    await station.pass_time(LASTS_S, 0.25)
    if fault.cure is not None:
        fault.cure(station.venue)
    await cell.heal()
    await station.until(lambda: not station.cache.orders_in_flight(), "answers")
    station.check_orders()
    if works.is_open:
        strategy.cancel_order(works)
    after = strategy.order_factory.market(AAPL, OrderSide.BUY, Quantity("50"))
    strategy.submit_order(after)
    await station.until(lambda: works.is_closed and after.is_closed, "the last orders")
    await cell.check()
    assert not [one for one in station.venue.truth.open_orders if one.client_id == CLIENT_ID]


async def live_through(fault):
    async with gateway() as venue:
        venue.place_by_hand("AAPL", Order(action="BUY", orderType="MKT", totalQuantity=Decimal(7)))
        await venue.advance(1)
        await (await begun(venue, fault, is_loading=False)).stop()
        station = await begun(venue, fault, is_loading=True)
        try:
            await streaming(station, fault)
            await downloading(station, fault)
            await trading(station, fault)
        finally:
            await station.stop()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "_"))
def test_after_a_fault_in_any_phase_all_is_as_the_venue_says(fault):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live_through(fault))


def test_every_fault_of_the_simulator_is_in_the_matrix():
    offered = {name for name in vars(Faults) if not name.startswith("_")}
    assert offered == {name for fault in FAULTS for name in fault.uses}
