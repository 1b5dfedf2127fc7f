"""The examples run as they stand, against the simulated gateway on TWS's paper port."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import polars as pl
import pytest

from posei_trader.persistence.catalog import ParquetDataCatalog

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("port-7497")]

BIN = Path(sys.executable).parent
PORT = 7497
OPEN_MARKET = "2023-11-07T15:00:00Z"


def is_taken() -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", PORT)) == 0


@pytest.fixture(scope="module")
def paper_gateway():
    """Run `posei ib-sim --port 7497` in a process of its own, as a user would."""
    if is_taken():
        pytest.skip(f"something else listens on port {PORT}")
    with subprocess.Popen(
        [str(BIN / "posei"), "ib-sim", "--port", str(PORT), "--start", OPEN_MARKET, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        patience = threading.Timer(30, process.kill)
        patience.start()
        try:
            first = process.stdout.readline()
        finally:
            patience.cancel()
        if '"listening"' not in first:
            process.kill()
            pytest.fail(f"the simulated gateway did not start: {first}{process.stdout.read()}")
        rest = threading.Thread(target=process.stdout.read)  # so that its pipe never fills
        rest.start()
        yield
        process.terminate()
        process.wait(10)
        rest.join(10)


SPECIFICATION = Path(__file__).parent / "specification"
SNIPPETS = sorted(SPECIFICATION.glob("historical_*.txt"))


def run(script, tmp_path, *arguments):
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("paper_gateway")
def test_history_is_downloaded_into_a_catalog(root, tmp_path):
    out = run(root / "examples/interactive_brokers/download_history.py", tmp_path)
    assert "Downloaded 2 instruments" in out
    rows = duckdb.sql(
        "select spec, count(*) from read_parquet($path, hive_partitioning=true) group by 1",
        params={"path": str(tmp_path / "catalog/bars/**/*.parquet")},
    ).fetchall()
    counts = dict(rows)
    # Four trading days, 1 to 6 November 2023: seven bars of an hour in each regular session.
    assert counts["1-DAY-LAST"] == 4
    assert counts["1-HOUR-LAST"] == 28


@pytest.mark.usefixtures("paper_gateway")
def test_the_complete_example_of_the_specification_runs_as_written(tmp_path):
    script = tmp_path / "complete_example.py"
    script.write_text((SPECIFICATION / "complete_example.txt").read_text())
    out = run(script, tmp_path)
    # Four sessions of seven hourly bars, and their days; spot forex has no trades.
    assert "Downloaded 2 instruments\nDownloaded 32 bars\nDownloaded " in out
    catalog = ParquetDataCatalog(tmp_path / "catalog")
    assert len(catalog.bars()) == 32
    assert f"Downloaded {len(catalog.trade_ticks())} ticks" in out
    assert catalog.check() == []
    frame = pl.read_parquet(tmp_path / "catalog" / "bars", hive_partitioning=True)
    assert frame.group_by("spec").len().sort("spec").rows() == [
        ("1-DAY-LAST", 4),
        ("1-HOUR-LAST", 28),
    ]


@pytest.mark.usefixtures("paper_gateway")
def test_the_historical_snippets_of_the_specification_run_as_written(tmp_path):
    assert len(SNIPPETS) == 4
    out = run(SPECIFICATION / "run.py", tmp_path, *SNIPPETS)
    assert "instruments 3\n" in out
    # Of two stocks, four sessions of 390 minutes, 78 five-minute bars, seven hours and a day;
    # of the currency pair five-minute bars only, whose regular hours are all but a break.
    stocks = 2 * 4 * (390 + 78 + 7 + 1)
    bars = int(re.search(r"^bars (\d+)$", out, re.MULTILINE)[1])
    assert stocks < bars <= stocks + 6 * 288
    assert "skipped EUR/USD.IDEALPRO 1-MINUTE-LAST" in out
    assert "skipped EUR/USD.IDEALPRO TRADES ticks" in out
    assert "gaps 0 0" in out


@pytest.mark.parametrize("name", ["complete_example", *(path.stem for path in SNIPPETS)])
def test_the_code_is_that_of_the_specification(name, data):
    """All that was added is the indentation that the text lost."""
    text = data.parent / "spec" / "interactive_brokers.txt"
    if not text.is_file():
        pytest.skip("the specification does not lie beside the project")
    wanted = [line.strip() for line in text.read_text().splitlines() if line.strip()]
    code = (SPECIFICATION / f"{name}.txt").read_text().splitlines()
    lines = [line.strip() for line in code if line.strip()]
    assert any(wanted[at : at + len(lines)] == lines for at in range(len(wanted)))


@pytest.mark.usefixtures("paper_gateway")
def test_a_strategy_trades_on_paper_and_the_node_stops_cleanly(root, tmp_path):
    out = run(root / "examples/interactive_brokers/paper_trading.py", tmp_path)
    assert "filled: 1.0000 SPY.ARCA at" in out
