"""Fixtures for tests that run a simulated gateway and real clients against it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig

_ROOT = Path(__file__).resolve().parents[3]

# Four minutes of one stock, on a regular trading day, in UTC.
BARS = """timestamp,open,high,low,close,volume
2024-03-05 15:00:00,100.00,100.50,99.90,100.40,4000
2024-03-05 15:01:00,100.40,100.60,100.20,100.30,3000
2024-03-05 15:02:00,100.30,100.30,99.50,99.60,5000
2024-03-05 15:03:00,99.60,99.80,99.40,99.75,2000
"""

# Quotes with sizes, one a second.
QUOTES = """timestamp,bid,ask,bid_size,ask_size
2024-03-05 15:00:00,50.00,50.02,300,200
2024-03-05 15:00:01,50.01,50.03,300,200
2024-03-05 15:00:02,50.02,50.04,300,200
2024-03-05 15:00:03,50.03,50.05,300,200
2024-03-05 15:00:04,50.00,50.02,300,200
2024-03-05 15:00:05,49.98,50.00,300,200
2024-03-05 15:00:06,49.97,49.99,300,200
"""

Factory = Callable[..., Awaitable[SimulatedIBGateway]]


@pytest.fixture
def shared_data() -> Path:
    """Real market data beside the project."""
    path = _ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"real market data is not at {path}")
    return path


@pytest.fixture
def bars_file(tmp_path: Path) -> Path:
    path = tmp_path / "IBM.csv"
    path.write_text(BARS)
    return path


@pytest.fixture
def quotes_file(tmp_path: Path) -> Path:
    path = tmp_path / "KO.csv"
    path.write_text(QUOTES)
    return path


@pytest.fixture
async def start_gateway() -> AsyncIterator[Factory]:
    """Start gateways that are stopped when the test ends."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: object) -> SimulatedIBGateway:
            settings.setdefault("speed", "step")
            config = SimulatedIBGatewayConfig(**settings)  # type: ignore[arg-type]
            return await stack.enter_async_context(SimulatedIBGateway(config))

        yield start


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Let the loop run until a condition holds; fail after some seconds."""
    # Clients in other threads change what is waited for: there is no event to wait on.
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.001)


@pytest.fixture
def wait_until() -> Callable[..., Awaitable[None]]:
    """The waiting of `until`, for tests."""
    return until
