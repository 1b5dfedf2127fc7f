"""Orders: what is asked for, and what became of it.

An :class:`Order` holds its immutable terms, applies events by the table of
:mod:`posei_trader.model.order_state`, and keeps its whole history.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from posei_trader.errors import InvalidRequest
from posei_trader.model import events as ev
from posei_trader.model import order_state as fsm
from posei_trader.model.enums import (
    ContingencyType,
    OrderSide,
    OrderStatus,
    OrderType,
    TimeInForce,
    TrailingOffsetType,
    TriggerType,
)
from posei_trader.model.fixed_point import FIXED_SCALAR
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    OrderListId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.order_state import InvalidStateTransition
from posei_trader.model.values import Money, Price, Quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

_T = OrderType

NEEDS: Final[dict[OrderType, frozenset[str]]] = {
    _T.MARKET: frozenset(),
    _T.LIMIT: frozenset({"price"}),
    _T.STOP_MARKET: frozenset({"trigger_price"}),
    _T.STOP_LIMIT: frozenset({"price", "trigger_price"}),
    _T.MARKET_TO_LIMIT: frozenset(),
    _T.MARKET_IF_TOUCHED: frozenset({"trigger_price"}),
    _T.LIMIT_IF_TOUCHED: frozenset({"price", "trigger_price"}),
    _T.TRAILING_STOP_MARKET: frozenset({"trailing_offset"}),
    _T.TRAILING_STOP_LIMIT: frozenset({"trailing_offset", "limit_offset"}),
}
"""The price terms an order type cannot do without."""

ALLOWS: Final[dict[OrderType, frozenset[str]]] = {
    **{kind: frozenset() for kind in _T},
    _T.TRAILING_STOP_MARKET: frozenset({"trigger_price"}),
    _T.TRAILING_STOP_LIMIT: frozenset({"trigger_price", "price"}),
}
"""The price terms it may have beside those."""

_PRICE_TERMS: Final = ("price", "trigger_price", "trailing_offset", "limit_offset")


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What is asked for. Checked when it is made.

    Attributes:
        trader_id: The node.
        strategy_id: The strategy that owns the order.
        instrument_id: What to trade.
        client_order_id: Our name of the order.
        order_side: Buy or sell.
        order_type: How it is priced and triggered.
        quantity: How much; in money of the quote currency when `quote_quantity` is set.
        time_in_force: How long it works.
        price: The limit price.
        trigger_price: The stop or touch price.
        trailing_offset: The distance of a trailing stop.
        trailing_offset_type: Its unit.
        limit_offset: The distance of the limit behind the trailing stop.
        trigger_type: Which price triggers.
        expire_time_ns: When a GTD order ends, UNIX ns UTC.
        post_only: Add liquidity or do not trade.
        reduce_only: Never open or enlarge a position.
        quote_quantity: Whether `quantity` is an amount of money.
        display_qty: How much to show.
        contingency_type: How it depends on the linked orders.
        order_list_id: The list it belongs to.
        parent_order_id: The order that must fill first.
        linked_order_ids: The orders it depends on.
        tags: Free texts; a venue may read terms of its own from them.
        params: Terms for the venue's adapter, for example ``{"exchange": "ARCA"}``.
        ts_init: When it was made, UNIX ns UTC.

    Raises:
        InvalidRequest: a term is missing, forbidden for the type, or out of range.
    """

    trader_id: TraderId
    strategy_id: StrategyId
    instrument_id: InstrumentId
    client_order_id: ClientOrderId
    order_side: OrderSide
    order_type: OrderType
    quantity: Quantity
    time_in_force: TimeInForce = TimeInForce.GTC
    price: Price | None = None
    trigger_price: Price | None = None
    trailing_offset: Decimal | None = None
    trailing_offset_type: TrailingOffsetType = TrailingOffsetType.PRICE
    limit_offset: Decimal | None = None
    trigger_type: TriggerType = TriggerType.DEFAULT
    expire_time_ns: int = 0
    post_only: bool = False
    reduce_only: bool = False
    quote_quantity: bool = False
    display_qty: Quantity | None = None
    contingency_type: ContingencyType = ContingencyType.NONE
    order_list_id: OrderListId | None = None
    parent_order_id: ClientOrderId | None = None
    linked_order_ids: tuple[ClientOrderId, ...] = ()
    tags: tuple[str, ...] = ()
    params: dict[str, str] = {}
    ts_init: int = 0

    def __post_init__(self) -> None:
        if self.quantity.raw <= 0:
            self._refuse("quantity", self.quantity, "must be positive")
        needs = NEEDS[self.order_type]
        allowed = needs | ALLOWS[self.order_type]
        for name in _PRICE_TERMS:
            value = getattr(self, name)
            if value is None and name in needs:
                self._refuse(name, value, f"is needed by a {self.order_type} order")
            if value is not None and name not in allowed:
                self._refuse(name, value, f"has no meaning for a {self.order_type} order")
        if (self.time_in_force is TimeInForce.GTD) != (self.expire_time_ns > 0):
            self._refuse("expire_time_ns", self.expire_time_ns, "belongs to GTD, and only to GTD")
        if self.display_qty is not None and self.display_qty > self.quantity:
            self._refuse("display_qty", self.display_qty, "may not exceed the quantity")

    def _refuse(self, field: str, value: object, why: str) -> None:
        raise InvalidRequest(
            f"order {self.client_order_id}: {field} {why}",
            field=field,
            value=value,
            remedy="correct the term, or choose another order type",
        )

    def __hash__(self) -> int:
        return hash(self.client_order_id)


