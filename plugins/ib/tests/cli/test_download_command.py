"""``posei ib download`` as a program: killed, out of disk, refused, run again."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.cli.main import main
from posei_trader.persistence.catalog import ParquetDataCatalog

POSEI = str(Path(sys.executable).parent / "posei")
MINUTES = "AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL"
SPAN = (
    "--start", "2023-09-05T09:30", "--end", "2023-10-13T16:00", "--tz", "America/New_York",
)  # fmt: skip
SESSIONS = 29
# More than IB lets be asked at once: there is time to do something in the middle.
WEEKS = (
    "--start", "2023-09-05T09:30", "--end", "2023-09-15T16:00", "--tz", "America/New_York",
)  # fmt: skip
WEEKS_ROWS = 9 * 390
SETTINGS = {"speed": "step", "start": "2023-11-20T15:00:00Z", "pacing": False}


@pytest.fixture
async def gateway():
    async with SimulatedIBGateway(SimulatedIBGatewayConfig(**SETTINGS)) as running:
        yield running


async def start(gateway, *arguments, limit=None):
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return await asyncio.create_subprocess_exec(
        POSEI, "ib", "download", *arguments, "--port", str(gateway.port),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=None if limit is None else limited,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


async def run(gateway, *arguments, limit=None):
    process = await start(gateway, *arguments, limit=limit)
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def until(condition, process):
    """Wait for something on disk; files tell nobody when they appear."""
    async with asyncio.timeout(60):
        while not condition():
            assert process.returncode is None, (await process.communicate())[1].decode()
            await asyncio.sleep(0.002)


async def told(process, *texts):
    """Read what the program tells people until each of the texts was in it."""
    seen = ""
    async for line in process.stderr:
        seen += line.decode()
        if all(text in seen for text in texts):
            return
    pytest.fail(f"not told: {texts}\n{seen}")


@pytest.fixture
def call(gateway, capsys):
    """Run the command in this process, in a thread: starting Python costs more than the command."""

    async def run_it(*arguments):
        arguments = ["ib", "download", *arguments, "--port", str(gateway.port)]
        code = await asyncio.to_thread(main, arguments)
        return code, *capsys.readouterr()

    return run_it


@pytest.mark.slow
async def test_a_killed_download_goes_on_at_the_last_stored_piece(gateway, tmp_path):
    place = str(tmp_path / "catalog")
    arguments = ("AAPL.NASDAQ", "--bars", "1-MINUTE-LAST", "--catalog", place, *SPAN)
    catalog = ParquetDataCatalog(place)

    def spans():
        return len(list(tmp_path.rglob("*.span")))

    kept = 0
    for wanted in (3, 12):
        process = await start(gateway, *arguments)
        await until(lambda wanted=wanted: spans() >= wanted, process)
        process.kill()
        await process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert catalog.check() == []
        bars = catalog.bars([MINUTES])
        assert len({bar.ts_event for bar in bars}) == len(bars) > kept
        kept = len(bars)
    assert kept < SESSIONS * 390
    code, out, err = await run(gateway, *arguments, "--json")
    assert code == 0, err
    (stream,) = json.loads(out)["streams"]
    assert stream["rows"] == SESSIONS * 390
    # What was there was not asked for again, but for a session that a kill caught half noted.
    assert stream["fetched"] <= SESSIONS * 390 - kept + 2 * 390
    assert stream["written"] == SESSIONS * 390 - kept
    assert stream["gaps"] == []

    fresh = str(tmp_path / "fresh")
    code, _, err = await run(gateway, *arguments[: -len(SPAN) - 1], fresh, *SPAN)
    assert code == 0, err
    assert ParquetDataCatalog(fresh).bars() == catalog.bars()
    # And others read it.
    files = str(tmp_path / "catalog" / "bars" / "**" / "*.parquet")
    count, low = duckdb.sql(
        "select count(*), min(low) from read_parquet($files, hive_partitioning = true) "
        "where instrument_id = 'AAPL.NASDAQ' and spec = '1-MINUTE-LAST'",
        params={"files": files},
    ).fetchall()[0]
    # By a glob: what a kill left half-written lies beside, until the next join sweeps it away.
    frame = pl.read_parquet(files, hive_partitioning=True)
    assert (count, low) == (len(frame), frame["low"].min())
    assert count == SESSIONS * 390


async def test_a_gateway_that_restarts_is_waited_for(gateway, tmp_path):
    """It is away for several attempts, and longer than an answer may take."""
    arguments = ("AAPL.NASDAQ", "--bars", "1-MINUTE-LAST", "--catalog", str(tmp_path), *WEEKS)
    process = await start(gateway, *arguments, "--timeout", "2", "--json")
    await until(lambda: len(list(tmp_path.rglob("*.span"))) >= 3, process)
    port = gateway.port
    await gateway.stop()
    async with asyncio.timeout(60):
        await told(process, "attempt=2", "a download waits for the connection")
        async with SimulatedIBGateway(SimulatedIBGatewayConfig(**SETTINGS, port=port)):
            out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    (stream,) = json.loads(out)["streams"]
    assert stream["rows"] == WEEKS_ROWS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_and_the_next_run_goes_on(gateway, call, tmp_path, number):
    arguments = ("AAPL.NASDAQ", "--bars", "1-MINUTE-LAST", "--catalog", str(tmp_path), *WEEKS)
    process = await start(gateway, *arguments)
    await until(lambda: len(list(tmp_path.rglob("*.span"))) >= 3, process)
    process.send_signal(number)
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")
    assert list(tmp_path.rglob(".tmp-*")) == []
    catalog = ParquetDataCatalog(tmp_path)
    assert catalog.check() == []
    kept = len(catalog.bars())
    code, out, err = await call(*arguments, "--json")
    assert code == 0, err
    (stream,) = json.loads(out)["streams"]
    assert 0 < stream["fetched"] == WEEKS_ROWS - kept
    assert stream["rows"] == WEEKS_ROWS


async def test_a_full_disk_is_an_error_that_leaves_whole_pieces(gateway, tmp_path):
    place = str(tmp_path / "catalog")
    arguments = ("AAPL.NASDAQ", "--bars", "1-MINUTE-LAST", "--catalog", place, *SPAN)
    code, out, err = await run(gateway, *arguments, limit=8_000)
    assert (code, out) == (2, "")
    assert "cannot write to the catalog: File too large" in err
    catalog = ParquetDataCatalog(place)
    assert list(tmp_path.rglob(".tmp-*")) == []
    assert catalog.check() == []
    assert len(catalog.instruments()) <= 1
    code, _, err = await run(gateway, *arguments)
    assert code == 0, err
    assert len(catalog.bars()) == SESSIONS * 390


async def test_refusals_have_their_exit_codes_and_remedies(call, tmp_path):
    place = ("--catalog", str(tmp_path / "catalog"))
    day = ("--bars", "1-DAY-LAST", "--duration", "5 D")
    code, out, err = await call(*place, *day)
    assert (code, out) == (2, "")
    assert "name an instrument" in err
    code, _, err = await call("AAPL.NASDAQ", "--bars", "7-MINUTE-LAST", *place, *day[2:])
    assert code == 2
    assert "no such bars" in err
    code, _, err = await call("AAPL.NASDAQ", *day, "--catalog", "/dev/null/catalog")
    assert code == 2
    assert "cannot write" in err
    assert not (tmp_path / "catalog" / "bars").exists()
    # Beyond IB's history: there is a report, and the code says that something failed.
    code, out, err = await call(
        "AAPL.NASDAQ", "--bars", "1-DAY-LAST", "--start", "1990-01-01", "--end",
        "1990-02-01", *place, "--json",
    )  # fmt: skip
    assert code == 2, err
    (stream,) = json.loads(out)["streams"]
    assert stream["error"]["type"] == "RequestRejected"
    assert "begins later" in stream["error"]["message"]


async def test_nobody_listens_is_try_again_later(call, gateway, tmp_path):
    await gateway.stop()
    code, out, err = await call(
        "AAPL.NASDAQ", "--bars", "1-DAY-LAST", "--duration", "5 D",
        "--catalog", str(tmp_path),
    )  # fmt: skip
    assert (code, out) == (3, "")
    assert "remedy" in err


async def test_people_see_a_table_and_the_longest_gaps(call, tmp_path):
    code, out, err = await call(
        "AAPL.NASDAQ", "EUR/USD.IDEALPRO", "--bars", "1-DAY-LAST", "--ticks", "BID_ASK",
        "--start", "2023-11-06T14:30", "--end", "2023-11-06T14:40", "--progress",
        "--contract", '{"secType": "STK", "symbol": "MSFT", "exchange": "SMART", '
        '"primaryExchange": "NASDAQ"}',
        "--catalog", str(tmp_path),
    )  # fmt: skip
    assert code == 0, err
    assert "AAPL.NASDAQ quote_ticks" in out
    assert "MSFT.NASDAQ-1-DAY-LAST-EXTERNAL" in out
    assert "skipped EUR/USD.IDEALPRO 1-DAY-LAST" in out
    assert f"new records in {tmp_path}" in out
    catalog = ParquetDataCatalog(tmp_path)
    assert {one.id for one in catalog.instruments()} == {
        "AAPL.NASDAQ",
        "MSFT.NASDAQ",
        "EUR/USD.IDEALPRO",
    }


async def test_without_bars_and_ticks_the_instruments_are_stored(call, tmp_path):
    code, out, err = await call("AAPL.NASDAQ", "--catalog", str(tmp_path))
    assert code == 0, err
    assert json.loads(out) == {"catalog": str(tmp_path), "instruments": 1}
    assert len(ParquetDataCatalog(tmp_path).instruments()) == 1
