"""Hand-written contracts and ids from all regions and asset classes, both ways."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import NamedTuple

import pytest

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.symbology import RawSymbology, SimplifiedSymbology
from posei_trader.model.identifiers import InstrumentId

TODAY = dt.date(2024, 6, 1)
SIMPLIFIED = SimplifiedSymbology(as_of=TODAY)
WITH_MIC = SimplifiedSymbology(convert_exchange_to_mic_venue=True, as_of=TODAY)
RAW = RawSymbology(as_of=TODAY)


class Pair(NamedTuple):
    simplified: str
    mic: str
    raw: str
    contract: IBContract

    def __str__(self) -> str:
        return self.raw


def _pair(line: str) -> Pair:
    cells = [cell.strip() for cell in line.split("|")]
    simplified, mic, raw, sec_type, exchange, primary, currency, symbol, local, trading_class = (
        cells[:10]
    )
    extra: dict[str, object] = dict(
        part.split("=", 1) for cell in cells[10:] for part in cell.split()
    )
    if "strike" in extra:
        extra["strike"] = float(str(extra["strike"]))
    contract = IBContract(
        secType=sec_type,
        exchange=exchange,
        primaryExchange=primary,
        currency=currency,
        symbol=symbol,
        localSymbol=local,
        tradingClass=trading_class,
        **extra,
    )
    return Pair(simplified, simplified if mic == "=" else mic, raw, contract)


PAIRS = [
    _pair(line)
    for line in (Path(__file__).parent / "pairs.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
IDS = [str(pair) for pair in PAIRS]


def agrees(reading: IBContract, contract: IBContract) -> bool:
    """Whether IB, asked for the reading, would find the contract."""
    same = all(
        getattr(reading, name) in {"", getattr(contract, name)}
        for name in (
            "secType",
            "symbol",
            "localSymbol",
            "tradingClass",
            "primaryExchange",
            "currency",
            "right",
            "secIdType",
            "secId",
        )
    )
    month = reading.lastTradeDateOrContractMonth
    expiry = contract.lastTradeDateOrContractMonth or "202406"
    return (
        same
        and reading.exchange in {contract.exchange, "SMART"}
        and expiry.startswith(month[:6])
        and reading.strike in {None, contract.strike}
    )


def test_the_table_has_at_least_150_pairs_and_no_name_twice() -> None:
    assert len(PAIRS) >= 150
    for column in ("simplified", "mic", "raw"):
        names = [getattr(pair, column) for pair in PAIRS]
        assert len(names) == len(set(names)) or column == "mic"


@pytest.mark.parametrize("pair", PAIRS, ids=IDS)
def test_a_contract_has_the_documented_names(pair: Pair) -> None:
    assert SIMPLIFIED.to_instrument_id(pair.contract) == pair.simplified
    assert WITH_MIC.to_instrument_id(pair.contract) == pair.mic
    assert RAW.to_instrument_id(pair.contract) == pair.raw


@pytest.mark.parametrize("pair", PAIRS, ids=IDS)
def test_each_name_finds_the_contract(pair: Pair) -> None:
    for symbology, name in ((SIMPLIFIED, pair.simplified), (WITH_MIC, pair.mic), (RAW, pair.raw)):
        readings = symbology.candidates(InstrumentId(name))
        assert any(agrees(reading, pair.contract) for reading in readings), (name, readings)
        assert symbology.to_contract(InstrumentId(name)) == readings[0]


@pytest.mark.parametrize("pair", PAIRS, ids=IDS)
def test_the_first_reading_is_of_the_right_type_at_the_right_exchange(pair: Pair) -> None:
    for symbology, name in ((SIMPLIFIED, pair.simplified), (RAW, pair.raw)):
        reading = symbology.to_contract(InstrumentId(name))
        assert reading.secType == pair.contract.secType
        assert reading.exchange in {pair.contract.exchange, "SMART"}


def test_names_in_the_simplified_method_are_also_understood_in_raw_form() -> None:
    for pair in PAIRS:
        assert SIMPLIFIED.to_contract(InstrumentId(pair.raw)) == RAW.to_contract(
            InstrumentId(pair.raw)
        )
