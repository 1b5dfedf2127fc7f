"""Numbers read at once are those that Python's own `int` and `float` make, one by one."""

from __future__ import annotations

import math
import sys
from array import array
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire import number_columns
from posei_trader.adapters.interactive_brokers.wire.number_columns import (
    are_whole,
    column,
    columns,
)

INTS = st.integers(-(2**63), 2**64 - 1)
DECIMALS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)
FLOATS = st.one_of(
    DECIMALS,
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(0, 10**6).map(lambda x: f"{x:.2f}"),
)


@pytest.fixture(autouse=True, scope="module", params=["simdjson", "msgspec"])
def reader(request):
    """Read by the one and by the other."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "simdjson":
            pytest.importorskip("simdjson")
        else:
            patch.setitem(sys.modules, "simdjson", None)
        patch.setattr(number_columns, "_readers", number_columns._Readers())
        yield


def body(rows):
    return "".join(f"{field}\0" for row in rows for field in row).encode()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(INTS, FLOATS, FLOATS), min_size=1, max_size=30), st.sampled_from([1, 7]))
def test_columns_are_what_python_makes_of_each_field(rows, start):
    found = columns(b"\0" * start + body(rows), start, 3)
    assert found is not None
    for place, numbers in enumerate(found):
        expected = [float(row[place]) for row in rows]
        assert [value.hex() for value in map(abs, numbers)] == [abs(one).hex() for one in expected]
        assert all(
            math.copysign(1, a) == math.copysign(1, b) or a == 0
            for a, b in zip(numbers, expected, strict=True)
        )


def test_a_run_longer_than_a_piece_keeps_its_columns():
    rows = [(n, f"{n}.5", f"-{n}.25") for n in range(20_000)]
    found = columns(body(rows), 0, 3)
    assert found is not None
    wholes, halves, quarters = found
    assert wholes.tolist() == list(range(20_000))
    assert halves.tolist() == [n + 0.5 for n in range(20_000)]
    assert quarters.tolist() == [-n - 0.25 for n in range(20_000)]


@pytest.mark.parametrize(
    "payload",
    [
        b"\0",
        b"1\0\0",
        b"1\x002",
        b"1,2\0",
        b"1,2\x003\x004,5\x006\0",
        b"1\0 2\0",
        b"1\n\x002\0",
        b"[1]\0",
        b"[1\x002]\x003\x004\0",
        b"1]\x00[2\0",
        b'"1"\0',
        b"{}\x002\0",
        b"+1\x002\0",
        b"01\x002\0",
        b"1.\x002\0",
        b".5\x002\0",
        b"0x1\x002\0",
        b"1_0\x002\0",
        b"nan\x002\0",
        b"NaN\x002\0",
        b"Infinity\x002\0",
        b"true\x002\0",
        b"null\x002\0",
        b"1e999\x002\0",
        b"1\x002\x003\0",
        b"\xff\x002\0",
        b"20240102 10:00:00\x002\0",
    ],
)
def test_fields_that_are_no_numbers_or_no_whole_rows_are_left_to_the_caller(payload):
    assert columns(payload, 0, 2) is None


def test_no_rows_are_no_numbers():
    found = columns(b"1\0", 2, 2)
    assert found is not None
    assert [len(numbers) for numbers in found] == [0, 0]
    assert column(b"", 0) == array("d")
    assert column(b"", 1) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([1, 2]))
def test_random_bytes_raise_nothing(payload, width):
    found = columns(payload, 0, width)
    if found is not None:
        assert sum(map(len, found)) == payload.count(b"\0")


def test_each_thread_reads_for_itself():
    payload = body([(n, n + 0.5) for n in range(50_000)])
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: columns(payload, 0, 2), range(12)))
    assert all(one == found[0] for one in found)
    assert found[0][1][-1] == 49_999.5


@pytest.mark.parametrize("text", [b"1.5", b"1e-3", b"9007199254740993", b"-9007199254740993"])
def test_numbers_that_are_not_whole_or_not_exact_are_told(text):
    assert are_whole(column(b"1,-7,9007199254740991", 3))
    assert not are_whole(column(b"1,%b" % text, 2))


@pytest.mark.parametrize("texts", [b"1,2,3", b"1,", b"[1],2", b"1, 2", b"1,x", b"1,\xff", b",1"])
def test_texts_that_are_not_plainly_two_numbers_are_left_to_the_caller(texts):
    assert column(b"1,2.5", 2).tolist() == [1, 2.5]
    assert column(texts, 2) is None
