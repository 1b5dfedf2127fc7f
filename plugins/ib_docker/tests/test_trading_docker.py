"""A node trading through a container with the simulated Gateway in it, found by the registry."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import ib_async
import pytest

from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
from posei_trader.adapters.ib_docker.gateway import DockerizedIBGateway
from posei_trader.plugins import default_registry

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.usefixtures("cleaned", "credentials"),
]

# Prices move every few simulated seconds.
SIMULATOR = {"STUB_SIMULATOR": "--account DU123456 --start 2023-11-07T15:00:00Z --speed 20"}


def test_the_registry_knows_the_gateway_by_the_name_in_its_configuration():
    registry = default_registry()
    name = DockerizedIBGatewayConfig().provider
    assert registry.load(name, "gateway") is DockerizedIBGateway
    assert registry.load(name, "config") is DockerizedIBGatewayConfig


async def test_a_client_that_we_did_not_write_trades_through_the_container(
    make_config,
):
    config = make_config(read_only_api=False, environment=SIMULATOR, timeout=60)
    async with DockerizedIBGateway(config) as gateway:
        client = ib_async.IB()
        await client.connectAsync(gateway.host, gateway.port, clientId=7)
        assert client.managedAccounts() == ["DU123456"]
        (eurusd,) = await client.qualifyContractsAsync(ib_async.Forex("EURUSD"))
        trade = client.placeOrder(eurusd, ib_async.MarketOrder("BUY", 25_000))
        async with asyncio.timeout(20):
            while not trade.isDone():
                await client.updateEvent
        assert trade.filled() == 25_000
        client.disconnect()


async def test_a_node_starts_the_gateway_that_it_is_given_trades_and_stops_it(
    settings, engine, run_id
):
    file = settings(
        read_only_api=False,
        environment=SIMULATOR,
        timeout=60,
        stop_with_clients=True,
    )
    node = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).parent / "gateway_kit" / "trading_node.py"),
        file,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(node.communicate(), 90)
    finally:
        if node.returncode is None:
            node.kill()
            await node.wait()
    assert node.returncode == 0, err.decode()
    assert out.decode().startswith("filled 25"), err.decode()
    assert engine.find({"io.posei.instance": run_id}) == []
