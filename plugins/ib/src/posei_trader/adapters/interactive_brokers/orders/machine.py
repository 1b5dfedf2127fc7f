"""The order state machine: total, pure, and generous with a venue that repeats and reorders.

:func:`advance` takes what we know of an order and what happened, and returns what we know now and
the events to publish. Every (state, happening) pair has a result. The rules:

- What IB says twice is published once. Nothing but late fills leaves a final state.
- Only definite words of IB end an order. A lost connection or an unknown code puts it in doubt,
  which is a reason to ask, never a rejection.
- Fills come from executions alone; a status that says more than they add up to is a doubt too.
- An order that has filled while a change to a larger quantity is unanswered may have more to fill:
  it is open, with the larger quantity, until IB has said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from msgspec.structs import replace

from posei_trader.adapters.interactive_brokers.orders import tracked as t
from posei_trader.adapters.interactive_brokers.orders.tables import TRIGGERED_TYPES
from posei_trader.adapters.interactive_brokers.orders.tracked import LIVE, Held, Phase, ProblemKind
from posei_trader.model import events as ev
from posei_trader.model.enums import TimeInForce
from posei_trader.model.identifiers import (
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.values import Quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.orders.encoding import WorkingTerms

_Events = tuple[ev.OrderEvent, ...]
Step = tuple[t.TrackedOrder, _Events]

_WORKING: Final = frozenset({"PreSubmitted", "Submitted"})
_CANCELED: Final = frozenset({"Cancelled", "ApiCancelled"})
_NOT_SENT: Final = frozenset(
    {ProblemKind.NOT_SENT, ProblemKind.CHANGE_NOT_SENT, ProblemKind.CANCEL_NOT_SENT}
)
_WAITING: Final = frozenset({"ApiPending", "PendingSubmit", "PendingCancel"})

TAKEN_BACK: Final = "filled, but trades of it were taken back"

LOST: Final = "IB has no such order: it was lost before it arrived"


def advance(state: t.TrackedOrder, happening: t.Happening, ts: int) -> Step:
    """Return the new state and what to publish.

    Args:
        state: What we know.
        happening: What happened.
        ts: When we learned it, UNIX ns UTC.
    """
    return _RULES[type(happening)](state, happening, ts)


def is_known(state: t.TrackedOrder, status: str, filled_raw: int, why_held: str) -> bool:
    """Return whether an `orderStatus` says of a working order what is known; most of them do.

    `advance` would return the same state and nothing to publish.
    """
    return (
        status in _WORKING
        and state.phase is Phase.WORKING
        and filled_raw <= state.reported_filled_raw <= state.filled_raw
        and why_held == state.why_held
        and state.venue_order_id is not None
        and not state.is_in_doubt
    )


# -- our own commands ------------------------------------------------------------------------------


def _change_asked(state: t.TrackedOrder, happening: t.ChangeAsked, ts: int) -> Step:
    if state.phase.is_done:
        return state, ()
    if state.is_cancel_asked:
        reason = "a cancel of the order is on its way"
        return state, (ev.OrderModifyRejected(**_about(state, ts), reason=reason),)
    asked = happening.terms
    event = ev.OrderPendingUpdate(
        **_about(state, ts),
        quantity=asked.quantity,
        price=asked.price,
        trigger_price=asked.trigger_price,
    )
    return replace(state, asked=asked), (event,)


def _cancel_asked(state: t.TrackedOrder, _happening: t.CancelAsked, ts: int) -> Step:
    if state.phase.is_done:
        return state, ()
    return replace(state, is_cancel_asked=True), (ev.OrderPendingCancel(**_about(state, ts)),)


# -- what IB says ----------------------------------------------------------------------------------


def _state_seen(state: t.TrackedOrder, seen: t.StateSeen, ts: int) -> Step:
    state = _learned(state, seen)
    if state.phase not in LIVE:
        return state, ()
    if seen.status in _WORKING:
        return _working(state, seen, ts)
    if seen.status in _CANCELED:
        return _ended(state, seen.reason, ts)
    if seen.status == "Inactive":
        return _inactive(state, seen, ts)
    if seen.status == "Filled":
        state, events = _accepted(replace(state, is_called_filled=True), ts)
        state, more = _completed(state, ts, is_listed=seen.is_listed_done)
        return state, (*events, *more)
    if seen.status in _WAITING:
        return state, ()
    return replace(state, is_in_doubt=True), ()


def _learned(state: t.TrackedOrder, seen: t.StateSeen) -> t.TrackedOrder:
    """Keep what is true whatever the status: IB's name of the order, and what it says is filled."""
    if seen.venue_order_id is not None and state.venue_order_id is None:
        state = replace(state, venue_order_id=seen.venue_order_id)
    is_news = seen.filled_raw is not None and seen.filled_raw > state.reported_filled_raw
    if seen.filled_raw is not None and (is_news or seen.is_listed_done):
        state = replace(state, reported_filled_raw=seen.filled_raw)
    return state


