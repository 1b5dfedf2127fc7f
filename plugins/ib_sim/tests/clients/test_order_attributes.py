"""Attributes that the simulator carries for its clients: algorithms, scales, hedges, pegs."""

import importlib.util
from pathlib import Path

import pytest
from ibapi.tag_value import TagValue

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, stock, order = _MODULE.connect, _MODULE.stock, _MODULE.order


@pytest.fixture(params=[176, 200, 226])
async def session(request, start_gateway, connect, quotes_file):
    gateway = await start_gateway(replay=[quotes_file], server_version=request.param)
    return gateway, await connect(gateway)


async def reported(client, wait_until):
    await wait_until(lambda: client.calls["openOrder"])
    assert client.errors() == []
    return client.calls["openOrder"][-1][2]


async def test_an_algorithm_comes_back_with_its_parameters_and_fills(session, wait_until):
    gateway, client = session
    placed = order("BUY", 100)
    placed.algoStrategy = "Adaptive"
    placed.algoParams = [TagValue("adaptivePriority", "Urgent")]
    client.placeOrder(1, stock("KO"), placed)
    seen = await reported(client, wait_until)
    assert seen.algoStrategy == "Adaptive"
    assert [(one.tag, one.value) for one in seen.algoParams] == [("adaptivePriority", "Urgent")]
    await gateway.advance(2)
    await wait_until(lambda: client.calls["orderStatus"][-1][1] == "Filled")


async def test_a_scale_comes_back_as_it_was_sent(session, wait_until):
    _, client = session
    placed = order("BUY", 900, "LMT", 45.00)
    placed.scaleInitLevelSize, placed.scaleSubsLevelSize = 300, 200
    placed.scalePriceIncrement, placed.scaleProfitOffset = 0.05, 0.10
    placed.scaleAutoReset = True
    client.placeOrder(1, stock("KO"), placed)
    seen = await reported(client, wait_until)
    assert (seen.scaleInitLevelSize, seen.scaleSubsLevelSize) == (300, 200)
    assert (seen.scalePriceIncrement, seen.scaleProfitOffset) == (0.05, 0.10)
    assert seen.scaleAutoReset


async def test_a_hedge_comes_back_as_it_was_sent(session, wait_until):
    _, client = session
    parent = order("BUY", 100, "LMT", 45.00)
    parent.transmit = False
    hedge = order("SELL", 100)
    hedge.parentId, hedge.hedgeType, hedge.hedgeParam = 1, "B", "1.2"
    client.placeOrder(1, stock("KO"), parent)
    client.placeOrder(2, stock("KO"), hedge)
    await wait_until(lambda: {call[0] for call in client.calls["openOrder"]} == {1, 2})
    seen = client.calls["openOrder"][-1][2]
    assert (seen.hedgeType, seen.hedgeParam) == ("B", "1.2")


async def test_a_benchmark_peg_comes_back_and_follows(session, wait_until):
    gateway, client = session
    reference = next(one for one in gateway.simulation.replayed).con_id
    placed = order("BUY", 100, "PEG BENCH")
    placed.referenceContractId, placed.startingPrice, placed.stockRefPrice = reference, 49.0, 50.0
    placed.peggedChangeAmount, placed.referenceChangeAmount = 0.02, 0.01
    placed.referenceExchangeId = "ISLAND"
    client.placeOrder(1, stock("KO"), placed)
    seen = await reported(client, wait_until)
    assert (seen.orderType, seen.referenceContractId) == ("PEG BENCH", reference)
    assert (seen.peggedChangeAmount, seen.referenceChangeAmount) == (0.02, 0.01)
    await gateway.advance(3.5)
    assert float(gateway.truth.order(1, 1).limit_price) == 49.08
