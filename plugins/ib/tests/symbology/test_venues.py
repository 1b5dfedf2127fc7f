"""Venues: MIC conversion, overrides, and the way back to IB's exchanges."""

from __future__ import annotations

import re

import pytest

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.symbology import (
    RawSymbology,
    SimplifiedSymbology,
    VenueMap,
)
from posei_trader.adapters.interactive_brokers.symbology.exchanges import (
    EXCHANGES,
    EXCHANGES_OF_MIC,
)
from posei_trader.errors import ConfigError
from posei_trader.model.identifiers import InstrumentId

MIC = VenueMap(convert_exchange_to_mic_venue=True)

# From the ISO 10383 list of 2025-02-10, by hand.
ISO = {
    "NASDAQ": "XNAS",
    "ISLAND": "XNAS",
    "NYSE": "XNYS",
    "ARCA": "ARCX",
    "AMEX": "XASE",
    "BATS": "BATS",
    "IEX": "IEXG",
    "PINK": "OTCM",
    "CBOE": "XCBO",
    "ISE": "XISX",
    "PHLX": "XPHL",
    "BOX": "XBOX",
    "MIAX": "XMIO",
    "CME": "XCME",
    "CBOT": "XCBT",
    "NYMEX": "XNYM",
    "COMEX": "XCEC",
    "KCBT": "XKBT",
    "MGE": "XMGE",
    "NYBOT": "IFUS",
    "CFE": "XCBF",
    "TSE": "XTSE",
    "VENTURE": "XTSX",
    "CDE": "XMOD",
    "MEXDER": "XEMD",
    "LSE": "XLON",
    "IBIS": "XETR",
    "FWB": "XFRA",
    "SWB": "XSTU",
    "SBF": "XPAR",
    "AEB": "XAMS",
    "ENEXT.BE": "XBRU",
    "EBS": "XSWX",
    "BVME": "XMIL",
    "BM": "XMAD",
    "SFB": "XSTO",
    "CPH": "XCSE",
    "HEX": "XHEL",
    "OSE": "XOSL",
    "VSE": "XWBO",
    "WSE": "XWAR",
    "EUREX": "XEUR",
    "DTB": "XEUR",
    "ICEEU": "IFEU",
    "IDEM": "XDMI",
    "MEFFRV": "XMRV",
    "MONEP": "XMON",
    "ENDEX": "NDEX",
    "LMEOTC": "XLME",
    "SEHK": "XHKG",
    "HKFE": "XHKF",
    "TSEJ": "XTKS",
    "OSE.JPN": "XOSE",
    "SGX": "XSES",
    "KSE": "XKRX",
    "NSE": "XNSE",
    "ASX": "XASX",
    "SNFE": "XSFE",
    "TWSE": "XTAI",
    "TASE": "XTAE",
    "JSE": "XJSE",
}


@pytest.mark.parametrize("exchange", ISO)
def test_an_exchange_has_its_iso_code(exchange: str) -> None:
    assert MIC.plain_venue(exchange) == ISO[exchange]


@pytest.mark.parametrize("exchange", ISO)
def test_a_mic_leads_back_to_its_exchange(exchange: str) -> None:
    assert exchange in MIC.exchanges(ISO[exchange])


@pytest.mark.parametrize("pool", ["SMART", "IDEALPRO", "PAXOS", "ZEROHASH", "IBCFD", "IBCMDTY"])
def test_ibs_own_pools_keep_their_names(pool: str) -> None:
    assert MIC.plain_venue(pool) == pool


def test_every_mic_in_the_table_is_well_formed() -> None:
    for mic in EXCHANGES_OF_MIC:
        assert re.fullmatch(r"[A-Z0-9]{4}", mic), mic


def test_every_exchange_finds_its_way_back_with_and_without_conversion() -> None:
    for converting in (False, True):
        venues = VenueMap(convert_exchange_to_mic_venue=converting)
        for code in EXCHANGES:
            venue = venues.plain_venue(code)
            expected = "NASDAQ" if code == "ISLAND" else code
            assert expected in venues.exchanges(venue), (code, venue)


def test_a_mic_of_several_exchanges_tries_todays_names_first() -> None:
    assert MIC.exchanges("XEUR") == ("EUREX", "DTB", "SOFFEX")
    assert MIC.exchanges("GLBX") == ("CME", "CBOT", "NYMEX", "COMEX")
    assert MIC.exchanges("IFEU") == ("ICEEU", "IPE")


def test_ebs_is_the_swiss_exchange_and_tase_is_in_tel_aviv() -> None:
    assert MIC.plain_venue("EBS") == "XSWX"
    assert MIC.plain_venue("TASE") == "XTAE"
    assert MIC.exchanges("XTAI") == ("TWSE",)
    assert "EBS" not in MIC.exchanges("XBRU")


