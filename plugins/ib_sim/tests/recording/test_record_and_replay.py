"""A session recorded through the proxy, played back to clients that were not there."""

import asyncio
import json
import socket
from decimal import Decimal

import ib_async
import pytest

from posei_ib_sim import wire
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.recording.player import WirePlayer
from posei_ib_sim.recording.proxy import WireRecorder
from posei_ib_sim.testing import RawClient

STOCK = wire.Contract(symbol="KO", secType="STK", exchange="SMART", currency="USD")
ACCOUNT = "DU7654321"


def buy(limit=None):
    return wire.Order(
        action="BUY",
        totalQuantity=Decimal(100),
        orderType="MKT" if limit is None else "LMT",
        lmtPrice=limit,
        account=ACCOUNT,
        transmit=True,
    )


async def trade(client, *, request_id, order_id, advance=None):
    """Do what the recorded program did, with ids of the caller's choice; return what came."""
    seen = {}
    client.send(wire.ContractDataRequest(reqId=request_id, contract=STOCK))
    seen["details"] = await client.receive(wire.ContractData)
    await client.receive(wire.ContractDataEnd)
    client.send(wire.TickByTickRequest(reqId=request_id + 1, contract=STOCK, tickType="BidAsk"))
    client.send(wire.PlaceOrderRequest(orderId=order_id, contract=STOCK, order=buy()))
    await client.receive(wire.OpenOrder)
    if advance is not None:
        await advance(3)
    seen["execution"] = await client.receive(wire.ExecutionDetails)
    seen["commission"] = await client.receive(wire.CommissionAndFeesReport)
    client.send(wire.AccountDataRequest(subscribe=True, acctCode=ACCOUNT))
    seen["value"] = await client.receive(wire.AccountValue)
    await client.receive(wire.AccountDataEnd)
    client.send(wire.ContractDataRequest(reqId=request_id + 2, contract=NOTHING))
    seen["error"] = await client.receive(wire.ErrorMessage, about=request_id + 2)
    return seen


NOTHING = wire.Contract(symbol="NOSUCH", secType="STK", exchange="SMART", currency="USD")


