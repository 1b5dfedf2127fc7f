"""A board that is told of the past in columns is the board that saw it event by event."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_ib_sim.gateway import SimulatedIBGatewayConfig
from posei_ib_sim.market.board import Board
from posei_ib_sim.market.columns import TickColumns
from posei_ib_sim.market.events import Quote, Trade
from posei_ib_sim.simulation import Simulation

SECOND = 10**9
STATE = [name for name in Board.__slots__ if name not in {"contract", "hours", "_day_end_ns"}]


class Nobody:
    """A sink of order reports."""

    def __getattr__(self, name):
        return lambda *_: None


@pytest.fixture(scope="module")
def simulation():
    return Simulation(SimulatedIBGatewayConfig(speed="step", start="2024-03-08T15:00:00"), Nobody())


def at(text):
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * SECOND


def state(board):
    return {name: getattr(board, name) for name in STATE}


def both(simulation, name, pieces):
    """Return a board that saw pieces of events and one that saw their columns."""
    contract = simulation.contracts.named(name)
    slow, fast = (Board(contract, simulation.hours) for _ in range(2))
    for events in pieces:
        slow.prime(events)
        fast.prime_columns(TickColumns.of(events))
    return slow, fast


@pytest.mark.parametrize("name", ["AAPL", "EUR.USD", "SPX", "ESM4"])
@pytest.mark.parametrize("hours", [1, 30])
def test_columns_of_a_tape_lead_to_the_same_state(simulation, name, hours):
    contract = simulation.contracts.named(name)
    tape = simulation.tape_for(contract)
    span = (at("2024-03-06T14:00:00"), at("2024-03-06T14:00:00") + hours * 3600 * SECOND)
    slow, fast = (Board(contract, simulation.hours) for _ in range(2))
    slow.prime(tape.events(*span))
    for ticks in tape.columns(*span):
        fast.prime_columns(ticks)
    assert state(fast) == state(slow)
    assert slow.quote is not None or name == "SPX"


cents = st.integers(1, 10_000).map(lambda price: price / 100)
sizes = st.integers(0, 500).map(float)
events = st.lists(
    st.one_of(st.tuples(cents, cents, sizes, sizes), st.tuples(cents, sizes)), max_size=30
)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["AAPL", "EUR.USD"]),
    rows=events,
    gaps=st.lists(st.integers(0, 40_000), min_size=30, max_size=30),
    cut=st.integers(0, 30),
)
def test_any_events_lead_to_the_same_state(simulation, name, rows, gaps, cut):
    now, told = at("2024-03-05T12:00:00"), []
    for row, gap in zip(rows, gaps, strict=False):
        now += gap * SECOND
        told.append(Trade(now, *row) if len(row) == 2 else Quote(now, *row))
    slow, fast = both(simulation, name, [told[:cut], told[cut:]])
    assert state(fast) == state(slow)


def test_a_contract_looked_up_late_in_the_day_is_in_the_state_of_one_played_all_day(simulation):
    contract = simulation.contracts.named("AAPL")
    tape = simulation.tape_for(contract)
    now = at("2024-03-07T20:59:00")
    played = Board(contract, simulation.hours)
    played.prime(tape.events(at("2024-03-06T12:00:00"), now + 1))
    board = simulation.feed.board_at(contract, now)
    assert state(board) == state(played)
    assert board.close == played.close is not None
