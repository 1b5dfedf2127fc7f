"""An order's history in words."""

from __future__ import annotations

import datetime as dt
from functools import singledispatch
from typing import TYPE_CHECKING

from posei_trader.engine.order_history import StoredCommand
from posei_trader.model import events as ev

if TYPE_CHECKING:
    from posei_trader.engine.order_history import StoredHistory

__all__ = ["summary", "told"]


def summary(history: StoredHistory) -> list[str]:
    """Return what holds for the order as a whole, a line each."""
    order = history.order
    terms = order.terms
    client = "nobody" if history.client_id is None else history.client_id
    lines = [f"strategy {order.strategy_id}, client {client}"]
    if order.venue_order_id is not None:
        lines.append(f"the venue's name: {order.venue_order_id}")
    if history.position_id is not None:
        lines.append(f"for position {history.position_id}")
    if terms.parent_order_id is not None:
        lines.append(f"works when {terms.parent_order_id} has filled")
    if terms.linked_order_ids:
        lines.append(f"{terms.contingency_type} with {', '.join(terms.linked_order_ids)}")
    flags = [name for name in ("post_only", "reduce_only") if getattr(terms, name)]
    if flags or terms.tags:
        lines.append(", ".join((*flags, *terms.tags)))
    if order.commissions:
        lines.append("commissions " + ", ".join(str(paid) for paid in order.commissions))
    if not order.is_closed and not order.is_open:
        lines.append("IN DOUBT: it may have reached the venue; a start of the node asks the venue")
    return lines


def told(history: StoredHistory) -> list[tuple[str, str, str]]:
    """Return every step: when (UTC), how long after the step before, and what."""
    rows: list[tuple[str, str, str]] = []
    before = None
    for step in history.steps:
        text = _told(step)
        if isinstance(step, ev.OrderEvent) and step.is_reconciliation:
            text += " (learned by reconciliation)"
        after = "" if before is None else _after(step.ts_init - before)
        rows.append((_time(step.ts_init), after, text))
        before = step.ts_init
    return rows


def _time(nanos: int) -> str:
    seconds, rest = divmod(nanos, 1_000_000_000)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{moment}.{rest // 1_000:06d}"


def _after(nanos: int) -> str:
    if nanos < 1_000_000:
        return f"+{nanos // 1_000} us"
    if nanos < 1_000_000_000:
        return f"+{nanos / 1e6:.1f} ms"
    return f"+{nanos / 1e9:.3f} s"


@singledispatch
def _told(step: object) -> str:
    return type(step).__name__  # an event that has nothing to add to its name


@_told.register
def _(step: StoredCommand) -> str:
    match step.kind:
        case "submit":
            return "stored; then handed to the client to be sent"
        case "modify":
            terms = ", ".join(f"{name} {value}" for name, value in step.terms.items())
            return f"change stored: {terms}"
        case _:
            return f"{step.kind} stored"


@_told.register
def _(event: ev.OrderDenied) -> str:
    return f"denied, never sent: {event.reason}"


@_told.register
def _(event: ev.OrderSubmitted) -> str:
    del event
    return "sent"


@_told.register
def _(event: ev.OrderAccepted) -> str:
    return f"accepted by the venue as {event.venue_order_id}"


@_told.register
def _(event: ev.OrderRejected) -> str:
    return f"rejected: {event.reason}{_code(event.code)}"


@_told.register
def _(event: ev.OrderTriggered) -> str:
    del event
    return "triggered"


@_told.register
def _(event: ev.OrderPendingUpdate) -> str:
    del event
    return "change sent"


@_told.register
def _(event: ev.OrderPendingCancel) -> str:
    del event
    return "cancel sent"


@_told.register
def _(event: ev.OrderUpdated) -> str:
    terms = [f"quantity {event.quantity}"]
    if event.price is not None:
        terms.append(f"price {event.price}")
    if event.trigger_price is not None:
        terms.append(f"trigger price {event.trigger_price}")
    return f"changed: {', '.join(terms)}"


@_told.register
def _(event: ev.OrderModifyRejected) -> str:
    return f"change rejected: {event.reason}{_code(event.code)}"


@_told.register
def _(event: ev.OrderCancelRejected) -> str:
    return f"cancel rejected: {event.reason}{_code(event.code)}"


@_told.register
def _(event: ev.OrderCanceled) -> str:
    return f"canceled: {event.reason}" if event.reason else "canceled"


@_told.register
def _(event: ev.OrderExpired) -> str:
    del event
    return "expired"


@_told.register
def _(event: ev.OrderFilled) -> str:
    cost = "" if event.commission is None else f", commission {event.commission}"
    return f"filled {event.last_qty} @ {event.last_px}{cost} (execution {event.trade_id})"


@_told.register
def _(event: ev.OrderFillAmended) -> str:
    what = [f"commission {event.commission}"] if event.commission is not None else []
    if event.last_qty is not None:
        what.append(f"quantity {event.last_qty}")
    if event.last_px is not None:
        what.append(f"price {event.last_px}")
    return f"execution {event.trade_id}: {', '.join(what)}"


def _code(code: int) -> str:
    return f" (code {code})" if code else ""
