"""A replay at full speed: orders sent in reaction to one bar fill on the next, never before."""

import asyncio
import csv
import datetime as dt
import gzip
from decimal import Decimal

import ib_async
import pytest

from posei_ib_sim.gateway import ReplayFile


@pytest.fixture
async def client():
    one = ib_async.IB()
    yield one
    one.disconnect()
    await asyncio.sleep(0)


async def trade_every_third_bar(client, contract, gateway):
    """Buy and sell in turn on each third new bar; return when each order was sent."""
    sent = {}
    bars = await client.reqHistoricalDataAsync(
        contract, "", "1 D", "1 min", "TRADES", useRTH=False, keepUpToDate=True
    )

    def on_bar(seen, has_new):
        if has_new and len(seen) % 3 == 0:
            side = "BUY" if len(sent) % 2 == 0 else "SELL"
            trade = client.placeOrder(contract, ib_async.MarketOrder(side, 2))
            sent[trade.order.orderId] = gateway.clock.now_ns

    bars.updateEvent += on_bar
    await asyncio.wait_for(gateway.replay_finished.wait(), 60)
    return sent


async def arrived(client, number):
    """Wait until the client has been told of so many fills."""
    told = asyncio.Event()

    def look(*_):
        if len(client.fills()) >= number:
            told.set()

    client.execDetailsEvent += look
    look()
    await asyncio.wait_for(told.wait(), 10)


async def test_orders_fill_on_the_next_ticks_and_both_sides_agree(start_gateway, client, tmp_path):
    lines = ["timestamp,open,high,low,close,volume"]
    moment = dt.datetime(2024, 3, 5, 15, 0, tzinfo=dt.UTC)
    for number in range(60):
        price = 100 + number % 7 * 0.1
        lines.append(f"{moment},{price:.2f},{price + 0.05:.2f},{price - 0.05:.2f},{price:.2f},900")
        moment += dt.timedelta(minutes=1)
    path = tmp_path / "IBM.csv"
    path.write_text("\n".join(lines) + "\n")
    gateway = await start_gateway(
        replay=[path], speed="max", pace="lockstep", start="2024-03-05T15:02:30"
    )
    await client.connectAsync(gateway.host, gateway.port, clientId=1)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("IBM", "SMART", "USD"))
    sent = await trade_every_third_bar(client, contract, gateway)
    fills = gateway.truth.executions
    assert len(sent) >= 15
    for order_id, sent_ns in sent.items():
        mine = [fill for fill in fills if fill.order_id == order_id]
        assert sum(fill.quantity for fill in mine) == 2, order_id
        assert all(sent_ns < fill.ts_ns <= sent_ns + 61 * 10**9 for fill in mine)
    cash = Decimal(1_000_000)
    for fill in fills:
        cash -= fill.signed_quantity * fill.price + fill.commission
    assert gateway.truth.cash()["USD"] == cash
    await arrived(client, len(fills))
    assert [one.execution.execId for one in client.fills()] == [fill.exec_id for fill in fills]


@pytest.mark.real_data
async def test_a_week_of_real_euro_futures(start_gateway, client, shared_data):
    path = shared_data / "cme" / "6EH4.XCME_1min_bars_20240101_20240131.csv.gz"
    gateway = await start_gateway(
        replay=[
            ReplayFile(
                path=str(path),
                stamp="close",
                start="2024-01-08T00:00:00",
                end="2024-01-09T04:00:00",
            )
        ],
        speed="max",
        pace="lockstep",
        lockstep_gap=0.0005,
        start="2024-01-08T20:00:00",
    )
    await client.connectAsync(gateway.host, gateway.port, clientId=1)
    (contract,) = await client.qualifyContractsAsync(
        ib_async.Future(localSymbol="6EH4", exchange="CME")
    )
    sent = await trade_every_third_bar(client, contract, gateway)
    assert len(sent) > 50
    account = gateway.truth.account()
    profit = sum(
        (-fill.signed_quantity * fill.price * 125_000 - fill.commission)
        for fill in gateway.truth.executions
    )
    position = account.position(gateway.simulation.contracts.named("6EH4"))
    held_value = position.market_value(gateway.simulation.accounts.price(position.contract))
    assert gateway.truth.profit() == profit + held_value


@pytest.mark.real_data
async def test_bid_and_ask_files_become_the_quotes_they_hold(start_gateway, client, shared_data):
    files = [
        ReplayFile(path=str(shared_data / "fx" / f"gbpusd-m1-{side}-2012.csv.gz"))
        for side in ("bid", "ask")
    ]
    gateway = await start_gateway(replay=files, start="2012-02-02T10:00:00")
    await client.connectAsync(gateway.host, gateway.port, clientId=1)
    contract = ib_async.Forex("GBPUSD")
    for what, column in (("BID", 0), ("ASK", 1)):
        bars = await client.reqHistoricalDataAsync(
            contract, "", "3600 S", "1 min", what, useRTH=False, formatDate=2
        )
        table = {}
        with gzip.open(files[column].path, "rt") as source:
            for row in csv.DictReader(source):
                table[dt.datetime.fromisoformat(row["timestamp"])] = tuple(
                    float(row[name]) for name in ("open", "high", "low", "close")
                )
        assert len(bars) > 50
        for bar in bars[:-1]:
            assert (bar.open, bar.high, bar.low, bar.close) == table[bar.date]
