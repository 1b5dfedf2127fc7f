"""ib_async, a client not written here, against the simulated gateway over a real socket."""

import asyncio
import datetime as dt
from decimal import Decimal

import ib_async
import pytest

MINUTE = 60


@pytest.fixture
async def connect():
    """Connect ib_async clients that are disconnected when the test ends."""
    clients = []

    async def open_client(gateway, client_id=1):
        client = ib_async.IB()
        clients.append(client)
        await client.connectAsync(gateway.host, gateway.port, clientId=client_id, timeout=5)
        return client

    yield open_client
    for client in clients:
        client.disconnect()
    await asyncio.sleep(0)


async def test_connects_with_every_start_up_request_answered(start_gateway, connect):
    gateway = await start_gateway(account_ids=("DU1", "DU2"))
    client = await connect(gateway)
    assert client.client.serverVersion() == 178
    assert client.managedAccounts() == ["DU1", "DU2"]
    assert client.accountValues("DU1")
    assert await client.reqCurrentTimeAsync() == dt.datetime.fromtimestamp(
        gateway.clock.now_ns // 10**9, dt.UTC
    )


async def test_a_stock_is_found_by_symbol_and_unknown_ones_are_not(start_gateway, connect):
    client = await connect(await start_gateway())
    (details,) = await client.reqContractDetailsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
    assert details.contract.conId == 265598
    assert details.contract.primaryExchange == "NASDAQ"
    assert details.minTick == 0.01
    assert details.timeZoneId == "US/Eastern"
    assert ("ISIN", "US0378331005") in [(one.tag, one.value) for one in details.secIdList]
    assert not await client.reqContractDetailsAsync(ib_async.Stock("NOSUCH", "SMART", "USD"))


async def test_futures_are_found_by_local_symbol_expiry_and_as_continuous(start_gateway, connect):
    client = await connect(await start_gateway(start="2024-01-10T15:00:00"))
    by_local = await client.reqContractDetailsAsync(
        ib_async.Future(localSymbol="ESH4", exchange="CME")
    )
    by_date = await client.reqContractDetailsAsync(ib_async.Future("ES", "20240315", "CME"))
    continuous = await client.reqContractDetailsAsync(ib_async.ContFuture("ES", "CME"))
    ids = {found[0].contract.conId for found in (by_local, by_date, continuous)}
    assert len(ids) == 1
    assert continuous[0].contract.secType == "CONTFUT"
    assert by_local[0].contract.lastTradeDateOrContractMonth == "20240315"


async def test_history_is_the_replayed_bars(start_gateway, connect, bars_file):
    gateway = await start_gateway(replay=[bars_file])
    await gateway.advance(4 * MINUTE)
    client = await connect(gateway)
    bars = await client.reqHistoricalDataAsync(
        ib_async.Stock("IBM", "SMART", "USD"), "", "1 D", "1 min", "TRADES", useRTH=True
    )
    assert [(b.open, b.high, b.low, b.close, b.volume) for b in bars] == [
        (100.0, 100.5, 99.9, 100.4, 4000.0),
        (100.4, 100.6, 100.2, 100.3, 3000.0),
        (100.3, 100.3, 99.5, 99.6, 5000.0),
        (99.6, 99.8, 99.4, 99.75, 2000.0),
    ]
    assert bars[0].date == dt.datetime(2024, 3, 5, 15, 0, tzinfo=dt.UTC)


async def test_streamed_ticks_add_up_to_the_bar(start_gateway, connect, bars_file, wait_until):
    gateway = await start_gateway(replay=[bars_file])
    client = await connect(gateway)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("IBM", "SMART", "USD"))
    ticker = client.reqTickByTickData(contract, "AllLast")
    trades = []
    ticker.updateEvent += lambda one: trades.extend(one.tickByTicks)
    await wait_until(lambda: gateway.server.sessions[0].count("tick-by-tick"))
    await gateway.advance(MINUTE - 0.5)
    await wait_until(lambda: sum(trade.size for trade in trades) == 4000)
    prices = [trade.price for trade in trades]
    assert (prices[0], max(prices), min(prices), prices[-1]) == (100.0, 100.5, 99.9, 100.4)


async def test_a_level_one_ticker_shows_the_board(start_gateway, connect, quotes_file, wait_until):
    gateway = await start_gateway(replay=[quotes_file])
    client = await connect(gateway)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    ticker = client.reqMktData(contract)
    await wait_until(lambda: gateway.server.sessions[0].count("market data"))
    await gateway.advance(3.5)
    await wait_until(lambda: ticker.bid == 50.03 and ticker.askSize == 200)
    quote = gateway.truth.board("KO").quote
    assert (ticker.bid, ticker.ask) == (quote.bid, quote.ask)
    assert (ticker.bidSize, ticker.askSize) == (quote.bid_size, quote.ask_size)


