"""Data that an account may not see: each service refuses with its own code and text."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, stock = _MODULE.connect, _MODULE.stock

LEVEL_1, TICKS, DEPTH, LIVE_BARS, HISTORY, PAST_TICKS, HEAD = range(1, 8)
REFUSALS = {TICKS: 10189, DEPTH: 354, LIVE_BARS: 420, HISTORY: 162, PAST_TICKS: 10187, HEAD: 162}


def ask_for_everything(client, contract):
    client.reqMktData(LEVEL_1, contract, "", False, False, [])
    client.reqTickByTickData(TICKS, contract, "AllLast", 0, False)
    client.reqMktDepth(DEPTH, contract, 5, False, [])
    client.reqRealTimeBars(LIVE_BARS, contract, 5, "TRADES", False, [])
    client.reqHistoricalData(HISTORY, contract, "", "1 D", "1 min", "TRADES", 0, 2, True, [])
    client.reqHistoricalTicks(
        PAST_TICKS, contract, "20240305-15:00:00", "", 10, "TRADES", 0, False, []
    )
    client.reqHeadTimeStamp(HEAD, contract, "TRADES", 0, 2)


async def settled(gateway, client, wait_until):
    """Wait until every request has been answered: the last one asked is answered last."""
    before = len(client.calls["currentTime"])
    client.reqCurrentTime()
    await wait_until(lambda: len(client.calls["currentTime"]) > before)
    return {ident: code for ident, code, _ in client.errors()}


@pytest.mark.parametrize("version", [178, 226])
@pytest.mark.parametrize(("permissions", "level_1"), [("none", 354), ("delayed", 10168)])
async def test_no_permission_means_no_service(
    start_gateway, connect, wait_until, permissions, level_1, version
):
    gateway = await start_gateway(
        start="2024-03-05T15:00:00", data_permissions=permissions, server_version=version
    )
    client = await connect(gateway)
    ask_for_everything(client, stock("KO"))
    assert await settled(gateway, client, wait_until) == {LEVEL_1: level_1, **REFUSALS}
    texts = {ident: text for ident, _, text in client.errors()}
    for service in (TICKS, LIVE_BARS, HISTORY, PAST_TICKS):
        assert texts[service].endswith("No market data permissions for SMART STK")
    assert [kind for kind, _ in gateway.server.sessions[0].subscriptions] == []


async def test_delayed_data_is_level_1_only(start_gateway, connect, wait_until):
    gateway = await start_gateway(start="2024-03-05T15:00:00", data_permissions="delayed")
    client = await connect(gateway)
    client.reqMarketDataType(3)
    ask_for_everything(client, stock("KO"))
    assert await settled(gateway, client, wait_until) == {LEVEL_1: 10167, **REFUSALS}


async def test_with_permission_everything_is_served(start_gateway, connect, wait_until):
    gateway = await start_gateway(start="2024-03-05T15:00:00", data_permissions="partial")
    client = await connect(gateway)
    ask_for_everything(client, stock("KO"))
    assert await settled(gateway, client, wait_until) == {}
    await gateway.advance(70)
    for callback in ("tickPrice", "tickByTickAllLast", "updateMktDepth", "realtimeBar"):
        await wait_until(lambda name=callback: client.calls[name] or client.calls[name + "L2"])
    for callback in ("historicalData", "historicalTicksLast", "headTimestamp"):
        assert client.calls[callback], callback


async def test_a_direct_exchange_needs_its_own_subscription_for_everything(
    start_gateway, connect, wait_until
):
    gateway = await start_gateway(start="2024-03-05T15:00:00", data_permissions="partial")
    client = await connect(gateway)
    direct = stock("KO")
    direct.exchange = "NYSE"
    ask_for_everything(client, direct)
    assert await settled(gateway, client, wait_until) == {LEVEL_1: 10089, **REFUSALS}
    texts = {ident: text for ident, _, text in client.errors()}
    assert texts[TICKS].endswith("No market data permissions for NYSE STK")
    assert texts[DEPTH].endswith("KO NYSE/STK/Deep")


async def test_a_competing_session_takes_every_service(start_gateway, connect, wait_until):
    gateway = await start_gateway(start="2024-03-05T15:00:00")
    client = await connect(gateway)
    gateway.faults.competing_session()
    ask_for_everything(client, stock("KO"))
    refusals = {**REFUSALS, LEVEL_1: 10197, DEPTH: 10197}
    assert await settled(gateway, client, wait_until) == refusals
    texts = {ident: text for ident, _, text in client.errors()}
    for service in (TICKS, LIVE_BARS, HISTORY, PAST_TICKS):
        assert texts[service].endswith(
            "Trading TWS session is connected from a different IP address"
        )


async def test_running_streams_fall_silent_while_another_session_has_the_data(
    start_gateway, connect, wait_until
):
    gateway = await start_gateway(start="2024-03-05T15:00:00")
    client = await connect(gateway)
    streams = ("tickByTickAllLast", "updateMktDepthL2", "realtimeBar", "historicalDataUpdate")
    ask_for_everything(client, stock("KO"))
    await settled(gateway, client, wait_until)
    await gateway.advance(60)
    await wait_until(lambda: all(client.calls[name] for name in streams))
    gateway.faults.competing_session()
    await settled(gateway, client, wait_until)
    seen = {name: len(client.calls[name]) for name in streams}
    await gateway.advance(60)
    await settled(gateway, client, wait_until)
    assert {name: len(client.calls[name]) for name in streams} == seen
    gateway.faults.competing_session(active=False)
    await gateway.advance(60)
    await wait_until(lambda: all(len(client.calls[name]) > seen[name] for name in streams))


async def test_too_many_tick_by_tick_requests(start_gateway, connect, wait_until):
    gateway = await start_gateway(start="2024-03-05T15:00:00")
    client = await connect(gateway)
    for number in range(6):
        client.reqTickByTickData(number + 1, stock("KO"), "BidAsk", 0, False)
    assert await settled(gateway, client, wait_until) == {6: 10190}
