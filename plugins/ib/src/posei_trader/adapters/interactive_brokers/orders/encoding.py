"""Our orders as ibapi's: pure functions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from posei_trader.adapters.interactive_brokers.orders.tables import (
    CLOSING_ORDER_TYPES,
    ORDER_TYPES,
    TIMES_IN_FORCE,
    TRIGGER_METHODS,
)
from posei_trader.adapters.interactive_brokers.orders.tags import apply_tags, read_tags
from posei_trader.adapters.interactive_brokers.venue_time import format_utc
from posei_trader.adapters.interactive_brokers.wire.place_order import SparseOrder
from posei_trader.adapters.interactive_brokers.wire_values import price_to_wire
from posei_trader.errors import Unsupported
from posei_trader.model.enums import (
    ContingencyType,
    OrderSide,
    OrderType,
    TimeInForce,
    TrailingOffsetType,
    TriggerType,
)
from posei_trader.model.values import Price, Quantity

if TYPE_CHECKING:
    from ibapi.order import Order as IBOrder

    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order, OrderTerms

_BASIS_POINTS_PER_PERCENT: Final = 100

_OCA_TYPES: Final = {
    ContingencyType.OCO: 1,  # cancel the others, with block
    ContingencyType.OUO: 2,  # reduce the others in proportion, with block
}

_ACTIONS: Final = {OrderSide.BUY: "BUY", OrderSide.SELL: "SELL"}

_TRAILING: Final = frozenset({OrderType.TRAILING_STOP_MARKET, OrderType.TRAILING_STOP_LIMIT})


class WorkingTerms(msgspec.Struct, frozen=True, gc=False):
    """The terms of an order that can change while it works.

    Attributes:
        quantity: The total quantity.
        price: The limit price, where it has one.
        trigger_price: The trigger price, where it has one.
    """

    quantity: Quantity
    price: Price | None = None
    trigger_price: Price | None = None

    @classmethod
    def of(cls, order: Order) -> WorkingTerms:
        """Return the present terms of an order."""
        return cls(order.quantity, order.price, order.trigger_price)


def encode_order(
    terms: OrderTerms,
    working: WorkingTerms,
    instrument: Instrument,
    *,
    account: str,
    magnifier: int = 1,
) -> IBOrder:
    """Return IB's order for ours, complete but for its ids and `transmit`.

    Our client order id travels in `orderRef`.

    Args:
        terms: What was asked for.
        working: The quantity and prices to ask for now.
        instrument: What is traded.
        account: IB's bare account number.
        magnifier: The contract's `priceMagnifier`.

    Raises:
        InvalidRequest: a tag cannot be honoured.
        Unsupported: a term cannot be expressed.
    """
    order = SparseOrder()
    order.orderRef = str(terms.client_order_id)
    order.account = account
    order.clearingAccount = account
    order.action = _ACTIONS[terms.order_side]
    _put_type(order, terms)
    _put_quantity(order, terms, working)
    if terms.order_type is not OrderType.MARKET:
        _put_prices(order, terms, working, instrument, magnifier)
    if terms.trigger_type is not TriggerType.DEFAULT:
        order.triggerMethod = TRIGGER_METHODS[terms.trigger_type]
    if terms.display_qty is not None:
        order.displaySize = int(terms.display_qty.as_decimal())
    if terms.linked_order_ids:
        _put_group(order, terms)
    if terms.tags:
        apply_tags(order, read_tags(terms.tags))
    return order


def _put_type(order: IBOrder, terms: OrderTerms) -> None:
    tif = terms.time_in_force
    if tif is TimeInForce.AT_THE_CLOSE:
        closing = CLOSING_ORDER_TYPES.get(terms.order_type)
        if closing is None:
            raise Unsupported(
                "Interactive Brokers takes only market and limit orders at the close",
                field=f"order {terms.client_order_id} order_type",
                value=terms.order_type,
                remedy="use MARKET or LIMIT, or another time in force",
            )
        order.orderType = closing
    else:
        order.orderType = ORDER_TYPES[terms.order_type]
    order.tif = TIMES_IN_FORCE[tif]
    if tif is TimeInForce.GTD:
        order.goodTillDate = format_utc(terms.expire_time_ns)


def _put_quantity(order: IBOrder, terms: OrderTerms, working: WorkingTerms) -> None:
    if terms.quote_quantity:
        order.cashQty = working.quantity.as_double()
        order.totalQuantity = Decimal(0)
    else:
        order.totalQuantity = working.quantity.as_decimal()


def _put_prices(
    order: IBOrder,
    terms: OrderTerms,
    working: WorkingTerms,
    instrument: Instrument,
    magnifier: int,
) -> None:
    if terms.order_type in _TRAILING:
        _put_trail(order, terms, working, instrument, magnifier)
        return
    if working.price is not None:
        order.lmtPrice = price_to_wire(working.price, magnifier)
    if working.trigger_price is not None:
        order.auxPrice = price_to_wire(working.trigger_price, magnifier)


def _put_trail(
    order: IBOrder,
    terms: OrderTerms,
    working: WorkingTerms,
    instrument: Instrument,
    magnifier: int,
) -> None:
    offset = terms.trailing_offset or Decimal(0)
    if terms.trailing_offset_type is TrailingOffsetType.BASIS_POINTS:
        order.trailingPercent = float(offset / _BASIS_POINTS_PER_PERCENT)
    else:
        order.auxPrice = price_to_wire(_in_price(offset, terms, instrument), magnifier)
    if working.trigger_price is not None:
        order.trailStopPrice = price_to_wire(working.trigger_price, magnifier)
    if terms.order_type is OrderType.TRAILING_STOP_LIMIT:
        _put_trailing_limit(order, terms, working, instrument, magnifier)


def _put_trailing_limit(
    order: IBOrder,
    terms: OrderTerms,
    working: WorkingTerms,
    instrument: Instrument,
    magnifier: int,
) -> None:
    # IB takes the limit's offset or its price, and refuses both.
    if working.price is not None:
        order.lmtPrice = price_to_wire(working.price, magnifier)
        return
    offset = terms.limit_offset or Decimal(0)
    if terms.trailing_offset_type is TrailingOffsetType.BASIS_POINTS:
        raise Unsupported(
            "Interactive Brokers takes the limit of a trailing stop as a price distance only",
            field=f"order {terms.client_order_id} limit_offset",
            value=offset,
            remedy="give the trailing offset as PRICE or TICKS, or give the limit's price",
        )
    order.lmtPriceOffset = price_to_wire(_in_price(offset, terms, instrument), magnifier)


def _in_price(offset: Decimal, terms: OrderTerms, instrument: Instrument) -> Decimal:
    if terms.trailing_offset_type is TrailingOffsetType.TICKS:
        return offset * instrument.price_increment.as_decimal()
    return offset


def _put_group(order: IBOrder, terms: OrderTerms) -> None:
    oca_type = _OCA_TYPES.get(terms.contingency_type)
    if oca_type is not None:
        order.ocaGroup = oca_group(terms)
        order.ocaType = oca_type


def oca_group(terms: OrderTerms) -> str:
    """Return the name of the one-cancels-all group of a linked order: the same for all members."""
    if terms.order_list_id is not None:
        return f"{terms.order_list_id}"
    return min(terms.client_order_id, *terms.linked_order_ids).value
