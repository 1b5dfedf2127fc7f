"""ibapi: IB's own client, its reader thread and its callbacks."""

from __future__ import annotations

import datetime as dt
import threading
import time

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper
from meter import Meter, arguments, memory_mb, pause_s


def aapl() -> Contract:
    """Return the contract."""
    contract = Contract()
    contract.symbol, contract.secType = "AAPL", "STK"
    contract.exchange, contract.currency, contract.primaryExchange = "SMART", "USD", "NASDAQ"
    return contract


class Program(EWrapper, EClient):
    """What the documentation shows: one class that is both."""

    def __init__(self, kind: str, count: int, rate: int, meter: Meter) -> None:
        EClient.__init__(self, self)
        self.kind, self.meter, self.left, self.rate = kind, meter, count, rate
        self.total = count
        self.bid = 0.0
        self.order_id = 0
        self.began = 0
        self.acknowledged: list[int] = []
        self.filled: list[int] = []
        self.bars: list[object] = []
        self.began_s = 0.0
        self.halves: list[dt.datetime] = []
        meter.on_done = self.finish

    def finish(self) -> None:
        """End the run."""
        self.done = True
        self.disconnect()

    def nextValidId(self, orderId: int) -> None:
        """Begin."""
        self.order_id = orderId
        if self.kind == "l1":
            self.reqMktData(1, aapl(), "", False, False, [])
        elif self.kind in {"quotes", "trades", "start"}:
            name = "AllLast" if self.kind == "trades" else "BidAsk"
            self.reqTickByTickData(1, aapl(), name, 0, False)
        elif self.kind == "orders":
            threading.Timer(0.5, self.send).start()
        else:
            end = dt.datetime(2024, 3, 5, 15, tzinfo=dt.UTC)
            self.days = self.total // 1440 // 2
            self.halves = [end, end - dt.timedelta(days=self.days)]
            self.began_s = time.monotonic()
            self.ask()

    def ask(self) -> None:
        """Ask for the next half."""
        end = self.halves.pop().strftime("%Y%m%d-%H:%M:%S")
        self.reqHistoricalData(1, aapl(), end, f"{self.days} D", "1 min", "TRADES", 0, 2, False, [])

    def historicalData(self, reqId, bar) -> None:
        """Take a bar."""
        self.bars.append(bar)

    def historicalDataEnd(self, reqId, start, end) -> None:
        """Go on, or end."""
        if self.halves:
            self.ask()
        else:
            self.objects_s = time.monotonic() - self.began_s
            self.finish()

    def tickByTickBidAsk(self, reqId, time, bidPrice, askPrice, bidSize, askSize, attrib) -> None:
        """Take a quote."""
        self.meter.tick(bidPrice, int(bidSize))

    def tickByTickAllLast(
        self, reqId, tickType, time, price, size, attrib, exchange, special
    ) -> None:
        """Take a trade."""
        self.meter.tick(price, 0)

    def tickPrice(self, reqId, tickType, price, attrib) -> None:
        """Take a price of level one."""
        if tickType == 1:
            self.bid = price

    def tickSize(self, reqId, tickType, size) -> None:
        """Take a size of level one; that of the ask is an update's last message."""
        if tickType == 3:
            self.meter.update(self.bid)

    def send(self) -> None:
        """Send the next order."""
        self.left -= 1
        order = Order()
        order.action, order.orderType, order.totalQuantity = "BUY", "MKT", 1
        order.eTradeOnly = order.firmQuoteOnly = False
        self.is_acknowledged = False
        self.began = time.monotonic_ns()
        self.placeOrder(self.order_id, aapl(), order)
        self.order_id += 1

    def orderStatus(self, orderId, status, *rest) -> None:
        """Note when it was acknowledged."""
        if not self.is_acknowledged and status in {"Submitted", "Filled"}:
            self.is_acknowledged = True
            self.acknowledged.append(time.monotonic_ns() - self.began)

    def execDetails(self, reqId, contract, execution) -> None:
        """Note when the fill was known; go on."""
        now = time.monotonic_ns() - self.began
        if not self.is_acknowledged:
            self.is_acknowledged = True
            self.acknowledged.append(now)
        self.filled.append(now)
        if self.left:
            threading.Timer(pause_s(self.left, self.rate), self.send).start()
        else:
            self.finish()


def main(kind: str, port: int, count: int, rate: int) -> None:
    """Measure one run."""
    meter = Meter(keeps_moments=rate > 0)
    program = Program(kind, count, rate, meter)
    program.connect("127.0.0.1", port, 1)
    try:
        program.run()
    except TypeError:
        if not program.done:  # after its own disconnect() it forgets the server's version mid-loop
            raise
    if kind == "orders":
        meter.report(acknowledged=program.acknowledged, filled=program.filled)
    elif kind == "history":
        meter.report(bars=len(program.bars), objects_s=program.objects_s, rss_mb=memory_mb())
    else:
        meter.report()


if __name__ == "__main__":
    wanted, at, number, pace = arguments()
    main(wanted, at, number, pace)
