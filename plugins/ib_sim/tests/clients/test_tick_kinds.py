"""The four kinds of tick-by-tick data, with past ticks first, and snapshots, through ibapi."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, stock = _MODULE.connect, _MODULE.stock


@pytest.fixture(params=[178, 226])
async def session(request, start_gateway, connect):
    gateway = await start_gateway(start="2024-03-05T15:00:00", server_version=request.param)
    await gateway.advance(60)
    return gateway, await connect(gateway)


@pytest.mark.parametrize(
    ("kind", "live", "past"),
    [
        ("Last", "tickByTickAllLast", "historicalTicksLast"),
        ("AllLast", "tickByTickAllLast", "historicalTicksLast"),
        ("BidAsk", "tickByTickBidAsk", "historicalTicksBidAsk"),
        ("MidPoint", "tickByTickMidPoint", "historicalTicks"),
    ],
)
async def test_each_kind_begins_with_the_past_and_goes_on(session, wait_until, kind, live, past):
    gateway, client = session
    client.reqTickByTickData(1, stock("KO"), kind, 5, False)
    await wait_until(lambda: client.calls[past])
    before = client.calls[past][0][1]
    assert len(before) >= 5
    await gateway.advance(60)
    await wait_until(lambda: len(client.calls[live]) >= 5)
    if kind in {"Last", "AllLast"}:
        assert {call[1] for call in client.calls[live]} == {1 if kind == "Last" else 2}
        board = gateway.truth.board("KO")
        await wait_until(lambda: client.calls[live][-1][3] == board.last)
    client.cancelTickByTickData(1)
    await wait_until(lambda: not gateway.server.sessions[0].count("tick-by-tick"))


async def test_a_snapshot_ends(session, wait_until):
    gateway, client = session
    client.reqMktData(1, stock("KO"), "", True, False, [])
    await wait_until(lambda: client.calls["tickSnapshotEnd"])
    assert client.calls["tickSnapshotEnd"] == [(1,)]
    assert {1, 2} <= {call[1] for call in client.calls["tickPrice"]}
    assert gateway.server.sessions[0].count("market data") == 0
