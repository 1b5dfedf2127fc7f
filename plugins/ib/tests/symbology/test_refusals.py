"""What cannot be read or named raises, and says which rules were tried."""

from __future__ import annotations

import pytest

from posei_trader.adapters.interactive_brokers.common import ComboLeg, IBContract
from posei_trader.adapters.interactive_brokers.symbology import RawSymbology, SimplifiedSymbology
from posei_trader.errors import InvalidRequest
from posei_trader.model.identifiers import InstrumentId
from posei_trader.protocols import Symbology

SIMPLIFIED = SimplifiedSymbology()
RAW = RawSymbology()


@pytest.mark.parametrize(
    "name",
    [
        "TFMG7.NDXE",
        "AAPL.UNKNOWN",
        "EUR/USD.NYSE",
        "EUR/USD.SMART",
        "ESM4.IDEALPRO",
        "AAPL.PAXOS",
        "BTC/USD.CME",
        "ES|M4.CME",
        "^.CBOE",
        "AAPL=FOO.NASDAQ",
        "AAPL.FUNDSERVE",
    ],
)
def test_nothing_unknown_becomes_a_stock(name: str) -> None:
    with pytest.raises(InvalidRequest):
        SIMPLIFIED.to_contract(InstrumentId(name))


def test_the_error_names_the_rules_that_were_tried() -> None:
    with pytest.raises(InvalidRequest) as caught:
        SIMPLIFIED.to_contract(InstrumentId("ES|M4.CME"))
    text = str(caught.value)
    for rule in ("future", "futures option", "continuous future", "index"):
        assert rule in text
    assert "stock" not in text


def test_an_unknown_venue_is_named_with_lookalikes_and_a_way_out() -> None:
    with pytest.raises(InvalidRequest) as caught:
        SIMPLIFIED.to_contract(InstrumentId("TFMG7.NDXE"))
    assert "'NDXE' is neither a MIC nor an exchange of IB" in str(caught.value)
    assert "NDEX" in str(caught.value.remedy)


def test_a_future_at_a_little_known_exchange_stays_a_future() -> None:
    assert SIMPLIFIED.to_contract(InstrumentId("TFMG7.ENDEX")).secType == "FUT"
    assert SIMPLIFIED.to_contract(InstrumentId("FEFM4.SGX")).secType == "FUT"


def test_a_raw_id_without_a_type_is_refused_with_the_types() -> None:
    with pytest.raises(InvalidRequest) as caught:
        RAW.to_contract(InstrumentId("AAPL.SMART"))
    assert "STK" in str(caught.value.remedy)


@pytest.mark.parametrize("venue", ["SMART", "BVSP", "OSE-JPN"])
def test_a_raw_id_takes_any_exchange(venue: str) -> None:
    assert RAW.to_contract(InstrumentId(f"XYZ=FUT.{venue}")).secType == "FUT"


def test_raw_smart_routing_is_not_a_primary_exchange() -> None:
    assert RAW.to_contract(InstrumentId("AAPL=STK.SMART")).primaryExchange == ""
    listed = IBContract(
        secType="STK", localSymbol="AAPL", exchange="SMART", primaryExchange="SMART"
    )
    assert RAW.to_instrument_id(listed) == "AAPL=STK.SMART"


def test_a_raw_cfd_without_local_symbol_is_named_by_its_symbol() -> None:
    assert RAW.to_instrument_id(IBContract(secType="CFD", symbol="IBUS30")) == "IBUS30=CFD.IBCFD"


@pytest.mark.parametrize(
    ("contract", "field"),
    [
        (IBContract(secType="STK", exchange="SMART"), "localSymbol"),
        (IBContract(secType="CASH", symbol="EUR", exchange="IDEALPRO"), "currency"),
        (IBContract(secType="FUT", symbol="ES", exchange="CME"), "lastTradeDateOrContractMonth"),
        (IBContract(secType="OPT", symbol="SPY", exchange="SMART", right="C"), "strike"),
        (IBContract(secType="BOND", symbol="US-T", exchange="SMART"), "secId"),
        (IBContract(secType="IND", symbol="SPX"), "exchange"),
        (IBContract(secType="NEWS", symbol="BZ"), "secType"),
        (IBContract(secType="", symbol="AAPL"), "secType"),
    ],
)
def test_a_contract_that_says_too_little_names_the_missing_field(
    contract: IBContract, field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        SIMPLIFIED.to_instrument_id(contract)
    assert field in f"{caught.value.field} {caught.value.message}"


def test_a_combination_is_left_to_the_provider() -> None:
    legs = (ComboLeg(conId=1, ratio=1, action="BUY"), ComboLeg(conId=2, ratio=1, action="SELL"))
    for symbology in (SIMPLIFIED, RAW):
        with pytest.raises(InvalidRequest, match="no symbology rule names contracts"):
            symbology.to_instrument_id(IBContract(secType="BAG", comboLegs=legs))
        with pytest.raises(InvalidRequest, match="named by its legs"):
            symbology.to_contract(InstrumentId("(1)ESH4___((1))ESM4.CME"))


def test_both_methods_are_symbologies() -> None:
    assert isinstance(SIMPLIFIED, Symbology)
    assert isinstance(RAW, Symbology)


def test_a_strike_of_zero_is_a_strike() -> None:
    option = IBContract(
        secType="OPT",
        exchange="SMART",
        symbol="ABC",
        lastTradeDateOrContractMonth="20251219",
        strike=0.0,
        right="C",
    )
    assert SIMPLIFIED.to_instrument_id(option) == "ABC251219C00000000.SMART"
