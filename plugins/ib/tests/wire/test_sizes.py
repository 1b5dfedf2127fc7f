from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage, excerpt
from posei_trader.adapters.interactive_brokers.wire.sizes import (
    UNSET_TEXTS,
    Sizes,
    TextSizes,
    parse_size,
)


@given(st.decimals(-(10**12), 10**12, places=9))
def test_a_size_is_exact(value):
    assert Decimal(parse_size(str(value))) == value * 10**9


@given(st.integers(0, 10**17), st.integers(0, 12))
def test_digits_with_a_point_anywhere_are_exact_and_rounded_only_below_a_unit(number, places):
    text = f"{number:0{places + 1}d}"
    text = f"{text[:-places]}.{text[-places:]}" if places else text
    assume(text not in UNSET_TEXTS)
    exact = Fraction(number * 10**9, 10**places)
    assert parse_size(text) == Sizes()[text.encode()] == TextSizes()[text] == round(exact)


@given(st.decimals(0, 10**6, places=4))
def test_the_tables_give_what_the_parser_gives(value):
    text = str(value)
    assert Sizes()[text.encode()] == TextSizes()[text] == parse_size(text)


@pytest.mark.parametrize(
    "text",
    ["", "2147483647", "9223372036854775807", "-9223372036854775808", "1.7976931348623157E308"],
)
def test_unset_is_none(text):
    assert parse_size(text) is None
    assert Sizes()[text.encode()] is None


def test_in_protobuf_only_what_is_absent_is_unset():
    assert TextSizes()[""] is None
    assert TextSizes()["2147483647"] == 2147483647 * 10**9


@pytest.mark.parametrize("text", ["x", "NaN", "Infinity", "-Infinity", "1e99", "1 2", "1.2.3", "²"])
def test_what_is_no_size_is_malformed(text):
    with pytest.raises(MalformedMessage):
        parse_size(text)
    with pytest.raises(MalformedMessage):
        Sizes()[text.encode()]


def test_a_table_stays_bounded():
    table = Sizes()
    for number in range(40_000):
        assert table[str(number).encode()] == number * 10**9
    assert len(table) <= 32_768


def test_an_excerpt_is_bounded():
    assert excerpt(b"\x01\x02") == "01 02"
    assert excerpt(bytes(10_000)).endswith("9952 more")
