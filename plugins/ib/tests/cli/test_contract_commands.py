"""``posei ib contract`` and ``posei ib chain`` against the simulated gateway."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from posei_ib_sim.config import SimulatedIBGatewayConfig
from posei_ib_sim.gateway import SimulatedIBGateway
from posei_trader.adapters.interactive_brokers.cli import app
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.errors import InstrumentNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from click.testing import Result

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncIterator[SimulatedIBGateway]:
    async with SimulatedIBGateway(SimulatedIBGatewayConfig(pacing=False)) as running:
        yield running


async def run(gateway: SimulatedIBGateway, *arguments: str) -> Result:
    """Run a command as a program would, beside the gateway's loop."""
    where = ["--host", gateway.host, "--port", str(gateway.port)]
    return await asyncio.to_thread(CliRunner().invoke, app, [*arguments, *where])


async def test_a_search_shows_every_name_and_a_contract_to_paste(
    gateway: SimulatedIBGateway,
) -> None:
    result = await run(gateway, "contract", "AAPL")
    assert result.exit_code == 0, result.output
    for expected in ("APPLE INC", "265598", "AAPL.NASDAQ", "AAPL.XNAS", "AAPL=STK.NASDAQ"):
        assert expected in result.output
    pasted = next(line for line in result.output.splitlines() if "IBContract(" in line)
    text = pasted[pasted.index("IBContract(") :]
    assert eval(text) == IBContract(  # noqa: S307 - it is meant to be pasted
        secType="STK",
        symbol="AAPL",
        exchange="SMART",
        primaryExchange="NASDAQ",
        currency="USD",
        tradingClass="NMS",
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("265598", "AAPL.NASDAQ"),
        ("^SPX.CBOE", "^SPX.CBOE"),
        ("EUR/USD.IDEALPRO", "EUR/USD.IDEALPRO"),
    ],
)
async def test_a_number_or_an_id_is_looked_up(
    gateway: SimulatedIBGateway, text: str, name: str
) -> None:
    result = await run(gateway, "contract", text, "--json")
    assert result.exit_code == 0, result.output
    (match,) = json.loads(result.output)
    assert match["simplified"] == name


async def test_what_does_not_exist_is_an_error(gateway: SimulatedIBGateway) -> None:
    result = await run(gateway, "contract", "QQQQQQ")
    assert isinstance(result.exception, InstrumentNotFound)
    assert result.exception.exit_code == 2


async def test_a_chain_is_summed_up_by_class_and_expiry(gateway: SimulatedIBGateway) -> None:
    result = await run(gateway, "chain", "SPX", "--max-days", "5")
    assert result.exit_code == 0, result.output
    assert "expiry" in result.output
    assert "SPXW" in result.output
    assert "options in" in result.output


async def test_a_chains_ids_can_be_listed_and_filtered(gateway: SimulatedIBGateway) -> None:
    filters = ["--max-days", "14", "--right", "C", "--max-strike", "4000"]
    result = await run(gateway, "chain", "SPX", *filters, "--json")
    assert result.exit_code == 0, result.output
    names = json.loads(result.output)
    assert names
    assert all(name.endswith(".CBOE") and "C0" in name for name in names)
    listed = await run(gateway, "chain", "SPX", *filters, "--ids")
    assert sorted(listed.output.split()) == sorted(names)
