"""Work done side by side."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from posei_trader.adapters.interactive_brokers.historical.side_by_side import all_or_nothing

MANY = 2_000


async def test_results_stand_in_the_order_of_the_work():
    async def part(number):
        await asyncio.sleep(0 if number % 2 else 0.001)
        return number

    assert await all_or_nothing(part(number) for number in range(MANY)) == list(range(MANY))


async def test_others_get_their_turn_while_thousands_are_begun():
    begun, seen = [], []
    all_begun = asyncio.Event()

    async def part(number):
        begun.append(number)
        await all_begun.wait()

    async def other():
        while len(begun) < MANY:
            seen.append(len(begun))
            await asyncio.sleep(0)
        seen.append(len(begun))
        all_begun.set()

    await asyncio.gather(other(), all_or_nothing(part(number) for number in range(MANY)))
    assert max(later - earlier for earlier, later in itertools.pairwise(seen)) <= 100


async def test_one_that_fails_ends_the_others_and_its_error_is_raised():
    ended = []

    async def part(number):
        if number == 70:
            raise ValueError(number)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    with pytest.raises(ValueError, match="70"):
        await all_or_nothing(part(number) for number in range(100))
    assert sorted(ended) == [number for number in range(100) if number != 70]


async def test_a_cancelled_wait_leaves_nothing_running():
    async def part():
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await all_or_nothing(part() for _ in range(MANY))
    assert len(asyncio.all_tasks()) == 1  # this test
