from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.client.states import (
    TRANSITIONS,
    ConnectionEvent,
    ConnectionState,
    next_state,
)

STATES, EVENTS = tuple(ConnectionState), tuple(ConnectionEvent)


def test_the_table_is_total():
    for state, event in itertools.product(STATES, EVENTS):
        assert next_state(state, event) in STATES


def test_every_state_can_be_reached_and_left():
    reached = {ConnectionState.DISCONNECTED}
    while True:
        further = {next_state(state, event) for state in reached for event in EVENTS}
        if further <= reached:
            break
        reached |= further
    assert reached == set(STATES)
    for state in STATES:
        assert any(next_state(state, event) is not state for event in EVENTS)


@given(st.lists(st.sampled_from(EVENTS)))
def test_whatever_happens_it_is_ready_only_through_the_handshake(events):
    state = ConnectionState.DISCONNECTED
    for event in events:
        before, state = state, next_state(state, event)
        if state is ConnectionState.READY and before is not state:
            assert before in {ConnectionState.HANDSHAKE, ConnectionState.DEGRADED}


@given(st.lists(st.sampled_from(EVENTS)))
def test_stopped_stays_stopped_until_somebody_connects(events):
    state = ConnectionState.STOPPED
    for event in events:
        if event is ConnectionEvent.CONNECT:
            break
        state = next_state(state, event)
    assert state is ConnectionState.STOPPED


def test_the_table_lists_changes_only():
    assert all(
        state is not after for (state, event), after in TRANSITIONS.items() if event != "stop"
    )
