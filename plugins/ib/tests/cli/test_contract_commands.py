"""``posei ib contract`` and ``posei ib chain`` against the simulated gateway."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
import socket
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from posei_ib_sim.config import SimulatedIBGatewayConfig
from posei_ib_sim.gateway import SimulatedIBGateway
from posei_trader.adapters.interactive_brokers.cli import app
from posei_trader.adapters.interactive_brokers.cli.searching import find_matches
from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.instruments.resolver import distinct
from posei_trader.errors import InstrumentNotFound, RetryLater

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


async def test_types_that_the_search_leaves_out_are_found_by_their_symbol(
    gateway: SimulatedIBGateway,
) -> None:
    names = {}
    for text in ("ES", "BTC", "ibus30", "XAUUSD", "AAPL"):
        result = await run(gateway, "contract", text, "--json")
        assert result.exit_code == 0, result.output
        names[text] = [match["simplified"] for match in json.loads(result.output)]
    assert names["ES"][0] == "ES.CME"  # before ^ESTX50, which only begins like it
    assert "BTC/USD.PAXOS" in names["BTC"]
    assert names["ibus30"] == ["IBUS30.IBCFD"]
    assert names["XAUUSD"] == ["XAUUSD.IBCMDTY"]
    assert {"AAPL.NASDAQ", "AAPL.IBCFD"} <= set(names["AAPL"])


async def test_every_contract_to_paste_leads_back_to_its_match(
    gateway: SimulatedIBGateway,
) -> None:
    client = InteractiveBrokersClient(host=gateway.host, port=gateway.port, client_id=9)
    await client.connect()
    try:
        texts = (
            "AAPL", "ES", "BTC", "XAUUSD", "ESTX50", "BF-B.NYSE", "EUR/USD.IDEALPRO",
            "912828XE8.SMART", "IBUS30.IBCFD", "VFIAX",
        )  # fmt: skip
        kinds = set()
        for text in texts:
            for match in await find_matches(client, text):
                rows = distinct(await client.get_contract_details(match.contract))
                assert [row.conId for row in rows] == [match.con_id], match
                kinds.add(match.contract.secType)
    finally:
        await client.disconnect()
    assert kinds >= {"STK", "IND", "CASH", "CRYPTO", "CMDTY", "CFD", "BOND", "CONTFUT"}


async def test_what_almost_exists_is_an_error_with_candidates(gateway: SimulatedIBGateway) -> None:
    result = await run(gateway, "contract", "SPYX.ARCA")
    assert isinstance(result.exception, InstrumentNotFound)
    assert result.exception.remedy == "did you mean SPY.ARCA?"


async def test_days_without_expiries_are_an_error_that_names_some(
    gateway: SimulatedIBGateway,
) -> None:
    today = dt.datetime.now(dt.UTC)
    for symbol in ("AAPL", "ES"):
        # No strike is that low.
        result = await run(gateway, "chain", symbol, "--max-days", "90", "--max-strike", "0.01")
        assert isinstance(result.exception, InstrumentNotFound)
        named = re.findall(r"\b20\d{6}\b", result.exception.remedy or "")
        assert named
        assert min(named) >= f"{today:%Y%m%d}"


async def test_a_refused_connection_is_one_error_and_logged_only_when_asked_for(
    gateway: SimulatedIBGateway,
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = ["contract", "AAPL", "--port", str(unused.getsockname()[1])]
        for more, said in (([], False), (["--verbose"], True)):
            result = await asyncio.to_thread(CliRunner().invoke, app, [*closed, *more])
            assert isinstance(result.exception, RetryLater)
            assert ("a connection attempt failed" in result.output) is said


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
    filters = ["--max-days", "14", "--right", "C"]
    result = await run(gateway, "chain", "SPX", *filters, "--json")
    assert result.exit_code == 0, result.output
    calls = json.loads(result.output)
    assert all(name.endswith(".CBOE") and "C0" in name for name in calls)
    strikes = {name: int(name.removesuffix(".CBOE")[-8:]) // 1000 for name in calls}
    low = sorted(set(strikes.values()))[2]  # of the simulated index, which moves
    filters += ["--max-strike", str(low)]
    result = await run(gateway, "chain", "SPX", *filters, "--json")
    assert result.exit_code == 0, result.output
    names = json.loads(result.output)
    assert sorted(names) == sorted(name for name in calls if strikes[name] <= low)
    listed = await run(gateway, "chain", "SPX", *filters, "--ids")
    assert sorted(listed.output.split()) == sorted(names)
