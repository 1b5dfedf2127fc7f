"""Prices and the increments of their rules."""

from decimal import Decimal

import pytest

from posei_ib_sim.contracts.market_rules import conforms


@pytest.mark.parametrize(
    ("price", "expected"),
    [("100.01", True), ("100.001", False), ("-1.25", True), ("1e30", False), ("-1e300", False)],
)
def test_a_price_conforms_when_it_is_a_multiple_of_its_increment(price, expected):
    assert conforms(26, Decimal(price)) is expected
