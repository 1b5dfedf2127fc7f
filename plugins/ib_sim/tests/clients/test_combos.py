"""Combos: quotes made of legs, fills reported for the combo and for each leg."""

import asyncio
from decimal import Decimal

import ib_async
import pytest


@pytest.fixture
async def client(start_gateway, tmp_path):
    (tmp_path / "KO.csv").write_text(
        "timestamp,bid,ask,bid_size,ask_size\n"
        "2024-03-05 15:00:00,60.00,60.02,500,500\n"
        "2024-03-05 15:00:02,60.10,60.12,500,500\n"
    )
    (tmp_path / "DIS.csv").write_text(
        "timestamp,bid,ask,bid_size,ask_size\n"
        "2024-03-05 15:00:01,100.00,100.04,300,300\n"
        "2024-03-05 15:00:03,100.20,100.24,300,300\n"
    )
    gateway = await start_gateway(replay=[tmp_path / "KO.csv", tmp_path / "DIS.csv"])
    one = ib_async.IB()
    await one.connectAsync(gateway.host, gateway.port, clientId=1, timeout=5)
    one.gateway = gateway
    yield one
    one.disconnect()
    await asyncio.sleep(0)


async def spread(client):
    """Return the combo that buys one DIS and sells two KO."""
    legs = []
    for symbol, ratio, action in (("DIS", 1, "BUY"), ("KO", 2, "SELL")):
        (found,) = await client.qualifyContractsAsync(ib_async.Stock(symbol, "SMART", "USD"))
        legs.append(
            ib_async.ComboLeg(conId=found.conId, ratio=ratio, action=action, exchange="SMART")
        )
    return ib_async.Contract(
        secType="BAG", symbol="DIS,KO", currency="USD", exchange="SMART", comboLegs=legs
    )


async def test_a_combo_is_quoted_by_its_legs(client, wait_until):
    combo = await spread(client)
    ticker = client.reqMktData(combo)
    await wait_until(lambda: client.gateway.server.sessions[0].count("market data"))
    await client.gateway.advance(1.5)
    # 100.00 - 2 x 60.02 and 100.04 - 2 x 60.00
    await wait_until(lambda: ticker.bid == -20.04)
    assert (ticker.bid, ticker.ask) == (-20.04, -19.96)
    assert (ticker.bidSize, ticker.askSize) == (250, 250)


async def test_a_combo_order_fills_its_legs_at_prices_that_add_up(client, wait_until):
    gateway = client.gateway
    combo = await spread(client)
    await gateway.advance(1.5)
    trade = client.placeOrder(combo, ib_async.LimitOrder("BUY", 10, -19.90))
    await wait_until(lambda: trade.orderStatus.status == "Submitted")
    await gateway.advance(1)
    await wait_until(lambda: trade.isDone() and len(client.fills()) == 3)
    whole, first, second = gateway.truth.executions
    # Now 100.04 - 2 x 60.10.
    assert (whole.contract.sec_type, whole.quantity, whole.price) == (
        "BAG",
        Decimal(10),
        Decimal("-20.16"),
    )
    assert (first.side, first.quantity, first.price) == ("BOT", Decimal(10), Decimal("100.04"))
    assert (second.side, second.quantity, second.price) == ("SLD", Decimal(20), Decimal("60.1"))
    assert first.price - 2 * second.price == whole.price
    assert gateway.truth.positions() == {"DIS": Decimal(10), "KO": Decimal(-20)}
    cash = Decimal(1_000_000) - 10 * whole.price - first.commission - second.commission
    assert gateway.truth.cash()["USD"] == cash
    assert [fill.contract.secType for fill in client.fills()] == ["BAG", "STK", "STK"]


async def test_a_combo_below_its_limit_rests_and_can_be_cancelled(client, wait_until):
    combo = await spread(client)
    await client.gateway.advance(1.5)
    order = ib_async.LimitOrder("BUY", 10, -25.00)
    trade = client.placeOrder(combo, order)
    await client.gateway.advance(5)
    await wait_until(lambda: trade.orderStatus.status == "Submitted")
    client.cancelOrder(order)
    await wait_until(lambda: trade.orderStatus.status == "Cancelled")
    assert client.gateway.truth.executions == []


async def test_a_combo_with_an_unknown_leg_is_refused(client, wait_until):
    errors = []
    client.errorEvent += lambda ident, code, text, *_: errors.append((code, text))
    combo = ib_async.Contract(
        secType="BAG",
        symbol="X",
        currency="USD",
        exchange="SMART",
        comboLegs=[ib_async.ComboLeg(conId=424242, ratio=1, action="BUY", exchange="SMART")],
    )
    client.placeOrder(combo, ib_async.MarketOrder("BUY", 1))
    await wait_until(lambda: errors)
    assert errors[0][0] == 321
    assert "424242" in errors[0][1]
