"""How long a node takes to agree with the venue about many open orders.

    python benchmarks/ib_reconcile.py [--orders 10000]

A simulated gateway in a process of its own works the orders. "adopted" is a node that has never
seen them: each is taken in and stored. "restored" is the next run of that node: it loads them from
its store and compares. "again" is a reconnect: everything is known. Seconds from the question to IB
until orders may be sent; the goal is below 5 for 10,000.
"""

# ruff: noqa: PLC0415 - each process imports only what it needs

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from pathlib import Path


async def serve(orders: int, pipe) -> None:
    from decimal import Decimal

    from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
    from posei_ib_sim.wire import Order

    config = SimulatedIBGatewayConfig(speed="step", start="2024-03-05T15:00:00Z", pacing=False)
    async with SimulatedIBGateway(config) as gateway:
        simulation = gateway.simulation
        contract = simulation.contracts.named("AAPL")
        for number in range(1, orders + 1):
            order = Order(
                action="BUY",
                totalQuantity=Decimal(1),
                orderType="LMT",
                lmtPrice=1.0 + number % 100,
                tif="GTC",
                transmit=True,
            )
            simulation.desk.place((1, number), contract, order)
        pipe.send(gateway.port)
        await asyncio.Event().wait()


def server(orders: int, pipe) -> None:
    asyncio.run(serve(orders, pipe))


async def life(port: int, store: Path) -> list[float]:
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersExecClientConfig,
        InteractiveBrokersInstrumentProviderConfig,
    )
    from posei_trader.adapters.interactive_brokers.factories import (
        InteractiveBrokersLiveExecClientFactory,
    )
    from posei_trader.config import RoutingConfig
    from posei_trader.engine.bus import MessageBus
    from posei_trader.engine.cache import Cache
    from posei_trader.engine.clock import LiveClock
    from posei_trader.engine.context import ExecContext
    from posei_trader.engine.execution import ExecutionEngine
    from posei_trader.engine.risk import RiskEngine
    from posei_trader.engine.sqlite_store import SqliteOrderStore
    from posei_trader.model.identifiers import ClientId, TraderId

    cache, clock = Cache(), LiveClock()
    engine = ExecutionEngine(
        TraderId("TRADER-001"),
        MessageBus(),
        cache,
        clock,
        RiskEngine(cache, clock),
        store=SqliteOrderStore(store),
    )
    config = InteractiveBrokersExecClientConfig(
        ibg_port=port,
        instrument_provider=InteractiveBrokersInstrumentProviderConfig(
            load_ids=frozenset({"AAPL.NASDAQ"})
        ),
        routing=RoutingConfig(default=True),
    )
    context = ExecContext(
        client_id=ClientId("IB"),
        trader_id=TraderId("TRADER-001"),
        clock=clock,
        cache=cache,
        sink=engine,
    )
    client = InteractiveBrokersLiveExecClientFactory.create(config, context)
    engine.add_client(client, config.routing)
    engine.load()
    await client.connect()
    times = []
    for _ in range(2):
        begun = time.perf_counter(), time.process_time()
        await engine.reconcile(client)
        times += [time.perf_counter() - begun[0], time.process_time() - begun[1]]
    times.append(len(cache.orders_open()))
    await engine.stop()
    await client.disconnect()
    engine.close_store()
    return times


def main() -> None:
    import logging

    logging.disable(logging.WARNING)
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--orders", type=int, default=10_000)
    count = options.parse_args().orders
    here, there = multiprocessing.Pipe()
    gateway = multiprocessing.Process(target=server, args=(count, there), daemon=True)
    gateway.start()
    port = here.recv()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "orders.db"
        for name in ("adopted", "restored"):
            first, first_cpu, again, again_cpu, known = asyncio.run(life(port, store))
            assert known == count, known
            print(f"{name:<10}{first:>8.2f} s (CPU {first_cpu:.2f})", end="")
            print(f"   again {again:>6.2f} s (CPU {again_cpu:.2f})", flush=True)
    gateway.terminate()


if __name__ == "__main__":
    main()
