"""What the official Python client is told when the broker says no, or changes its mind."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, stock, order, IbapiClient = (
    _MODULE.connect,
    _MODULE.stock,
    _MODULE.order,
    _MODULE.IbapiClient,
)

D = Decimal


def codes(client):
    return [(ident, code) for ident, code, _ in client.errors()]


def ticks(client, req_id):
    return [call for call in client.calls["tickPrice"] if call[0] == req_id]


@pytest.mark.parametrize("version", [176, 226])
@pytest.mark.parametrize(
    ("settings", "code"),
    [({"trading_permissions": ("FUT",)}, 460), ({"restricted_symbols": ("KO",)}, 203)],
)
async def test_a_forbidden_order_gets_its_code(
    start_gateway, connect, quotes_file, wait_until, settings, code, version
):
    gateway = await start_gateway(replay=[quotes_file], server_version=version, **settings)
    client = await connect(gateway)
    client.placeOrder(1, stock("KO"), order("BUY", 100))
    await wait_until(lambda: codes(client) == [(1, code)])


async def test_a_short_sale_is_held_with_locate_until_shares_are_lent(
    start_gateway, connect, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file], shortable_shares={"KO": 0})
    client = await connect(gateway)
    client.placeOrder(1, stock("KO"), order("SELL", 100))
    await wait_until(lambda: codes(client) == [(1, 404)])
    status = client.calls["orderStatus"][-1]
    assert (status[1], status[9]) == ("PreSubmitted", "locate")
    gateway.faults.lend_shares("KO")
    await wait_until(lambda: client.calls["orderStatus"][-1][1] == "Submitted")
    assert client.calls["orderStatus"][-1][9] == ""


@pytest.mark.parametrize("version", [176, 226])
async def test_a_correction_and_a_bust_reach_the_client_and_the_position(
    start_gateway, connect, quotes_file, wait_until, version
):
    gateway = await start_gateway(replay=[quotes_file], server_version=version)
    client = await connect(gateway)
    client.reqPositions()
    client.placeOrder(1, stock("KO"), order("BUY", 100))
    await wait_until(lambda: client.calls["orderStatus"])
    await gateway.advance(1)
    await wait_until(lambda: client.calls["commissionAndFeesReport"])
    first = client.calls["execDetails"][-1][2].execId

    gateway.faults.correct_execution(first, "49.50")
    await wait_until(lambda: len(client.calls["execDetails"]) == 2)
    corrected = client.calls["execDetails"][-1][2]
    assert (corrected.execId, corrected.price) == (first[:-1] + "2", 49.5)
    await wait_until(lambda: client.calls["position"][-1][3] == pytest.approx(49.51))
    assert gateway.truth.cash()["USD"] == 1_000_000 - D("4950") - 1

    gateway.faults.bust_execution()
    await wait_until(lambda: client.calls["position"][-1][2] == 0)
    assert client.calls["execDetails"][-1][2].execId == first[:-1] + "3"
    assert client.calls["execDetails"][-1][2].shares == 0
    assert gateway.truth.cash()["USD"] == 1_000_000


async def test_a_competing_session_takes_the_data_away_and_gives_it_back(
    start_gateway, connect, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file])
    client = await connect(gateway)
    client.reqMktData(5, stock("KO"), "", False, False, [])
    await wait_until(lambda: gateway.server.sessions[0].count("market data"))
    await gateway.advance(0.5)
    await wait_until(lambda: ticks(client, 5))
    gateway.faults.competing_session()
    await wait_until(lambda: codes(client) == [(5, 10197)])
    seen = len(ticks(client, 5))
    await gateway.advance(2)
    client.reqMktData(6, stock("KO"), "", False, False, [])
    await wait_until(lambda: codes(client) == [(5, 10197), (6, 10197)])
    assert len(ticks(client, 5)) == seen
    gateway.faults.competing_session(active=False)
    await gateway.advance(1)
    await wait_until(lambda: len(ticks(client, 5)) > seen)


async def test_a_busted_trade_ends_real_time_bars(start_gateway, connect, bars_file, wait_until):
    gateway = await start_gateway(replay=[bars_file])
    client = await connect(gateway)
    client.reqRealTimeBars(9, stock("IBM"), 5, "TRADES", False, [])
    await wait_until(lambda: gateway.server.sessions[0].count("real-time bars"))
    gateway.faults.bust_trade()
    await wait_until(lambda: codes(client) == [(9, 10225)])
    assert gateway.server.sessions[0].count("real-time bars") == 0


@pytest.mark.parametrize(
    ("permissions", "data_type", "told", "first_tick"),
    [
        ("none", 1, 354, None),
        ("delayed", 1, 10168, None),
        ("delayed", 3, 10167, 66),
        ("partial", 1, None, 1),
    ],
)
async def test_permissions_for_market_data(
    start_gateway, connect, quotes_file, wait_until, permissions, data_type, told, first_tick
):
    gateway = await start_gateway(replay=[quotes_file], data_permissions=permissions)
    await gateway.advance(0.5)
    client = await connect(gateway)
    client.reqMarketDataType(data_type)
    client.reqMktData(1, stock("KO"), "", False, False, [])
    await wait_until(lambda: client.calls["tickPrice"] or client.errors())
    if first_tick is not None:
        await wait_until(lambda: client.calls["tickPrice"])
        assert client.calls["tickPrice"][0][1] == first_tick
    assert codes(client) == ([] if told is None else [(1, told)])


async def test_a_direct_exchange_needs_a_subscription_of_its_own(
    start_gateway, connect, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file], data_permissions="partial")
    await gateway.advance(0.5)
    client = await connect(gateway)
    direct = stock("KO")
    direct.exchange = "NYSE"
    client.reqMktData(1, direct, "", False, False, [])
    await wait_until(lambda: codes(client) == [(1, 10089)])
    client.reqMarketDataType(3)
    client.reqMktData(2, direct, "", False, False, [])
    await wait_until(lambda: ticks(client, 2))
    assert codes(client)[1:] == [(2, 10167)]


async def test_an_option_without_its_subscription_shows_the_model_only(
    start_gateway, connect, wait_until
):
    gateway = await start_gateway(start="2024-03-05T15:00:00", data_permissions="partial")
    await gateway.advance(60)
    client = await connect(gateway)
    option = stock("SPY")
    option.secType, option.right, option.strike = "OPT", "C", 500.0
    option.lastTradeDateOrContractMonth, option.tradingClass = "20240315", "SPY"
    client.reqContractDetails(1, option)
    await wait_until(lambda: client.calls["contractDetailsEnd"])
    client.reqMktData(2, client.calls["contractDetails"][0][1].contract, "", False, False, [])
    await wait_until(lambda: client.calls["tickOptionComputation"])
    await gateway.advance(60)
    await wait_until(lambda: len(client.calls["tickOptionComputation"]) > 1)
    assert codes(client) == [(2, 10090)]
    assert {call[1] for call in client.calls["tickOptionComputation"]} == {13}
    assert ticks(client, 2) == []
