"""What the connection's verdict on an error code means for an order."""

from __future__ import annotations

from typing import Final

from posei_trader.adapters.interactive_brokers.error_codes import Action
from posei_trader.adapters.interactive_brokers.orders.tracked import ProblemKind

_KINDS: Final[dict[Action, ProblemKind]] = {
    Action.NOTE: ProblemKind.WARNING,
    Action.FARM_BROKEN: ProblemKind.WARNING,
    Action.FARM_OK: ProblemKind.WARNING,
    Action.UPSTREAM_LOST: ProblemKind.CONNECTION,
    Action.RESTORED_DATA_LOST: ProblemKind.CONNECTION,
    Action.RESTORED_DATA_KEPT: ProblemKind.CONNECTION,
    Action.RECONNECT: ProblemKind.CONNECTION,
    Action.CLIENT_ID_IN_USE: ProblemKind.CONNECTION,
    Action.FAIL: ProblemKind.UNKNOWN,
    Action.EMPTY: ProblemKind.UNKNOWN,
    Action.RETRY: ProblemKind.CONNECTION,
    Action.REISSUE: ProblemKind.UNKNOWN,
    Action.RESET_BOOK: ProblemKind.WARNING,
    Action.ORDER_REJECTED: ProblemKind.REFUSED,
    Action.ORDER_CANCELLED: ProblemKind.CANCELED,
    Action.CANCEL_REJECTED: ProblemKind.CANCEL_REFUSED,
    Action.MODIFY_REJECTED: ProblemKind.MODIFY_REFUSED,
    Action.ORDER_WARNING: ProblemKind.WARNING,
    Action.ORDER_UNCERTAIN: ProblemKind.UNKNOWN,
    Action.ORDER_NOT_SENT: ProblemKind.NOT_SENT,
    Action.CHANGE_NOT_SENT: ProblemKind.CHANGE_NOT_SENT,
    Action.CANCEL_NOT_SENT: ProblemKind.CANCEL_NOT_SENT,
}


def problem_kind(action: Action) -> ProblemKind:
    """Return what an action of the error table means for an order; total."""
    return _KINDS[action]
