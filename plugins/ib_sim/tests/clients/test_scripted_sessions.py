"""The whole scripted session of the clients that are installed beside us, step by step.

The official client in both dialects and ib_async go through connect, contract details, chain,
streaming, history, order place, modify, cancel and fill, account, positions, executions, profit
and loss, disconnect. What each saw is compared with the server's truth. Older official clients do
the same in `test_older_ibapi.py`.
"""

import asyncio
import datetime as dt
import importlib.util
from decimal import Decimal
from pathlib import Path

import ib_async
import pytest
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_client", Path(__file__).with_name("ibapi_client.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

# Quotes of conftest.py, one a second from 15:00:00: the bid, and the ask two cents above.
BIDS = [50.00, 50.01, 50.02, 50.03, 50.00, 49.98, 49.97]
BOUGHT = [(Decimal("50.03"), Decimal(200)), (Decimal("50.04"), Decimal(100))]
COSTS = [Decimal("1.00"), Decimal("0.50")]
SPENT = sum(price * size for price, size in BOUGHT) + sum(COSTS)


def apple_expirations(gateway):
    """Return what the server would tell of AAPL's chain on SMART."""
    contract = gateway.simulation.contracts.named("AAPL")
    (chain,) = gateway.simulation.option_chains(contract.con_id, "SMART")
    return set(chain.expirations), set(chain.strikes)


def same_books(gateway):
    """Assert what the server's books say after the session."""
    truth = gateway.truth
    assert [(fill.price, fill.quantity) for fill in truth.executions] == BOUGHT
    assert [fill.commission for fill in truth.executions] == COSTS
    assert truth.positions() == {"KO": Decimal(300)}
    assert truth.cash()["USD"] == Decimal(1_000_000) - SPENT
    assert [order.status for order in truth.orders] == ["Filled", "Cancelled"]


def stock(symbol):
    contract = Contract()
    contract.symbol, contract.secType = symbol, "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    return contract


def order(action, quantity, kind, price=None):
    placed = Order()
    placed.action, placed.totalQuantity, placed.orderType = action, Decimal(quantity), kind
    if price is not None:
        placed.lmtPrice = price
    return placed


class OfficialScript:
    """The steps of the official client, each awaited until the client has seen its end."""

    def __init__(self, gateway, client, wait_until):
        self.gateway, self.client, self.wait_until = gateway, client, wait_until
        self.calls = client.calls

    async def look_up(self):
        calls = self.calls
        self.client.reqContractDetails(1, stock("KO"))
        await self.wait_until(lambda: calls["contractDetailsEnd"])
        (details,) = (call[1] for call in calls["contractDetails"])
        known = self.gateway.simulation.contracts.named("KO")
        assert (details.contract.conId, details.longName) == (known.con_id, known.long_name)
        self.client.reqSecDefOptParams(2, "AAPL", "", "STK", 265598)
        await self.wait_until(lambda: calls["securityDefinitionOptionParameterEnd"])
        (chain,) = (
            call for call in calls["securityDefinitionOptionParameter"] if call[1] == "SMART"
        )
        assert (set(chain[5]), set(map(float, chain[6]))) == apple_expirations(self.gateway)
        return details.contract

    async def stream(self, contract):
        self.client.reqMktData(3, contract, "", False, False, [])
        await self.wait_until(lambda: self.gateway.server.client(1).count("market data"))
        await self.gateway.advance(0.5)
        await self.wait_until(lambda: [c for c in self.calls["tickPrice"] if c[1] == 2])

    async def trade(self, contract):
        calls, truth = self.calls, self.gateway.truth
        self.client.placeOrder(1, contract, order("BUY", 300, "MKT"))
        await self.wait_until(lambda: truth.orders)
        await self.gateway.advance(2)
        await self.wait_until(lambda: len(calls["commissionAndFeesReport"]) == 2)
        self.client.placeOrder(2, contract, order("SELL", 100, "LMT", 60.00))
        await self.wait_until(lambda: calls["orderStatus"][-1][0] == 2)
        self.client.placeOrder(2, contract, order("SELL", 50, "LMT", 61.00))
        await self.wait_until(lambda: calls["orderStatus"][-1][3] == Decimal(50))
        working = [call for call in calls["openOrder"] if call[0] == 2][-1][2]
        assert (working.lmtPrice, working.totalQuantity) == (61.00, Decimal(50))
        request = truth.order(1, 2).request
        assert (request.lmtPrice, request.totalQuantity) == (61.00, Decimal(50))
        self.client.cancelOrder(2, OrderCancel())
        await self.wait_until(lambda: any(code == 202 for _, code, _ in self.client.errors()))

    async def watch(self):
        """Let the market go on and compare every quote that was streamed with the file."""
        await self.gateway.advance(8)
        await self.wait_until(lambda: [c for c in self.calls["tickPrice"] if c[1:3] == (1, 49.97)])
        seen = [call[2] for call in self.calls["tickPrice"] if call[1] == 1]
        assert seen == BIDS
        asks = [call[2] for call in self.calls["tickPrice"] if call[1] == 2]
        assert asks == [round(bid + 0.02, 2) for bid in BIDS]

    async def reconcile(self, account):
        calls, truth, client = self.calls, self.gateway.truth, self.client
        client.reqHistoricalData(4, stock("KO"), "", "1 D", "1 min", "MIDPOINT", 0, 2, False, [])
        client.reqPositions()
        client.reqAccountSummary(5, "All", "TotalCashValue,NetLiquidation")
        client.reqAccountUpdates(True, account)
        client.reqPnL(6, account, "")
        live = len(calls["execDetails"])
        client.reqExecutions(7, ExecutionFilter())
        await self.wait_until(lambda: calls["execDetailsEnd"] and calls["accountDownloadEnd"])
        await self.wait_until(lambda: calls["pnl"] and calls["historicalDataEnd"])
        (bar,) = (call[1] for call in calls["historicalData"])
        assert (bar.open, bar.high, bar.low, bar.close) == (50.01, 50.04, 49.98, 49.98)
        assert [call[:1] + call[2:3] for call in calls["position"]] == [(account, Decimal(300))]
        assert calls["position"][0][3] == pytest.approx(float(SPENT / 300))
        summary = {call[2]: call[3] for call in calls["accountSummary"]}
        assert Decimal(summary["TotalCashValue"]) == round(truth.cash()["USD"], 2)
        assert Decimal(summary["NetLiquidation"]) == round(truth.valuation().net_liquidation, 2)
        values = {call[0]: call[1] for call in calls["updateAccountValue"] if call[2] == "USD"}
        assert Decimal(values["TotalCashValue"]) == round(truth.cash()["USD"], 2)
        assert calls["pnl"][-1][2] == pytest.approx(float(truth.profit()), abs=0.005)
        for executions in (calls["execDetails"][:live], calls["execDetails"][live:]):
            assert [
                (Decimal(str(call[2].price)), call[2].shares, call[2].execId) for call in executions
            ] == [(fill.price, fill.quantity, fill.exec_id) for fill in truth.executions]
        costs = [Decimal(str(c[0].commissionAndFees)) for c in calls["commissionAndFeesReport"]]
        assert costs[:live] == COSTS


