"""Every instrument id, contract and venue that the integration guide shows."""

from __future__ import annotations

import datetime as dt

import pytest

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.symbology import RawSymbology, SimplifiedSymbology
from posei_trader.model.identifiers import InstrumentId

SIMPLIFIED = SimplifiedSymbology(as_of=dt.date(2024, 6, 1))
RAW = RawSymbology(as_of=dt.date(2024, 6, 1))

READ = {
    # forex
    "EUR/USD.IDEALPRO": {"secType": "CASH", "symbol": "EUR", "currency": "USD"},
    "GBP/USD.IDEALPRO": {"secType": "CASH", "symbol": "GBP", "currency": "USD"},
    # stocks and ETFs
    "BF-B.NYSE": {"secType": "STK", "localSymbol": "BF B", "primaryExchange": "NYSE"},
    "SPY.ARCA": {"secType": "STK", "localSymbol": "SPY", "primaryExchange": "ARCA"},
    "QQQ.NASDAQ": {"secType": "STK", "localSymbol": "QQQ", "primaryExchange": "NASDAQ"},
    "AAPL.NASDAQ": {"secType": "STK", "localSymbol": "AAPL", "exchange": "SMART"},
    "MSFT.NASDAQ": {"secType": "STK", "localSymbol": "MSFT", "primaryExchange": "NASDAQ"},
    "V.NYSE": {"secType": "STK", "localSymbol": "V", "primaryExchange": "NYSE"},
    # futures
    "ESM4.CME": {"secType": "FUT", "localSymbol": "ESM4", "exchange": "CME"},
    "ESM24.CME": {"secType": "FUT", "localSymbol": "ESM4", "exchange": "CME"},
    "CLZ7.NYMEX": {"secType": "FUT", "localSymbol": "CLZ7", "exchange": "NYMEX"},
    "ES.CME": {"secType": "CONTFUT", "symbol": "ES", "exchange": "CME"},
    "CL.NYMEX": {"secType": "CONTFUT", "symbol": "CL", "exchange": "NYMEX"},
    "ES.XCME": {"secType": "CONTFUT", "symbol": "ES", "exchange": "CME"},
    "CL.XNYM": {"secType": "CONTFUT", "symbol": "CL", "exchange": "NYMEX"},
    # options
    "ESM4 C4200.CME": {"secType": "FOP", "localSymbol": "ESM4 C4200", "exchange": "CME"},
    "AAPL230217P00155000.SMART": {
        "secType": "OPT",
        "localSymbol": "AAPL  230217P00155000",
        "exchange": "SMART",
    },
    # the rest
    "^SPX.CBOE": {"secType": "IND", "localSymbol": "SPX", "exchange": "CBOE"},
    "^NDX.NASDAQ": {"secType": "IND", "localSymbol": "NDX", "exchange": "NASDAQ"},
    "912828XE8.SMART": {"secType": "BOND", "secIdType": "CUSIP", "secId": "912828XE8"},
    "BTC/USD.PAXOS": {"secType": "CRYPTO", "symbol": "BTC", "currency": "USD"},
    "ETH/USD.PAXOS": {"secType": "CRYPTO", "symbol": "ETH", "currency": "USD"},
}

READ_RAW = {
    "IBUS30=CFD.IBCFD": {"secType": "CFD", "localSymbol": "IBUS30", "exchange": "SMART"},
    "XAUUSD=CMDTY.IBCMDTY": {"secType": "CMDTY", "localSymbol": "XAUUSD", "exchange": "SMART"},
    "AAPL=STK.SMART": {"secType": "STK", "localSymbol": "AAPL", "exchange": "SMART"},
}

