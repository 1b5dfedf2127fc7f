from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from posei_trader.errors import InvalidRequest
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    Symbol,
    Venue,
)

words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
symbols = st.lists(words, min_size=1, max_size=3).map(".".join)


@given(symbols, words)
def test_an_instrument_id_splits_at_its_last_dot_and_parses_back(symbol, venue):
    made = InstrumentId.from_parts(symbol, venue)
    assert made.symbol == symbol
    assert made.venue == venue
    assert InstrumentId.from_str(str(made)) == made
    assert InstrumentId(made) is made


@pytest.mark.parametrize("bad", ["AAPL", ".XNAS", "AAPL.", "", " AAPL.XNAS", "A\nB.X"])
def test_a_text_that_is_no_instrument_id_is_refused(bad):
    with pytest.raises(InvalidRequest) as caught:
        InstrumentId(bad)
    assert caught.value.field == "InstrumentId"
    assert caught.value.value == bad


@pytest.mark.parametrize("kind", [Symbol, Venue, InstrumentId, AccountId, StrategyId])
@pytest.mark.parametrize("bad", ["", "  ", None, 7])
def test_nothing_but_a_text_with_content_is_an_identifier(kind, bad):
    with pytest.raises(InvalidRequest):
        kind(bad)


def test_a_venue_has_no_dot():
    with pytest.raises(InvalidRequest, match="OSE-JPN"):
        Venue("OSE.JPN")


def test_an_account_id_says_who_keeps_which_account():
    account = AccountId("IB-DU123456")
    assert (account.issuer, account.number) == ("IB", "DU123456")
    with pytest.raises(InvalidRequest, match="ISSUER-NUMBER"):
        AccountId("DU123456")


def test_identifiers_are_texts_that_hash_order_and_print_as_such():
    a, b = ClientOrderId("O-1"), ClientOrderId("O-2")
    assert a < b
    assert {a: 1}["O-1"] == 1
    assert a.value == "O-1"
    assert type(a.value) is str
    assert f"{a}" == "O-1"
    assert repr(a) == "ClientOrderId('O-1')"


def test_pydantic_models_take_identifiers_as_texts():
    adapter = TypeAdapter(InstrumentId)
    assert type(adapter.validate_python("AAPL.XNAS")) is InstrumentId
    with pytest.raises((ValidationError, InvalidRequest)):
        adapter.validate_python("AAPL")
