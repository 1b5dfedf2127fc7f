"""Option chains, prices and greeks, as ib_async sees them."""

import asyncio

import ib_async
import pytest

START = "2024-03-05T15:00:00"


@pytest.fixture
async def client(start_gateway):
    gateway = await start_gateway(start=START)
    one = ib_async.IB()
    await one.connectAsync(gateway.host, gateway.port, clientId=1, timeout=5)
    one.gateway = gateway
    yield one
    one.disconnect()
    await asyncio.sleep(0)


async def near_the_money(client, expiration, right):
    """Return an option of AAPL with a strike near its price."""
    (chain, *_) = await client.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598)
    price = client.gateway.truth.board("AAPL").mark
    strike = min(chain.strikes, key=lambda one: abs(one - price))
    (option,) = await client.qualifyContractsAsync(
        ib_async.Option("AAPL", expiration, strike, right, "SMART")
    )
    return option


@pytest.mark.parametrize(
    ("underlying", "chain"),
    [
        (ib_async.Stock("AAPL", "SMART", "USD"), ("AAPL", "SMART", "100")),
        (ib_async.Index("SPX", "CBOE"), ("SPXW", "CBOE", "100")),
        (ib_async.Future(localSymbol="ESM4", exchange="CME"), ("ES", "CME", "50")),
    ],
)
async def test_a_chain_leads_to_contracts_that_exist(client, underlying, chain):
    trading_class, exchange, multiplier = chain
    (under,) = await client.qualifyContractsAsync(underlying)
    chains = await client.reqSecDefOptParamsAsync(
        under.symbol, exchange if under.secType == "FUT" else "", under.secType, under.conId
    )
    found = next(c for c in chains if c.tradingClass == trading_class and c.exchange == exchange)
    assert found.multiplier == multiplier
    strike = found.strikes[len(found.strikes) // 2]
    kind = "FOP" if under.secType == "FUT" else "OPT"
    expiration = found.expirations[-1]
    (details,) = await client.reqContractDetailsAsync(
        ib_async.Contract(
            secType=kind,
            symbol=under.symbol,
            lastTradeDateOrContractMonth=expiration,
            strike=strike,
            right="C",
            exchange=exchange,
            tradingClass=trading_class,
        )
    )
    assert details.underConId == under.conId
    assert details.contract.strike == strike
    again = await client.qualifyContractsAsync(
        ib_async.Contract(secType=kind, localSymbol=details.contract.localSymbol, exchange=exchange)
    )
    assert again[0].conId == details.contract.conId


async def test_an_option_symbol_is_written_as_the_clearing_house_does(client):
    option = await near_the_money(client, "20240315", "C")
    assert option.localSymbol == f"AAPL  240315C{int(option.strike * 1000):08d}"


async def test_market_data_of_an_option_carries_greeks(client, wait_until):
    gateway = client.gateway
    option = await near_the_money(client, "20240315", "C")
    ticker = client.reqMktData(option)
    await wait_until(lambda: gateway.server.sessions[0].count("market data"))
    await gateway.advance(60)
    await wait_until(lambda: ticker.modelGreeks is not None and ticker.bidGreeks is not None)
    greeks = ticker.modelGreeks
    assert 0 < greeks.delta < 1
    assert greeks.gamma > 0
    assert greeks.theta < 0
    assert ticker.bid < ticker.ask
    assert ticker.bidGreeks.impliedVol <= ticker.askGreeks.impliedVol


async def test_price_and_implied_volatility_undo_each_other(client):
    option = await near_the_money(client, "20240621", "P")
    spot = option.strike - 3.0
    priced = await client.calculateOptionPriceAsync(option, 0.30, spot)
    implied = await client.calculateImpliedVolatilityAsync(option, priced.optPrice, spot)
    assert implied.impliedVol == pytest.approx(0.30, abs=1e-4)


async def test_a_long_option_is_paid_for_and_can_be_exercised(client, wait_until):
    gateway = client.gateway
    option = await near_the_money(client, "20240315", "C")
    trade = client.placeOrder(option, ib_async.MarketOrder("BUY", 2))
    await wait_until(lambda: gateway.truth.open_orders)
    await gateway.advance(60)
    await wait_until(trade.isDone)
    (fill,) = gateway.truth.executions
    assert gateway.truth.cash()["USD"] == 1_000_000 - fill.price * 200 - fill.commission
    client.exerciseOptions(option, 1, 2, "DU123456", 1)
    await wait_until(lambda: gateway.truth.positions() == {"AAPL": 200})
    assert (
        gateway.truth.account().position(gateway.simulation.contracts.named("AAPL")).cost
        == 200 * option.strike
    )
