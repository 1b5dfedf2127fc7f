"""The real command, as a process: what its options do and what it prints."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
from decimal import Decimal

import pytest

from posei_ib_sim import wire
from posei_ib_sim.testing import RawClient

pytestmark = pytest.mark.slow
COMMAND = (sys.executable, "-m", "posei_ib_sim", "--port", "0")
EVERYWHERE = "0.0.0.0"  # noqa: S104 - refused, then permitted, is what is tested
KO = wire.Contract(symbol="KO", secType="STK", exchange="SMART", currency="USD")


@contextlib.asynccontextmanager
async def running(*arguments, **settings):
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--json", *arguments, stdout=asyncio.subprocess.PIPE, **settings
    )
    try:
        async with asyncio.timeout(60):
            yield process, json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def status(process, wanted):
    """Return the first status line that is as wanted."""
    while True:
        line = json.loads(await process.stdout.readline())
        if wanted(line):
            return line


async def asked(port, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(json.dumps(request).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_replay_at_speed_with_a_fault_and_a_log_of_every_frame(quotes_file, tmp_path):
    log = tmp_path / "wire.jsonl"
    arguments = (
        "--replay", str(quotes_file), "--speed", "2", "--log-wire", str(log), "--no-pacing",
        "--control-port", "0", "--server-version", "200", "--account", "DU77", "--cash",
        "USD=5000000", "--fault", "notice on=connect code=2110 'text=from the command line'",
    )  # fmt: skip
    async with running(*arguments) as (process, first):
        async with await RawClient.connect("127.0.0.1", first["port"], client_id=3) as client:
            assert client.codec.server_version == 200
            accounts = await client.receive(wire.ManagedAccounts)
            assert accounts.accountsList == "DU77"
            error = await client.receive(wire.ErrorMessage)
            while error.errorCode != 2110:
                error = await client.receive(wire.ErrorMessage)
            assert error.errorMsg == "from the command line"
            client.send(wire.MarketDataRequest(reqId=1, contract=KO))
            order = wire.Order(
                action="BUY", totalQuantity=Decimal(100), orderType="MKT", transmit=True
            )
            client.send(wire.PlaceOrderRequest(orderId=1, contract=KO, order=order))
            report = await client.receive(wire.ExecutionDetails)
            line = await status(process, lambda one: one.get("executions") == 1)
            assert line["event"] == "status"
            assert (line["clients"], line["subscriptions"], line["orders"]) == (1, 1, 0)
            assert line["time"].startswith("2024-03-05 15:00:")
            assert {"sent_per_second", "received_per_second"} <= set(line)
            truth = await asked(first["control_port"], {"get": "executions"})
            assert [one["exec_id"] for one in truth["executions"]] == [report.execution.execId]
        assert (await asked(first["control_port"], {"do": "drop"})) == {"ok": True}
        process.send_signal(signal.SIGINT)
        rest, _ = await process.communicate()
        assert json.loads(rest.splitlines()[-1]) == {"event": "stopped"}
        assert process.returncode == 0
    logged = log.read_text()
    assert all(json.loads(line) for line in logged.splitlines())
    assert "from the command line" in logged
    assert report.execution.execId in logged


async def test_a_fresh_machine_serves_its_first_client_without_computing_calendars(tmp_path):
    home = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    async with (
        running(env=home) as (_, first),
        await RawClient.connect("127.0.0.1", first["port"]) as client,
    ):
        client.send(wire.ContractDataRequest(reqId=1, contract=KO))
        await client.receive(wire.ContractDataEnd, about=1)
    assert not list(tmp_path.rglob("*.msgpack"))


async def test_another_address_needs_the_flag_that_says_why():
    refused = await asyncio.create_subprocess_exec(
        *COMMAND, "--host", EVERYWHERE, stderr=asyncio.subprocess.PIPE
    )
    _, said = await refused.communicate()
    assert refused.returncode == 2
    assert "can be reached by others" in said.decode()
    assert "no login" in said.decode()
    async with running("--host", EVERYWHERE, "--allow-remote") as (_, first):
        assert first["host"] == EVERYWHERE
        async with await RawClient.connect("127.0.0.1", first["port"]) as client:
            await client.receive(wire.NextValidId)


async def test_a_terminal_shows_a_status_line():
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--control-port", "0", stdout=theirs, env={**os.environ, "COLUMNS": "160"}
    )
    os.close(theirs)
    shown = b""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(60):
        while b" in/s" not in shown:
            shown += await loop.run_in_executor(None, os.read, ours, 4096)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):
            while more := await loop.run_in_executor(None, os.read, ours, 4096):
                shown += more
        assert await process.wait() == 0
    os.close(ours)
    text = shown.decode(errors="replace")
    for word in ("simulated IB Gateway on", "control port", "0 clients", "0 subscriptions",
                 "0 open orders", "out/s"):  # fmt: skip
        assert word in text
