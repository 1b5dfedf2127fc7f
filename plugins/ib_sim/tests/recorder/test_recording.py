"""Recording a session and playing it back to the same client."""

import asyncio

import ib_async
import pytest

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.recorder import RecordingProxy, WirePlayer, read_recording
from posei_ib_sim.recorder.redaction import Redactor


async def conversation(port):
    """Connect, ask for details, and return what came."""
    client = ib_async.IB()
    await client.connectAsync("127.0.0.1", port, clientId=3, timeout=5)
    (details,) = await client.reqContractDetailsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
    accounts = client.managedAccounts()
    client.disconnect()
    await asyncio.sleep(0)
    return accounts, details.longName


async def test_a_recorded_session_plays_back_without_its_account(start_gateway, tmp_path):
    path = tmp_path / "session.jsonl"
    gateway = await start_gateway(
        account_ids=("DU7654321",), start="2024-03-05T15:00:00", server_version=178
    )
    proxy = RecordingProxy((gateway.host, gateway.port), path)
    await proxy.start()
    accounts, name = await conversation(proxy.port)
    await proxy.stop()
    assert accounts == ["DU7654321"]
    assert proxy.frames > 100
    assert "7654321" not in path.read_text()
    player = WirePlayer(path)
    await player.start()
    replayed, replayed_name = await conversation(player.port)
    await player.stop()
    assert replayed == ["DU0000001"]
    assert replayed_name == name


async def test_a_proxy_whose_gateway_is_away_hangs_up(tmp_path):
    proxy = RecordingProxy(("127.0.0.1", 1), tmp_path / "x.jsonl")
    await proxy.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await proxy.stop()


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "is empty"), ("{}\n", "line 1"), ("nonsense\n", "line 1")],
)
def test_a_file_that_is_no_recording_is_named(tmp_path, text, problem):
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem):
        read_recording(path)


def test_replacements_keep_length_and_leave_other_numbers_alone():
    redactor = Redactor()
    redactor.learn(b"15\x001\x00DU1234567,F7654321\x00")
    payload = b"61\x003\x00DU1234567\x00265598\x00F7654321\x00AB123456\x00<alias>Mum</alias>"
    changed = redactor.apply(payload)
    assert len(changed) == len(payload)
    assert changed == (
        b"61\x003\x00DU0000001\x00265598\x00F0000002\x00AB123456\x00<alias>xxx</alias>"
    )
