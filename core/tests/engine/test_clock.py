import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.engine.clock import LiveClock, SimulatedClock
from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from posei_trader.protocols import Clock

SECOND = 1_000_000_000


class Hands:
    """Two clocks that the test moves."""

    def __init__(self):
        self.wall = 1_000 * SECOND
        self.monotonic = 5 * SECOND

    def pass_time(self, nanos):
        self.wall += nanos
        self.monotonic += nanos


def live(hands):
    return LiveClock(lambda: hands.wall, lambda: hands.monotonic)


def test_the_live_clock_tells_the_time_of_day():
    before = time.time_ns()
    told = LiveClock().timestamp_ns()
    assert before - SECOND < told < time.time_ns() + SECOND


def test_the_live_clock_follows_a_wall_clock_that_is_set_forward():
    hands = Hands()
    clock = live(hands)
    hands.pass_time(SECOND)
    hands.wall += 3_600 * SECOND
    hands.pass_time(SECOND)
    assert clock.timestamp_ns() == hands.wall


def test_the_live_clock_neither_stops_nor_goes_back_when_the_wall_clock_is_set_back():
    hands = Hands()
    clock = live(hands)
    last = clock.timestamp_ns()
    hands.wall -= 10 * SECOND
    for _ in range(300):
        hands.pass_time(SECOND // 10)
        now = clock.timestamp_ns()
        assert now > last
        last = now
    assert last == hands.wall


@given(st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(-60 * SECOND, 60 * SECOND))))
def test_the_live_clock_never_goes_backwards_whatever_the_wall_clock_does(steps):
    hands = Hands()
    clock = live(hands)
    last = 0
    for elapsed, jump in steps:
        hands.pass_time(elapsed)
        hands.wall += jump
        now = clock.timestamp_ns()
        assert now >= last
        last = now


async def test_a_live_timer_calls_back_not_before_its_moment():
    clock = LiveClock()
    done = asyncio.get_running_loop().create_future()
    when = clock.timestamp_ns() + 20_000_000
    clock.call_at(when, lambda: done.set_result(clock.timestamp_ns()))
    assert await asyncio.wait_for(done, 5) >= when


async def test_a_live_timer_of_the_past_calls_back_in_the_next_turn():
    clock = LiveClock()
    called = asyncio.Event()
    clock.call_at(0, called.set)
    assert not called.is_set()
    await asyncio.wait_for(called.wait(), 5)


async def test_a_canceled_live_timer_is_not_called():
    clock = LiveClock()
    called, later = asyncio.Event(), asyncio.Event()
    timer = clock.call_at(0, called.set)
    timer.cancel()
    timer.cancel()
    clock.call_at(0, later.set)
    await asyncio.wait_for(later.wait(), 5)
    assert not called.is_set()
    assert not timer.is_active


async def test_a_live_timer_waits_on_when_the_wall_clock_was_set_back_meanwhile():
    hands = Hands()
    clock = live(hands)
    called = asyncio.Event()
    clock.call_at(hands.wall + 1, called.set)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not called.is_set()
    hands.pass_time(SECOND)
    await asyncio.wait_for(called.wait(), 5)


def test_a_live_timer_needs_a_running_loop():
    with pytest.raises(InvalidRequest, match="running event loop"):
        LiveClock().call_at(0, lambda: None)


async def test_what_a_live_timer_raises_is_logged(caplog):
    clock = LiveClock()
    later = asyncio.Event()
    clock.call_at(0, lambda: 1 / 0)
    clock.call_at(1, later.set)
    await asyncio.wait_for(later.wait(), 5)
    assert "a timer's callback raised" in caplog.text


def test_both_clocks_have_the_methods_of_the_protocol():
    clocks: list[Clock] = [LiveClock(), SimulatedClock()]
    assert all(callable(clock.call_at) for clock in clocks)


def test_the_simulated_clock_moves_only_when_told():
    clock = SimulatedClock(7)
    assert clock.timestamp_ns() == 7
    clock.advance_to(9)
    assert clock.timestamp_ns() == 9
    with pytest.raises(InvalidRequest, match="backwards"):
        clock.advance_to(8)


@given(st.lists(st.integers(0, 50)), st.integers(0, 60))
def test_simulated_timers_fire_in_order_at_their_own_moment(moments, end):
    clock, seen = SimulatedClock(), []
    for number, moment in enumerate(moments):
        clock.call_at(moment, lambda m=moment, n=number: seen.append((m, n, clock.timestamp_ns())))
    fired = clock.advance_to(end)
    due = sorted((moment, number) for number, moment in enumerate(moments) if moment <= end)
    assert [(moment, number) for moment, number, _ in seen] == due
    assert all(at == moment for moment, _, at in seen)
    assert fired == len(due)


def test_a_simulated_timer_that_is_set_on_the_way_fires_on_the_same_way():
    clock, seen = SimulatedClock(), []

    def again():
        seen.append(clock.timestamp_ns())
        clock.call_at(clock.timestamp_ns() + 10, again)

    clock.call_at(10, again)
    clock.advance_to(35)
    assert seen == [10, 20, 30]
    assert clock.next_timer_ns() == 40


def test_a_canceled_simulated_timer_is_passed_over(caplog):
    clock, seen = SimulatedClock(), []
    clock.call_at(5, lambda: seen.append(5)).cancel()
    clock.call_at(6, lambda: 1 / 0)
    clock.call_at(7, lambda: seen.append(7))
    assert clock.next_timer_ns() == 6
    assert clock.advance(10) == 2
    assert seen == [7]
    assert clock.next_timer_ns() is None
    assert "ZeroDivisionError" in caplog.text
