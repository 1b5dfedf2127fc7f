"""Futures in an account as ib_async sees it: segments, and the daily settlement."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import ib_async

_SPEC = importlib.util.spec_from_file_location(
    "ib_async_sessions", Path(__file__).with_name("test_ib_async_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect = _MODULE.connect

D = Decimal


async def test_segments_add_up_and_a_future_is_settled_at_the_end_of_the_day(
    start_gateway, connect, wait_until
):
    gateway = await start_gateway(start="2024-01-10T15:00:00")
    client = await connect(gateway)
    (contract,) = await client.qualifyContractsAsync(ib_async.Future("ES", "20240315", "CME"))
    trade = client.placeOrder(contract, ib_async.MarketOrder("BUY", 2))
    await wait_until(lambda: trade.orderStatus.status == "Submitted")
    await gateway.advance(60)
    await wait_until(trade.isDone)

    def amounts():
        rows = [row for row in client.accountValues() if row.currency == "USD"]
        return {row.tag: D(row.value) for row in rows if "Currency" not in row.tag}

    await wait_until(lambda: amounts().get("MaintMarginReq-C", 0) > 0)
    found = amounts()
    for key in ("NetLiquidation", "TotalCashValue", "InitMarginReq", "MaintMarginReq"):
        assert found[f"{key}-S"] + found[f"{key}-C"] == found[key]
    assert found["InitMarginReq-S"] == 0
    assert found["NetLiquidation-C"] == found["InitMarginReq-C"]

    position = next(iter(gateway.truth.account().positions.values()))
    before, cost = gateway.truth.cash()["USD"], position.cost
    await gateway.advance(15 * 3600)
    assert position.settled != 0
    assert gateway.truth.cash()["USD"] == before + position.settled
    assert position.cost == cost
    value = gateway.truth.valuation()
    assert value.net_liquidation == value.cash + value.futures_pnl
    assert value.unrealized + position.fees == position.settled + value.futures_pnl
