"""The official Python client against the simulated gateway, in both dialects."""

import asyncio
import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.tag_value import TagValue  # noqa: F401 - part of what ibapi users import

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_client", Path(__file__).with_name("ibapi_client.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
IbapiClient = _MODULE.IbapiClient

VERSIONS = [157, 176, 187, 200, 213, 226]


@pytest.fixture(params=VERSIONS)
def version(request):
    """A server version that both sides speak."""
    return request.param


@pytest.fixture
async def connect(wait_until):
    """Connect ibapi clients that are stopped when the test ends."""
    clients = []

    async def open_client(gateway, client_id=1):
        client = IbapiClient()
        await asyncio.to_thread(client.start, gateway.host, gateway.port, client_id)
        clients.append(client)
        await wait_until(lambda: client.calls["nextValidId"] and client.calls["managedAccounts"])
        return client

    yield open_client
    for client in clients:
        await asyncio.to_thread(client.stop)


def stock(symbol):
    contract = Contract()
    contract.symbol, contract.secType = symbol, "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    return contract


def order(action, quantity, kind="MKT", price=None):
    placed = Order()
    placed.action, placed.totalQuantity, placed.orderType = action, Decimal(quantity), kind
    if price is not None:
        placed.lmtPrice = price
    return placed


async def test_a_whole_session_agrees_with_the_books(
    start_gateway, connect, quotes_file, wait_until, version
):
    gateway = await start_gateway(replay=[quotes_file], server_version=version)
    client = await connect(gateway)
    calls = client.calls
    assert client.serverVersion() == version
    assert calls["managedAccounts"] == [("DU123456",)]

    client.reqContractDetails(1, stock("KO"))
    await wait_until(lambda: calls["contractDetailsEnd"])
    details = calls["contractDetails"][0][1]
    assert details.contract.symbol == "KO"
    assert Decimal(str(details.minTick)) == Decimal("0.01")
    assert details.longName == "COCA-COLA CO/THE"

    client.reqMktData(2, details.contract, "", False, False, [])
    client.reqTickByTickData(3, details.contract, "BidAsk", 0, False)
    await wait_until(lambda: gateway.server.sessions[0].count("tick-by-tick"))
    await gateway.advance(0.5)
    await wait_until(lambda: calls["tickByTickBidAsk"])
    assert calls["tickByTickBidAsk"][0][2:4] == (50.00, 50.02)
    bids = [call for call in calls["tickPrice"] if call[1] == 1]
    assert bids[-1][2] == 50.00

    client.placeOrder(1, details.contract, order("BUY", 300))
    await wait_until(lambda: calls["orderStatus"])
    await gateway.advance(2)
    await wait_until(lambda: len(calls["commissionAndFeesReport"]) == 2)
    filled = calls["orderStatus"][-1]
    assert filled[1] == "Filled"
    assert (filled[2], filled[3]) == (Decimal(300), Decimal(0))
    executions = [call[2] for call in calls["execDetails"]]
    truth = gateway.truth.executions
    assert [(e.execId, Decimal(str(e.price)), e.shares) for e in executions] == [
        (fill.exec_id, fill.price, fill.quantity) for fill in truth
    ]
    reports = [call[0] for call in calls["commissionAndFeesReport"]]
    assert [Decimal(str(report.commissionAndFees)) for report in reports] == [
        fill.commission for fill in truth
    ]

    client.reqPositions()
    await wait_until(lambda: calls["positionEnd"])
    account, contract, quantity, average = calls["position"][-1]
    assert (account, contract.symbol, quantity) == ("DU123456", "KO", Decimal(300))
    position = next(iter(gateway.truth.account().positions.values()))
    assert average == pytest.approx(float(position.average_cost))

    client.reqAccountSummary(9, "All", "NetLiquidation,TotalCashValue,$LEDGER")
    await wait_until(lambda: calls["accountSummaryEnd"])
    rows = {(call[2], call[4]): call[3] for call in calls["accountSummary"]}
    assert Decimal(rows["TotalCashValue", "USD"]) == round(gateway.truth.cash()["USD"], 2)
    assert Decimal(rows["NetLiquidation", "USD"]) == round(
        gateway.truth.valuation().net_liquidation, 2
    )

    client.placeOrder(2, details.contract, order("SELL", 100, "LMT", 60.00))
    await wait_until(lambda: calls["orderStatus"][-1][0] == 2)
    client.cancelOrder(2, OrderCancel())
    await wait_until(lambda: any(code == 202 for _, code, _ in client.errors()))
    assert gateway.truth.order(1, 2).status == "Cancelled"
    client.placeOrder(2, details.contract, order("SELL", 100, "LMT", 60.00))
    await wait_until(lambda: any(code == 103 for _, code, _ in client.errors()))


