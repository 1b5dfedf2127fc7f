"""The simulated clock: order, monotony, rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim.clock import NANOSECONDS, SimulatedClock


class Monotonic:
    """A real-time source that stands where it is put."""

    def __init__(self):
        self.ns = 0

    def __call__(self):
        return self.ns


@given(st.lists(st.integers(0, 10**6), max_size=50))
def test_timers_run_in_order_of_due_time_and_then_of_scheduling(delays):
    clock = SimulatedClock(0)
    ran = []
    for number, delay in enumerate(delays):
        clock.call_at(delay, lambda number=number: ran.append((clock.now_ns, number)))
    clock.advance_to(10**6)
    assert ran == sorted((delay, number) for number, delay in enumerate(delays))
    assert clock.now_ns == 10**6


def test_a_timer_may_schedule_another_for_the_same_moment():
    clock = SimulatedClock(0)
    ran = []
    clock.call_at(5, lambda: clock.call_at(5, lambda: ran.append(clock.now_ns)))
    clock.advance_to(5)
    assert ran == [5]


def test_cancelled_timers_do_not_run():
    clock = SimulatedClock(0)
    ran = []
    clock.call_at(5, lambda: ran.append("no")).cancel()
    clock.advance_to(10)
    assert ran == []
    assert clock.next_due_ns is None


def test_accelerated_time_flows_at_its_rate_and_stops_at_timers():
    real = Monotonic()
    clock = SimulatedClock(0, rate=60.0, monotonic_ns=real)
    assert clock.now_ns == 0
    clock.resume()
    real.ns = NANOSECONDS
    assert clock.now_ns == 60 * NANOSECONDS
    clock.call_at(90 * NANOSECONDS, lambda: None)
    assert clock.seconds_until(90 * NANOSECONDS) == pytest.approx(0.5)
    real.ns = 2 * NANOSECONDS
    assert clock.now_ns == 90 * NANOSECONDS  # not past a timer that has not run
    clock.run_next()
    assert clock.now_ns == 120 * NANOSECONDS


def test_paused_time_stands():
    real = Monotonic()
    clock = SimulatedClock(0, rate=1.0, monotonic_ns=real)
    clock.resume()
    real.ns = 10
    clock.pause()
    real.ns = 1000
    assert clock.now_ns == 10
    clock.resume()
    real.ns = 1001
    assert clock.now_ns == 11


def test_time_never_goes_back():
    clock = SimulatedClock(100)
    with pytest.raises(ValueError, match="time never goes back"):
        clock.advance_to(50)


def test_repeating_ends_when_told_even_from_inside():
    clock = SimulatedClock(0)
    ran = []

    def callback():
        ran.append(clock.now_ns)
        if len(ran) == 3:
            stop()

    stop = clock.every(10, callback)
    clock.advance_to(100)
    assert ran == [10, 20, 30]


def test_a_rate_must_be_positive():
    with pytest.raises(ValueError, match="must be greater than 0"):
        SimulatedClock(0, rate=0.0)
