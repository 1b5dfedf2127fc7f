"""The order state machine: which event may follow which status, and what status it leads to.

```
INITIALIZED -> DENIED
INITIALIZED -> SUBMITTED -> REJECTED
                         -> ACCEPTED -> TRIGGERED
                                     -> PENDING_UPDATE, PENDING_CANCEL -> back, or on
                                     -> PARTIALLY_FILLED -> FILLED | CANCELED | EXPIRED
```

The table is total: for every status and every event it gives a status or says that the pair is
impossible. Venues report out of order, so it is generous where nothing is lost by it: a fill may
come before the acceptance, and a fill of a canceled order is still a fill.
"""

from __future__ import annotations

from typing import Final

from posei_trader.errors import InvalidRequest
from posei_trader.model import events as ev
from posei_trader.model.enums import OrderStatus

_S = OrderStatus


class InvalidStateTransition(InvalidRequest):
    """An event cannot follow an order's present status, or was applied before."""


TERMINAL: Final = frozenset(
    {_S.DENIED, _S.REJECTED, _S.CANCELED, _S.EXPIRED, _S.FILLED},
)
"""Statuses after which no event but a late fill or an amendment may come."""

IN_FLIGHT: Final = frozenset({_S.SUBMITTED, _S.PENDING_UPDATE, _S.PENDING_CANCEL})
"""Statuses in which we wait for the venue."""

PENDING: Final = frozenset({_S.PENDING_UPDATE, _S.PENDING_CANCEL})
"""Statuses in which a change to a working order waits for the venue."""

OPEN: Final = frozenset(
    {
        _S.ACCEPTED,
        _S.TRIGGERED,
        _S.PENDING_UPDATE,
        _S.PENDING_CANCEL,
        _S.PARTIALLY_FILLED,
    },
)
"""Statuses in which the venue works the order."""

_WORKING = (_S.ACCEPTED, _S.TRIGGERED, _S.PARTIALLY_FILLED)
_PENDING = (_S.PENDING_UPDATE, _S.PENDING_CANCEL)
_LIVE = (_S.SUBMITTED, *_WORKING, *_PENDING)

RESUME: Final = "resume"
"""The result "back to where the order was before the pending change"."""

FILL: Final = "fill"
"""The result "filled or partially filled, by the quantity"."""

SAME: Final = "same"
"""The result "the status stays as it is"."""

TRANSITIONS: Final[dict[type[ev.OrderEvent], dict[OrderStatus, OrderStatus | str]]] = {
    ev.OrderInitialized: {},
    ev.OrderDenied: {_S.INITIALIZED: _S.DENIED},
    ev.OrderSubmitted: {_S.INITIALIZED: _S.SUBMITTED},
    ev.OrderAccepted: {
        _S.INITIALIZED: _S.ACCEPTED,  # an external order that reconciliation adopted
        _S.SUBMITTED: _S.ACCEPTED,
        **dict.fromkeys((*_WORKING, *_PENDING), SAME),  # the venue says it again
    },
    ev.OrderRejected: {
        _S.INITIALIZED: _S.REJECTED,
        **dict.fromkeys((_S.SUBMITTED, _S.ACCEPTED, *_PENDING), _S.REJECTED),
    },
    ev.OrderTriggered: {
        _S.SUBMITTED: _S.TRIGGERED,
        _S.ACCEPTED: _S.TRIGGERED,
        _S.TRIGGERED: SAME,
        **dict.fromkeys(_PENDING, SAME),
        _S.PARTIALLY_FILLED: SAME,
    },
    ev.OrderPendingUpdate: {
        **dict.fromkeys((_S.SUBMITTED, *_WORKING), _S.PENDING_UPDATE),
        _S.PENDING_UPDATE: SAME,
    },
    ev.OrderPendingCancel: {
        **dict.fromkeys((_S.SUBMITTED, *_WORKING, _S.PENDING_UPDATE), _S.PENDING_CANCEL),
        _S.PENDING_CANCEL: SAME,
    },
    ev.OrderUpdated: {
        **dict.fromkeys((_S.SUBMITTED, *_WORKING), SAME),
        _S.PENDING_UPDATE: RESUME,
        _S.PENDING_CANCEL: SAME,
    },
    ev.OrderModifyRejected: {
        **dict.fromkeys((_S.SUBMITTED, *_WORKING, _S.PENDING_CANCEL, *TERMINAL), SAME),
        _S.PENDING_UPDATE: RESUME,
    },
    ev.OrderCancelRejected: {
        **dict.fromkeys((_S.SUBMITTED, *_WORKING, _S.PENDING_UPDATE, *TERMINAL), SAME),
        _S.PENDING_CANCEL: RESUME,
    },
    ev.OrderCanceled: {
        _S.INITIALIZED: _S.CANCELED,
        **dict.fromkeys(_LIVE, _S.CANCELED),
    },
    ev.OrderExpired: {
        _S.INITIALIZED: _S.EXPIRED,
        **dict.fromkeys(_LIVE, _S.EXPIRED),
    },
    ev.OrderFilled: {
        _S.INITIALIZED: FILL,
        **dict.fromkeys(_LIVE, FILL),
        # Truth at the venue outranks the order of its messages.
        _S.CANCELED: FILL,
        _S.EXPIRED: FILL,
        _S.REJECTED: FILL,
        _S.FILLED: FILL,
    },
    ev.OrderFillAmended: dict.fromkeys(_S, SAME),
}


def transition(status: OrderStatus, event_type: type[ev.OrderEvent]) -> OrderStatus | str | None:
    """Return where an event leads: a status, RESUME, FILL or SAME; None when it is impossible."""
    return TRANSITIONS[event_type].get(status)