@pytest.mark.parametrize("version", [157, 178, 187, 200, 213, 226])
async def test_the_official_client_sees_what_is_true(
    start_gateway, quotes_file, wait_until, version
):
    gateway = await start_gateway(replay=[quotes_file], server_version=version)
    client = _MODULE.IbapiClient()
    await asyncio.to_thread(client.start, gateway.host, gateway.port, 1)
    try:
        calls = client.calls
        await wait_until(lambda: calls["nextValidId"] and calls["managedAccounts"])
        assert client.serverVersion() == version
        script = OfficialScript(gateway, client, wait_until)
        contract = await script.look_up()
        await script.stream(contract)
        await script.trade(contract)
        await script.watch()
        await script.reconcile(calls["managedAccounts"][0][0])
        same_books(gateway)
        assert {code for _, code, _ in client.errors()} == {202}
    finally:
        await asyncio.to_thread(client.stop)
    await wait_until(lambda: not gateway.server.sessions)


async def test_ib_async_sees_what_is_true(start_gateway, quotes_file, wait_until):
    gateway = await start_gateway(replay=[quotes_file])
    truth, client = gateway.truth, ib_async.IB()
    await client.connectAsync(gateway.host, gateway.port, clientId=1, timeout=5)
    assert client.client.serverVersion() == 178
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    assert contract.conId == gateway.simulation.contracts.named("KO").con_id
    chains = await client.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598)
    (chain,) = (one for one in chains if one.exchange == "SMART")
    assert (set(chain.expirations), set(chain.strikes)) == apple_expirations(gateway)

    bids = []
    ticker = client.reqMktData(contract)
    ticker.updateEvent += lambda one: bids.append(one.bid)
    await wait_until(lambda: gateway.server.client(1).count("market data"))
    await gateway.advance(0.5)
    await wait_until(lambda: bids)

    bought = client.placeOrder(contract, ib_async.MarketOrder("BUY", 300))
    await wait_until(lambda: bought.orderStatus.status == "Submitted")
    await gateway.advance(2)
    await wait_until(lambda: bought.isDone() and bought.fills[-1].commissionReport.execId)
    offered = client.placeOrder(contract, ib_async.LimitOrder("SELL", 100, 60.00))
    await wait_until(lambda: offered.orderStatus.status == "Submitted")
    offered.order.lmtPrice, offered.order.totalQuantity = 61.00, 50
    client.placeOrder(contract, offered.order)
    await wait_until(lambda: truth.orders[1].quantity == 50)
    assert truth.orders[1].request.lmtPrice == 61.00
    client.cancelOrder(offered.order)
    await wait_until(lambda: offered.orderStatus.status == "Cancelled")

    pnl = client.reqPnL("DU123456")
    await gateway.advance(8)
    await wait_until(lambda: ticker.bid == BIDS[-1] and pnl.unrealizedPnL == pnl.unrealizedPnL)
    assert {bid for bid in bids if bid == bid} == set(BIDS)  # noqa: PLR0124 - not yet known ones
    await wait_until(lambda: round(pnl.unrealizedPnL, 2) == round(float(truth.profit()), 2))
    (bar,) = await client.reqHistoricalDataAsync(
        contract, "", "1 D", "1 min", "MIDPOINT", useRTH=False, formatDate=2
    )
    assert (bar.open, bar.high, bar.low, bar.close) == (50.01, 50.04, 49.98, 49.98)
    assert bar.date == dt.datetime(2024, 3, 5, 15, tzinfo=dt.UTC)

    (position,) = await client.reqPositionsAsync()
    assert (position.position, position.avgCost) == (300, pytest.approx(float(SPENT / 300)))
    rows = {(row.tag, row.currency): row.value for row in await client.accountSummaryAsync()}
    assert Decimal(rows["TotalCashValue", "USD"]) == round(truth.cash()["USD"], 2)
    fills = await client.reqExecutionsAsync()
    for seen in (bought.fills, fills):
        assert [
            (one.execution.execId, Decimal(str(one.execution.price)), one.execution.shares)
            for one in seen
        ] == [(fill.exec_id, fill.price, fill.quantity) for fill in truth.executions]
    assert [Decimal(str(one.commissionReport.commission)) for one in bought.fills] == COSTS
    same_books(gateway)
    client.disconnect()
    await wait_until(lambda: not gateway.server.sessions)
