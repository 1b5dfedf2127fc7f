"""Numbers read at once are those that Python's own `int` and `float` make, one by one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.number_columns import (
    FLOAT,
    INTEGER,
    columns,
    floats_of,
    has_no_marks,
    integers_of,
)

INTS = st.integers(-(2**63), 2**63 - 1)
DECIMALS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)
FLOATS = st.one_of(
    DECIMALS,
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(0, 10**6).map(lambda x: f"{x:.2f}"),
)


def body(rows):
    return "".join(f"{field}\0" for row in rows for field in row).encode()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(INTS, FLOATS, FLOATS), min_size=1, max_size=30), st.sampled_from([1, 7]))
def test_columns_are_what_python_makes_of_each_field(rows, start):
    found = columns(b"\0" * start + body(rows), start, INTEGER + 2 * FLOAT)
    assert found is not None
    assert found.integers[0].tolist() == [number for number, _, _ in rows]
    for place, column in enumerate(found.floats, start=1):
        expected = [float(row[place]) for row in rows]
        assert [value.hex() for value in map(abs, column)] == [abs(one).hex() for one in expected]
        assert all(
            math.copysign(1, a) == math.copysign(1, b) or a == 0
            for a, b in zip(column, expected, strict=True)
        )


def test_a_run_longer_than_a_piece_keeps_its_columns():
    rows = [(n, f"{n}.5", f"-{n}.25") for n in range(20_000)]
    found = columns(body(rows), 0, INTEGER + 2 * FLOAT)
    assert found is not None
    assert found.integers[0].tolist() == list(range(20_000))
    assert found.floats[0].tolist() == [n + 0.5 for n in range(20_000)]
    assert found.floats[1].tolist() == [-n - 0.25 for n in range(20_000)]


@pytest.mark.parametrize(
    "payload",
    [
        b"\0",
        b"1\0\0",
        b"1\x002",
        b"1,2\0",
        b"1\0 2\0",
        b"1\n\x002\0",
        b"[1]\0",
        b'"1"\0',
        b"+1\x002\0",
        b"01\x002\0",
        b"nan\x002\0",
        b"true\x002\0",
        b"1e999\x002\0",
        b"1\x002\x003\0",
        b"20240102 10:00:00\x002\0",
    ],
)
def test_fields_that_are_no_numbers_or_no_whole_rows_are_left_to_the_caller(payload):
    assert columns(payload, 0, 2 * FLOAT) is None


@pytest.mark.parametrize("text", [b"1.0", b"1e3", b"9223372036854775808", b"-9223372036854775809"])
def test_a_column_of_whole_numbers_refuses_others(text):
    assert integers_of([b"1", text]) is None
    assert floats_of([b"1", text]) is not None


def test_no_rows_are_no_numbers():
    found = columns(b"1\0", 2, INTEGER + FLOAT)
    assert found is not None
    assert [len(column) for column in (*found.integers, *found.floats)] == [0, 0]
    assert integers_of([]) is None
    assert floats_of([]) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([FLOAT, INTEGER, INTEGER + FLOAT]))
def test_random_bytes_raise_nothing(payload, kinds):
    found = columns(payload, 0, kinds)
    if found is not None:
        assert sum(map(len, [*found.integers, *found.floats])) == payload.count(b"\0")


@pytest.mark.parametrize(
    "mark", [2147483647, 9223372036854775807, -9223372036854775808, 1.7976931348623157e308]
)
def test_each_mark_for_no_value_is_seen(mark):
    assert has_no_marks([1, 2, -3])
    assert not has_no_marks([1, mark, 2])