async def test_a_market_order_fills_on_the_next_tick_and_the_books_agree(
    start_gateway, connect, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file])
    client = await connect(gateway)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    await gateway.advance(0.5)
    trade = client.placeOrder(contract, ib_async.MarketOrder("BUY", 300))
    await wait_until(lambda: trade.orderStatus.status == "Submitted")
    assert trade.fills == []
    await gateway.advance(2)
    await wait_until(lambda: trade.isDone() and trade.fills[-1].commissionReport.execId)
    # 200 displayed at 50.03, the rest at the next quote's 50.04.
    assert [(f.execution.shares, f.execution.price) for f in trade.fills] == [
        (200.0, 50.03),
        (100.0, 50.04),
    ]
    assert [f.commissionReport.commission for f in trade.fills] == [1.0, 0.5]
    assert gateway.truth.positions() == {"KO": Decimal(300)}
    spent = Decimal(200) * Decimal("50.03") + Decimal(100) * Decimal("50.04")
    assert gateway.truth.cash()["USD"] == Decimal(1_000_000) - spent - Decimal("1.50")
    await wait_until(lambda: client.positions() and client.positions()[0].position == 300)
    assert client.positions()[0].avgCost == pytest.approx(float((spent + Decimal("1.5")) / 300))
    (executed,) = {order.status for order in gateway.truth.orders}
    assert executed == "Filled"


async def test_a_limit_order_rests_is_modified_and_cancelled(
    start_gateway, connect, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file])
    client = await connect(gateway)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    order = ib_async.LimitOrder("BUY", 100, 40.00)
    trade = client.placeOrder(contract, order)
    await wait_until(lambda: trade.orderStatus.status == "Submitted")
    order.lmtPrice = 41.00
    client.placeOrder(contract, order)
    await wait_until(lambda: gateway.truth.orders[0].request.lmtPrice == 41.00)
    client.cancelOrder(order)
    await wait_until(lambda: trade.orderStatus.status == "Cancelled")
    assert gateway.truth.orders[0].status == "Cancelled"
    assert gateway.truth.executions == []
    assert gateway.truth.cash()["USD"] == 1_000_000


async def test_a_limit_order_fills_at_its_price_or_better(
    start_gateway, connect, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file])
    client = await connect(gateway)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    await gateway.advance(3.5)
    trade = client.placeOrder(contract, ib_async.LimitOrder("BUY", 150, 50.01))
    await wait_until(lambda: trade.orderStatus.status == "Submitted")
    await gateway.advance(1)
    assert gateway.truth.executions == []
    await gateway.advance(1)
    await wait_until(trade.isDone)
    (fill,) = gateway.truth.executions
    assert (fill.price, fill.quantity) == (Decimal("50.0"), Decimal(150))


async def test_the_account_summary_agrees_with_the_books(
    start_gateway, connect, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file], initial_cash={"USD": "250000.50"})
    client = await connect(gateway)
    rows = {(row.tag, row.currency): row.value for row in await client.accountSummaryAsync()}
    assert rows["NetLiquidation", "USD"] == "250000.50"
    assert rows["CashBalance", "USD"] == "250000.50"
    assert rows["AccountType", ""] == "INDIVIDUAL"


async def test_profit_and_loss_streams_what_the_books_say(
    start_gateway, connect, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file])
    client = await connect(gateway)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    pnl = client.reqPnL("DU123456")
    trade = client.placeOrder(contract, ib_async.MarketOrder("BUY", 100))
    await wait_until(lambda: trade.orderStatus.status == "Submitted")
    await gateway.advance(8)
    await wait_until(lambda: pnl.unrealizedPnL == float(gateway.truth.profit()))
    assert gateway.truth.profit() < 0


async def test_open_orders_survive_a_reconnect(start_gateway, connect, quotes_file, wait_until):
    gateway = await start_gateway(replay=[quotes_file])
    first = await connect(gateway, client_id=4)
    (contract,) = await first.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    first.placeOrder(contract, ib_async.LimitOrder("BUY", 100, 40.00, tif="GTC"))
    await wait_until(lambda: gateway.truth.open_orders)
    first.disconnect()
    await wait_until(lambda: not gateway.server.sessions)
    second = await connect(gateway, client_id=4)
    (trade,) = second.openTrades()
    assert trade.order.lmtPrice == 40.00
    assert trade.order.permId == gateway.truth.open_orders[0].perm_id
    assert second.client.getReqId() > gateway.truth.open_orders[0].order_id


async def test_keeping_up_to_date_ends_with_each_whole_bar(
    start_gateway, connect, bars_file, wait_until
):
    gateway = await start_gateway(replay=[bars_file])
    await gateway.advance(1)
    client = await connect(gateway)
    bars = await client.reqHistoricalDataAsync(
        ib_async.Stock("IBM", "SMART", "USD"),
        "",
        "1 D",
        "1 min",
        "TRADES",
        useRTH=True,
        keepUpToDate=True,
    )
    await gateway.advance(3 * MINUTE + 1)
    await wait_until(lambda: len(bars) == 4)
    assert [(b.open, b.high, b.low, b.close, b.volume) for b in bars[:3]] == [
        (100.0, 100.5, 99.9, 100.4, 4000.0),
        (100.4, 100.6, 100.2, 100.3, 3000.0),
        (100.3, 100.3, 99.5, 99.6, 5000.0),
    ]


async def test_historical_ticks_and_the_head_of_the_data(start_gateway, connect, quotes_file):
    gateway = await start_gateway(replay=[quotes_file])
    await gateway.advance(10)
    client = await connect(gateway)
    contract = ib_async.Stock("KO", "SMART", "USD")
    ticks = await client.reqHistoricalTicksAsync(
        contract, "", dt.datetime(2024, 3, 5, 15, 0, 4, tzinfo=dt.UTC), 100, "BID_ASK", useRth=False
    )
    assert [tick.priceBid for tick in ticks] == [50.00, 50.01, 50.02, 50.03]
    head = await client.reqHeadTimeStampAsync(contract, "BID_ASK", useRTH=False, formatDate=2)
    assert head == dt.datetime(2024, 3, 5, 15, tzinfo=dt.UTC)
