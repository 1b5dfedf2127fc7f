"""What a live node loads until its first tick: nothing that it does not use."""

from __future__ import annotations

import asyncio
import json
import sys

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig

HEAVY = {
    "difflib",
    "docker",
    "duckdb",
    "exchange_calendars",
    "fsspec",
    "matplotlib",
    "numpy",
    "pandas",
    "polars",
    "prometheus_client",
    "pyarrow",
    "rich",
    "sqlite3",
    "typer",
}
PROGRAM = """
import json, sys
from posei_trader.adapters.interactive_brokers.common import IB
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.config import LoggingConfig, TradingNodeConfig
from posei_trader.live.node import TradingNode
from posei_trader.model.identifiers import InstrumentId
from posei_trader.trading.strategy import Strategy

AAPL = InstrumentId("AAPL.NASDAQ")
provider = InteractiveBrokersInstrumentProviderConfig(load_ids=frozenset({AAPL}))
shared = {"ibg_port": int(sys.argv[1]), "instrument_provider": provider}
node = TradingNode(
    TradingNodeConfig(
        logging=LoggingConfig(log_level="ERROR"),
        data_clients={IB: InteractiveBrokersDataClientConfig(**shared)},
        exec_clients={IB: InteractiveBrokersExecClientConfig(**shared)},
        timeout_post_stop=0.0,
    )
)


class Watch(Strategy):
    def on_start(self):
        self.subscribe_quote_ticks(AAPL)

    def on_quote_tick(self, tick):
        print(json.dumps(sorted(sys.modules)))
        node.stop()


node.build()
node.trader.add_strategy(Watch())
node.run()
node.dispose()
"""


async def test_a_live_node_has_loaded_nothing_heavy_when_its_first_tick_comes():
    config = SimulatedIBGatewayConfig(port=0, speed=60.0, start="2024-03-05T15:00:00Z")
    async with SimulatedIBGateway(config) as gateway:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, str(gateway.port)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    loaded = set(json.loads(output.splitlines()[0]))
    assert "posei_trader.adapters.interactive_brokers.execution.client" in loaded
    assert "posei_ib_sim.gateway" not in loaded  # its description is all that the registry reads
    assert sorted(HEAVY & {name.partition(".")[0] for name in loaded}) == []