def _accepted(state: t.TrackedOrder, ts: int) -> Step:
    if state.phase is not Phase.SENT:
        return state, ()
    state = _less_doubtful(replace(state, phase=Phase.WORKING))
    event = ev.OrderAccepted(
        **_about(state, ts),
        venue_order_id=state.venue_order_id or _own_name(state),
        account_id=state.identity.account_id,
    )
    return state, (event,)


def _working(state: t.TrackedOrder, seen: t.StateSeen, ts: int) -> Step:
    state, events = _accepted(state, ts)
    triggered: _Events = ()
    updated: _Events = ()
    if seen.why_held is not None:
        state, triggered = _triggered(state, seen.status, seen.why_held, ts)
    if seen.terms is not None:
        state, updated = _updated(state, seen.terms, ts)
    return _less_doubtful(state), (*events, *triggered, *updated)


def _less_doubtful(state: t.TrackedOrder) -> t.TrackedOrder:
    """End the doubt about an order that was listed; that does not answer what else was sent."""
    if state.is_in_doubt and not state.is_waiting:
        return replace(state, is_in_doubt=False)
    return state


def _triggered(state: t.TrackedOrder, status: str, why_held: str, ts: int) -> Step:
    waited = "trigger" in state.why_held
    if why_held != state.why_held:
        state = replace(state, why_held=why_held)
    if (
        not waited
        or state.is_triggered
        or "trigger" in why_held
        or status != "Submitted"
        or state.identity.order_type not in TRIGGERED_TYPES
    ):
        return state, ()
    event = ev.OrderTriggered(**_about(state, ts), venue_order_id=state.venue_order_id)
    return replace(state, is_triggered=True), (event,)


def _updated(state: t.TrackedOrder, terms: WorkingTerms, ts: int) -> Step:
    is_answer = state.asked is not None and terms == state.asked
    if terms == state.terms and not is_answer:
        return state, ()
    event = _update(state, terms, ts)
    state = replace(state, terms=terms, asked=None if is_answer else state.asked)
    return _counted(state, 0), (event,)  # a smaller quantity may be filled already


def _update(state: t.TrackedOrder, terms: WorkingTerms, ts: int) -> ev.OrderUpdated:
    return ev.OrderUpdated(
        **_about(state, ts),
        quantity=terms.quantity,
        price=terms.price,
        trigger_price=terms.trigger_price,
        venue_order_id=state.venue_order_id,
    )


def _completed(state: t.TrackedOrder, ts: int, *, is_listed: bool = False) -> Step:
    """End what IB called filled, once all its executions are here and are not the quantity.

    An order for an amount of money learns its quantity only now. Another one was changed to a
    smaller quantity by an answer that was lost, or a trade of it was taken back: what traded is its
    quantity then.
    """
    if not state.is_called_filled or state.phase not in LIVE or state.misses_fills:
        return state, ()
    is_known = (
        is_listed
        or (state.identity.is_quote_quantity and state.reported_filled_raw > 0)
        or (_may_grow(state) and state.reported_filled_raw == state.filled_raw)
    )
    if is_known and state.filled_raw:
        terms = replace(state.terms, quantity=Quantity.from_raw(state.filled_raw, 9))
        state = replace(state, phase=Phase.FILLED, terms=terms, asked=None, is_in_doubt=False)
        return state, (_update(state, terms, ts),)
    return _ended(state, TAKEN_BACK, ts) if is_listed else (state, ())


def _inactive(state: t.TrackedOrder, seen: t.StateSeen, ts: int) -> Step:
    why = seen.why_held if seen.why_held is not None else state.why_held
    if "locate" in why or "child" in why:
        return replace(state, why_held=why), ()
    if state.filled_raw or state.is_triggered:
        return _ended(state, seen.reason or "inactive", ts)
    return _rejected(state, seen.reason or _held_text(state) or "the order became inactive", ts)


def _ended(state: t.TrackedOrder, reason: str, ts: int) -> Step:
    if state.phase is Phase.SENT and state.held is not None and state.held.is_refusal:
        return _rejected(state, state.held.text, ts)
    if _is_expiry(state, reason, ts):
        state = replace(state, phase=Phase.EXPIRED, asked=None, is_in_doubt=False)
        event: ev.OrderEvent = ev.OrderExpired(
            **_about(state, ts), venue_order_id=state.venue_order_id
        )
        return state, (event,)
    reason = reason or _held_text(state)
    state = replace(
        state, phase=Phase.CANCELED, asked=None, is_cancel_asked=False, is_in_doubt=False
    )
    event = ev.OrderCanceled(
        **_about(state, ts), reason=reason, venue_order_id=state.venue_order_id
    )
    return state, (event,)


