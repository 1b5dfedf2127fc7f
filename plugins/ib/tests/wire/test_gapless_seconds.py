"""Moments at equal steps are seen as such, and nothing else is."""

from __future__ import annotations

from array import array
from bisect import bisect_left

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.gapless_seconds import GaplessSeconds

firsts = st.integers(1, 2**40)
steps = st.integers(1, 10**7)
sizes = st.integers(2, 50)


def run(first, step, size):
    return array("d", [first + step * number for number in range(size)])


@given(firsts, steps, sizes)
def test_a_run_is_known_as_one_and_reads_like_its_numbers(first, step, size):
    numbers = run(first, step, size)
    found = GaplessSeconds.of(numbers)
    assert found.step == step
    assert list(found) == list(numbers)
    assert (len(found), found[0], found[-1]) == (size, first, numbers[-1])
    assert bisect_left(found, first + 1) == 1
    assert [list(found[cut]) for cut in (slice(1, None), slice(0, 0), slice(None, None, -1))] == [
        list(numbers[1:]),
        [],
        list(numbers[::-1]),
    ]
    assert isinstance(found[1:], GaplessSeconds)
    assert not isinstance(found[0:0], GaplessSeconds)
    assert not isinstance(found[::-1], GaplessSeconds)


@given(firsts, steps, st.integers(3, 50), st.data())
def test_one_number_elsewhere_makes_it_none(first, step, size, data):
    numbers = run(first, step, size)
    place = data.draw(st.integers(0, size - 1))
    off = data.draw(st.sampled_from([-1, 1, -0.25, 0.25, step, -step]))
    numbers[place] += off
    assert GaplessSeconds.of(numbers) is None


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [1_700_000_000],
        [0, 60, 120],
        [-60, 0, 60],
        [120, 60],
        [60, 60],
        [0.5, 1.5],
        [1, 1.5, 2],
        [2**53 - 1, 2**53],
        [float("nan"), 60],
        [60, float("inf")],
        [0, 30, 120, 180],
    ],
)
def test_what_is_no_run_of_whole_positive_numbers_is_none(numbers):
    assert GaplessSeconds.of(array("d", numbers)) is None


@given(st.lists(st.tuples(st.integers(1, 9), sizes), min_size=1, max_size=5), st.integers(1, 3))
@example([(2, 3), (5, 4)], 1)
def test_parts_are_one_where_there_are_no_gaps_between_them(parts, step):
    runs = [run(first, step, size) for first, size in parts]
    joined = GaplessSeconds.joined([GaplessSeconds.of(numbers) for numbers in runs])
    numbers = array("d", [number for numbers in runs for number in numbers])
    whole = GaplessSeconds.of(numbers)
    assert (joined is None) == (whole is None)
    if joined is not None:
        assert (joined.numbers, joined.step) == (numbers, step)


def test_parts_of_other_steps_are_not_one():
    one, other = GaplessSeconds.of(run(60, 60, 3)), GaplessSeconds.of(run(240, 30, 3))
    assert GaplessSeconds.joined([one, other]) is None
