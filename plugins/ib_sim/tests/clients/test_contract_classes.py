"""Every class of contract that the simulated venue has, looked up through the official client."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest
from ibapi.contract import Contract

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, order = _MODULE.connect, _MODULE.order

START = "2024-03-05T15:00:00"


def described(**fields):
    contract = Contract()
    for name, value in fields.items():
        setattr(contract, name, value)
    return contract


def stock(symbol, currency="USD", exchange="SMART", primary=""):
    return {
        "symbol": symbol,
        "secType": "STK",
        "exchange": exchange,
        "currency": currency,
        "primaryExchange": primary,
    }


def future(symbol, exchange, kind="FUT", date="", **more):
    named = {"symbol": symbol, "secType": kind, "exchange": exchange, **more}
    return {**named, "lastTradeDateOrContractMonth": date}


def option(symbol, date, right, exchange="SMART", kind="OPT", **more):
    return future(symbol, exchange, kind, date, right=right, **more)


QUERIES = {
    "US stock": (stock("AAPL", primary="NASDAQ"), {"timeZoneId": "US/Eastern"}),
    "ETF": (stock("SPY", primary="ARCA"), {"stockType": "ETF"}),
    "German stock": (stock("SAP", "EUR", primary="IBIS"), {"timeZoneId": "MET"}),
    "London stock": (stock("VOD", "GBP", primary="LSE"), {"priceMagnifier": 100}),
    "French stock": (stock("MC", "EUR", primary="SBF"), {}),
    "Swiss stock": (stock("NESN", "CHF", primary="EBS"), {}),
    "forex": (future("EUR", "IDEALPRO", "CASH", currency="USD"), {"minTick": 0.00005}),
    "index": ({"symbol": "SPX", "secType": "IND", "exchange": "CBOE"}, {}),
    "CME": (future("ES", "CME", date="202403"), {"contractMonth": "202403"}),
    "CBOT": (future("ZC", "CBOT", date="202405"), {"priceMagnifier": 100}),
    "NYMEX": (future("CL", "NYMEX", date="202405"), {}),
    "COMEX": (future("GC", "COMEX", date="202404"), {}),
    "EUREX": (future("DAX", "EUREX", date="202403"), {}),
    "ICEEU": (future("Z", "ICEEU", date="202403"), {}),
    "HKFE": (future("HSI", "HKFE", date="202403"), {}),
    "SNFE": (future("SPI", "SNFE", date="202403"), {}),
    "NYBOT": (future("KC", "NYBOT", date="202405"), {}),
    "CFE": (future("VIX", "CFE", date="202404"), {}),
    "continuous": (future("ES", "CME", "CONTFUT"), {}),
    "SPX": (option("SPX", "20240315", "C", tradingClass="SPX"), {}),
    "SPXW": (option("SPX", "20240308", "P", tradingClass="SPXW"), {}),
    "SPY": (option("SPY", "20240306", "C"), {}),
    "AAPL": (option("AAPL", "20240315", "C"), {"underSymbol": "AAPL"}),
    "OESX": (option("ESTX50", "202403", "C", "EUREX"), {}),
    "FOP": (option("ES", "20240315", "C", "CME", "FOP"), {"underSecType": "FUT"}),
    "CFD": (future("IBUS500", "SMART", "CFD"), {}),
    "commodity": (future("XAUUSD", "SMART", "CMDTY"), {}),
    "PAXOS": (future("BTC", "PAXOS", "CRYPTO", currency="USD"), {"sizeIncrement": Decimal("1E-8")}),
    "ZEROHASH": (future("SOL", "ZEROHASH", "CRYPTO", currency="USD"), {}),
    "warrant": (future("DAX", "FWB", "WAR"), {}),
    "fund": (future("VFIAX", "FUNDSERV", "FUND"), {}),
}


@pytest.fixture(params=[178, 226])
async def session(request, start_gateway, connect):
    gateway = await start_gateway(start=START, server_version=request.param)
    return gateway, await connect(gateway)


async def details(client, contract, wait_until, req_id=1):
    client.reqContractDetails(req_id, contract)
    await wait_until(
        lambda: (
            req_id in [call[0] for call in client.calls["contractDetailsEnd"]]
            or req_id in [ident for ident, _, _ in client.errors()]
        )
    )
    calls = client.calls["contractDetails"] + client.calls["bondContractDetails"]
    return [call[1] for call in calls if call[0] == req_id]


async def test_each_class_is_found_with_its_terms_and_its_hours(session, wait_until):
    gateway, client = session
    rules = {}
    for number, (name, (query, expected)) in enumerate(QUERIES.items(), 1):
        found = await details(client, described(**query), wait_until, number)
        assert found, name
        first = found[0]
        for field, value in expected.items():
            assert getattr(first, field) == pytest.approx(value), (name, field)
        assert first.contract.secType == query["secType"], name
        assert len(first.marketRuleIds.split(",")) == len(first.validExchanges.split(",")), name
        assert first.tradingHours.count(";") >= 5, name
        rules[name] = int(first.marketRuleIds.split(",")[0])
    for rule in set(rules.values()):
        client.reqMarketRule(rule)
    await wait_until(lambda: len(client.calls["marketRule"]) == len(set(rules.values())))
    told = dict(client.calls["marketRule"])
    assert len(told[rules["London stock"]]) > 1  # the tick depends on the price
    assert gateway.server.failure is None


@pytest.mark.parametrize(("kind", "value"), [("CUSIP", "912810TM0"), ("ISIN", "US912810TM09")])
async def test_a_bond_is_found_by_its_numbers(session, wait_until, kind, value):
    _, client = session
    query = described(secType="BOND", secIdType=kind, secId=value)
    (found,) = await details(client, query, wait_until)
    assert found.cusip == "912810TM0"
    assert found.coupon == pytest.approx(4.0)


async def test_an_open_question_has_many_answers_and_an_unknown_name_none(session, wait_until):
    _, client = session
    months = await details(client, described(**future("ES", "CME")), wait_until, 1)
    assert len({one.contract.conId for one in months}) >= 8
    listings = await details(client, described(symbol="SAP", secType="STK"), wait_until, 2)
    assert {one.contract.currency for one in listings} == {"EUR", "USD"}
    assert await details(client, described(**stock("NOSUCH")), wait_until, 3) == []
    assert client.errors() == [(3, 200, "No security definition has been found for the request")]


@pytest.mark.parametrize(
    ("fields", "conflict"),
    [
        ({"symbol": "KO"}, "symbol KO, in contract AAPL"),
        ({"secType": "CFD"}, "secType CFD, in contract STK"),
        ({"currency": "EUR"}, "currency EUR, in contract USD"),
        ({"strike": 5.0}, "strike 5.0, in contract 0"),
    ],
)
async def test_what_contradicts_a_con_id_is_refused(session, wait_until, fields, conflict):
    _, client = session
    contract = described(**{"conId": 265598, "exchange": "SMART", **fields})
    client.reqMktData(1, contract, "", False, False, [])
    client.placeOrder(2, contract, order("BUY", 1))
    await wait_until(lambda: len(client.errors()) == 2)
    assert [code for _, code, _ in client.errors()] == [478, 478]
    assert all(conflict in text for _, _, text in client.errors())


@pytest.mark.parametrize("whole", [True, False])
async def test_what_agrees_with_a_con_id_is_served(session, wait_until, whole):
    gateway, client = session
    query = described(**option("SPX", "20240315", "C", tradingClass="SPX"))
    if not whole:
        query = described(**option("AAPL", "20240315", "C"))
    found = [one.contract for one in await details(client, query, wait_until)]
    chosen = next(one for one in found if (one.strike == int(one.strike)) == whole)
    client.reqMktData(5, chosen, "", False, False, [])
    client.reqMktData(6, described(conId=chosen.conId), "", False, False, [])
    await wait_until(lambda: gateway.server.sessions[0].count("market data") == 2)
    assert client.errors() == []


async def test_an_expired_contract_takes_no_order(session, wait_until):
    _, client = session
    query = future("ES", "CME", date="202312", includeExpired=True)
    expired = (await details(client, described(**query), wait_until))[0].contract
    client.placeOrder(1, expired, order("BUY", 1))
    await wait_until(client.errors)
    assert client.errors()[0][:2] == (1, 392)
