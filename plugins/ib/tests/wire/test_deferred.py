"""A deferred column is the one that was meant, made once, and only when somebody looks."""

from __future__ import annotations

import pytest

from posei_trader.adapters.interactive_brokers.wire.deferred import Deferred


def test_a_column_is_made_once_and_only_when_a_value_is_wanted():
    made = []

    def make():
        made.append("made")
        return [3.0, None, 1.0]

    column = Deferred(3, make)
    assert len(column) == 3
    assert made == []
    assert list(column) == [3.0, None, 1.0]
    assert column[1:] == [None, 1.0]
    assert column[-1] == 1.0
    assert 3.0 in column
    assert [*map(type, column)] == [float, type(None), float]
    assert made == ["made"]


def test_what_cannot_be_made_says_so_every_time():
    def broken():
        raise ValueError("no number")

    column = Deferred(1, broken)
    for _ in range(2):
        with pytest.raises(ValueError, match="no number"):
            column[0]