class Fill(msgspec.Struct, frozen=True, gc=False):
    """A trade of an order, as it is known now.

    Attributes:
        trade_id: The venue's execution id.
        quantity: How much.
        price: At which price.
        commission: What it cost, None while unknown.
        ts_event: When it happened, UNIX ns UTC.
    """

    trade_id: TradeId
    quantity: Quantity
    price: Price
    commission: Money | None
    ts_event: int


class Order:
    """An order and its history. Mutated only by :meth:`apply`.

    Attributes:
        terms: What was asked for at first.
        status: Where it is in its life.
        quantity: The quantity asked for now.
        price: The limit price now.
        trigger_price: The trigger price now.
        venue_order_id: The venue's name of it, once known.
        account_id: The account, once known.
        filled_qty: How much traded.
        reason: Why it was denied, rejected or canceled; empty otherwise.
        events: Its history, oldest first.
    """

    __slots__ = (
        "_before_pending",
        "_fills",
        "account_id",
        "events",
        "filled_qty",
        "price",
        "quantity",
        "reason",
        "status",
        "terms",
        "trigger_price",
        "venue_order_id",
    )

    def __init__(self, terms: OrderTerms) -> None:
        self.terms = terms
        self.status = OrderStatus.INITIALIZED
        self.quantity = terms.quantity
        self.price = terms.price
        self.trigger_price = terms.trigger_price
        self.venue_order_id: VenueOrderId | None = None
        self.account_id: AccountId | None = None
        self.filled_qty = Quantity.zero(terms.quantity.precision)
        self.reason = ""
        self.events: list[ev.OrderEvent] = [
            ev.OrderInitialized(
                trader_id=terms.trader_id,
                strategy_id=terms.strategy_id,
                instrument_id=terms.instrument_id,
                client_order_id=terms.client_order_id,
                ts_event=terms.ts_init,
                ts_init=terms.ts_init,
            )
        ]
        self._fills: dict[TradeId, Fill] = {}
        self._before_pending = OrderStatus.SUBMITTED

    # -- terms, for reading convenience ---------------------------------------------------------

    @property
    def client_order_id(self) -> ClientOrderId:
        """Return our name of the order."""
        return self.terms.client_order_id

    @property
    def instrument_id(self) -> InstrumentId:
        """Return what is traded."""
        return self.terms.instrument_id

    @property
    def strategy_id(self) -> StrategyId:
        """Return the strategy that owns it."""
        return self.terms.strategy_id

    @property
    def side(self) -> OrderSide:
        """Return buy or sell."""
        return self.terms.order_side

    @property
    def order_type(self) -> OrderType:
        """Return how it is priced and triggered."""
        return self.terms.order_type

    @property
    def time_in_force(self) -> TimeInForce:
        """Return how long it works."""
        return self.terms.time_in_force

    # -- state ----------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """Return whether the order has reached an end."""
        return self.status in fsm.TERMINAL

    @property
    def is_open(self) -> bool:
        """Return whether the venue works the order."""
        return self.status in fsm.OPEN

    @property
    def is_in_flight(self) -> bool:
        """Return whether we wait for the venue."""
        return self.status in fsm.IN_FLIGHT

    @property
    def leaves_qty(self) -> Quantity:
        """Return how much is not traded yet."""
        left = max(0, self.quantity.raw - self.filled_qty.raw)
        return Quantity.from_raw(left, self.quantity.precision)

    @property
    def fills(self) -> Sequence[Fill]:
        """Return the trades as known now, oldest first."""
        return tuple(self._fills.values())

    @property
    def avg_px(self) -> Decimal | None:
        """Return the volume-weighted price of the fills, None before the first."""
        if self.filled_qty.raw == 0:
            return None
        total = sum(fill.quantity.raw * fill.price.raw for fill in self._fills.values())
        return Decimal(total) / self.filled_qty.raw / FIXED_SCALAR

    @property
    def commissions(self) -> list[Money]:
        """Return what is known of the costs, one sum for each currency."""
        sums: dict[str, Money] = {}
        for fill in self._fills.values():
            if fill.commission is not None:
                code = fill.commission.currency.code
                sums[code] = sums[code] + fill.commission if code in sums else fill.commission
        return list(sums.values())

    @property
    def last_event(self) -> ev.OrderEvent:
        """Return the newest event."""
        return self.events[-1]

    def has_trade(self, trade_id: TradeId) -> bool:
        """Return whether the execution is known already."""
        return trade_id in self._fills

    def apply(self, event: ev.OrderEvent) -> None:
        """Apply an event.

        Raises:
            InvalidRequest: the event belongs to another order, or amends an unknown fill.
            InvalidStateTransition: the event cannot follow the present status, or repeats a fill.
        """
        if event.client_order_id != self.terms.client_order_id:
            raise InvalidRequest(
                "the event belongs to another order",
                field="client_order_id",
                value=event.client_order_id,
                remedy=f"apply it to {event.client_order_id}",
            )
        result = fsm.transition(self.status, type(event))
        if result is None:
            raise InvalidStateTransition(
                f"{type(event).__name__} cannot follow {self.status}",
                field=str(self.client_order_id),
                value=type(event).__name__,
                remedy="query the venue for the order's state",
            )
        self._absorb(event)
        self._move(result)
        if isinstance(event, ev.OrderUpdated) and self.filled_qty.raw:
            self._move_filled()  # a smaller quantity may be filled already
        self.events.append(event)

    def _move(self, result: OrderStatus | str) -> None:
        if result == fsm.FILL:
            self._move_filled()
        elif result == fsm.RESUME:
            self.status = self._before_pending
        elif result != fsm.SAME:
            after = result if type(result) is OrderStatus else OrderStatus(result)
            if after in fsm.PENDING and self.status not in fsm.PENDING:
                self._before_pending = self.status
            self.status = after

    def _move_filled(self) -> None:
        if self.filled_qty.raw >= self.quantity.raw:
            self.status = OrderStatus.FILLED
        elif self.status in fsm.PENDING:
            self._before_pending = OrderStatus.PARTIALLY_FILLED
        elif self.status not in fsm.TERMINAL:
            self.status = OrderStatus.PARTIALLY_FILLED

    def _absorb(self, event: ev.OrderEvent) -> None:
        if isinstance(event, ev.OrderFilled):
            self._add_fill(event)
        elif isinstance(event, ev.OrderFillAmended):
            self._amend_fill(event)
        elif isinstance(event, ev.OrderAccepted):
            self.venue_order_id = event.venue_order_id
            self.account_id = event.account_id
            if self.status in fsm.PENDING and self._before_pending is OrderStatus.SUBMITTED:
                self._before_pending = OrderStatus.ACCEPTED
        elif isinstance(event, ev.OrderSubmitted):
            self.account_id = event.account_id
        elif isinstance(event, ev.OrderUpdated):
            self.quantity = event.quantity
            self.price = event.price
            self.trigger_price = event.trigger_price
            self.venue_order_id = event.venue_order_id or self.venue_order_id
        elif isinstance(event, ev.OrderDenied | ev.OrderRejected | ev.OrderCanceled):
            self.reason = event.reason

    def _add_fill(self, event: ev.OrderFilled) -> None:
        if event.trade_id in self._fills:
            raise InvalidStateTransition(
                f"execution {event.trade_id} is known already",
                field=str(self.client_order_id),
                value=event.trade_id,
                remedy="drop the duplicate",
            )
        self.venue_order_id = event.venue_order_id
        self.account_id = event.account_id
        self._fills[event.trade_id] = Fill(
            event.trade_id, event.last_qty, event.last_px, event.commission, event.ts_event
        )
        self._count_fills()

    def _amend_fill(self, event: ev.OrderFillAmended) -> None:
        known = self._fills.get(event.trade_id)
        if known is None:
            raise InvalidRequest(
                f"there is no fill {event.trade_id} to amend",
                field=str(self.client_order_id),
                value=event.trade_id,
                remedy="apply the fill first",
            )
        self._fills[event.trade_id] = Fill(
            known.trade_id,
            known.quantity if event.last_qty is None else event.last_qty,
            known.price if event.last_px is None else event.last_px,
            known.commission if event.commission is None else event.commission,
            known.ts_event,
        )
        self._count_fills()

    def _count_fills(self) -> None:
        raw = sum([fill.quantity.raw for fill in self._fills.values()])
        self.filled_qty = Quantity.from_raw(raw, self.quantity.precision)

    def __repr__(self) -> str:
        price = f" @ {self.price}" if self.price is not None else ""
        return (
            f"Order({self.client_order_id}, {self.side} {self.quantity} {self.instrument_id} "
            f"{self.order_type}{price} {self.time_in_force}, {self.status}, "
            f"filled {self.filled_qty})"
        )


class OrderList(msgspec.Struct, frozen=True):
    """Orders that are submitted together.

    Attributes:
        id: The name of the list.
        orders: The orders; a parent stands before its children.
    """

    id: OrderListId
    orders: tuple[Order, ...]