def _is_expiry(state: t.TrackedOrder, reason: str, ts: int) -> bool:
    if state.is_cancel_asked:
        return False
    if "expired" in reason.lower():
        return True
    identity = state.identity
    return identity.time_in_force is TimeInForce.GTD and 0 < identity.expire_time_ns <= ts


def _rejected(state: t.TrackedOrder, reason: str, ts: int, code: int = 0) -> Step:
    if not code and state.held is not None and state.held.is_refusal:
        code = state.held.code
    state = replace(
        state, phase=Phase.REJECTED, asked=None, is_cancel_asked=False, is_in_doubt=False
    )
    return state, (ev.OrderRejected(**_about(state, ts), reason=reason, code=code),)


def _problem_seen(state: t.TrackedOrder, problem: t.ProblemSeen, ts: int) -> Step:
    if problem.kind is ProblemKind.CANCEL_REFUSED or (
        problem.kind is ProblemKind.CANCEL_NOT_SENT and state.is_cancel_asked
    ):
        return _cancel_refused(state, problem, ts)
    if state.phase.is_done:
        return state, ()
    if problem.kind is ProblemKind.CONNECTION:
        return _connection_lost(state, t.ConnectionLost(), ts)
    if problem.kind in _NOT_SENT:
        return _not_sent(state, problem, ts)
    if problem.kind is ProblemKind.CANCELED:
        return _ended(state, problem.text, ts)
    is_refusal = problem.kind in {ProblemKind.REFUSED, ProblemKind.MODIFY_REFUSED}
    if is_refusal and state.asked is None and state.phase is Phase.SENT:
        return _rejected(state, problem.text, ts, problem.code)
    # While neither the order nor its change is answered, a refusal may mean either.
    is_about_change = state.phase is Phase.WORKING or problem.kind is ProblemKind.MODIFY_REFUSED
    if is_refusal and state.asked is not None and is_about_change:
        return _modify_refused(state, problem, ts)
    if problem.kind is ProblemKind.WARNING and state.held is not None and state.held.is_refusal:
        return state, ()
    return (
        replace(
            state,
            held=Held(problem.code, problem.text, is_refusal),
            is_in_doubt=state.is_in_doubt or problem.kind is not ProblemKind.WARNING,
        ),
        (),
    )


def _not_sent(state: t.TrackedOrder, problem: t.ProblemSeen, ts: int) -> Step:
    if problem.kind is ProblemKind.CHANGE_NOT_SENT and state.asked is not None:
        return _modify_refused(state, problem, ts)
    if problem.kind is ProblemKind.NOT_SENT and state.phase is Phase.SENT:
        return _rejected(state, problem.text, ts, problem.code)
    return state, ()


def _modify_refused(state: t.TrackedOrder, problem: t.ProblemSeen, ts: int) -> Step:
    # IB may cancel the whole order after refusing a change of it; its state follows and tells.
    events: _Events = (
        ev.OrderModifyRejected(**_about(state, ts), reason=problem.text, code=problem.code),
    )
    if _may_grow(state):
        events = (*events, _update(state, state.terms, ts))
    state = replace(state, asked=None, held=Held(problem.code, problem.text, is_refusal=True))
    return _counted(state, 0), events


def _cancel_refused(state: t.TrackedOrder, problem: t.ProblemSeen, ts: int) -> Step:
    held = Held(problem.code, problem.text, is_refusal=False)
    if not state.is_cancel_asked:
        if state.phase.is_done:
            return state, ()
        return replace(state, held=held, is_in_doubt=True), ()
    state = replace(state, is_cancel_asked=False, held=held, is_in_doubt=not state.phase.is_done)
    event = ev.OrderCancelRejected(**_about(state, ts), reason=problem.text, code=problem.code)
    return state, (event,)


# -- fills -----------------------------------------------------------------------------------------


def _fill_seen(state: t.TrackedOrder, fill: t.FillSeen, ts: int) -> Step:
    if fill.venue_order_id is not None and state.venue_order_id is None:
        state = replace(state, venue_order_id=fill.venue_order_id)
    state, events = _accepted(state, ts)
    event = ev.OrderFilled(
        **_about(state, ts, fill.ts_event),
        venue_order_id=state.venue_order_id or _own_name(state),
        account_id=state.identity.account_id,
        trade_id=fill.trade_id,
        order_side=state.identity.order_side,
        last_qty=fill.quantity,
        last_px=fill.price,
        liquidity_side=fill.liquidity_side,
        commission=fill.commission,
    )
    grew = _may_grow(state)
    state = _counted(state, fill.quantity.raw)
    if state.asked is not None and _may_grow(state) and not grew:
        grown = replace(state.terms, quantity=state.asked.quantity)
        events = (*events, _update(state, grown, ts))
    state, completed = _completed(state, ts)
    return state, (*events, event, *completed)