def test_oslo_and_osaka_are_not_confused() -> None:
    assert MIC.exchanges("XOSL")[0] == "OSE"
    assert MIC.exchanges("XOSE") == ("OSE.JPN",)
    assert VenueMap().plain_venue("OSE.JPN") == "OSE-JPN"


def test_an_unknown_venue_has_no_exchange_and_gets_lookalikes() -> None:
    assert MIC.exchanges("XNAZ") == ()
    assert "XNAS" in MIC.alike("XNAZ")


def _future(symbol: str, local: str, exchange: str = "CME") -> IBContract:
    return IBContract(secType="FUT", symbol=symbol, localSymbol=local, exchange=exchange)


@pytest.mark.parametrize("converting", [False, True])
def test_an_override_covers_exactly_its_symbol(converting: bool) -> None:
    symbology = SimplifiedSymbology(
        convert_exchange_to_mic_venue=converting, symbol_to_mic_venue={"ES": "GLBX"}
    )
    option = IBContract(secType="FOP", symbol="ES", localSymbol="E3AM4 C4200", exchange="CME")
    family = IBContract(secType="CONTFUT", symbol="ES", exchange="CME")
    assert symbology.to_instrument_id(_future("ES", "ESM4")) == "ESM4.GLBX"
    assert symbology.to_instrument_id(option) == "E3AM4 C4200.GLBX"
    assert symbology.to_instrument_id(family) == "ES.GLBX"
    euro_stoxx = symbology.to_instrument_id(_future("ESTX50", "FESXM4", "EUREX"))
    assert euro_stoxx == ("FESXM4.XEUR" if converting else "FESXM4.EUREX")


@pytest.mark.parametrize("kind", [SimplifiedSymbology, RawSymbology])
def test_an_override_holds_in_both_methods(
    kind: type[SimplifiedSymbology | RawSymbology],
) -> None:
    symbology = kind(symbol_to_mic_venue={"SPY": "ARCX"})
    stock = IBContract(secType="STK", symbol="SPY", localSymbol="SPY", primaryExchange="ARCA")
    assert symbology.to_instrument_id(stock).venue == "ARCX"


def test_an_id_with_an_overriding_venue_is_read_without_the_contract() -> None:
    symbology = SimplifiedSymbology(symbol_to_mic_venue={"ES": "GLBX", "SPY": "HOUSE"})
    assert symbology.to_contract(InstrumentId("ESM4.GLBX")).exchange == "CME"
    # A venue that nobody but the override knows: IB finds the exchange.
    stock = symbology.to_contract(InstrumentId("SPY.HOUSE"))
    assert (stock.secType, stock.exchange, stock.primaryExchange) == ("STK", "SMART", "")
    future = symbology.to_contract(InstrumentId("ESM4.HOUSE"))
    assert (future.secType, future.exchange, future.localSymbol) == ("FUT", "", "ESM4")


def test_an_override_does_not_make_a_cfd_look_like_its_stock() -> None:
    symbology = SimplifiedSymbology(symbol_to_mic_venue={"AAPL": "XNAS"})
    cfd = IBContract(secType="CFD", symbol="AAPL", exchange="SMART")
    assert symbology.to_instrument_id(cfd) == "AAPL.IBCFD"


def test_an_option_at_an_overridden_stock_venue_is_routed_smart() -> None:
    symbology = SimplifiedSymbology(symbol_to_mic_venue={"SPY": "ARCX"})
    option = IBContract(
        secType="OPT", symbol="SPY", localSymbol="SPY   251219C00500000", exchange="SMART"
    )
    name = symbology.to_instrument_id(option)
    assert name == "SPY251219C00500000.ARCX"
    readings = symbology.candidates(name)
    assert any(r.secType == "OPT" and r.exchange == "SMART" for r in readings)


@pytest.mark.parametrize("venue", ["", "X.NAS"])
def test_an_impossible_override_is_refused_with_its_symbol(venue: str) -> None:
    with pytest.raises(ConfigError) as caught:
        VenueMap(symbol_to_mic_venue={"SPY": venue})
    assert caught.value.field == "symbol_to_mic_venue['SPY']"


def test_mics_are_read_without_conversion_and_exchanges_with_it() -> None:
    plain = SimplifiedSymbology()
    converting = SimplifiedSymbology(convert_exchange_to_mic_venue=True)
    by_mic = plain.to_contract(InstrumentId("AAPL.XNAS"))
    by_code = converting.to_contract(InstrumentId("AAPL.NASDAQ"))
    assert by_mic == by_code
    assert converting.to_instrument_id(by_code) == "AAPL.XNAS"