async def test_history_reads_the_same_at_every_version(
    start_gateway, connect, bars_file, wait_until, version
):
    gateway = await start_gateway(replay=[bars_file], server_version=version)
    await gateway.advance(240)
    client = await connect(gateway)
    client.reqHistoricalData(1, stock("IBM"), "", "1 D", "1 min", "TRADES", 1, 2, False, [])
    await wait_until(lambda: client.calls["historicalDataEnd"])
    bars = [call[1] for call in client.calls["historicalData"]]
    assert [(b.date, b.open, b.high, b.low, b.close, b.volume) for b in bars] == [
        ("1709650800", 100.0, 100.5, 99.9, 100.4, Decimal(4000)),
        ("1709650860", 100.4, 100.6, 100.2, 100.3, Decimal(3000)),
        ("1709650920", 100.3, 100.3, 99.5, 99.6, Decimal(5000)),
        ("1709650980", 99.6, 99.8, 99.4, 99.75, Decimal(2000)),
    ]


async def test_a_second_client_with_the_same_id_is_refused(start_gateway, connect, wait_until):
    gateway = await start_gateway()
    await connect(gateway, client_id=5)
    second = IbapiClient()
    await asyncio.to_thread(second.start, gateway.host, gateway.port, 5)
    await wait_until(lambda: any(code == 326 for _, code, _ in second.errors()))
    await wait_until(lambda: len(gateway.server.sessions) == 1)
    await asyncio.to_thread(second.stop)


async def test_reference_requests_are_answered(start_gateway, connect, wait_until, version):
    gateway = await start_gateway(start="2024-03-05T15:00:00", server_version=version)
    client = await connect(gateway)
    calls = client.calls
    client.reqMatchingSymbols(1, "AAP")
    client.reqMarketRule(26)
    client.reqSecDefOptParams(2, "AAPL", "", "STK", 265598)
    client.reqMktDepthExchanges()
    client.reqSmartComponents(3, "9c0001")
    client.reqFamilyCodes()
    client.reqNewsProviders()
    client.reqScannerParameters()
    client.reqCurrentTime()
    await wait_until(lambda: calls["currentTime"])
    assert calls["symbolSamples"][0][1][0].contract.symbol == "AAPL"
    assert calls["marketRule"][0][1][0].increment == 0.01
    assert calls["securityDefinitionOptionParameterEnd"]
    expirations = calls["securityDefinitionOptionParameter"][0][5]
    assert "20240315" in expirations
    for name in ("mktDepthExchanges", "smartComponents", "familyCodes", "newsProviders"):
        assert calls[name], name
    assert client.errors() == []


async def test_unknown_and_ambiguous_contracts_get_error_200(start_gateway, connect, wait_until):
    gateway = await start_gateway(start="2024-03-05T15:00:00")
    client = await connect(gateway)
    client.reqContractDetails(1, stock("NOSUCH"))
    future = Contract()
    future.symbol, future.secType, future.exchange = "ES", "FUT", "CME"
    client.reqMktData(2, future, "", False, False, [])
    await wait_until(lambda: len(client.errors()) == 2)
    assert [(ident, code) for ident, code, _ in client.errors()] == [(1, 200), (2, 200)]
    assert "ambiguous" in client.errors()[1][2]


async def test_orders_that_cannot_be_are_refused_with_ibs_codes(start_gateway, connect, wait_until):
    gateway = await start_gateway(start="2024-03-05T15:00:00", initial_cash={"USD": 1000})
    client = await connect(gateway)
    client.placeOrder(1, stock("KO"), order("BUY", 0))
    client.placeOrder(2, stock("KO"), order("BUY", 10, "LMT", 60.001))
    client.placeOrder(3, stock("KO"), order("BUY", 10, "NONSENSE"))
    client.placeOrder(4, stock("KO"), order("BUY", 100_000))
    client.cancelOrder(77, OrderCancel())
    await wait_until(lambda: len(client.errors()) == 5)
    assert [(ident, code) for ident, code, _ in client.errors()] == [
        (1, 434),
        (2, 110),
        (3, 387),
        (4, 201),
        (77, 10147),
    ]
    assert client.calls["orderStatus"][-1][:2] == (4, "Inactive")
