"""What an account tells, at once and later: summaries, ledgers, updates, positions, profit."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, stock, order = _MODULE.connect, _MODULE.stock, _MODULE.order

D = Decimal
START = "2024-03-05T15:00:00"


@pytest.fixture(params=[178, 226])
async def session(request, start_gateway, connect):
    gateway = await start_gateway(
        start=START,
        server_version=request.param,
        account_ids=("DU1", "DU2"),
        initial_cash={"USD": 100_000, "EUR": "50000.50", "JPY": 1_000_000},
    )
    return gateway, await connect(gateway)


async def buy(gateway, client, wait_until, contract, size, order_id=1, account="DU1"):
    placed = order("BUY" if size > 0 else "SELL", abs(size))
    placed.account = account
    client.placeOrder(order_id, contract, placed)
    await wait_until(lambda: len(gateway.truth.orders) == order_id)
    while not gateway.truth.orders[-1].is_final:
        await gateway.advance(10)


def german_stock():
    contract = stock("SAP")
    contract.currency = "EUR"
    return contract


async def test_ledgers_are_kept_by_currency_and_add_up(session, wait_until):
    gateway, client = session
    await buy(gateway, client, wait_until, german_stock(), 100)
    client.reqAccountSummary(1, "All", "NetLiquidation,$LEDGER:ALL")
    client.reqAccountSummary(2, "All", "$LEDGER:EUR")
    await wait_until(lambda: len(client.calls["accountSummaryEnd"]) == 2)
    rows = {
        (tag, currency): value
        for ident, account, tag, value, currency in client.calls["accountSummary"]
        if ident == 1 and account == "DU1"
    }
    (fill,) = gateway.truth.executions
    spent = fill.quantity * fill.price + fill.commission
    assert fill.commission_currency == "EUR"
    assert D(rows["CashBalance", "EUR"]) == D("50000.50") - spent
    assert D(rows["CashBalance", "USD"]) == 100_000
    assert D(rows["CashBalance", "JPY"]) == 1_000_000
    rates = {code: D(rows["ExchangeRate", code]) for code in ("EUR", "JPY", "USD")}
    assert rates["USD"] == 1
    assert 0 < rates["JPY"] < D("0.02")
    parts = sum(D(rows["NetLiquidationByCurrency", code]) * rate for code, rate in rates.items())
    assert float(parts) == pytest.approx(float(rows["NetLiquidation", "USD"]), rel=1e-5)
    assert D(rows["StockMarketValue", "EUR"]) > 0
    assert ("StockMarketValue", "USD") in rows
    assert {call[4] for call in client.calls["accountSummary"] if call[0] == 2} == {"EUR"}
    assert rows["RealCurrency", "BASE"] == "USD"


async def test_changed_rows_come_after_three_minutes_or_with_a_fill(session, wait_until):
    gateway, client = session
    await buy(gateway, client, wait_until, stock("KO"), 100)
    client.reqAccountSummary(1, "All", "NetLiquidation,AccountType")
    client.reqAccountUpdates(True, "DU1")
    client.reqAccountUpdatesMulti(2, "DU1", "", False)
    await wait_until(lambda: client.calls["accountUpdateMultiEnd"])
    callbacks = ("accountSummary", "updateAccountValue", "accountUpdateMulti", "updatePortfolio")
    told = {name: len(client.calls[name]) for name in callbacks}
    assert all(told.values())
    await gateway.advance(150)
    assert {name: len(client.calls[name]) for name in callbacks} == told
    await gateway.advance(60)
    await wait_until(lambda: all(len(client.calls[name]) > told[name] for name in callbacks))
    # Only what has changed: the type of an account never does.
    assert len([call for call in client.calls["accountSummary"] if call[2] == "AccountType"]) == 2
    told = {name: len(client.calls[name]) for name in callbacks}
    await buy(gateway, client, wait_until, stock("KO"), 50, order_id=2)
    await wait_until(lambda: all(len(client.calls[name]) > told[name] for name in callbacks))
    held = client.last("updatePortfolio")
    position = gateway.truth.account("DU1").position(gateway.simulation.contracts.named("KO"))
    assert held[1] == position.quantity == 150
    assert held[4] == pytest.approx(float(position.average_cost))


async def test_account_updates_move_to_another_account(session, wait_until):
    gateway, client = session
    client.reqAccountUpdates(True, "DU1")
    client.reqAccountUpdates(True, "DU2")
    await wait_until(lambda: len(client.calls["accountDownloadEnd"]) == 2)
    assert [code for _, code, _ in client.errors()] == [2100]
    before = len(client.calls["updatePortfolio"])
    await buy(gateway, client, wait_until, stock("KO"), 10, account="DU1")
    await buy(gateway, client, wait_until, stock("KO"), 20, order_id=2, account="DU2")
    await wait_until(lambda: len(client.calls["updatePortfolio"]) > before)
    assert {call[-1] for call in client.calls["updatePortfolio"]} == {"DU2"}


async def test_positions_of_one_account_and_of_all(session, wait_until):
    gateway, client = session
    await buy(gateway, client, wait_until, stock("KO"), 10, account="DU1")
    client.reqPositions()
    client.reqPositionsMulti(1, "DU2", "")
    await wait_until(lambda: client.calls["positionEnd"] and client.calls["positionMultiEnd"])
    assert [(call[0], call[2]) for call in client.calls["position"]] == [("DU1", D(10))]
    assert client.calls["positionMulti"] == []
    await buy(gateway, client, wait_until, stock("KO"), -5, order_id=2, account="DU2")
    await wait_until(lambda: client.calls["positionMulti"])
    assert client.last("positionMulti")[1] == "DU2"
    assert client.last("positionMulti")[4] == -5
    client.cancelPositionsMulti(1)
    client.cancelPositions()
    seen = len(client.calls["position"]), len(client.calls["positionMulti"])
    client.reqCurrentTime()
    await wait_until(lambda: client.calls["currentTime"])
    await buy(gateway, client, wait_until, stock("KO"), 5, order_id=3, account="DU2")
    assert (len(client.calls["position"]), len(client.calls["positionMulti"])) == seen


async def test_profit_of_an_account_and_of_a_position_follow_the_market(session, wait_until):
    gateway, client = session
    await buy(gateway, client, wait_until, stock("KO"), 100)
    contract = gateway.simulation.contracts.named("KO")
    client.reqPnL(1, "DU1", "")
    client.reqPnLSingle(2, "DU1", "", contract.con_id)
    await wait_until(lambda: client.calls["pnl"] and client.calls["pnlSingle"])
    for _ in range(20):
        await gateway.advance(5)
    books = gateway.simulation.accounts
    account = gateway.truth.account("DU1")
    position = account.position(contract)

    def agrees():
        daily, unrealized, realized = client.last("pnl")[1:4]
        value = books.value(account)
        cents = [round(float(one), 2) for one in (books.daily_pnl(account), value.unrealized)]
        return [round(daily, 2), round(unrealized, 2)] == cents and realized == 0

    await gateway.advance(2)
    await wait_until(agrees)
    assert len(client.calls["pnl"]) > 3
    _, quantity, _, unrealized, realized, value = client.last("pnlSingle")
    price = books.price(contract)
    assert quantity == 100
    assert value == pytest.approx(float(position.market_value(price)))
    assert unrealized == pytest.approx(float(position.unrealized(price)), abs=0.01)
    assert realized > 1e300  # nothing realised yet: IB writes the largest double
    client.cancelPnL(1)
    client.cancelPnLSingle(2)
    client.reqCurrentTime()
    await wait_until(lambda: client.calls["currentTime"])
    seen = len(client.calls["pnl"]), len(client.calls["pnlSingle"])
    await gateway.advance(30)
    assert (len(client.calls["pnl"]), len(client.calls["pnlSingle"])) == seen


async def test_models_and_strange_accounts_are_refused(session, wait_until):
    _, client = session
    client.reqPositionsMulti(1, "DU1", "Core")
    client.reqAccountUpdatesMulti(2, "DU1", "Core", False)
    client.reqPnL(3, "DU1", "Core")
    client.reqPnLSingle(4, "DU1", "Core", 265598)
    client.reqPnL(5, "DU9", "")
    client.reqAccountSummary(6, "DU9", "NetLiquidation")
    await wait_until(lambda: len(client.errors()) == 6)
    assert [(ident, code) for ident, code, _ in client.errors()] == [
        (number, 321) for number in range(1, 7)
    ]


async def test_the_ledger_and_net_liquidation_alone(session, wait_until):
    _, client = session
    client.reqAccountUpdatesMulti(1, "DU1", "", True)
    await wait_until(lambda: client.calls["accountUpdateMultiEnd"])
    keys = {call[3] for call in client.calls["accountUpdateMulti"]}
    assert {"NetLiquidation", "CashBalance", "NetLiquidationByCurrency"} <= keys
    assert "BuyingPower" not in keys


async def test_a_third_summary_is_refused_until_one_is_cancelled(session, wait_until):
    _, client = session
    for number in range(1, 4):
        client.reqAccountSummary(number, "All", "NetLiquidation")
    await wait_until(client.errors)
    assert client.errors()[0][:2] == (3, 322)
    client.cancelAccountSummary(1)
    client.reqAccountSummary(4, "All", "NetLiquidation")
    await wait_until(lambda: len(client.calls["accountSummaryEnd"]) == 3)
