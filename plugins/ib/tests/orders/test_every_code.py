"""Whatever code IB answers a command with, its fate becomes an event: at once, or once IB is asked.

For each listed code, and for some that nobody listed: what a venue may then say when it is asked.
"""

import pytest

from posei_trader.adapters.interactive_brokers.error_codes import Action, listed_codes, rule_for
from posei_trader.adapters.interactive_brokers.execution.problems import problem_kind
from posei_trader.adapters.interactive_brokers.orders.encoding import WorkingTerms
from posei_trader.adapters.interactive_brokers.orders.machine import advance
from posei_trader.adapters.interactive_brokers.orders.tracked import (
    AbsenceSeen,
    AnswerOverdue,
    Identity,
    Phase,
    ProblemSeen,
    StateSeen,
    StillWorking,
    TrackedOrder,
)
from posei_trader.model.enums import OrderSide, OrderType, TimeInForce
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.values import Price, Quantity

NOW = 1_700_000_000_000_000_000
TERMS = WorkingTerms(Quantity("100"), Price("187.25"))
CHANGED = WorkingTerms(Quantity("100"), Price("180.00"))
UNLISTED = [148, 382, 10268, 10311, 10340, 31415]
CODES = [*listed_codes(), *UNLISTED]
TEXT = "IB's words"


def order(**changes):
    identity = Identity(
        TraderId("TRADER-001"),
        StrategyId("S-001"),
        InstrumentId("AAPL.NASDAQ"),
        ClientOrderId("O-1"),
        AccountId("IB-DU123456"),
        OrderSide.BUY,
        OrderType.LIMIT,
        TimeInForce.GTC,
    )
    return TrackedOrder(identity, TERMS, **changes)


def working(**changes):
    return order(phase=Phase.WORKING, venue_order_id=VenueOrderId("77"), **changes)


def answered(state, code, *then):
    """Answer with a code; if that decides nothing, let the answer be overdue and IB be asked."""
    events = []
    problem = ProblemSeen(problem_kind(rule_for(code).order), code, TEXT)
    for happening in (problem, AnswerOverdue(), *then):
        state, more = advance(state, happening, NOW)
        events += more
    return state, [type(event).__name__.removeprefix("Order") for event in events], events


@pytest.mark.parametrize("code", CODES)
def test_an_order_that_is_not_there_is_over_and_says_which_code(code):
    state, names, events = answered(order(), code, AbsenceSeen())
    assert state.phase.is_done
    assert names in (["Rejected"], ["Canceled"])
    action = rule_for(code).order
    if action is not Action.ORDER_CANCELLED and rule_for(code).about.value not in {
        "connection",
        "farm",
    }:
        assert TEXT in events[0].reason
    if names == ["Rejected"] and TEXT in events[0].reason:
        assert events[0].code == code


@pytest.mark.parametrize("code", CODES)
def test_an_order_that_is_there_works_on_unless_ib_definitely_refused_it(code):
    state, names, _ = answered(order(), code, StateSeen("Submitted", VenueOrderId("77"), TERMS))
    definite = {Action.ORDER_REJECTED, Action.ORDER_CANCELLED, Action.MODIFY_REJECTED}
    if rule_for(code).order in definite:
        assert names in (["Rejected"], ["Canceled"])
    else:
        assert names == ["Accepted"]
        assert state.phase is Phase.WORKING


@pytest.mark.parametrize("code", CODES)
def test_a_change_that_a_code_answers_is_decided(code):
    state, names, _ = answered(working(asked=CHANGED), code, StillWorking(TERMS))
    if rule_for(code).order is Action.ORDER_CANCELLED:
        assert names == ["Canceled"]
    else:
        assert names == ["ModifyRejected"]
        assert (state.phase, state.asked, state.is_in_doubt) == (Phase.WORKING, None, False)


@pytest.mark.parametrize("code", CODES)
def test_a_cancel_that_a_code_answers_is_decided(code):
    state, names, _ = answered(working(is_cancel_asked=True), code, StillWorking(TERMS))
    if rule_for(code).order is Action.ORDER_CANCELLED:
        assert names == ["Canceled"]
    else:
        assert names == ["CancelRejected"]
        assert not state.is_cancel_asked
