"""Sizes kept as floats are, when they are read, exactly what was written."""

from __future__ import annotations

from array import array
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.size_columns import SizeColumn

LARGEST_WITH_DECIMALS = Decimal(2**51 - 1) / 10**9

whole = st.integers(-(2**31) + 2, 2**31 - 2).map(Decimal)
fractional = st.decimals(-LARGEST_WITH_DECIMALS, LARGEST_WITH_DECIMALS, places=9)


@given(st.one_of(st.lists(whole), st.lists(fractional)))
@example([Decimal("2251799.813685247"), Decimal("-2251799.813685247")])
@example([Decimal(2**31 - 2), Decimal(-(2**31) + 2)])
@example([Decimal("0.000000001"), Decimal("2.675")])
def test_sizes_are_exact(sizes):
    column = SizeColumn.of(array("d", [float(str(size)) for size in sizes]))
    expected = [int(size * 10**9) for size in sizes]
    assert list(column) == expected
    assert [column[row] for row in range(len(sizes))] == expected
    assert list(column[1:]) == expected[1:]
    assert len(column) == len(sizes)
    assert column.are_whole() == all(size == int(size) for size in sizes)
    assert all(isinstance(size, int) for size in column)


@pytest.mark.parametrize(
    "mark", [2147483647, 9223372036854775807, -9223372036854775808, 1.7976931348623157e308]
)
def test_what_may_be_a_mark_for_no_value_is_left_to_the_caller(mark):
    assert SizeColumn.of(array("d", [1, 2, -3])) is not None
    assert SizeColumn.of(array("d", [1, mark, 2])) is None


def test_what_a_float_cannot_tell_exactly_is_left_to_the_caller():
    assert SizeColumn.of(array("d", [1, 2251799.813685248])) is None
    assert SizeColumn.of(array("d", [1, -2251799.813685248])) is None
    assert SizeColumn.of(array("d", [1, 2251800])) is not None