@pytest.fixture
def unused_port():
    """A port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
async def record(start_gateway, quotes_file, tmp_path, wait_until):
    """Record one session at a version; return file and what the client saw."""

    async def run(version):
        gateway = await start_gateway(
            replay=[quotes_file], server_version=version, account_ids=(ACCOUNT,)
        )
        path = tmp_path / f"session-{version}.jsonl"
        async with WireRecorder(path, (gateway.host, gateway.port)) as recorder:
            client = await RawClient.connect(recorder.host, recorder.port)
            await client.receive(wire.NextValidId)
            seen = await trade(client, request_id=10, order_id=1, advance=gateway.advance)
            await client.close()
            await wait_until(lambda: not gateway.server.sessions)
        return path, seen

    return run


@pytest.mark.parametrize("version", [178, 200, 213, 226])
async def test_a_recording_holds_no_account_and_plays_back_under_other_ids(record, version):
    path, recorded = await record(version)
    assert ACCOUNT.encode() not in path.read_bytes()
    assert ACCOUNT.encode().hex() not in path.read_text()
    async with WirePlayer(path, speed="max") as player:
        client = await RawClient.connect(player.host, player.port)
        accounts = await client.receive(wire.ManagedAccounts)
        assert accounts.accountsList == "DU0000001"
        assert client.codec.server_version == version
        seen = await trade(client, request_id=700, order_id=55)
        await client.close()
        assert player.unmatched == []
    assert seen["details"].reqId == 700
    assert seen["details"].contract == recorded["details"].contract
    assert seen["execution"].execution.orderId == 55
    assert seen["execution"].execution.execId == recorded["execution"].execution.execId
    assert seen["execution"].execution.acctNumber == "DU0000001"
    assert seen["commission"] == recorded["commission"]
    assert (seen["error"].id, seen["error"].errorCode) == (702, 200)


async def test_what_travels_through_the_proxy_is_not_changed(record):
    _, seen = await record(200)
    assert seen["value"].accountName == ACCOUNT
    assert seen["execution"].execution.acctNumber == ACCOUNT


async def test_requests_may_come_in_another_order_or_not_at_all(record):
    path, _ = await record(200)
    async with WirePlayer(path, speed="max") as player:
        client = await RawClient.connect(player.host, player.port)
        await client.receive(wire.NextValidId)
        client.send(wire.AccountDataRequest(subscribe=True, acctCode="whatever"))
        await client.receive(wire.AccountDataEnd)
        client.send(wire.ContractDataRequest(reqId=1, contract=STOCK))
        assert (await client.receive(wire.ContractData)).reqId == 1
        await client.close()


async def test_a_request_that_was_never_recorded_gets_an_error(record):
    path, _ = await record(226)
    async with WirePlayer(path, speed="max") as player:
        client = await RawClient.connect(player.host, player.port)
        await client.receive(wire.NextValidId)
        client.send(wire.PnLRequest(reqId=9, account="DU0000001"))
        error = await client.receive(wire.ErrorMessage, about=9)
        assert error.errorCode == 321
        assert "PnLRequest" in error.errorMsg
        assert [type(one) for one in player.unmatched] == [wire.PnLRequest]
        await client.close()


async def test_the_recorded_distances_are_kept(record, tmp_path):
    path, _ = await record(200)
    header, *rows = path.read_text().splitlines()
    lines = [json.loads(row) for row in rows]
    for line in lines:
        if line.get("kind") == "ContractDataEnd":
            line["at"] += 0.3
    slow = tmp_path / "slow.jsonl"
    slow.write_text("\n".join([header, *(json.dumps(line) for line in lines)]) + "\n")
    async with WirePlayer(slow, speed=1.0) as player:
        client = await RawClient.connect(player.host, player.port)
        client.send(wire.ContractDataRequest(reqId=1, contract=STOCK))
        await client.receive(wire.ContractData)
        begun = asyncio.get_running_loop().time()
        await client.receive(wire.ContractDataEnd)
        assert asyncio.get_running_loop().time() - begun > 0.25
        await client.close()


async def test_ib_async_is_recorded_and_played_back_to(start_gateway, quotes_file, tmp_path):
    gateway = await start_gateway(replay=[quotes_file], account_ids=(ACCOUNT,))
    path = tmp_path / "ib_async.jsonl"
    values = []

    async def look(host, port):
        client = ib_async.IB()
        await client.connectAsync(host, port, clientId=4)
        (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
        values.append((contract.conId, len(client.accountValues()), client.managedAccounts()))
        client.disconnect()
        await asyncio.sleep(0)

    async with WireRecorder(path, (gateway.host, gateway.port)) as recorder:
        await look(recorder.host, recorder.port)
    async with WirePlayer(path, speed="max") as player:
        await look(player.host, player.port)
    (real_id, real_count, real_accounts), (con_id, count, accounts) = values
    assert (con_id, count) == (real_id, real_count)
    assert (real_accounts, accounts) == ([ACCOUNT], ["DU0000001"])


async def test_a_gateway_that_is_not_there_ends_the_clients_connection(tmp_path, unused_port):
    async with WireRecorder(tmp_path / "x.jsonl", ("127.0.0.1", unused_port)) as recorder:
        reader, writer = await asyncio.open_connection(recorder.host, recorder.port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_an_existing_file_is_never_overwritten(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="exists"):
        await WireRecorder(path, ("127.0.0.1", 1)).start()
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1"),
        ('{"recording":"x","format":9,"began":""}\n', "format 9"),
        ('{"recording":"x","format":1,"began":""}\n{"at":0}\n', "line 2"),
        ('{"recording":"x","format":1,"began":""}\n', "no connection"),
    ],
)
async def test_a_file_that_is_no_recording_is_refused(tmp_path, text, complaint):
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=complaint):
        await WirePlayer(path).start()
