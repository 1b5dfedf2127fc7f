"""What reqMktData adds on request, and which kind of data it says that it sends."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, stock = _MODULE.connect, _MODULE.stock

HALTED, SHORTABLE, SHORTABLE_SHARES, RT_VOLUME = 49, 46, 89, 48
CALL_INTEREST, PUT_INTEREST, CALL_VOLUME, PUT_VOLUME = 27, 28, 29, 30
BID, ASK, LAST, MODEL = 10, 11, 12, 13


def ticks(client, callback):
    """Return the latest value of each tick type."""
    return {call[1]: call[2] for call in client.calls[callback]}


@pytest.fixture(params=[178, 226])
async def gateway(request, start_gateway):
    return await start_gateway(
        start="2024-03-05T15:00:00",
        server_version=request.param,
        shortable_shares={"KO": 500, "IBM": 0},
    )


async def test_halts_trades_and_open_interest_of_a_stock(gateway, connect, wait_until):
    client = await connect(gateway)
    client.reqMktData(1, stock("AAPL"), "100,101,104,105,106,233,236,456", False, False, [])
    await wait_until(lambda: gateway.server.sessions[0].count("market data"))
    await gateway.advance(60)
    await wait_until(lambda: RT_VOLUME in ticks(client, "tickString"))
    sizes, generic = ticks(client, "tickSize"), ticks(client, "tickGeneric")
    assert generic[HALTED] == 0
    assert generic[SHORTABLE] == 3
    assert sizes[SHORTABLE_SHARES] == 10_000_000
    assert sizes[CALL_INTEREST] == sizes[PUT_INTEREST] > 0
    assert 0 < sizes[CALL_VOLUME] < sizes[CALL_INTEREST]
    assert 0.05 < generic[24] < 1
    board = gateway.truth.board("AAPL")
    latest = f"{board.last!r};{board.last_size:.0f};{board.last_ns // 1_000_000};"
    await wait_until(lambda: ticks(client, "tickString")[RT_VOLUME].startswith(latest))
    price, size, moment, total, average, single = ticks(client, "tickString")[RT_VOLUME].split(";")
    assert (float(price), float(size)) == (board.last, board.last_size)
    assert int(moment) // 1000 == board.last_ns // 10**9
    assert (float(total), single) == (board.day_volume, "true")
    assert float(average) == pytest.approx(board.vwap)


@pytest.mark.parametrize(("symbol", "ease", "shares"), [("KO", 2, 500), ("IBM", 1, 0)])
async def test_what_can_be_borrowed_is_told(gateway, connect, wait_until, symbol, ease, shares):
    client = await connect(gateway)
    client.reqMktData(1, stock(symbol), "236", False, False, [])
    await wait_until(lambda: SHORTABLE_SHARES in ticks(client, "tickSize"))
    assert ticks(client, "tickGeneric")[SHORTABLE] == ease
    assert ticks(client, "tickSize")[SHORTABLE_SHARES] == Decimal(shares)


async def test_an_option_has_its_own_open_interest_and_four_computations(
    gateway, connect, wait_until
):
    client = await connect(gateway)
    client.reqSecDefOptParams(1, "AAPL", "", "STK", 265598)
    await wait_until(lambda: client.calls["securityDefinitionOptionParameterEnd"])
    strikes = sorted(client.calls["securityDefinitionOptionParameter"][0][6])
    option = stock("AAPL")
    option.secType, option.right, option.lastTradeDateOrContractMonth = "OPT", "P", "20240315"
    option.strike = strikes[len(strikes) // 2]
    client.reqMktData(2, option, "101", False, False, [])
    await wait_until(lambda: gateway.server.sessions[0].count("market data"))
    await gateway.advance(120)
    await wait_until(
        lambda: {BID, ASK, LAST, MODEL} <= ticks(client, "tickOptionComputation").keys()
    )
    sizes = ticks(client, "tickSize")
    assert sizes[CALL_INTEREST] == 0
    assert sizes[PUT_INTEREST] > 0
    implied = {call[1]: call[3] for call in client.calls["tickOptionComputation"]}
    assert implied[BID] <= implied[ASK]


async def test_frozen_data_is_live_while_the_market_is_open(start_gateway, connect, wait_until):
    gateway = await start_gateway(start="2024-03-05T14:29:30")
    await gateway.advance(1)
    client = await connect(gateway)
    client.reqMarketDataType(2)
    option = stock("SPY")
    option.secType, option.right, option.strike = "OPT", "C", 500.0
    option.lastTradeDateOrContractMonth, option.tradingClass = "20240315", "SPY"
    client.reqContractDetails(1, option)
    await wait_until(lambda: client.calls["contractDetailsEnd"])
    client.reqMktData(2, client.calls["contractDetails"][0][1].contract, "", False, False, [])
    await wait_until(lambda: client.calls["marketDataType"] or client.errors())
    assert client.errors() == []
    assert client.calls["marketDataType"] == [(2, 2)]
    await gateway.advance(60)
    await wait_until(lambda: len(client.calls["marketDataType"]) == 2)
    assert client.calls["marketDataType"][-1] == (2, 1)


async def test_an_unknown_generic_tick_is_told(gateway, connect, wait_until):
    client = await connect(gateway)
    client.reqMktData(1, stock("KO"), "233,9999", False, False, [])
    await wait_until(client.errors)
    assert client.errors()[0][1] == 321


async def test_the_pace_of_trading_is_told_with_each_trade(
    start_gateway, connect, wait_until, tmp_path
):
    path = tmp_path / "KO.csv"
    path.write_text(
        "timestamp,price,size\n"
        "2024-03-05 15:00:10,50.0,100\n"
        "2024-03-05 15:00:10.5,50.0,20\n"
        "2024-03-05 15:04:10,50.1,30\n"
        "2024-03-05 15:04:50,50.2,40\n"
        "2024-03-05 15:11:00,50.3,50\n"
    )
    gateway = await start_gateway(replay=[path])
    client = await connect(gateway)
    client.reqMktData(1, stock("KO"), "294,295,595", False, False, [])
    await wait_until(lambda: {63, 64, 65} <= ticks(client, "tickSize").keys())
    generic, sizes = ticks(client, "tickGeneric"), ticks(client, "tickSize")
    assert (generic[55], generic[56], sizes[63], sizes[64], sizes[65]) == (0, 0, 0, 0, 0)
    for seconds, expected in (
        (5 * 60, (2, 70, 70, 190, 190)),  # 15:04:50
        (7 * 60, (1, 50, 50, 50, 120)),  # 15:11:00: what came at 15:00:10 is too long ago
    ):
        await gateway.advance(seconds)
        client.reqCurrentTime()
        seen = len(client.calls["currentTime"])
        await wait_until(lambda seen=seen: len(client.calls["currentTime"]) > seen)
        generic, sizes = ticks(client, "tickGeneric"), ticks(client, "tickSize")
        assert (generic[55], generic[56], sizes[63], sizes[64], sizes[65]) == expected


async def test_auctions_premiums_and_net_asset_values_are_told(gateway, connect, wait_until):
    client = await connect(gateway)
    index = stock("SPX")
    index.secType, index.exchange = "IND", "CBOE"
    client.reqMktData(1, stock("SPY"), "225,576,577,578,614,623", False, False, [])
    await wait_until(lambda: 61 in ticks(client, "tickSize"))
    await wait_until(lambda: {35, *range(92, 100)} <= ticks(client, "tickPrice").keys())
    sizes, prices = ticks(client, "tickSize"), ticks(client, "tickPrice")
    assert (sizes[34], sizes[36], sizes[61]) == (0, 0, 0)
    board = gateway.truth.board("SPY")
    assert (prices[94], prices[95]) == (board.quote.bid, board.quote.ask)
    assert prices[99] <= prices[96] == prices[97] == prices[35] <= prices[98]
    assert prices[92] == prices[93] == board.close
    client.reqMktData(2, index, "162", False, False, [])
    await wait_until(lambda: 31 in ticks(client, "tickGeneric"))
    assert 0 < ticks(client, "tickGeneric")[31] < 10
