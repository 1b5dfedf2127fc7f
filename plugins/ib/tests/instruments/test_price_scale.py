"""Units of prices: pence, cents a bushel, and currencies that are small units themselves."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.instruments.price_scale import price_scale


@pytest.mark.parametrize(
    ("magnifier", "currency", "ib_price", "price", "of"),
    [
        (100, "USD", 450.25, "4.5025", "USD"),
        (100, "GBP", 70.12, "0.7012", "GBP"),
        (1, "GBX", 70.12, "0.7012", "GBP"),
        (1, "GBp", 70.12, "0.7012", "GBP"),
        (1, "ZAC", 2500.0, "25", "ZAR"),
        (1, "ILA", 1234.0, "12.34", "ILS"),
        (0, "USD", 190.5, "190.5", "USD"),
        (1, "USD", 190.5, "190.5", "USD"),
    ],
)
def test_ibs_price_becomes_whole_units(
    magnifier: int, currency: str, ib_price: float, price: str, of: str
) -> None:
    scale = price_scale(magnifier, currency)
    assert scale.from_ib(ib_price) == Decimal(price)
    assert scale.currency == of
    assert scale.to_ib(Decimal(price)) == ib_price


@given(
    st.integers(0, 10**9).map(lambda units: Decimal(units).scaleb(-4)),
    st.sampled_from([0, 1, 10, 100, 1000]),
    st.sampled_from(["USD", "GBX"]),
)
def test_there_and_back_is_the_same_price(price: Decimal, magnifier: int, currency: str) -> None:
    scale = price_scale(magnifier, currency)
    assert scale.from_ib(scale.to_ib(price)) == price
