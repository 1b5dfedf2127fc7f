"""What we know of one of our orders at IB, and everything that can happen to it."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final

import msgspec

from posei_trader.adapters.interactive_brokers.orders.encoding import WorkingTerms
from posei_trader.model.enums import LiquiditySide, OrderSide, OrderType, TimeInForce
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.values import Money, Price, Quantity


@unique
class Phase(StrEnum):
    """Where an order is, as far as IB has told."""

    SENT = "SENT"
    """It went out; IB has not taken it yet."""
    WORKING = "WORKING"
    """IB has taken it."""
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"

    @property
    def is_done(self) -> bool:
        """Return whether nothing but late fills can follow."""
        return self not in LIVE


LIVE: Final = frozenset({Phase.SENT, Phase.WORKING})
"""Phases from which an order can go on; to look them up costs less than `Phase.is_done`."""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Whose order it is and what it was asked to be."""

    trader_id: TraderId
    strategy_id: StrategyId
    instrument_id: InstrumentId
    client_order_id: ClientOrderId
    account_id: AccountId
    order_side: OrderSide
    order_type: OrderType
    time_in_force: TimeInForce
    expire_time_ns: int = 0
    is_quote_quantity: bool = False


class Held(msgspec.Struct, frozen=True, gc=False):
    """What IB said about the order last, kept as the reason of what follows."""

    code: int
    text: str
    is_refusal: bool


class TrackedOrder(msgspec.Struct, frozen=True, gc=False):
    """The state of the machine in :mod:`.machine`.

    Attributes:
        identity: Whose order it is.
        phase: Where it is.
        terms: The terms as IB confirmed them last, before that as they were sent.
        asked: The terms of a change that IB has not answered.
        is_cancel_asked: Whether a cancel is unanswered.
        filled_raw: What traded, in units of 10^-9, corrections counted.
        reported_filled_raw: What IB says has traded; more than `filled_raw` means that executions
            are missing.
        venue_order_id: IB's name of the order, once known.
        held: What IB said last.
        why_held: Why IB does not work it yet: "trigger", "locate", "child".
        is_triggered: Whether its trigger was reported.
        is_called_filled: Whether IB called it filled; its executions may still be on their way.
        is_in_doubt: Whether only a query can tell what became of it.
    """

    identity: Identity
    terms: WorkingTerms
    phase: Phase = Phase.SENT
    asked: WorkingTerms | None = None
    is_cancel_asked: bool = False
    filled_raw: int = 0
    reported_filled_raw: int = 0
    venue_order_id: VenueOrderId | None = None
    held: Held | None = None
    why_held: str = ""
    is_triggered: bool = False
    is_called_filled: bool = False
    is_in_doubt: bool = False

    @property
    def is_waiting(self) -> bool:
        """Return whether IB owes us an answer."""
        return self.phase is Phase.SENT or self.asked is not None or self.is_cancel_asked

    @property
    def misses_fills(self) -> bool:
        """Return whether IB reported more as filled than its executions add up to."""
        return self.reported_filled_raw > self.filled_raw


# -- what can happen -------------------------------------------------------------------------------


class ChangeAsked(msgspec.Struct, frozen=True, gc=False):
    """We sent other terms."""

    terms: WorkingTerms


class CancelAsked(msgspec.Struct, frozen=True, gc=False):
    """We sent a cancel."""


class StateSeen(msgspec.Struct, frozen=True, gc=False):
    """IB told the order's state: by `openOrder`, `orderStatus` or `completedOrder`.

    Attributes:
        status: IB's status text.
        venue_order_id: IB's name of the order, where it gave one.
        terms: The terms it works, from `openOrder` only.
        filled_raw: What traded, from `orderStatus` and `completedOrder` only.
        why_held: Why it does not work yet; None from where IB does not say.
        reason: IB's words about the end of it.
        is_listed_done: Whether IB listed it among the completed orders, with what traded: nothing
            more will come.
    """

    status: str
    venue_order_id: VenueOrderId | None = None
    terms: WorkingTerms | None = None
    filled_raw: int | None = None
    why_held: str | None = None
    reason: str = ""
    is_listed_done: bool = False


@unique
class ProblemKind(StrEnum):
    """What an error code means for the order it names."""

    WARNING = "WARNING"
    """The order lives on."""
    CANCELED = "CANCELED"
    """It is off the market."""
    REFUSED = "REFUSED"
    """What was sent last, the order or a change of it, was refused."""
    MODIFY_REFUSED = "MODIFY_REFUSED"
    """A change was refused; the order works on."""
    CANCEL_REFUSED = "CANCEL_REFUSED"
    """A cancel was refused."""
    NOT_SENT = "NOT_SENT"
    """The order never left."""
    CHANGE_NOT_SENT = "CHANGE_NOT_SENT"
    """A change of it never left; the order itself may have."""
    CANCEL_NOT_SENT = "CANCEL_NOT_SENT"
    """A cancel of it never left; the order itself may have."""
    CONNECTION = "CONNECTION"
    """About the connection: the outcome is unknown."""
    UNKNOWN = "UNKNOWN"
    """Not listed: only the order's own state tells."""


class ProblemSeen(msgspec.Struct, frozen=True, gc=False):
    """IB reported a code for the order."""

    kind: ProblemKind
    code: int
    text: str


class FillSeen(msgspec.Struct, frozen=True, gc=False):
    """IB reported an execution that was not known."""

    trade_id: TradeId
    quantity: Quantity
    price: Price
    ts_event: int
    liquidity_side: LiquiditySide = LiquiditySide.NO_LIQUIDITY_SIDE
    commission: Money | None = None
    venue_order_id: VenueOrderId | None = None


class FillCorrected(msgspec.Struct, frozen=True, gc=False):
    """IB corrected an execution; a quantity of zero takes it back.

    Attributes:
        trade_id: The execution as it was reported first.
        new_trade_id: The correction's own id.
        added_raw: How much more (or less) it is than was known, in units of 10^-9.
    """

    trade_id: TradeId
    new_trade_id: TradeId
    quantity: Quantity
    price: Price
    added_raw: int
    ts_event: int


class CommissionSeen(msgspec.Struct, frozen=True, gc=False):
    """IB told what an execution cost."""

    trade_id: TradeId
    commission: Money


class ConnectionLost(msgspec.Struct, frozen=True, gc=False):
    """The connection broke: what was on its way may or may not have arrived."""


class AnswerOverdue(msgspec.Struct, frozen=True, gc=False):
    """IB has not answered what was sent for longer than it should take."""


class AbsenceSeen(msgspec.Struct, frozen=True, gc=False):
    """IB listed all orders, open and completed, and this one is not among them."""


class StillWorking(msgspec.Struct, frozen=True, gc=False):
    """IB listed the order as working, after a doubt: what was pending did not arrive.

    Attributes:
        terms: The terms it works.
    """

    terms: WorkingTerms


Happening = (
    ChangeAsked
    | CancelAsked
    | StateSeen
    | ProblemSeen
    | FillSeen
    | FillCorrected
    | CommissionSeen
    | ConnectionLost
    | AnswerOverdue
    | AbsenceSeen
    | StillWorking
)
"""Everything that can happen to an order."""
