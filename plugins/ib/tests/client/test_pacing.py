"""IB's limits are kept whatever is asked, and used up to what they allow."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.client.scheduler import Command, Lane, Scheduler
from posei_trader.adapters.interactive_brokers.pacing import (
    HistoricalBudget,
    HistoricalCost,
    LineBudget,
    LineKind,
    PacingLimits,
)
from posei_trader.errors import ConnectionLost, ResourceExhausted

SECOND = 1_000_000_000


class Rig:
    """A scheduler on virtual time, and what it sent when."""

    def __init__(
        self, clock, limits: PacingLimits | None = None, history: HistoricalBudget | None = None
    ) -> None:
        self.clock = clock
        self.sent: list[tuple[float, bytes]] = []
        self.began = clock.now
        self.scheduler = Scheduler(clock, limits or PacingLimits(), self._write, history)

    def _write(self, data: bytes) -> None:
        self.sent.append(((self.clock.now - self.began) / SECOND, data))

    def submit(self, lane: Lane, data: bytes = b"x", cost: HistoricalCost | None = None) -> Command:
        command = Command(data, lane, cost)
        self.scheduler.submit(command)
        return command

    def history(self, identity: object, *, group: object = 0, small: bool = True, weight: int = 1):
        cost = HistoricalCost(identity, group, small, weight)
        return self.submit(Lane.HISTORICAL, repr(identity).encode(), cost)

    def times(self) -> list[float]:
        return [at for at, _ in self.sent]


@pytest.fixture
def rig(shop):
    return Rig(shop.VirtualClock())


def most_within(times: list[float], seconds: float) -> int:
    return max((sum(1 for other in times if at <= other < at + seconds) for at in times), default=0)


async def test_what_fits_goes_at_once(rig):
    for _ in range(45):
        rig.submit(Lane.REQUEST)
    assert len(rig.sent) == 45
    assert rig.scheduler.status().messages == 45


async def test_requests_leave_room_for_orders(rig):
    for _ in range(60):
        rig.submit(Lane.REQUEST)
    assert len(rig.sent) == 45
    for _ in range(5):
        rig.submit(Lane.ORDER, b"order")
    assert rig.sent[-5:] == [(0.0, b"order")] * 5
    assert rig.scheduler.status().waiting_requests == 15


async def test_orders_wait_only_for_the_hard_limit_and_go_before_everything_else(rig):
    for _ in range(60):
        rig.submit(Lane.ORDER, b"order")
    rig.submit(Lane.REQUEST, b"request")
    assert len(rig.sent) == 50
    rig.clock.advance(1.1)
    assert [data for _, data in rig.sent[50:]] == [b"order"] * 10 + [b"request"]


@settings(max_examples=40, deadline=None)
@given(
    arrivals=st.lists(st.tuples(st.floats(0, 0.3), st.sampled_from([0, 1])), max_size=300),
    lines=st.sampled_from([100, 40, 6]),
)
def test_no_second_ever_has_more_messages_than_allowed(arrivals, lines, new_clock):
    rig = Rig(new_clock(), PacingLimits(lines=lines))
    for pause, lane in arrivals:
        rig.clock.advance(pause)
        rig.submit(Lane(lane))
    rig.clock.advance(600)
    assert len(rig.sent) == len(arrivals)
    assert most_within(rig.times(), 1.0) <= min(50, lines // 2)


async def test_identical_historical_requests_are_fifteen_seconds_apart(rig):
    rig.history("same")
    rig.scheduler.historical_finished()
    rig.history("same")
    rig.clock.advance(14.9)
    assert len(rig.sent) == 1
    rig.clock.advance(0.5)
    assert len(rig.sent) == 2


async def test_one_contract_gets_six_requests_in_two_seconds(rig):
    for number in range(20):
        rig.history(number, small=False)
        rig.scheduler.historical_finished()
    assert len(rig.sent) == 6
    rig.clock.advance(30)
    assert len(rig.sent) == 20
    assert most_within(rig.times(), 2.0) <= 6


async def test_small_bars_get_sixty_requests_in_ten_minutes_and_quotes_count_twice(rig):
    for number in range(40):
        rig.history(number, group=number, weight=2)
        rig.scheduler.historical_finished()
    assert len(rig.sent) == 30
    rig.clock.advance(700)
    assert len(rig.sent) == 40


async def test_long_bars_do_not_use_up_the_ten_minutes(rig):
    for number in range(200):
        rig.history(number, group=number, small=False)
        rig.scheduler.historical_finished()
    rig.clock.advance(10)
    assert len(rig.sent) == 200


async def test_pacing_costs_at_most_five_percent(rig):
    """6 requests in 2 seconds allow 300 requests in 98 seconds: the last starts at 98."""
    for number in range(300):
        rig.history(number, small=False)
    for _ in range(20_000):
        rig.clock.advance(0.01)
        while rig.scheduler.status().open_historical:
            rig.scheduler.historical_finished()
        if len(rig.sent) == 300:
            break
    assert rig.times()[-1] <= 98 * 1.05


async def test_at_most_fifty_historical_requests_are_open(rig):
    for number in range(60):
        rig.history(number, group=number, small=False)
    rig.clock.advance(100)
    assert len(rig.sent) == 50
    rig.scheduler.historical_finished()
    assert len(rig.sent) == 51


async def test_history_that_has_to_wait_does_not_hold_up_the_rest(rig):
    rig.history("same")
    rig.history("same")
    rig.history("other", group=1)
    rig.submit(Lane.REQUEST, b"request")
    assert [data for _, data in rig.sent] == [b"'same'", b"'other'", b"request"]
    status = rig.scheduler.status()
    assert status.waiting_historical == 1
    assert 14 < status.next_historical_s < 16


class PlainList:
    """Who waits, looked at one by one: slow, and right."""

    def __init__(self, budget: HistoricalBudget) -> None:
        self._budget = budget
        self._commands: list[Command] = []

    def __len__(self) -> int:
        return len(self._commands)

    def add(self, command: Command) -> None:
        self._commands.append(command)

    def remove(self, command: Command) -> bool:
        if command not in self._commands:
            return False
        self._commands.remove(command)
        return True

    def take(self, now: int) -> tuple[Command | None, int | None]:
        delays = []
        for command in self._commands:
            cost = command.cost
            shared = self._budget.shared_delay_ns(cost.is_small, cost.weight, now)
            delays.append(max(shared, self._budget.own_delay_ns(cost, now)))
            if delays[-1] == 0:
                self._commands.remove(command)
                return command, None
        return None, min(delays, default=None)


@settings(max_examples=60, deadline=None)
@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["ask", "ask", "ask", "end", "withdraw", "pass"]),
            st.integers(0, 12),
            st.integers(0, 2),
            st.booleans(),
            st.sampled_from([1, 2]),
        ),
        min_size=50,
        max_size=150,
    )
)
def test_of_those_that_may_go_the_first_that_came_goes_first(events, new_clock):
    limits = PacingLimits(small_bar_requests=8, small_bar_s=60, historical_simultaneous=10)
    rigs = [Rig(new_clock(), limits) for _ in range(2)]
    plain = rigs[1].scheduler
    plain._historical = PlainList(plain._history)
    for rig in rigs:
        asked = []
        for number, (what, identity, group, small, weight) in enumerate(events):
            if what == "ask":
                cost = HistoricalCost((identity, group), (group, weight), small, weight)
                asked.append(rig.submit(Lane.HISTORICAL, b"%d" % number, cost))
            elif what == "end" and rig.scheduler.status().open_historical:
                rig.scheduler.historical_finished()
            elif what == "withdraw" and asked:
                rig.scheduler.withdraw(asked[identity % len(asked)])
            elif what == "pass":
                rig.clock.advance(identity / 4)
        for _ in range(2_000):
            rig.clock.advance(1)
            while rig.scheduler.status().open_historical:
                rig.scheduler.historical_finished()
            if not rig.scheduler.status().waiting_historical:
                break
        assert not rig.scheduler.status().waiting_historical
    by_lines, one_by_one = ([data for _, data in rig.sent] for rig in rigs)
    assert by_lines == one_by_one


@pytest.mark.parametrize("groups", [1, 1_000_000])
async def test_what_waits_costs_nothing_when_something_else_happens(shop, groups):
    def calls(count: int) -> int:
        """Return how many calls it takes to ask, and to answer what the rules let go."""
        rig, made = Rig(shop.VirtualClock()), 0

        def note(frame, event, argument):
            nonlocal made
            made += 1

        sys.setprofile(note)
        try:
            commands = [rig.history(number, group=number % groups) for number in range(count)]
            for _ in range(count):
                rig.clock.advance(0.5)
                if rig.scheduler.status().open_historical:
                    rig.scheduler.historical_finished()
            for command in commands:
                rig.scheduler.withdraw(command)
        finally:
            sys.setprofile(None)
        return made

    few, many = calls(400), calls(1_600)
    assert many < 5 * few


async def test_a_complaint_holds_requests_but_not_orders(rig):
    rig.scheduler.hold(10)
    rig.submit(Lane.REQUEST, b"request")
    rig.submit(Lane.ORDER, b"order")
    assert [data for _, data in rig.sent] == [b"order"]
    rig.clock.advance(10.1)
    assert [data for _, data in rig.sent] == [b"order", b"request"]


async def test_what_was_withdrawn_is_not_sent(rig):
    rig.scheduler.hold(10)
    command = rig.submit(Lane.REQUEST)
    assert rig.scheduler.withdraw(command)
    assert not rig.scheduler.withdraw(command)
    rig.clock.advance(20)
    assert rig.sent == []


async def test_when_the_connection_goes_everything_that_waits_is_told(rig):
    told = []
    rig.scheduler.hold(10)
    command = Command(b"x", Lane.REQUEST, on_dropped=told.append)
    rig.scheduler.submit(command)
    error = ConnectionLost("gone")
    rig.scheduler.connection_lost(error)
    assert told == [error]
    rig.clock.advance(20)
    assert rig.sent == []


async def test_the_lanes_are_bounded(rig):
    rig.scheduler.hold(10)
    for _ in range(10_000):
        rig.submit(Lane.REQUEST)
    with pytest.raises(ResourceExhausted):
        rig.submit(Lane.REQUEST)


def test_lines_run_out_and_come_back():
    budget = LineBudget(PacingLimits(lines=100))
    for _ in range(5):
        budget.take(LineKind.TICK_BY_TICK)
    with pytest.raises(ResourceExhausted, match="tick-by-tick streams"):
        budget.take(LineKind.TICK_BY_TICK)
    budget.give_back(LineKind.TICK_BY_TICK)
    budget.take(LineKind.TICK_BY_TICK)
    budget.take(LineKind.FREE)


@pytest.mark.parametrize(
    ("lines", "messages", "tick_by_tick"), [(100, 50, 5), (60, 30, 3), (1000, 50, 50), (1, 1, 3)]
)
def test_limits_follow_the_lines(lines, messages, tick_by_tick):
    limits = PacingLimits(lines=lines)
    assert (limits.message_limit, limits.tick_by_tick_limit) == (messages, tick_by_tick)


async def test_connections_of_one_login_keep_the_rules_of_history_together(shop):
    clock = shop.VirtualClock()
    shared = HistoricalBudget(PacingLimits())
    rigs = [Rig(clock, history=shared) for _ in range(2)]
    for number in range(6):
        for rig in rigs:
            rig.history((id(rig), number), small=False)
    assert [len(rig.sent) for rig in rigs] == [3, 3]
    clock.advance(3)
    assert [len(rig.sent) for rig in rigs] == [6, 6]
    assert most_within(sorted(rigs[0].times() + rigs[1].times()), 2.0) == 6


async def test_room_that_one_connection_leaves_goes_to_each_in_turn(shop):
    clock = shop.VirtualClock()
    limits = PacingLimits(historical_simultaneous=2)
    shared = HistoricalBudget(limits)
    rigs = [Rig(clock, limits, shared) for _ in range(2)]
    for number in range(4):
        for rig in rigs:
            rig.history((id(rig), number), group=(id(rig), number), small=False)
    assert [len(rig.sent) for rig in rigs] == [1, 1]
    for _ in range(4):
        rigs[0].scheduler.historical_finished()
    assert [len(rig.sent) for rig in rigs] == [3, 3]
