"""Combinations of loaded instruments, and what makes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from posei_trader.adapters.interactive_brokers.instruments import (
    InstrumentBuilder,
    combo_contract,
    make_spread,
    price_scale_of,
)
from posei_trader.adapters.interactive_brokers.symbology import spread_id, spread_legs
from posei_trader.errors import InvalidRequest
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.instruments import FuturesSpread, OptionSpread

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.common import IBContractDetails
    from posei_trader.model.instruments import Instrument

NOW = 1


@pytest.fixture
def make(details: Callable[..., IBContractDetails]) -> Callable[..., Instrument]:
    def build(name: str, **fields: Any) -> Instrument:
        given = {"secType": "FUT", "symbol": "ZC", "exchange": "CBOT", "multiplier": "5000"}
        made = details(**{**given, **fields})
        return InstrumentBuilder(lambda: NOW).build(made, InstrumentId(name))

    return build


def test_a_calendar_spread(make: Callable[..., Instrument]) -> None:
    near = make("ZCN4.CBOT", conId=1, minTick=0.25, priceMagnifier=100)
    far = make("ZCZ4.CBOT", conId=2, minTick=0.125, priceMagnifier=100)
    spread = make_spread([(far, -1), (near, 1)], NOW)
    assert isinstance(spread, FuturesSpread)
    assert spread.id == "(1)ZCN4___((1))ZCZ4.CBOT"
    assert str(spread.price_increment) == "0.00125"
    assert price_scale_of(spread).magnifier == 100
    assert [(leg.instrument_id, leg.ratio) for leg in spread.legs] == [
        ("ZCN4.CBOT", 1),
        ("ZCZ4.CBOT", -1),
    ]


def test_a_covered_call_is_an_option_spread(make: Callable[..., Instrument]) -> None:
    stock = make("SPY.SMART", conId=1, secType="STK", symbol="SPY", exchange="SMART", multiplier="")
    call = make(
        "SPY251219C00500000.SMART",
        conId=2,
        secType="OPT",
        symbol="SPY",
        exchange="SMART",
        multiplier="100",
        strike=500.0,
        right="C",
    )
    spread = make_spread([(stock, 100), (call, -1)], NOW)
    assert isinstance(spread, OptionSpread)
    contract = combo_contract([(stock, 100), (call, -1)])
    assert (contract.secType, contract.symbol, contract.exchange) == ("BAG", "SPY", "SMART")
    assert [(leg.conId, leg.ratio, leg.action) for leg in contract.comboLegs] == [
        (1, 100, "BUY"),
        (2, 1, "SELL"),
    ]


def test_legs_that_make_no_spread_are_refused(make: Callable[..., Instrument]) -> None:
    stocks = [
        make(f"{name}.NYSE", conId=n, secType="STK", symbol=name, exchange="SMART", multiplier="")
        for n, name in enumerate(("A", "B"), 1)
    ]
    with pytest.raises(InvalidRequest, match="needs futures"):
        make_spread([(stocks[0], 1), (stocks[1], -1)], NOW)
    euro = make("FDAXM4.CBOT", conId=9, currency="EUR")
    dollar = make("ZCN4.CBOT", conId=1)
    with pytest.raises(InvalidRequest, match="one currency"):
        make_spread([(euro, 1), (dollar, -1)], NOW)


@pytest.mark.parametrize(
    "legs",
    [
        [],
        [("ESH4.CME", 1)],
        [("ESH4.CME", 1), ("ESM4.CME", 0)],
        [("ESH4.CME", 1), ("ZNM4.CBOT", -1)],
    ],
)
def test_a_spread_id_needs_two_legs_of_one_venue(legs: list[tuple[str, int]]) -> None:
    with pytest.raises(InvalidRequest, match="two or more legs"):
        spread_id([(InstrumentId(name), ratio) for name, ratio in legs])


@pytest.mark.parametrize("name", ["ESH4.CME", "(0)ESH4___(1)ESM4.CME", "(1)ESH4___ESM4.CME"])
def test_what_is_no_spread_id_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="not the id of a spread"):
        spread_legs(InstrumentId(name))
