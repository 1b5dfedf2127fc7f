"""Orders and fills as the broker keeps them: the truth that clients are compared with."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.contracts.model import SimContract

if TYPE_CHECKING:
    from posei_ib_sim.orders.algos import AlgoProgress
    from posei_ib_sim.orders.scales import Ladder
    from posei_ib_sim.wire import Order

__all__ = ["FINAL_STATUSES", "Fill", "OrderKey", "SimOrder", "Status"]

OrderKey = tuple[int, int]
"""Client id and order id."""


class Status:
    """IB's order status values."""

    API_PENDING: Final = "ApiPending"
    PENDING_SUBMIT: Final = "PendingSubmit"
    PENDING_CANCEL: Final = "PendingCancel"
    PRE_SUBMITTED: Final = "PreSubmitted"
    SUBMITTED: Final = "Submitted"
    API_CANCELLED: Final = "ApiCancelled"
    CANCELLED: Final = "Cancelled"
    FILLED: Final = "Filled"
    INACTIVE: Final = "Inactive"


FINAL_STATUSES: Final = frozenset(
    {Status.API_CANCELLED, Status.CANCELLED, Status.FILLED, Status.INACTIVE}
)
"""Statuses that an order does not leave."""


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution with its commission.

    Attributes:
        exec_id: IB's form `xxxxxxxx.yyyyyyyy.01.01`; a correction counts the last part up.
        ts_ns: Simulated time, UNIX nanoseconds UTC.
        side: "BOT" or "SLD".
        quantity: Size of this fill, positive.
        price: As it was printed; exact as a decimal.
        cumulative: Filled quantity of the order including this fill.
        average_price: Average price of the order including this fill.
        liquidity: 1 added, 2 removed.
        realized: Profit realised by a closing fill, else `None`.
        attached: Whether the broker made the order, for one of the client's.
    """

    exec_id: str
    ts_ns: int
    client_id: int
    order_id: int
    perm_id: int
    account_id: str
    contract: SimContract
    exchange: str
    side: str
    quantity: Decimal
    price: Decimal
    cumulative: Decimal
    average_price: Decimal
    liquidity: int
    order_ref: str
    commission: Decimal
    commission_currency: str
    realized: Decimal | None
    attached: bool = False

    @property
    def is_bound(self) -> bool:
        """Whether the client is told, who placed the order or one to which it is attached."""
        return self.order_id > 0 or self.attached

    @property
    def signed_quantity(self) -> Decimal:
        """Size with the sign of the position it makes."""
        return self.quantity if self.side == "BOT" else -self.quantity


@final
class SimOrder:
    """An order in the broker's books.

    Attributes:
        request: IB's order as last placed or modified.
        active_ns: The order can only meet market events after this moment.
        allocation: What of an advisor's order each account gets.
        held: Why it does not work in the market yet: "transmit", "parent", "session",
            "conditions", "time", "opening" (the opening auction), "locate" (shares to borrow),
            "hedge" (nothing to hedge yet); empty when it works.
        attached: Whether the broker made it, for an order of the client's: a hedge or a
            profit-taker. It has no API order id.
        at_opening: Whether an order for the opening auction takes part in it now.
        triggered: Whether a stop, touch or trailing trigger has gone off.
        stop_price: Present trigger price of a stop or trailing order.
        limit_price: Present limit of an order whose limit follows the market.
        reference_start: Price of the benchmark from which a pegged order counts; `own_start` is
            the order's price there.
        queue_ahead: Displayed size in front of a resting limit order at its price.
        grows: Whether it is a hedge whose parent may still fill: it is never complete until then.
        algo: Progress of an order that an algorithm works in slices.
        ladder: Components of a scale order.
        charged: Commission paid so far.
        why_held: IB's field of that name.
    """

    __slots__ = (
        "account_id",
        "active_ns",
        "algo",
        "allocation",
        "at_opening",
        "attached",
        "charged",
        "client_id",
        "completed_ns",
        "completed_status",
        "contract",
        "fills",
        "grows",
        "held",
        "ladder",
        "limit_price",
        "order_id",
        "own_start",
        "perm_id",
        "placed_ns",
        "queue_ahead",
        "reason",
        "reference_start",
        "request",
        "reserved",
        "status",
        "stop_price",
        "triggered",
        "value",
        "why_held",
    )

    def __init__(
        self,
        *,
        client_id: int,
        order_id: int,
        perm_id: int,
        account_id: str,
        contract: SimContract,
        request: Order,
        now_ns: int,
    ) -> None:
        self.client_id: Final = client_id
        self.order_id = order_id
        self.perm_id: Final = perm_id
        self.account_id: Final = account_id
        self.contract: Final = contract
        self.request = request
        self.placed_ns: Final = now_ns
        self.active_ns = now_ns
        self.status = Status.PENDING_SUBMIT
        self.held = ""
        self.allocation: dict[str, Decimal] = {}
        self.at_opening = False
        self.attached = False
        self.grows = False
        self.triggered = False
        self.algo: AlgoProgress | None = None
        self.ladder: Ladder | None = None
        self.stop_price: Decimal | None = None
        self.limit_price: Decimal | None = None
        self.reference_start: Decimal | None = None
        self.own_start = Decimal(0)
        self.queue_ahead = Decimal(0)
        self.charged = Decimal(0)
        self.value = Decimal(0)
        self.reserved = Decimal(0)
        self.fills: list[Fill] = []
        self.completed_ns = 0
        self.completed_status = ""
        self.reason = ""
        self.why_held = ""

    @property
    def key(self) -> OrderKey:
        """Client id and order id."""
        return (self.client_id, self.order_id)

    @property
    def is_bound(self) -> bool:
        """Whether the order is a client's; one entered by hand becomes so when it is bound."""
        return self.order_id > 0 or self.attached

    @property
    def api_id(self) -> int:
        """The order id that clients are told, 0 for an order without one."""
        return max(self.order_id, 0)

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen to the order."""
        return self.status in FINAL_STATUSES

    @property
    def is_buy(self) -> bool:
        """Whether the order buys."""
        return self.request.action == "BUY"

    @property
    def quantity(self) -> Decimal:
        """Total quantity."""
        return self.request.totalQuantity or Decimal(0)

    @property
    def filled(self) -> Decimal:
        """Filled quantity."""
        return self.fills[-1].cumulative if self.fills else Decimal(0)

    @property
    def remaining(self) -> Decimal:
        """Quantity that is still open."""
        return self.quantity - self.filled

    @property
    def workable(self) -> Decimal:
        """Quantity that may trade now: all that is open, or the released slice or component."""
        open_now = self.remaining
        if self.algo is not None:
            open_now = min(open_now, self.algo.released - self.filled)
        if self.ladder is not None:
            open_now = min(open_now, self.ladder.open_now)
        return max(open_now, Decimal(0))

    @property
    def shown(self) -> Decimal:
        """Size that an iceberg shows at a time, 0 for an order that shows all."""
        hidden_by_algo = 0 if self.algo is None else self.algo.shown
        return Decimal(self.request.displaySize or hidden_by_algo)

    @property
    def least(self) -> Decimal:
        """Quantity below which a match is refused: all or none, a minimum quantity, or nothing."""
        request = self.request
        if request.allOrNone or request.tif == "FOK":
            return self.remaining
        least = 0 if self.fills else request.minQty or 0
        return min(Decimal(max(least, request.minTradeQty or 0)), self.remaining)

    @property
    def average_price(self) -> Decimal:
        """Average price of the fills, 0 without any."""
        return self.fills[-1].average_price if self.fills else Decimal(0)

    @property
    def last_price(self) -> Decimal:
        """Price of the last fill, 0 without any."""
        return self.fills[-1].price if self.fills else Decimal(0)

    @property
    def parent_key(self) -> OrderKey | None:
        """Key of the parent order, `None` without one."""
        parent = self.request.parentId
        return (self.client_id, parent) if parent else None
