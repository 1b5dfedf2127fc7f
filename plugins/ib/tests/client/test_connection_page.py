"""What the documentation says about states and codes is what the tables say."""

import re
from pathlib import Path

import pytest

from posei_trader.adapters.interactive_brokers.client.states import (
    ConnectionEvent,
    ConnectionState,
    next_state,
)
from posei_trader.adapters.interactive_brokers.error_codes import Action, rule_for

PAGE = (Path(__file__).parents[4] / "docs" / "ib" / "connection.md").read_text()


def rows(head):
    table = PAGE[PAGE.index(head) :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_table_of_states_is_total_and_the_code_follows_it():
    header, _, *lines = rows("| state | connect |")
    events = [ConnectionEvent(name) for name in header[1:]]
    assert events == list(ConnectionEvent)
    assert [line[0] for line in lines] == list(ConnectionState)
    for name, *cells in lines:
        for event, cell in zip(events, cells, strict=True):
            expected = name if cell == "." else cell
            assert next_state(ConnectionState(name), event) == expected, (name, event)


ACTIONS = {
    "1100, 2110": Action.UPSTREAM_LOST,
    "1101": Action.RESTORED_DATA_LOST,
    "1102": Action.RESTORED_DATA_KEPT,
    "1300, 502, 504, 507": Action.RECONNECT,
    "326": Action.CLIENT_ID_IN_USE,
    "2103, 2105, 2157": Action.FARM_BROKEN,
    "2104, 2106, 2158": Action.FARM_OK,
    "2107, 2108, 2119": Action.NOTE,
    "10182, 10189": Action.REISSUE,
    "10197": Action.REISSUE,
}


def test_every_code_of_the_page_is_explained_once():
    assert [line[0] for line in rows("| code | what it says |")[2:]] == list(ACTIONS)


@pytest.mark.parametrize(("codes", "action"), ACTIONS.items())
def test_a_code_does_what_the_page_says(codes, action):
    for code in re.findall(r"\d+", codes):
        assert rule_for(int(code)).request is action
