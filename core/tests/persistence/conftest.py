"""Bars and sessions of an invented market."""

from __future__ import annotations

import pytest

from posei_trader.model.bars import Bar, BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.persistence.sessions import Session, SessionRow

T0 = 1_704_150_000_000_000_000
MINUTE = 60 * 10**9


@pytest.fixture
def instrument_id():
    return InstrumentId("EUR/USD.IDEALPRO")


@pytest.fixture
def bar_type():
    return BarType.from_str("EUR/USD.IDEALPRO-1-MINUTE-MID-EXTERNAL")


@pytest.fixture
def make_bar(bar_type):
    def make(minute, price=1_100_000_000, *, of=bar_type):
        return Bar(of, price, price, price, price, 5 * 10**9, 5, 0,
                   T0 + minute * MINUTE, T0 + (minute + 1) * MINUTE)  # fmt: skip

    return make


@pytest.fixture
def make_session():
    def make(first_minute, last_minute, *, regular=False):
        day = T0 - T0 % (86_400 * 10**9)
        session = Session(T0 + first_minute * MINUTE, T0 + last_minute * MINUTE, day)
        return SessionRow(session, regular)

    return make
