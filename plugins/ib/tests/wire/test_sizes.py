from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage, excerpt
from posei_trader.adapters.interactive_brokers.wire.sizes import Sizes, TextSizes, parse_size


@given(st.decimals(-(10**12), 10**12, places=9))
def test_a_size_is_exact(value):
    assert Decimal(parse_size(str(value))) == value * 10**9


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


@pytest.mark.parametrize("text", ["x", "NaN", "Infinity", "-Infinity", "1e99", "1 2"])
def test_what_is_no_size_is_malformed(text):
    with pytest.raises(MalformedMessage):
        parse_size(text)


def test_a_table_stays_bounded():
    table = Sizes()
    for number in range(40_000):
        assert table[str(number).encode()] == number * 10**9
    assert len(table) <= 32_768


def test_an_excerpt_is_bounded():
    assert excerpt(b"\x01\x02") == "01 02"
    assert excerpt(bytes(10_000)).endswith("9952 more")
