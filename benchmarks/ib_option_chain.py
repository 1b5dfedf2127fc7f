"""A whole option chain from a simulated gateway: time against IB's pacing, and bytes an option.

    python benchmarks/ib_option_chain.py [--expiries 30] [--strikes 300]

The gateway runs in a process of its own and enforces IB's limits; the chain is SPX, calls and puts.
IB answers one question about a class and an expiry with all its strikes, so the rules on pacing
alone take as long as sending those questions at the rate that IB permits, less what it reserves for
orders. Reported are that time, the time of the provider from its first question to its last
instrument (of the best of five rounds, so that other programs on the machine matter little, and of
the middle one), the CPU time of both processes, and the provider's memory for each option. The
gateway has to make the options first, which IB has not to: it is asked once before anything is
measured.
"""

import argparse
import asyncio
import datetime as dt
import gc
import multiprocessing
import os
import sys
import time
import tracemalloc
from pathlib import Path

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersInstrumentProviderConfig as Config,
)
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
)

START = dt.datetime(2024, 3, 4, 15, 0, tzinfo=dt.UTC)
WANTED_RATIO, WANTED_BYTES = 1.2, 3000
ROUNDS = 5
SPX = IBContract(secType="IND", symbol="SPX", exchange="CBOE")


class SimulatedTime:
    """A clock that stands at the start of the simulation."""

    def timestamp_ns(self):
        return int(START.timestamp()) * 1_000_000_000


def serve(strikes, port, stop):
    """Run the gateway until told to stop."""
    asyncio.run(served(strikes, port, stop))


async def served(strikes, port, stop):
    family = {
        "underlying": "SPX", "trading_class": "SPXW", "sec_type": "IND", "exchanges": ["CBOE"],
        "cycle": "daily", "multiplier": "100", "market_rule": 109,
        "strikes": strikes, "strike_step": 5.0,
    }  # fmt: skip
    config = SimulatedIBGatewayConfig(
        start=START, speed="step", pacing=True, contracts={"option": [family]}
    )
    async with SimulatedIBGateway(config) as gateway:
        port.value = gateway.port
        await asyncio.to_thread(stop.wait)


def provider(client):
    return InteractiveBrokersInstrumentProvider(
        client, Config(filters={"trading_class": "SPXW"}), clock=SimulatedTime()
    )


async def load(client, last_day):
    """Return a provider with the chain loaded, and the seconds and CPU seconds it took."""
    loaded = provider(client)
    chain = IBContract(
        secType="IND", symbol="SPX", exchange="CBOE", build_options_chain=True,
        min_expiry_days=0, max_expiry_days=last_day,
    )  # fmt: skip
    wall, cpu = time.perf_counter(), time.process_time()
    async for _ in loaded.stream(chain):
        pass
    return loaded, time.perf_counter() - wall, time.process_time() - cpu


async def connected(port, client_id):
    client = InteractiveBrokersClient(host="127.0.0.1", port=port, client_id=client_id)
    await client.connect()
    return client


def server_cpu(pid):
    """Return the CPU seconds that the gateway's process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(port, pid, expiries):
    client = await connected(port, 1)
    (spx,) = await client.get_contract_details(SPX)
    chains = await client.get_option_chains(spx.contract)
    dates = next(chain.expirations for chain in chains if chain.tradingClass == "SPXW")
    last = [date for date in dates if date >= f"{START:%Y%m%d}"][expiries - 1]
    last_day = (dt.date(int(last[:4]), int(last[4:6]), int(last[6:])) - START.date()).days
    await load(client, last_day)
    rounds = []
    for _ in range(ROUNDS):
        gc.collect()
        await asyncio.sleep(1.1)  # until the second in which messages are counted is over
        before = server_cpu(pid)
        loaded, wall, cpu = await load(client, last_day)
        rounds.append((wall, cpu, server_cpu(pid) - before, len(loaded.list_all()) - 1))
        del loaded
    await client.disconnect()
    rounds.sort()
    return *rounds[0], rounds[ROUNDS // 2][0], last_day


async def memory(port, last_day):
    client = await connected(port, 2)
    await client.get_contract_details(SPX)
    gc.collect()
    tracemalloc.start()
    loaded, *_ = await load(client, last_day)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await client.disconnect()
    return used / len(loaded.list_all())


def main():
    """Measure; exit 1 when a figure is above what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--expiries", type=int, default=30)
    parser.add_argument("--strikes", type=int, default=300)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    port, stop = context.Value("i", 0), context.Event()
    process = context.Process(target=serve, args=(arguments.strikes, port, stop), daemon=True)
    process.start()
    while not port.value:
        time.sleep(0.05)
    try:
        wall, cpu, theirs, options, middle, last_day = asyncio.run(
            measure(port.value, process.pid, arguments.expiries)
        )
        each = asyncio.run(memory(port.value, last_day))
    finally:
        stop.set()
        process.join(10)
    limits = PacingLimits()
    # The index, its list of classes, each expiry; the market rule is known to the client already.
    messages = 2 + arguments.expiries
    least = messages / (limits.message_limit - limits.order_reserve)
    print(
        f"{options:,} options in {arguments.expiries} expiries: {messages} questions take "
        f"{least:.2f} s by pacing alone; loaded in {wall:.2f} s, {wall / least:.2f} times as long "
        f"(wanted {WANTED_RATIO}; middle round {middle:.2f} s); CPU {cpu:.2f} s here, "
        f"{theirs:.2f} s in the gateway, {cpu / options * 1e6:.0f} us an option; "
        f"{each:,.0f} bytes an option (wanted {WANTED_BYTES:,})"
    )
    return 0 if wall < WANTED_RATIO * least and each < WANTED_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
