"""One- and two-digit years, resolved relative to a date."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.symbology import SimplifiedSymbology
from posei_trader.adapters.interactive_brokers.symbology.futures_codes import (
    MONTH_CODES,
    parse_futures_symbol,
    resolve_year,
)
from posei_trader.model.identifiers import InstrumentId


@pytest.mark.parametrize(
    ("digits", "today", "year"),
    [
        ("4", dt.date(2024, 3, 1), 2024),
        ("4", dt.date(2026, 11, 23), 2024),
        ("4", dt.date(2027, 1, 1), 2034),
        ("0", dt.date(2029, 12, 31), 2030),
        ("9", dt.date(2030, 1, 1), 2029),
        ("0", dt.date(2019, 11, 1), 2020),
        ("7", dt.date(2017, 6, 1), 2017),
        ("3", dt.date(2024, 6, 1), 2023),
        ("24", dt.date(2024, 3, 1), 2024),
        ("34", dt.date(2026, 1, 1), 2034),
        ("99", dt.date(2024, 1, 1), 1999),
        ("00", dt.date(2099, 1, 1), 2100),
        ("50", dt.date(2026, 1, 1), None),
    ],
)
def test_a_year_is_resolved_relative_to_a_date(
    digits: str, today: dt.date, year: int | None
) -> None:
    assert resolve_year(digits, today) == year


@given(st.dates(dt.date(2000, 1, 1), dt.date(2090, 1, 1)), st.integers(-2, 7))
def test_years_around_the_date_are_found_again_from_one_digit(today: dt.date, away: int) -> None:
    assert resolve_year(str((today.year + away) % 10), today) == today.year + away


@given(st.dates(dt.date(2010, 1, 1), dt.date(2060, 1, 1)), st.integers(-30, 15))
def test_years_are_found_again_from_two_digits(today: dt.date, away: int) -> None:
    assert resolve_year(f"{(today.year + away) % 100:02}", today) == today.year + away


@given(
    st.from_regex(r"[A-Z0-9]{1,6}", fullmatch=True),
    st.integers(1, 12),
    st.integers(2022, 2031),
)
def test_a_symbol_taken_apart_gives_the_same_symbol(root: str, month: int, year: int) -> None:
    today = dt.date(2024, 6, 1)
    for symbol in (
        f"{root}{MONTH_CODES[month - 1]}{year % 10}",
        f"{root}{MONTH_CODES[month - 1]}{year % 100:02}",
    ):
        parsed = parse_futures_symbol(symbol, today)
        assert parsed is not None
        assert symbol in {parsed.code, parsed.long_code}


@pytest.mark.parametrize("symbol", ["ESTX50", "N225", "NIFTY", "GOLD", "ES", "ESA4", "ES M4", ""])
def test_what_is_no_future_is_not_taken_for_one(symbol: str) -> None:
    assert parse_futures_symbol(symbol, dt.date(2026, 1, 1)) is None


def test_a_year_of_another_decade_tells_ib_the_month() -> None:
    symbology = SimplifiedSymbology(as_of=dt.date(2027, 5, 1))
    past = symbology.to_contract(InstrumentId("ESM24.CME"))
    assert (past.localSymbol, past.lastTradeDateOrContractMonth) == ("ESM4", "202406")
    assert past.includeExpired
    future = symbology.to_contract(InstrumentId("ESM34.CME"))
    assert future == symbology.to_contract(InstrumentId("ESM4.CME"))


def test_the_date_may_move_with_a_clock() -> None:
    day = [dt.date(2026, 1, 1)]
    symbology = SimplifiedSymbology(as_of=lambda: day[0])
    assert symbology.to_contract(InstrumentId("CLZ26.NYMEX")).lastTradeDateOrContractMonth == ""
    day[0] = dt.date(2036, 1, 1)
    late = symbology.to_contract(InstrumentId("CLZ26.NYMEX"))
    assert late.lastTradeDateOrContractMonth == "202612"


@pytest.mark.parametrize(
    ("spelling", "local"),
    [
        ("ES MAR 23.CME", "ESH3"),
        ("ZC   MAR 24.CBOT", "ZCH4"),
        ("NIFTY24JUNFUT.NSE", "NIFTYM4"),
        ("FESX JUN 24.EUREX", "FESXM4"),
    ],
)
def test_month_names_are_read(spelling: str, local: str) -> None:
    symbology = SimplifiedSymbology(as_of=dt.date(2024, 6, 1))
    readings = symbology.candidates(InstrumentId(spelling))
    assert readings[0].secType == "FUT"
    assert readings[0].localSymbol == local
    # Where IB spells the month out, the class and the month find what the code does not.
    assert readings[1].tradingClass == local[:-2]
