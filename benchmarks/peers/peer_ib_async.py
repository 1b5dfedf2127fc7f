"""ib_async: its asyncio client and its events."""

from __future__ import annotations

import asyncio
import datetime as dt
import time

import ib_async
from meter import Meter, arguments, memory_mb, pause_s

CONTRACT = ib_async.Stock("AAPL", "SMART", "USD")


async def connected(port: int) -> ib_async.IB:
    """Connect, and know the contract."""
    ib = ib_async.IB()
    ib.client.MaxRequests = 0  # its own throttle is not what is measured
    await ib.connectAsync("127.0.0.1", port, clientId=1, timeout=30)
    await ib.qualifyContractsAsync(CONTRACT)
    return ib


async def stream(kind: str, port: int, rate: int) -> None:
    """Measure ticks."""
    meter = Meter(keeps_moments=rate > 0)
    ib = await connected(port)
    done = asyncio.get_running_loop().create_future()
    meter.on_done = lambda: done.done() or done.set_result(None)

    def updated(ticker: ib_async.Ticker) -> None:
        if kind == "l1":
            for tick in ticker.ticks:  # one event for all that a segment brought
                if tick.tickType == 1:
                    meter.update(tick.price)
            return
        for tick in ticker.tickByTicks:
            if kind != "trades":
                meter.tick(tick.bidPrice, int(tick.bidSize))
            else:
                meter.tick(tick.price, 0)

    if kind == "l1":
        ticker = ib.reqMktData(CONTRACT)
    else:
        ticker = ib.reqTickByTickData(CONTRACT, "AllLast" if kind == "trades" else "BidAsk")
    ticker.updateEvent += updated
    await done
    meter.report()
    ib.disconnect()


async def orders(count: int, port: int, rate: int) -> None:
    """Measure orders, one at a time."""
    ib = await connected(port)
    acknowledged, filled = [], []
    await asyncio.sleep(0.5)
    for left in reversed(range(count)):
        done = asyncio.get_running_loop().create_future()
        moments = {}

        def on_status(trade, moments=moments) -> None:
            if trade.orderStatus.status in {"Submitted", "Filled"}:
                moments.setdefault("acknowledged", time.monotonic_ns())

        def on_fill(trade, fill, moments=moments, done=done) -> None:
            moments.setdefault("acknowledged", time.monotonic_ns())
            moments.setdefault("filled", time.monotonic_ns())
            if not done.done():
                done.set_result(None)

        order = ib_async.MarketOrder("BUY", 1)
        began = time.monotonic_ns()
        trade = ib.placeOrder(CONTRACT, order)
        trade.statusEvent += on_status
        trade.fillEvent += on_fill
        await asyncio.wait_for(done, 30)
        acknowledged.append(moments["acknowledged"] - began)
        filled.append(moments["filled"] - began)
        await asyncio.sleep(pause_s(left, rate))
    Meter().report(acknowledged=acknowledged, filled=filled)
    ib.disconnect()


async def history(count: int, port: int) -> None:
    """Measure bars to its objects: two large requests."""
    ib = await connected(port)
    end = dt.datetime(2024, 3, 5, 15, tzinfo=dt.UTC)
    days = count // 1440 // 2
    began = time.monotonic()
    bars = []
    for last in (end - dt.timedelta(days=days), end):
        bars += await ib.reqHistoricalDataAsync(
            CONTRACT, last, f"{days} D", "1 min", "TRADES", useRTH=False, formatDate=2, timeout=120
        )
    objects = time.monotonic() - began
    Meter().report(bars=len(bars), objects_s=objects, rss_mb=memory_mb())
    ib.disconnect()


if __name__ == "__main__":
    wanted, at, number, pace = arguments()
    if wanted == "orders":
        asyncio.run(orders(number, at, pace))
    elif wanted == "history":
        asyncio.run(history(number, at))
    else:
        asyncio.run(stream(wanted, at, pace))
