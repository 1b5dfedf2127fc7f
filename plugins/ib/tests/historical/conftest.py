"""The research client over a real socket to a simulated gateway."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.historical.client import (
    HistoricInteractiveBrokersClient,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture
def shared_data() -> Path:
    """Real market data beside the project."""
    path = Path(__file__).resolve().parents[5] / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"real market data is not at {path}")
    return path


@pytest.fixture
async def start_gateway() -> AsyncIterator[Callable[..., object]]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: object) -> SimulatedIBGateway:
            settings = {
                "speed": "step",
                "start": "2023-11-20T15:00:00Z",
                "pacing": False,
                **settings,
            }
            return await stack.enter_async_context(
                SimulatedIBGateway(SimulatedIBGatewayConfig(**settings))
            )

        yield start


@pytest.fixture
async def connect(start_gateway) -> AsyncIterator[Callable[..., object]]:
    clients: list[HistoricInteractiveBrokersClient] = []

    async def open_(
        gateway: SimulatedIBGateway | None = None, **settings: object
    ) -> HistoricInteractiveBrokersClient:
        gateway = gateway or await start_gateway()
        client = HistoricInteractiveBrokersClient(
            **{
                "host": gateway.host,
                "port": gateway.port,
                "client_id": 5,
                "connection_timeout": 30.0,
                **settings,
            }
        )
        clients.append(client)
        await client.connect()
        return client

    yield open_
    for client in clients:
        await client.disconnect()
