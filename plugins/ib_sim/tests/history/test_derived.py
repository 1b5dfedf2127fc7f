"""Series computed from prices: volatilities, fees and yields."""

import datetime as dt
import itertools
import math
import statistics

import ib_async
import pytest

from posei_ib_sim.history.aggregate import Bar
from posei_ib_sim.history.derived import realized_volatility, yield_at


@pytest.fixture
async def client(start_gateway):
    gateway = await start_gateway(start="2024-03-05T20:00:00")
    client = ib_async.IB()
    await client.connectAsync(gateway.host, gateway.port, clientId=1, timeout=5)
    yield client
    client.disconnect()


def bar(close):
    return Bar(0, dt.date(2024, 3, 5), close, close, close, close, 0.0, 0.0, 0)


def test_the_volatility_of_known_closes():
    # Returns of plus and minus ln 1.01: their deviation is ln 1.01 times the root of 4/3.
    closes = [100.0, 101.0, 100.0, 101.0, 100.0]
    assert realized_volatility([bar(one) for one in closes]) == pytest.approx(0.18240, abs=1e-4)


@pytest.mark.parametrize(
    ("price", "coupon", "years", "expected"),
    [(100.0, 4.0, 10, 4.0), (100.0, 0.0, 5, 0.0), (92.2055, 4.0, 10, 5.0)],
)
def test_the_yield_of_known_bonds(price, coupon, years, expected):
    assert yield_at(price, coupon, years) == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize("what", ["HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE"])
async def test_a_stock_has_volatilities_and_a_borrow_fee(client, what):
    contract = ib_async.Stock("AAPL", "SMART", "USD")
    bars = await client.reqHistoricalDataAsync(contract, "", "5 D", "1 day", what, useRTH=True)
    assert len(bars) == 5
    assert all(0.01 < one.low <= one.close <= one.high < 2.0 for one in bars)
    assert {one.volume for one in bars} == {-1.0}


async def test_a_bond_yields_less_at_the_ask_than_at_the_bid(client):
    bond = ib_async.Bond(secIdType="CUSIP", secId="912810TM0", exchange="SMART", currency="USD")
    (bond,) = await client.qualifyContractsAsync(bond)
    found = {}
    for what in ("YIELD_BID", "YIELD_ASK", "YIELD_LAST"):
        bars = await client.reqHistoricalDataAsync(bond, "", "1 D", "1 hour", what, useRTH=False)
        found[what] = bars[-1].close
    assert 0 < found["YIELD_ASK"] < found["YIELD_BID"] < 20


async def test_forex_has_no_volatility_series(client):
    bars = await client.reqHistoricalDataAsync(
        ib_async.Forex("EURUSD"), "", "1 D", "1 hour", "HISTORICAL_VOLATILITY", useRTH=False
    )
    assert not bars


async def test_the_volatility_of_a_day_is_that_of_the_thirty_closes_before(client):
    contract = ib_async.Stock("AAPL", "SMART", "USD")
    asked = {"endDateTime": "", "durationStr": "50 D", "barSizeSetting": "1 day", "useRTH": True}
    prices = await client.reqHistoricalDataAsync(contract, whatToShow="TRADES", **asked)
    found = await client.reqHistoricalDataAsync(
        contract, whatToShow="HISTORICAL_VOLATILITY", **asked
    )
    before = [bar.close for bar in prices if bar.date < found[-1].date][-31:]
    returns = [math.log(after / close) for close, after in itertools.pairwise(before)]
    expected = statistics.stdev(returns) * math.sqrt(252)
    last = found[-1]
    assert (last.open, last.high, last.low) == (last.close,) * 3
    assert last.close == pytest.approx(expected, abs=1e-6)


async def test_the_implied_volatility_of_minutes_falls_where_their_prices_rise(client):
    contract = ib_async.Stock("AAPL", "SMART", "USD")
    asked = {"endDateTime": "", "durationStr": "1 D", "barSizeSetting": "1 min", "useRTH": True}
    found = {
        what: await client.reqHistoricalDataAsync(contract, whatToShow=what, **asked)
        for what in ("OPTION_IMPLIED_VOLATILITY", "BID", "ASK", "FEE_RATE")
    }
    volatilities, bids, asks, fees = found.values()
    assert len(volatilities) == len(bids) == len(asks) == len(fees) > 300
    assert {(fee.open, fee.close) for fee in fees} == {(0.25 + 265598 % 7 * 0.05,) * 2}
    # A volatility is that of a price between the quotes of its minute.
    top = max(volatilities, key=lambda bar: bar.high)
    reference = bids[0].close / math.exp((0.18 - volatilities[0].close) / 0.4)
    for volatility, bid, ask in zip(volatilities, bids, asks, strict=True):
        lowest, highest = (
            reference * math.exp((0.18 - one) / 0.4) for one in (volatility.high, volatility.low)
        )
        assert bid.low * 0.999 <= lowest <= highest <= ask.high * 1.001
    assert bids[volatilities.index(top)].low == min(bid.low for bid in bids)