CONTRACTS = [
    IBContract(secType="STK", exchange="SMART", primaryExchange="ARCA", symbol="SPY"),
    IBContract(secType="STK", exchange="SMART", primaryExchange="NASDAQ", symbol="AAPL"),
    IBContract(secType="BOND", secIdType="ISIN", secId="US03076KAA60"),
    IBContract(secType="BOND", secIdType="CUSIP", secId="912828XE8"),
    IBContract(
        secType="OPT",
        exchange="SMART",
        symbol="SPY",
        lastTradeDateOrContractMonth="20251219",
        strike=500,
        right="C",
    ),
    IBContract(secType="CFD", symbol="IBUS30"),
    IBContract(secType="CFD", symbol="DE40EUR", exchange="SMART"),
    IBContract(secType="FUT", exchange="CME", symbol="ES", lastTradeDateOrContractMonth="20240315"),
    IBContract(secType="CONTFUT", exchange="CME", symbol="ES"),
    IBContract(
        secType="FOP",
        exchange="CME",
        symbol="ES",
        lastTradeDateOrContractMonth="20240315",
        strike=4200,
        right="C",
    ),
    IBContract(secType="CASH", exchange="IDEALPRO", symbol="EUR", currency="USD"),
    IBContract(secType="CASH", exchange="IDEALPRO", symbol="GBP", currency="JPY"),
    IBContract(secType="CRYPTO", symbol="BTC", exchange="PAXOS", currency="USD"),
    IBContract(secType="CRYPTO", symbol="ETH", exchange="PAXOS", currency="USD"),
    IBContract(secType="IND", symbol="SPX", exchange="CBOE"),
    IBContract(secType="IND", symbol="NDX", exchange="NASDAQ"),
    IBContract(secType="CMDTY", symbol="XAUUSD", exchange="SMART"),
]
NAMES = [
    "SPY.ARCA",
    "AAPL.NASDAQ",
    "US03076KAA60.SMART",
    "912828XE8.SMART",
    "SPY251219C00500000.SMART",
    "IBUS30.IBCFD",
    "DE40EUR.IBCFD",
    "ES 20240315.CME",
    "ES.CME",
    "ES 20240315 C4200.CME",
    "EUR/USD.IDEALPRO",
    "GBP/JPY.IDEALPRO",
    "BTC/USD.PAXOS",
    "ETH/USD.PAXOS",
    "^SPX.CBOE",
    "^NDX.NASDAQ",
    "XAUUSD.IBCMDTY",
]


@pytest.mark.parametrize("name", READ)
def test_the_guides_ids_are_read(name: str) -> None:
    contract = SIMPLIFIED.to_contract(InstrumentId(name))
    assert {field: getattr(contract, field) for field in READ[name]} == READ[name]


@pytest.mark.parametrize("name", [name for name in READ if not name.endswith(("XCME", "XNYM"))])
def test_the_guides_ids_are_written(name: str) -> None:
    spelt = "ESM4.CME" if name == "ESM24.CME" else name
    assert SIMPLIFIED.to_instrument_id(SIMPLIFIED.to_contract(InstrumentId(name))) == spelt


@pytest.mark.parametrize("name", READ_RAW)
def test_the_guides_raw_ids_are_read_and_written(name: str) -> None:
    contract = RAW.to_contract(InstrumentId(name))
    assert {field: getattr(contract, field) for field in READ_RAW[name]} == READ_RAW[name]
    assert RAW.to_instrument_id(contract) == name


@pytest.mark.parametrize(("contract", "name"), list(zip(CONTRACTS, NAMES, strict=True)), ids=NAMES)
def test_the_guides_contracts_have_names(contract: IBContract, name: str) -> None:
    assert SIMPLIFIED.to_instrument_id(contract) == name


def test_one_and_two_digit_years_are_the_same_contract() -> None:
    one, two = (SIMPLIFIED.to_contract(InstrumentId(name)) for name in ("ESM4.CME", "ESM24.CME"))
    assert one == two


def test_spaces_in_an_option_symbol_do_not_matter() -> None:
    ids = ("AAPL  230217P00155000.SMART", "AAPL230217P00155000.SMART")
    padded, compact = (SIMPLIFIED.to_contract(InstrumentId(name)) for name in ids)
    assert padded == compact


def test_the_guides_mic_conversions_hold() -> None:
    venues = SimplifiedSymbology(convert_exchange_to_mic_venue=True).venues
    shown = {"CME": "XCME", "NASDAQ": "XNAS", "NYSE": "XNYS", "LSE": "XLON"}
    assert {exchange: venues.plain_venue(exchange) for exchange in shown} == shown


def test_the_guides_overrides_hold() -> None:
    symbology = SimplifiedSymbology(
        convert_exchange_to_mic_venue=True, symbol_to_mic_venue={"ES": "XCME", "SPY": "ARCX"}
    )
    future = IBContract(secType="FUT", symbol="ES", localSymbol="ESM4", exchange="CME")
    stock = IBContract(
        secType="STK", symbol="SPY", localSymbol="SPY", primaryExchange="ARCA", exchange="SMART"
    )
    assert symbology.to_instrument_id(future) == "ESM4.XCME"
    assert symbology.to_instrument_id(stock) == "SPY.ARCX"


@pytest.mark.parametrize(
    "exchange",
    [
        "CME",
        "CBOT",
        "NYMEX",
        "COMEX",
        "KCBT",
        "MGE",
        "NYBOT",
        "SNFE",
        "SMART",
        "IDEALPRO",
        "PAXOS",
        "IBCFD",
        "IBCMDTY",
    ],
)
def test_every_exchange_of_the_guide_is_known(exchange: str) -> None:
    assert SIMPLIFIED.venues.exchanges(exchange)[0] == exchange
