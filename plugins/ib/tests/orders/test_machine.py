"""The order state machine: definite cases, and properties over random sequences."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.orders.encoding import WorkingTerms
from posei_trader.adapters.interactive_brokers.orders.machine import LOST, advance, is_known
from posei_trader.adapters.interactive_brokers.orders.tracked import (
    AbsenceSeen,
    CancelAsked,
    ChangeAsked,
    CommissionSeen,
    ConnectionLost,
    FillCorrected,
    FillSeen,
    Held,
    Identity,
    Phase,
    ProblemKind,
    ProblemSeen,
    StateSeen,
    StillWorking,
    TrackedOrder,
)
from posei_trader.model import events as ev
from posei_trader.model.enums import OrderSide, OrderStatus, OrderType, TimeInForce
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.orders import Order, OrderTerms
from posei_trader.model.values import Money, Price, Quantity

ACCOUNT = AccountId("IB-DU123456")
NOW = 1_700_000_000_000_000_000
TERMS = WorkingTerms(Quantity("100"), Price("187.25"))


def tracked(**changes: object) -> TrackedOrder:
    identity = Identity(
        TraderId("TRADER-001"),
        StrategyId("S-001"),
        InstrumentId("AAPL.NASDAQ"),
        ClientOrderId("O-1"),
        ACCOUNT,
        OrderSide.BUY,
        OrderType.LIMIT,
        TimeInForce.GTC,
    )
    identity_changes = {
        name: changes.pop(name) for name in list(changes) if name in Identity.__struct_fields__
    }
    identity = msgspec.structs.replace(identity, **identity_changes)
    return msgspec.structs.replace(TrackedOrder(identity, TERMS), **changes)


def working(**changes: object) -> TrackedOrder:
    return tracked(phase=Phase.WORKING, venue_order_id=VenueOrderId("77"), **changes)


def run(state: TrackedOrder, *happenings: object) -> tuple[TrackedOrder, list[ev.OrderEvent]]:
    events: list[ev.OrderEvent] = []
    for happening in happenings:
        state, more = advance(state, happening, NOW)
        events.extend(more)
    return state, events


def names(events: list[ev.OrderEvent]) -> list[str]:
    return [type(event).__name__.removeprefix("Order") for event in events]


def fill(number: int, quantity: str = "100") -> FillSeen:
    return FillSeen(TradeId(f"e{number}.01"), Quantity(quantity), Price("187.20"), NOW)


def seen(status: str, **changes: object) -> StateSeen:
    return StateSeen(status, VenueOrderId("77"), **changes)


def refused(code: int, text: str = "no") -> ProblemSeen:
    return ProblemSeen(ProblemKind.REFUSED, code, text)


# -- the life of an order --------------------------------------------------------------------------


def test_a_market_order_as_a_real_gateway_reports_it():
    state, events = run(
        tracked(),
        seen("PreSubmitted", terms=TERMS),
        seen("Submitted", filled_raw=0, why_held=""),
        fill(1),
        seen("Filled", terms=TERMS),
        seen("Filled", filled_raw=100 * 10**9, why_held=""),
        CommissionSeen(TradeId("e1.01"), Money("1.00", "USD")),
    )
    assert names(events) == ["Accepted", "Filled", "FillAmended"]
    assert (state.phase, state.misses_fills) == (Phase.FILLED, False)


def test_a_fill_before_any_status_accepts_the_order_first():
    _, events = run(tracked(), fill(1, "40"))
    assert names(events) == ["Accepted", "Filled"]


def test_pending_statuses_do_not_accept():
    state, events = run(tracked(), seen("ApiPending"), seen("PendingSubmit"))
    assert (state.phase, events) == (Phase.SENT, [])


def test_repeated_messages_publish_nothing_new():
    _, events = run(tracked(), *[seen("Submitted", terms=TERMS)] * 3)
    assert names(events) == ["Accepted"]


def test_a_status_that_says_more_than_the_executions_is_noticed_and_fills_nothing():
    state, events = run(tracked(), seen("Filled", filled_raw=100 * 10**9))
    assert names(events) == ["Accepted"]
    assert state.misses_fills


def test_a_cancel_keeps_its_late_fill():
    state, events = run(working(), CancelAsked(), seen("Cancelled", filled_raw=0), fill(1, "30"))
    assert names(events) == ["PendingCancel", "Canceled", "Filled"]
    assert state.phase is Phase.CANCELED


def test_cancelled_status_and_error_202_cancel_once():
    problem = ProblemSeen(ProblemKind.CANCELED, 202, "Order Canceled - reason:")
    _, events = run(working(), CancelAsked(), seen("Cancelled"), problem)
    assert names(events) == ["PendingCancel", "Canceled"]
    _, events = run(working(), CancelAsked(), problem, seen("Cancelled"))
    assert names(events) == ["PendingCancel", "Canceled"]


@pytest.mark.parametrize("code", [103, 110, 200, 201, 203, 321, 10289])
def test_a_definite_refusal_rejects_with_its_code_and_words(code):
    state, events = run(tracked(), refused(code, "because"))
    assert names(events) == ["Rejected"]
    assert (events[0].code, events[0].reason) == (code, "because")
    assert state.phase is Phase.REJECTED


def test_a_refusal_followed_by_its_status_rejects_once():
    for status in ("Inactive", "Cancelled"):
        _, events = run(tracked(), refused(201), seen(status))
        assert names(events) == ["Rejected"]


def test_an_unlisted_code_rejects_only_when_the_status_says_so():
    unlisted = ProblemSeen(ProblemKind.UNKNOWN, 99999, "strange")
    state, events = run(tracked(), unlisted)
    assert (events, state.is_in_doubt) == ([], True)
    state, events = run(state, seen("Submitted"))
    assert (names(events), state.is_in_doubt) == (["Accepted"], False)
    _, events = run(tracked(), unlisted, seen("Inactive"))
    assert names(events) == ["Rejected"]
    assert events[0].reason == "strange"


def test_warnings_keep_an_order_alive():
    warning = ProblemSeen(ProblemKind.WARNING, 399, "held until the open")
    state, events = run(tracked(), warning, seen("PreSubmitted"))
    assert names(events) == ["Accepted"]
    assert not state.is_in_doubt


def test_shares_being_located_are_no_rejection():
    state, events = run(tracked(), seen("Inactive", why_held="locate"))
    assert (state.phase, events) == (Phase.SENT, [])


def test_an_inactive_order_that_traded_is_canceled_not_rejected():
    _, events = run(working(), fill(1, "10"), seen("Inactive"))
    assert names(events) == ["Filled", "Canceled"]


def test_a_stop_is_triggered_when_it_no_longer_waits_for_its_trigger():
    stop = tracked(order_type=OrderType.STOP_LIMIT)
    _, events = run(
        stop,
        seen("PreSubmitted", why_held="trigger"),
        seen("Submitted", why_held=""),
        seen("Submitted", why_held=""),
    )
    assert names(events) == ["Accepted", "Triggered"]


def test_a_good_till_date_order_expires_when_its_time_is_over():
    late = working(time_in_force=TimeInForce.GTD, expire_time_ns=NOW - 1)
    _, events = run(late, seen("Cancelled"))
    assert names(events) == ["Expired"]
    _, events = run(late, CancelAsked(), seen("Cancelled"))
    assert names(events) == ["PendingCancel", "Canceled"]


def order_of(state: TrackedOrder) -> Order:
    order = Order(
        OrderTerms(
            trader_id=state.identity.trader_id,
            strategy_id=state.identity.strategy_id,
            instrument_id=state.identity.instrument_id,
            client_order_id=state.identity.client_order_id,
            order_side=OrderSide.BUY,
            order_type=OrderType.LIMIT,
            quantity=Quantity("100"),
            price=Price("187.25"),
        )
    )
    order.apply(
        ev.OrderSubmitted(
            trader_id=state.identity.trader_id,
            strategy_id=state.identity.strategy_id,
            instrument_id=state.identity.instrument_id,
            client_order_id=state.identity.client_order_id,
            ts_event=NOW,
            ts_init=NOW,
            account_id=ACCOUNT,
        )
    )
    return order


# -- changes ---------------------------------------------------------------------------------------

CHANGED = WorkingTerms(Quantity("100"), Price("186.00"))


def test_a_change_is_confirmed_by_the_terms_that_ib_works():
    state, events = run(
        working(),
        ChangeAsked(CHANGED),
        seen("Submitted", terms=TERMS),  # an old repetition
        seen("Submitted", terms=CHANGED),
        seen("Submitted", terms=CHANGED),
    )
    assert names(events) == ["PendingUpdate", "Updated"]
    assert events[-1].price == Price("186.00")
    assert (state.asked, state.terms) == (None, CHANGED)


LARGER = WorkingTerms(Quantity("150"), Price("187.25"))


@pytest.mark.parametrize(
    ("answers", "published", "phase", "quantity"),
    [
        ([seen("Submitted", terms=LARGER)], ["Updated"], Phase.WORKING, "150"),
        ([seen("Submitted", terms=LARGER), fill(2, "50")], ["Updated", "Filled"], "FILLED", "150"),
        ([fill(2, "50")], ["Filled"], Phase.FILLED, "150"),
        ([fill(2, "20"), seen("Cancelled")], ["Filled", "Canceled"], Phase.CANCELED, "150"),
        ([seen("Filled", filled_raw=100 * 10**9)], ["Updated"], Phase.FILLED, "100"),
        ([seen("Filled")], [], Phase.WORKING, "150"),
        ([seen("Filled"), fill(2, "50")], ["Filled"], Phase.FILLED, "150"),
        (
            [ProblemSeen(ProblemKind.MODIFY_REFUSED, 104, "Cannot modify a filled order.")],
            ["ModifyRejected", "Updated"],
            Phase.FILLED,
            "100",
        ),
        ([ConnectionLost(), seen("Cancelled")], ["Canceled"], Phase.CANCELED, "150"),
    ],
)
def test_an_order_that_may_have_been_enlarged_stays_open_when_it_has_filled(
    answers, published, phase, quantity
):
    before, events = run(working(), ChangeAsked(LARGER), fill(1, "100"))
    assert names(events) == ["PendingUpdate", "Updated", "Filled"]
    assert (before.phase, before.asked) == (Phase.WORKING, LARGER)
    state, more = run(before, *answers)
    assert (names(more), state.phase) == (published, phase)
    order = order_of(state)
    for event in (*events, *more):
        order.apply(event)
    assert order.quantity == Quantity(quantity)
    assert order.is_closed is state.phase.is_done


def test_an_order_that_was_to_become_smaller_is_filled_by_what_it_was():
    smaller = WorkingTerms(Quantity("60"), Price("187.25"))
    state, events = run(working(), ChangeAsked(smaller), fill(1, "100"))
    assert (names(events), state.phase) == (["PendingUpdate", "Filled"], Phase.FILLED)


def test_a_change_by_hand_in_tws_is_published():
    _, events = run(working(), seen("Submitted", terms=CHANGED))
    assert names(events) == ["Updated"]


@pytest.mark.parametrize("kind", [ProblemKind.REFUSED, ProblemKind.MODIFY_REFUSED])
def test_a_refused_change_leaves_the_order_working(kind):
    state, events = run(working(), ChangeAsked(CHANGED), ProblemSeen(kind, 110, "bad price"))
    assert names(events) == ["PendingUpdate", "ModifyRejected"]
    assert (state.phase, state.terms, state.asked) == (Phase.WORKING, TERMS, None)


def test_a_refused_cancel_leaves_the_order_working_and_in_doubt():
    problem = ProblemSeen(ProblemKind.CANCEL_REFUSED, 10147, "not found")
    state, events = run(working(), CancelAsked(), problem)
    assert names(events) == ["PendingCancel", "CancelRejected"]
    assert (state.phase, state.is_in_doubt) == (Phase.WORKING, True)


def test_a_cancel_that_met_a_fill_is_rejected_after_the_fill():
    problem = ProblemSeen(ProblemKind.CANCEL_REFUSED, 161, "not cancellable")
    state, events = run(working(), CancelAsked(), fill(1), problem)
    assert names(events) == ["PendingCancel", "Filled", "CancelRejected"]
    assert state.phase is Phase.FILLED


# -- not knowing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        tracked(),
        working(asked=CHANGED),
        working(is_cancel_asked=True),
    ],
    ids=["submit", "modify", "cancel"],
)
def test_a_lost_connection_rejects_nothing_and_leaves_the_command_in_doubt(state):
    after, events = run(state, ConnectionLost())
    assert events == []
    assert after.is_in_doubt
    assert (after.phase, after.asked, after.is_cancel_asked) == (
        state.phase,
        state.asked,
        state.is_cancel_asked,
    )


def test_a_quiet_order_is_in_no_doubt_when_the_connection_is_lost():
    state, _ = run(working(), ConnectionLost())
    assert not state.is_in_doubt


def test_an_order_that_ib_definitely_does_not_know_was_lost():
    _, events = run(tracked(is_in_doubt=True), AbsenceSeen())
    assert names(events) == ["Rejected"]
    assert events[0].reason == LOST


def test_an_order_that_ib_complained_of_and_does_not_know_is_rejected_in_ibs_words():
    complaint = Held(10340, "attribute is not supported: percentOffset", is_refusal=False)
    _, events = run(tracked(is_in_doubt=True, held=complaint), AbsenceSeen())
    assert names(events) == ["Rejected"]
    assert (events[0].code, events[0].reason) == (10340, f"{complaint.text} (IB has no such order)")


def test_a_working_order_that_ib_does_not_list_is_in_doubt_not_gone():
    state, events = run(working(), AbsenceSeen())
    assert (events, state.is_in_doubt, state.phase) == ([], True, Phase.WORKING)


def test_commands_that_did_not_arrive_are_refused_when_ib_still_works_the_order_as_before():
    state = working(asked=CHANGED, is_cancel_asked=True)
    state, events = run(state, ConnectionLost(), StillWorking(TERMS))
    assert names(events) == ["ModifyRejected", "CancelRejected"]
    assert not state.is_in_doubt
    assert not state.is_waiting


def test_a_change_that_did_arrive_is_confirmed_by_the_listing():
    _, events = run(working(asked=CHANGED), ConnectionLost(), StillWorking(CHANGED))
    assert names(events) == ["Updated"]


@pytest.mark.parametrize(
    ("state", "kind", "expected"),
    [
        (tracked(), ProblemKind.NOT_SENT, "Rejected"),
        (working(asked=CHANGED), ProblemKind.CHANGE_NOT_SENT, "ModifyRejected"),
        (working(is_cancel_asked=True), ProblemKind.CANCEL_NOT_SENT, "CancelRejected"),
    ],
    ids=["submit", "modify", "cancel"],
)
def test_a_command_that_never_left_is_refused(state, kind, expected):
    _, events = run(state, ProblemSeen(kind, 504, "not connected"))
    assert names(events) == [expected]


@pytest.mark.parametrize("kind", [ProblemKind.CHANGE_NOT_SENT, ProblemKind.CANCEL_NOT_SENT])
def test_a_second_command_that_never_left_says_nothing_about_the_order_itself(kind):
    """Two cancels wait when the connection goes; the order before them is on the wire."""
    command = CancelAsked() if kind is ProblemKind.CANCEL_NOT_SENT else ChangeAsked(CHANGED)
    lost = ProblemSeen(kind, 504, "not connected")
    state, events = run(tracked(), command, lost, lost)
    assert state.phase is Phase.SENT
    assert "Rejected" not in names(events)


def test_an_order_whose_only_trade_was_taken_back_is_over_once_ib_lists_it_as_done():
    bust = FillCorrected(
        TradeId("e1.01"), TradeId("e1.02"), Quantity("0"), Price("187.20"), -40 * 10**9, NOW
    )
    state, _ = run(working(), fill(1, "40"), seen("Filled", filled_raw=100 * 10**9), bust)
    state, events = run(state, seen("Filled", filled_raw=0, is_listed_done=True))
    assert names(events) == ["Canceled"]
    assert state.phase is Phase.CANCELED


def test_an_order_that_a_lost_change_made_smaller_is_filled_at_what_traded():
    state, _ = run(working(), fill(1, "40"), seen("Filled", filled_raw=40 * 10**9))
    assert state.phase is Phase.WORKING
    state, events = run(state, seen("Filled", filled_raw=40 * 10**9, is_listed_done=True))
    assert names(events) == ["Updated"]
    assert (state.phase, state.terms.quantity) == (Phase.FILLED, Quantity("40"))


def test_an_order_for_money_is_filled_when_ib_says_so_and_its_executions_are_here():
    money = tracked(identity=msgspec.structs.replace(tracked().identity, is_quote_quantity=True))
    state, events = run(money, seen("Filled", filled_raw=2 * 10**9), fill(1, "2"))
    assert names(events) == ["Accepted", "Filled", "Updated"]
    assert state.phase is Phase.FILLED


# -- corrections -----------------------------------------------------------------------------------


def test_a_bust_takes_the_fill_back():
    bust = FillCorrected(
        TradeId("e1.01"), TradeId("e1.02"), Quantity("0"), Price("187.20"), -100 * 10**9, NOW
    )
    state, events = run(working(), fill(1), bust)
    assert names(events) == ["Filled", "FillAmended"]
    assert (state.filled_raw, state.phase) == (0, Phase.FILLED)  # it does not come back to life


# -- properties ------------------------------------------------------------------------------------

statuses = st.sampled_from(
    [
        "ApiPending",
        "PendingSubmit",
        "PreSubmitted",
        "Submitted",
        "PendingCancel",
        "Cancelled",
        "ApiCancelled",
        "Filled",
        "Inactive",
        "SomethingNew",
    ]
)
happenings = st.one_of(
    st.builds(
        seen,
        statuses,
        terms=st.sampled_from([None, TERMS, CHANGED, LARGER]),
        filled_raw=st.sampled_from([None, 0, 40 * 10**9, 100 * 10**9]),
        why_held=st.sampled_from([None, "", "trigger", "locate", "child"]),
        reason=st.sampled_from(["", "expired", "by trader"]),
    ),
    st.builds(
        ProblemSeen, st.sampled_from(ProblemKind), st.integers(100, 400), st.text(max_size=5)
    ),
    st.sampled_from([ChangeAsked(CHANGED), ChangeAsked(LARGER)]),
    st.just(CancelAsked()),
    st.just(ConnectionLost()),
    st.just(AbsenceSeen()),
    st.sampled_from([StillWorking(TERMS), StillWorking(CHANGED), StillWorking(LARGER)]),
)


@settings(max_examples=300)
@given(
    st.lists(st.one_of(happenings, st.builds(fill, st.integers(1, 9), st.just("40"))), max_size=8),
    statuses,
    st.sampled_from([0, 40 * 10**9, 100 * 10**9]),
    st.sampled_from(["", "trigger", "locate"]),
)
def test_a_status_that_is_known_would_change_and_publish_nothing(
    sequence, status, filled_raw, why_held
):
    state, _ = run(tracked(), *sequence)
    if is_known(state, status, filled_raw, why_held):
        again = seen(status, filled_raw=filled_raw, why_held=why_held)
        after, events = advance(state, again, NOW)
        assert after is state
        assert events == ()
        assert not after.is_in_doubt
        assert not after.misses_fills


def test_the_status_that_follows_an_acknowledgement_is_known():
    state, _ = run(tracked(), seen("Submitted", terms=TERMS))
    assert is_known(state, "Submitted", 0, "")
    assert not is_known(state, "Submitted", 40 * 10**9, "")
    assert not is_known(state, "Submitted", 0, "trigger")
    assert not is_known(state, "Filled", 0, "")
    assert not is_known(tracked(), "Submitted", 0, "")


@settings(max_examples=300)
@given(st.lists(happenings, max_size=25), st.lists(st.integers(1, 60), max_size=4))
def test_the_machine_is_total_and_our_order_model_accepts_every_sequence_it_publishes(
    sequence, sizes
):
    """No (state, happening) pair fails, and the order of the core applies all events in turn."""
    state = tracked()
    order = order_of(state)
    fills = [fill(number, str(size)) for number, size in enumerate(sizes)]
    step = max(1, len(sequence) // (len(fills) + 1))
    mixed = list(
        itertools.chain.from_iterable(
            [*sequence[i * step : (i + 1) * step], *fills[i : i + 1]]
            for i in range(max(len(fills), -(-len(sequence) // step)))
        )
    )
    was_done = False
    for happening in mixed:
        state, events = advance(state, happening, NOW)
        for event in events:
            order.apply(event)
            if was_done:
                assert isinstance(event, ev.OrderFilled | ev.OrderCancelRejected)
        was_done = state.phase.is_done
    assert state.filled_raw == order.filled_qty.raw
    if state.phase is Phase.FILLED:
        assert order.status is OrderStatus.FILLED
    assert state.phase.is_done == order.is_closed


@given(
    st.permutations(
        [
            seen("Submitted", terms=TERMS),
            fill(1, "40"),
            fill(2, "60"),
            seen("Submitted", filled_raw=40 * 10**9),
            seen("Filled", filled_raw=100 * 10**9),
        ]
    )
)
def test_the_order_in_which_ib_reports_does_not_change_the_outcome(messages):
    state, events = run(tracked(), *messages)
    assert (state.phase, state.filled_raw) == (Phase.FILLED, 100 * 10**9)
    assert sorted(names(events)) == ["Accepted", "Filled", "Filled"]
    assert names(events)[0] == "Accepted"
    assert not state.misses_fills
