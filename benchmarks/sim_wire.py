"""How many messages a second the simulator's codec writes and reads, on one core.

Run it from the repository's root: ``python benchmarks/sim_wire.py [--seconds 1.0]``.
"""

import argparse
import time
from decimal import Decimal

from posei_ib_sim.wire import Codec, FrameBuffer
from posei_ib_sim.wire import messages as m

BAR = m.HistoricalDataBar(
    date="20260402 09:30:00 US/Eastern",
    open=510.25,
    high=510.5,
    low=510.0,
    close=510.31,
    volume=Decimal(12345),
    WAP=Decimal("510.2481"),
    barCount=321,
)
LAST = m.HistoricalTickLast(
    time=1775136600, price=510.31, size=Decimal(100), exchange="ARCA", specialConditions="T I"
)
QUOTE = m.HistoricalTickBidAsk(
    time=1775136600, priceBid=510.3, priceAsk=510.32, sizeBid=Decimal(300), sizeAsk=Decimal(200)
)
DEPTH = m.MarketDepthData(
    position=3, operation=1, side=0, price=510.31, size=Decimal(900), marketMaker="NSDQ"
)
CONTRACT = m.Contract(
    conId=756733, symbol="SPY", secType="STK", exchange="SMART", currency="USD",
    localSymbol="SPY", tradingClass="SPY",
)  # fmt: skip
ORDER = m.Order(
    action="BUY", totalQuantity=Decimal(100), orderType="LMT", lmtPrice=510.3, tif="DAY",
    account="DU123456", clientId=1, permId=900, transmit=True,
)  # fmt: skip
REPORTS = {
    "TickPrice": m.TickPrice(reqId=1, tickType=1, price=510.31, size=Decimal(300), attrMask=1),
    "TickSize": m.TickSize(reqId=1, tickType=0, size=Decimal(300)),
    "TickString": m.TickString(reqId=1, tickType=45, value="1775136600"),
    "TickGeneric": m.TickGeneric(reqId=1, tickType=49, value=0.0),
    "TickByTickData Last": m.TickByTickData(reqId=1, tickType=1, historicalTickLast=LAST),
    "TickByTickData BidAsk": m.TickByTickData(reqId=1, tickType=3, historicalTickBidAsk=QUOTE),
    "RealTimeBarTick": m.RealTimeBarTick(
        reqId=1, time=1775136600, open=510.25, high=510.5, low=510.0, close=510.31,
        volume=Decimal(12345), WAP=Decimal("510.2481"), count=321,
    ),
    "MarketDepth": m.MarketDepth(reqId=1, marketDepthData=DEPTH),
    "MarketDepthL2": m.MarketDepthL2(reqId=1, marketDepthData=DEPTH),
    "HistoricalData, 1 bar": m.HistoricalData(reqId=1, historicalDataBars=(BAR,)),
    "HistoricalData, each of 1000 bars": m.HistoricalData(
        reqId=1, historicalDataBars=(BAR,) * 1000
    ),
    "OrderStatus": m.OrderStatus(
        orderId=7, status="Submitted", filled=Decimal(0), remaining=Decimal(100), permId=900
    ),
    "OpenOrder": m.OpenOrder(
        orderId=7, contract=CONTRACT, order=ORDER, orderState=m.OrderState(status="Submitted")
    ),
}  # fmt: skip
REQUESTS = {
    "read PlaceOrderRequest": m.PlaceOrderRequest(orderId=7, contract=CONTRACT, order=ORDER),
    "read MarketDataRequest": m.MarketDataRequest(reqId=1, contract=CONTRACT),
}


def rate(action, seconds):
    """Count how often an action runs a second, in the best of three rounds."""
    best = 0.0
    for _ in range(3):
        done, begun = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - begun) < seconds / 3:
            for _ in range(200):
                action()
            done += 200
        best = max(best, done / elapsed)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each figure")
    seconds = parser.parse_args().seconds
    codecs = [Codec(178), Codec(200), Codec(226)]
    print(f"{'messages/s':<36}" + "".join(f"{codec.server_version:>12}" for codec in codecs))
    for name, report in REPORTS.items():
        scale = 1000 if "1000" in name else 1
        rates = [rate(lambda c=codec, r=report: c.encode(r), seconds) * scale for codec in codecs]
        print(f"{name:<36}" + "".join(f"{value:>12,.0f}" for value in rates))
    for name, request in REQUESTS.items():
        payloads = [next(FrameBuffer().feed(codec.encode_client(request))) for codec in codecs]
        rates = [
            rate(lambda c=codec, p=payload: c.decode(p), seconds)
            for codec, payload in zip(codecs, payloads, strict=True)
        ]
        print(f"{name:<36}" + "".join(f"{value:>12,.0f}" for value in rates))


if __name__ == "__main__":
    main()
