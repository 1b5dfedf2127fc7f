"""The examples run as they stand, against the simulated gateway on TWS's paper port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

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


def run(script, tmp_path):
    done = subprocess.run(
        [sys.executable, str(script)],
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
def test_a_strategy_trades_on_paper_and_the_node_stops_cleanly(root, tmp_path):
    out = run(root / "examples/interactive_brokers/paper_trading.py", tmp_path)
    assert "filled: 1.0000 SPY.ARCA at" in out
