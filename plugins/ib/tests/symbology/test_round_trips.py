"""Whatever a contract is called, its id leads back to it."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.symbology import (
    RawSymbology,
    SimplifiedSymbology,
    spread_id,
    spread_legs,
)
from posei_trader.adapters.interactive_brokers.symbology.exchanges import EXCHANGES
from posei_trader.errors import InvalidRequest
from posei_trader.model.identifiers import InstrumentId

TODAY = dt.date(2024, 6, 1)
METHODS = [
    SimplifiedSymbology(as_of=TODAY),
    SimplifiedSymbology(as_of=TODAY, convert_exchange_to_mic_venue=True),
    RawSymbology(as_of=TODAY),
    RawSymbology(as_of=TODAY, convert_exchange_to_mic_venue=True),
]


def at(*sec_types: str) -> st.SearchStrategy[str]:
    # ISLAND is today's NASDAQ: its ids say so.
    return st.sampled_from(
        [
            code
            for code, exchange in EXCHANGES.items()
            if set(sec_types) & set(exchange.sec_types) and code not in {"ISLAND", "SMART"}
        ]
    )


def fields_agree(reading: IBContract, contract: IBContract, *names: str) -> bool:
    return all(getattr(reading, name) in {"", getattr(contract, name)} for name in names)


words = st.from_regex(r"[A-Z0-9][A-Z0-9.&'-]{0,7}( [A-Z0-9]{1,3})?", fullmatch=True)
codes = st.builds(
    lambda root, month, year: f"{root}{month}{year}",
    st.from_regex(r"[A-Z0-9]{2,5}", fullmatch=True),
    st.sampled_from("FGHJKMNQUVXZ"),
    st.integers(0, 9),
)
strikes = st.integers(0, 99_999_999).map(lambda thousandths: thousandths / 1000)
dates = st.dates(dt.date(2023, 1, 1), dt.date(2032, 1, 1)).map(lambda day: f"{day:%Y%m%d}")


@given(words, at("STK"))
def test_stocks(local: str, exchange: str) -> None:
    stock = IBContract(secType="STK", exchange="SMART", primaryExchange=exchange, localSymbol=local)
    for symbology in METHODS:
        readings = symbology.candidates(symbology.to_instrument_id(stock))
        assert stock in readings


@given(words, at("IND"))
def test_indices(local: str, exchange: str) -> None:
    index = IBContract(secType="IND", exchange=exchange, localSymbol=local)
    for symbology in METHODS:
        assert index in symbology.candidates(symbology.to_instrument_id(index))


@given(codes, at("FUT"))
def test_futures(local: str, exchange: str) -> None:
    future = IBContract(secType="FUT", exchange=exchange, localSymbol=local)
    for symbology in METHODS:
        assert future in symbology.candidates(symbology.to_instrument_id(future))


@given(
    st.from_regex(r"[A-Z0-9]{1,6}", fullmatch=True),
    st.dates(dt.date(2020, 1, 1), dt.date(2040, 1, 1)),
    at("FUT"),
)
def test_futures_spelt_as_eurex_spells_them(root: str, day: dt.date, exchange: str) -> None:
    local = f"{root} {day:%Y%m%d} M"
    future = IBContract(secType="FUT", exchange=exchange, localSymbol=local)
    for symbology in METHODS:
        assert future in symbology.candidates(symbology.to_instrument_id(future))


@given(codes, st.sampled_from("CP"), strikes, at("FOP"))
def test_options_on_futures(code: str, right: str, strike: float, exchange: str) -> None:
    local = f"{code} {right}{strike:.3f}".rstrip("0").rstrip(".")
    option = IBContract(secType="FOP", exchange=exchange, localSymbol=local)
    for symbology in METHODS:
        assert option in symbology.candidates(symbology.to_instrument_id(option))


@given(st.from_regex(r"[A-Z][A-Z0-9]{0,5}", fullmatch=True), dates, st.sampled_from("CP"), strikes)
def test_options_by_local_symbol_and_by_fields(
    root: str, expiry: str, right: str, strike: float
) -> None:
    local = f"{root:<6}{expiry[2:]}{right}{round(strike * 1000):08}"
    by_local = IBContract(secType="OPT", exchange="SMART", localSymbol=local)
    by_fields = IBContract(
        secType="OPT",
        exchange="SMART",
        symbol=root,
        lastTradeDateOrContractMonth=expiry,
        right=right,
        strike=strike,
    )
    for symbology in METHODS:
        name = symbology.to_instrument_id(by_local)
        assert symbology.to_contract(name) == by_local
        assert symbology.to_instrument_id(by_fields) == name


@given(
    st.sampled_from(["OPT", "FOP"]),
    st.from_regex(r"[A-Z]{1,5}", fullmatch=True),
    st.from_regex(r"[A-Z0-9]{0,5}", fullmatch=True),
    dates,
    st.sampled_from("CP"),
    st.floats(0, 1e6, allow_nan=False),
    st.sampled_from(["EUREX", "HKFE", "OSE.JPN", "NSE"]),
)
def test_options_abroad_by_fields(
    sec_type: str,
    symbol: str,
    trading_class: str,
    expiry: str,
    right: str,
    strike: float,
    exchange: str,
) -> None:
    option = IBContract(
        secType=sec_type,
        symbol=symbol,
        tradingClass=trading_class,
        lastTradeDateOrContractMonth=expiry,
        right=right,
        strike=strike,
        exchange=exchange,
    )
    for symbology in METHODS:
        assert option in symbology.candidates(symbology.to_instrument_id(option))


@given(
    st.from_regex(r"[A-Z]{3}", fullmatch=True),
    st.from_regex(r"[A-Z]{3}", fullmatch=True),
    st.sampled_from([("CASH", "IDEALPRO"), ("CRYPTO", "PAXOS"), ("CRYPTO", "ZEROHASH")]),
)
def test_pairs(base: str, quote: str, kind: tuple[str, str]) -> None:
    pair = IBContract(
        secType=kind[0],
        exchange=kind[1],
        symbol=base,
        currency=quote,
        localSymbol=f"{base}.{quote}",
    )
    for symbology in METHODS:
        reading = symbology.to_contract(symbology.to_instrument_id(pair))
        assert fields_agree(reading, pair, "secType", "exchange", "symbol", "localSymbol")


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Z"]), min_size=1),
    st.sampled_from(sorted(EXCHANGES)),
)
def test_any_text_is_read_or_refused_but_never_breaks(symbol: str, exchange: str) -> None:
    venue = exchange.replace(".", "-")
    try:
        name = InstrumentId(f"{symbol}.{venue}")
    except InvalidRequest:
        return
    for symbology in METHODS:
        try:
            readings = symbology.candidates(name)
        except InvalidRequest:
            continue
        assert readings
        assert all(reading.secType for reading in readings)


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Z0-9]{1,6}( C[0-9]{2,5})?", fullmatch=True),
            st.integers(-9, 9).filter(bool),
        ),
        min_size=2,
        max_size=4,
        unique_by=lambda leg: leg[0],
    )
)
def test_a_spread_has_one_name_whatever_the_order_of_its_legs(
    legs: list[tuple[str, int]],
) -> None:
    named = [(InstrumentId(f"{symbol}.CME"), ratio) for symbol, ratio in legs]
    name = spread_id(named)
    assert spread_id(list(reversed(named))) == name
    assert sorted(spread_legs(name)) == sorted(named)
