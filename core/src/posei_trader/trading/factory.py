"""The order factory: orders of every type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict, final

from posei_trader.model.enums import (
    ContingencyType,
    OrderType,
    TimeInForce,
    TrailingOffsetType,
    TriggerType,
)
from posei_trader.model.orders import Order, OrderList, OrderTerms
from posei_trader.trading.moments import to_ns
from posei_trader.trading.order_ids import OrderIds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal
    from typing import Unpack

    from posei_trader.model.enums import OrderSide
    from posei_trader.model.identifiers import (
        ClientOrderId,
        InstrumentId,
        OrderListId,
        StrategyId,
        TraderId,
    )
    from posei_trader.model.values import Price, Quantity
    from posei_trader.protocols import Clock

__all__ = ["OrderFactory", "OrderOptions"]


class OrderOptions(TypedDict, total=False):
    """The terms that every order may have beside those of its type.

    Attributes:
        time_in_force: How long it works; GTC if left out.
        expire_time: When a GTD order ends, an aware datetime.
        reduce_only: Never open or enlarge a position.
        post_only: Add liquidity or do not trade.
        quote_quantity: Whether `quantity` is an amount of money.
        display_qty: How much to show.
        trigger_type: Which price triggers.
        tags: Free texts; a venue may read terms of its own from them.
        params: Terms for the venue's adapter, for example ``{"exchange": "ARCA"}``.
    """

    time_in_force: TimeInForce
    expire_time: datetime
    reduce_only: bool
    post_only: bool
    quote_quantity: bool
    display_qty: Quantity
    trigger_type: TriggerType
    tags: Sequence[str]
    params: Mapping[str, str]


class _Links(NamedTuple):
    contingency: ContingencyType = ContingencyType.NONE
    list_id: OrderListId | None = None
    parent: ClientOrderId | None = None
    linked: tuple[ClientOrderId, ...] = ()


_ALONE: Final = _Links()


@final
class OrderFactory:
    """Make the orders of one strategy.

    Args:
        trader_id: The node.
        strategy_id: The strategy that will own the orders.
        tag: The strategy's part in the ids, unique in the node.
        clock: Stamps the orders.
        is_taken: Says whether an id exists already; such an id is passed over.
    """

    def __init__(
        self,
        trader_id: TraderId,
        strategy_id: StrategyId,
        tag: str,
        clock: Clock,
        is_taken: Callable[[str], bool],
    ) -> None:
        self._trader_id = trader_id
        self._strategy_id = strategy_id
        self._clock = clock
        self._ids = OrderIds(trader_id, tag, clock.timestamp_ns(), is_taken)

    def next_order_id(self) -> ClientOrderId:
        """Return an id that no order of ours has had, see `OrderIds`."""
        return self._ids.next_order()

    def next_list_id(self) -> OrderListId:
        """Return an id that no order list of ours has had."""
        return self._ids.next_list()

    # -- one order ------------------------------------------------------------------------------

    def market(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Make an order at the best price there is."""
        return self._make(OrderType.MARKET, instrument_id, order_side, quantity, options)

    def limit(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        price: Price,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Make an order at a price or better."""
        return self._make(
            OrderType.LIMIT, instrument_id, order_side, quantity, options, price=price
        )

    def stop_market(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        trigger_price: Price,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Make an order that becomes a market order when the price runs away."""
        return self._make(
            OrderType.STOP_MARKET,
            instrument_id,
            order_side,
            quantity,
            options,
            trigger_price=trigger_price,
        )

    def stop_limit(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        price: Price,
        trigger_price: Price,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Make an order that becomes a limit order when the price runs away."""
        return self._make(
            OrderType.STOP_LIMIT,
            instrument_id,
            order_side,
            quantity,
            options,
            price=price,
            trigger_price=trigger_price,
        )

    def market_if_touched(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        trigger_price: Price,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Make an order that becomes a market order when the price comes."""
        return self._make(
            OrderType.MARKET_IF_TOUCHED,
            instrument_id,
            order_side,
            quantity,
            options,
            trigger_price=trigger_price,
        )

    def limit_if_touched(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        price: Price,
        trigger_price: Price,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Make an order that becomes a limit order when the price comes."""
        return self._make(
            OrderType.LIMIT_IF_TOUCHED,
            instrument_id,
            order_side,
            quantity,
            options,
            price=price,
            trigger_price=trigger_price,
        )

    def market_to_limit(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Make a market order whose rest becomes a limit order at the price of its first fill."""
        return self._make(OrderType.MARKET_TO_LIMIT, instrument_id, order_side, quantity, options)

    def trailing_stop_market(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        trailing_offset: Decimal,
        trailing_offset_type: TrailingOffsetType = TrailingOffsetType.PRICE,
        trigger_price: Price | None = None,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Make a stop that follows the price at a distance and becomes a market order."""
        return self._make(
            OrderType.TRAILING_STOP_MARKET,
            instrument_id,
            order_side,
            quantity,
            options,
            trigger_price=trigger_price,
            trailing_offset=trailing_offset,
            trailing_offset_type=trailing_offset_type,
        )

    def trailing_stop_limit(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        trailing_offset: Decimal,
        limit_offset: Decimal,
        trailing_offset_type: TrailingOffsetType = TrailingOffsetType.PRICE,
        price: Price | None = None,
        trigger_price: Price | None = None,
        **options: Unpack[OrderOptions],
    ) -> Order:
        """Make a stop that follows the price at a distance and becomes a limit order."""
        return self._make(
            OrderType.TRAILING_STOP_LIMIT,
            instrument_id,
            order_side,
            quantity,
            options,
            price=price,
            trigger_price=trigger_price,
            trailing_offset=trailing_offset,
            trailing_offset_type=trailing_offset_type,
            limit_offset=limit_offset,
        )

    # -- several --------------------------------------------------------------------------------

    def bracket(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        *,
        sl_trigger_price: Price,
        tp_price: Price,
        entry_price: Price | None = None,
        entry_trigger_price: Price | None = None,
        **options: Unpack[OrderOptions],
    ) -> OrderList:
        """Make an entry, and a stop loss and a take profit that work once it has filled.

        What one of the two exits fills reduces the other, and in the end cancels it.

        Args:
            instrument_id: What to trade.
            order_side: The side of the entry.
            quantity: Of all three.
            sl_trigger_price: Where the stop loss triggers.
            tp_price: Where the profit is taken.
            entry_price: The entry's limit; None enters at the market.
            entry_trigger_price: The entry's stop; None enters at once.
            options: Terms of the entry; `tags` and `params` hold for all three. The two exits work
                until canceled.
        """
        list_id = self._ids.next_list()
        entry_id, loss_id, profit_id = (self._ids.next_order() for _ in range(3))
        exits: OrderOptions = {}
        if "tags" in options:
            exits["tags"] = options["tags"]
        if "params" in options:
            exits["params"] = options["params"]
        entry = self._make(
            _entry_type(entry_price, entry_trigger_price),
            instrument_id,
            order_side,
            quantity,
            options,
            price=entry_price,
            trigger_price=entry_trigger_price,
            order_id=entry_id,
            links=_Links(ContingencyType.OTO, list_id, None, (loss_id, profit_id)),
        )
        loss = self._make(
            OrderType.STOP_MARKET,
            instrument_id,
            order_side.opposite,
            quantity,
            exits,
            trigger_price=sl_trigger_price,
            order_id=loss_id,
            links=_Links(ContingencyType.OUO, list_id, entry_id, (profit_id,)),
        )
        profit = self._make(
            OrderType.LIMIT,
            instrument_id,
            order_side.opposite,
            quantity,
            exits,
            price=tp_price,
            order_id=profit_id,
            links=_Links(ContingencyType.OUO, list_id, entry_id, (loss_id,)),
        )
        return OrderList(list_id, (entry, loss, profit))

    def order_list(self, orders: Sequence[Order]) -> OrderList:
        """Join orders that are to be submitted together."""
        return OrderList(self._ids.next_list(), tuple(orders))

    def _make(
        self,
        order_type: OrderType,
        instrument_id: InstrumentId,
        order_side: OrderSide,
        quantity: Quantity,
        options: OrderOptions,
        *,
        price: Price | None = None,
        trigger_price: Price | None = None,
        trailing_offset: Decimal | None = None,
        trailing_offset_type: TrailingOffsetType = TrailingOffsetType.PRICE,
        limit_offset: Decimal | None = None,
        order_id: ClientOrderId | None = None,
        links: _Links = _ALONE,
    ) -> Order:
        if not options and links is _ALONE:
            return Order(
                OrderTerms(
                    trader_id=self._trader_id,
                    strategy_id=self._strategy_id,
                    instrument_id=instrument_id,
                    client_order_id=order_id or self._ids.next_order(),
                    order_side=order_side,
                    order_type=order_type,
                    quantity=quantity,
                    price=price,
                    trigger_price=trigger_price,
                    trailing_offset=trailing_offset,
                    trailing_offset_type=trailing_offset_type,
                    limit_offset=limit_offset,
                    ts_init=self._clock.timestamp_ns(),
                )
            )
        expire_time = options.get("expire_time")
        terms = OrderTerms(
            trader_id=self._trader_id,
            strategy_id=self._strategy_id,
            instrument_id=instrument_id,
            client_order_id=order_id or self._ids.next_order(),
            order_side=order_side,
            order_type=order_type,
            quantity=quantity,
            time_in_force=options.get("time_in_force", TimeInForce.GTC),
            price=price,
            trigger_price=trigger_price,
            trailing_offset=trailing_offset,
            trailing_offset_type=trailing_offset_type,
            limit_offset=limit_offset,
            trigger_type=options.get("trigger_type", TriggerType.DEFAULT),
            expire_time_ns=0 if expire_time is None else to_ns(expire_time, "expire_time"),
            post_only=options.get("post_only", False),
            reduce_only=options.get("reduce_only", False),
            quote_quantity=options.get("quote_quantity", False),
            display_qty=options.get("display_qty"),
            contingency_type=links.contingency,
            order_list_id=links.list_id,
            parent_order_id=links.parent,
            linked_order_ids=links.linked,
            tags=tuple(options.get("tags", ())),
            params=dict(options.get("params", {})),
            ts_init=self._clock.timestamp_ns(),
        )
        return Order(terms)


def _entry_type(price: Price | None, trigger_price: Price | None) -> OrderType:
    if trigger_price is None:
        return OrderType.MARKET if price is None else OrderType.LIMIT
    return OrderType.STOP_MARKET if price is None else OrderType.STOP_LIMIT