def _counted(state: t.TrackedOrder, added_raw: int) -> t.TrackedOrder:
    filled = state.filled_raw + added_raw
    asked, terms = state.asked, state.terms
    if asked is not None and filled > terms.quantity.raw:
        terms = replace(terms, quantity=max(terms.quantity, asked.quantity))
    is_full = not state.identity.is_quote_quantity and filled >= terms.quantity.raw
    may_grow = asked is not None and asked.quantity.raw > filled
    if is_full and filled and not may_grow and state.phase in LIVE:
        return replace(
            state,
            filled_raw=filled,
            terms=terms,
            phase=Phase.FILLED,
            asked=None,
            is_in_doubt=False,
        )
    return replace(state, filled_raw=filled) if added_raw else state


def _may_grow(state: t.TrackedOrder) -> bool:
    """Return whether all is filled but for a larger quantity that IB has not answered."""
    return (
        state.asked is not None
        and state.phase in LIVE
        and not state.identity.is_quote_quantity
        and 0 < state.terms.quantity.raw <= state.filled_raw < state.asked.quantity.raw
    )


def _fill_corrected(state: t.TrackedOrder, fix: t.FillCorrected, ts: int) -> Step:
    event = ev.OrderFillAmended(
        **_about(state, ts, fix.ts_event),
        trade_id=fix.trade_id,
        new_trade_id=fix.new_trade_id,
        last_qty=fix.quantity,
        last_px=fix.price,
    )
    return _counted(state, fix.added_raw), (event,)


def _commission_seen(state: t.TrackedOrder, seen: t.CommissionSeen, ts: int) -> Step:
    event = ev.OrderFillAmended(
        **_about(state, ts), trade_id=seen.trade_id, commission=seen.commission
    )
    return state, (event,)


# -- not knowing -----------------------------------------------------------------------------------


def _connection_lost(
    state: t.TrackedOrder, _happening: t.ConnectionLost | t.AnswerOverdue, _ts: int
) -> Step:
    if state.phase.is_done or not state.is_waiting:
        return state, ()
    return replace(state, is_in_doubt=True), ()


def _absence_seen(state: t.TrackedOrder, _happening: t.AbsenceSeen, ts: int) -> Step:
    if state.phase is Phase.SENT and not state.filled_raw and not state.reported_filled_raw:
        held = state.held
        if held is None:
            return _rejected(state, LOST, ts)
        return _rejected(state, f"{held.text} (IB has no such order)", ts, held.code)
    if state.phase.is_done:
        return state, ()
    return replace(state, is_in_doubt=True), ()


def _still_working(state: t.TrackedOrder, happening: t.StillWorking, ts: int) -> Step:
    if state.phase.is_done or not state.is_in_doubt:
        return state, ()
    state, events = _working(state, t.StateSeen("Submitted", terms=happening.terms), ts)
    lost = "lost on its way to IB"
    if state.asked is not None:
        state = replace(state, asked=None)
        events = (*events, ev.OrderModifyRejected(**_about(state, ts), reason=lost))
    if state.is_cancel_asked:
        state = replace(state, is_cancel_asked=False)
        events = (*events, ev.OrderCancelRejected(**_about(state, ts), reason=lost))
    return replace(state, is_in_doubt=False), events


class _About(TypedDict):
    """What every event of an order says."""

    trader_id: TraderId
    strategy_id: StrategyId
    instrument_id: InstrumentId
    client_order_id: ClientOrderId
    ts_event: int
    ts_init: int


def _about(state: t.TrackedOrder, ts: int, ts_event: int | None = None) -> _About:
    identity = state.identity
    return {
        "trader_id": identity.trader_id,
        "strategy_id": identity.strategy_id,
        "instrument_id": identity.instrument_id,
        "client_order_id": identity.client_order_id,
        "ts_event": ts if ts_event is None else ts_event,
        "ts_init": ts,
    }


def _own_name(state: t.TrackedOrder) -> VenueOrderId:
    return VenueOrderId(state.identity.client_order_id.value)


def _held_text(state: t.TrackedOrder) -> str:
    return "" if state.held is None else state.held.text


_RULES: Final[dict[type, Callable[..., Step]]] = {
    t.ChangeAsked: _change_asked,
    t.CancelAsked: _cancel_asked,
    t.StateSeen: _state_seen,
    t.ProblemSeen: _problem_seen,
    t.FillSeen: _fill_seen,
    t.FillCorrected: _fill_corrected,
    t.CommissionSeen: _commission_seen,
    t.ConnectionLost: _connection_lost,
    t.AnswerOverdue: _connection_lost,
    t.AbsenceSeen: _absence_seen,
    t.StillWorking: _still_working,
}
