"""The two commands, as processes, spelt as options and as commands."""

import asyncio
import json
import signal
import sys

import pytest

from posei_ib_sim import wire
from posei_ib_sim.testing import RawClient

pytestmark = pytest.mark.slow
COMMAND = (sys.executable, "-m", "posei_ib_sim")


async def started(*arguments):
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, "--port", "0", "--json", stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        return process, json.loads(await process.stdout.readline())


async def ended(process):
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(output.splitlines()[-1])


@pytest.mark.parametrize("named", [False, True])
async def test_a_session_is_recorded_and_played_back(start_gateway, tmp_path, named):
    gateway = await start_gateway(account_ids=("DU7654321",))
    path = tmp_path / "session.jsonl"
    upstream = ("--upstream", f"{gateway.host}:{gateway.port}")
    recorder, line = await started(*(["record"] if named else []), "--record", str(path), *upstream)
    assert line["event"] == "recording"
    async with await RawClient.connect("127.0.0.1", line["port"]) as client:
        assert (await client.receive(wire.ManagedAccounts)).accountsList == "DU7654321"
        await client.receive(wire.NextValidId)
    assert (await ended(recorder))["event"] == "recorded"
    assert "7654321" not in path.read_text()
    player, line = await started(
        *(["replay-wire"] if named else []), "--replay-wire", str(path), "--speed", "max"
    )
    async with await RawClient.connect("127.0.0.1", line["port"]) as client:
        assert (await client.receive(wire.ManagedAccounts)).accountsList == "DU0000001"
        client.send(wire.NewsProvidersRequest())
        error = await client.receive(wire.ErrorMessage)
        while error.errorCode != 321:
            error = await client.receive(wire.ErrorMessage)
    assert await ended(player) == {"event": "stopped", "unmatched": ["NewsProvidersRequest"]}
