"""How long a node takes to agree with the venue about many open orders.

    python benchmarks/ib_reconcile.py [--orders 10000] [--rounds 3]

A simulated gateway in a process of its own works the orders. "own" orders were sent by an earlier
run of the node, which was killed: they are loaded from its store and compared. "unknown" ones were
sent by somebody else: each is taken in and stored. "adopted" is the next run of that node. After
each comes a reconnect: everything is known. Seconds of wall and of CPU, of the round that took the
least CPU: "load" is reading the store, the others are from the question to IB until orders may be
sent, the log (a file, one line for each change) and the durable store included. The goal is below
5 for 10,000, the target 3 of CPU.
"""

# ruff: noqa: PLC0415 - each process imports only what it needs

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from pathlib import Path

FIRST_PERM_ID = 1_400_100_000


def name_of(number: int) -> str:
    return f"O-20240305-140000-0000-001-001-{number}"


async def serve(orders: int, pipe, *, are_own: bool) -> None:
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
                orderRef=name_of(number) if are_own else "",
                transmit=True,
            )
            simulation.desk.place((1, number), contract, order)
        pipe.send(gateway.port)
        await asyncio.Event().wait()


def server(orders: int, pipe, are_own: bool) -> None:
    asyncio.run(serve(orders, pipe, are_own=are_own))


def sent_before(orders: int, store: Path) -> None:
    """Write the store of a node that was killed when it had sent its orders."""
    from posei_trader.engine.sqlite_store import SqliteOrderStore
    from posei_trader.model.enums import OrderSide, OrderType
    from posei_trader.model.events import OrderAccepted, OrderSubmitted
    from posei_trader.model.identifiers import (
        AccountId,
        ClientId,
        ClientOrderId,
        InstrumentId,
        StrategyId,
        TraderId,
        VenueOrderId,
    )
    from posei_trader.model.orders import Order, OrderTerms
    from posei_trader.model.values import Price, Quantity

    book = SqliteOrderStore(store)
    account = AccountId("IB-DU123456")
    for number in range(1, orders + 1):
        terms = OrderTerms(
            trader_id=TraderId("TRADER-001"),
            strategy_id=StrategyId("S-001"),
            instrument_id=InstrumentId("AAPL.NASDAQ"),
            client_order_id=ClientOrderId(name_of(number)),
            order_side=OrderSide.BUY,
            order_type=OrderType.LIMIT,
            quantity=Quantity("1"),
            price=Price(1 + number % 100, 2),
        )
        about = {
            "trader_id": terms.trader_id,
            "strategy_id": terms.strategy_id,
            "instrument_id": terms.instrument_id,
            "client_order_id": terms.client_order_id,
            "account_id": account,
            "ts_event": 0,
            "ts_init": 0,
        }
        named = VenueOrderId(str(FIRST_PERM_ID + number))
        book.events(
            [OrderSubmitted(**about), OrderAccepted(**about, venue_order_id=named)],
            [(Order(terms), ClientId("IB"))],
        )
    book.close()


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
    begun = time.perf_counter(), time.process_time()
    engine.load()
    times = [time.perf_counter() - begun[0], time.process_time() - begun[1]]
    await client.connect()
    for _ in range(2):
        begun = time.perf_counter(), time.process_time()
        await engine.reconcile(client)
        times += [time.perf_counter() - begun[0], time.process_time() - begun[1]]
    times.append(len(cache.orders_open()))
    await engine.stop()
    await client.disconnect()
    engine.close_store()
    return times


def cases(orders: int, folder: Path) -> dict[str, list[float]]:
    """Return load, reconciled and again, each in wall and CPU seconds, by case."""
    import logging

    logging.basicConfig(filename=folder / "log", level=logging.INFO, force=True)
    found: dict[str, list[float]] = {}
    for kind in ("own", "unknown"):
        here, there = multiprocessing.Pipe()
        gateway = multiprocessing.Process(
            target=server, args=(orders, there, kind == "own"), daemon=True
        )
        gateway.start()
        port = here.recv()
        store = folder / f"{kind}.db"
        if kind == "own":
            sent_before(orders, store)
        for name in ("own",) if kind == "own" else ("unknown", "adopted"):
            *times, known = asyncio.run(life(port, store))
            assert known == orders, known
            found[name] = times
        gateway.terminate()
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--orders", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    best: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, times in cases(given.orders, Path(folder)).items():
                known = best.get(name, times)
                pairs = zip(known[::2], known[1::2], times[::2], times[1::2], strict=True)
                best[name] = [
                    value
                    for wall, cpu, new_wall, new_cpu in pairs
                    for value in ((wall, cpu) if cpu <= new_cpu else (new_wall, new_cpu))
                ]
    print(f"{'':<10}{'load':>16}{'reconciled':>18}{'reconnected':>18}")
    for name, times in best.items():
        cells = [f"{w:.2f} (CPU {c:.2f})" for w, c in zip(times[::2], times[1::2], strict=True)]
        print(f"{name:<10}{cells[0]:>16}{cells[1]:>18}{cells[2]:>18}")


if __name__ == "__main__":
    main()
