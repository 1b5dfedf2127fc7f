"""Official clients of former years, each in an environment of its own."""

import asyncio
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.packaging, pytest.mark.xdist_group("wheels")]

PROGRAM = Path(__file__).with_name("older_ibapi_program.py")
UV = str(Path(sys.executable).parent / "uv")
HERE = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "COVERAGE_PROCESS_START", "COV_CORE_SOURCE"}
CLEAN = {name: value for name, value in os.environ.items() if name not in HERE}
CLIENTS = {"python-ibapi-stable==10.30.1": 187, "ibapi==9.81.1.post1": 157}


def quotes(path):
    """Write two minutes of quotes, one each simulated second."""
    rows = ["timestamp,bid,ask,bid_size,ask_size"]
    for second in range(600):
        price = 50 + second % 5 / 100
        minute = f"{second // 60:02d}:{second % 60:02d}"
        rows.append(f"2024-03-05 15:{minute},{price:.2f},{price + 0.02:.2f},300,200")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(params=CLIENTS)
def older(request, tmp_path):
    """Return an interpreter with an older client, and the version that it speaks."""
    home = tmp_path / "env"
    for command in (
        [UV, "venv", "--quiet", "--python", sys.executable, str(home)],
        [UV, "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), request.param],
    ):
        done = subprocess.run(command, env=CLEAN, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return home / "bin" / "python", CLIENTS[request.param]


async def test_a_whole_session_agrees_with_the_books(start_gateway, older, tmp_path):
    python, version = older
    gateway = await start_gateway(replay=[quotes(tmp_path / "KO.csv")], speed=5.0, pacing=False)
    done = await asyncio.to_thread(
        subprocess.run,
        [str(python), str(PROGRAM), str(gateway.port)],
        env=CLEAN, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    truth = gateway.truth
    assert seen["version"] == version
    assert seen["con_id"] == gateway.simulation.contracts.named("KO").con_id
    apple = gateway.simulation.contracts.named("AAPL")
    (chain,) = gateway.simulation.option_chains(apple.con_id, "SMART")
    assert (set(seen["expirations"]), set(seen["strikes"])) == (
        set(chain.expirations), set(map(float, chain.strikes)),
    )  # fmt: skip
    assert seen["bids"]
    assert set(seen["bids"]) <= {50.0, 50.01, 50.02, 50.03, 50.04}
    # Every minute of the file goes from 50.00 to 50.04 at the bid, a cent more in the middle.
    first, *_ = seen["bars"]
    assert first[:2] == ["1709650800", 50.01]
    assert all(bar[1:] == [50.01, 50.05, 50.01, 50.05] for bar in seen["bars"][:-1])
    assert [
        (exec_id, Decimal(price), Decimal(size)) for exec_id, price, size in seen["executions"]
    ] == [(fill.exec_id, fill.price, fill.quantity) for fill in truth.executions]
    assert seen["again"] == [fill.exec_id for fill in truth.executions]
    assert [Decimal(amount) for amount in seen["commissions"]] == [
        fill.commission for fill in truth.executions
    ]
    assert seen["positions"] == [["DU123456", "KO", "100.0"]]
    assert Decimal(seen["summary"]["TotalCashValue"]) == round(truth.cash()["USD"], 2)
    assert [order.status for order in truth.orders] == ["Filled", "Cancelled"]
    assert [status for order_id, status in seen["statuses"] if order_id == 1][-1] == "Filled"
    assert set(seen["errors"]) == {202}
    # The stock was bought at the ask; it is marked between the lowest bid and the highest ask.
    (fill,) = truth.executions
    paid = fill.price * fill.quantity + fill.commission
    marks = [Decimal(str(value)) + paid for value in seen["pnl"]]
    assert marks
    assert all(5000 <= mark <= 5006 for mark in marks)
    assert seen["values"] > 10
