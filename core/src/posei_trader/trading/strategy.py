"""Strategies: user code that trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.errors import InvalidRequest
from posei_trader.model import events as ev
from posei_trader.model.enums import OrderSide, PositionSide
from posei_trader.model.positions import PositionChanged, PositionClosed, PositionOpened
from posei_trader.trading.actor import Actor
from posei_trader.trading.component import ComponentState
from posei_trader.trading.config import StrategyConfig
from posei_trader.trading.factory import OrderFactory
from posei_trader.trading.wiring import ExecClientsView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.model.identifiers import (
        ClientId,
        InstrumentId,
        PositionId,
        StrategyId,
    )
    from posei_trader.model.orders import Order, OrderList
    from posei_trader.model.positions import Position, PositionEvent
    from posei_trader.model.reports import OrderPreview, OrderStatusReport
    from posei_trader.model.values import Price, Quantity
    from posei_trader.trading.wiring import Wiring

__all__ = ["Strategy"]

_ORDER_CALLBACKS: Final[dict[type[ev.OrderEvent], str]] = {
    ev.OrderDenied: "on_order_denied",
    ev.OrderSubmitted: "on_order_submitted",
    ev.OrderAccepted: "on_order_accepted",
    ev.OrderRejected: "on_order_rejected",
    ev.OrderTriggered: "on_order_triggered",
    ev.OrderPendingUpdate: "on_order_pending_update",
    ev.OrderPendingCancel: "on_order_pending_cancel",
    ev.OrderUpdated: "on_order_updated",
    ev.OrderModifyRejected: "on_order_modify_rejected",
    ev.OrderCancelRejected: "on_order_cancel_rejected",
    ev.OrderCanceled: "on_order_canceled",
    ev.OrderExpired: "on_order_expired",
    ev.OrderFilled: "on_order_filled",
    ev.OrderFillAmended: "on_order_fill_amended",
}

_MAY_TRADE: Final = frozenset(
    {ComponentState.STARTING, ComponentState.RUNNING, ComponentState.STOPPING}
)


class Strategy(Actor):
    """Listen to data and send orders. Subclass it and override callbacks.

    Order and position events come for its own orders only: from its start until the node ends, so
    that the cancels of `on_stop` are answered too. For each the callback of its kind runs first,
    then `on_order_event`. The cache and the portfolio contain the event before any callback runs.

    Args:
        config: Settings; subclass :class:`StrategyConfig` for your own.
    """

    config: StrategyConfig

    def __init__(self, config: StrategyConfig | None = None) -> None:
        super().__init__(config or StrategyConfig())
        self._strategy_id: StrategyId | None = None
        self._factory: OrderFactory | None = None

    @property
    def strategy_id(self) -> StrategyId:
        """Return its name in the node.

        Raises:
            InvalidRequest: it was not added to a node yet.
        """
        if self._strategy_id is None:
            raise self._not_added("strategy_id")
        return self._strategy_id

    @property
    def order_factory(self) -> OrderFactory:
        """Return the maker of its orders. Raises as :attr:`cache`."""
        if self._factory is None:
            raise self._not_added("order_factory")
        return self._factory

    @property
    def exec_client(self) -> ExecClientsView:
        """Return the execution clients, with `is_connected`. Raises as :attr:`cache`."""
        return ExecClientsView(self._wired("exec_client").execution)

    # -- callbacks ------------------------------------------------------------------------------

    def on_order_event(self, event: ev.OrderEvent) -> None:
        """Be given every event of its orders."""

    def on_order_denied(self, event: ev.OrderDenied) -> None:
        """Be told that an order was refused here and never sent."""

    def on_order_submitted(self, event: ev.OrderSubmitted) -> None:
        """Be told that an order is on its way."""

    def on_order_accepted(self, event: ev.OrderAccepted) -> None:
        """Be told that the venue works an order."""

    def on_order_rejected(self, event: ev.OrderRejected) -> None:
        """Be told that the venue refused an order."""

    def on_order_triggered(self, event: ev.OrderTriggered) -> None:
        """Be told that a stop or touch price was reached."""

    def on_order_pending_update(self, event: ev.OrderPendingUpdate) -> None:
        """Be told that a change is on its way."""

    def on_order_pending_cancel(self, event: ev.OrderPendingCancel) -> None:
        """Be told that a cancel is on its way."""

    def on_order_updated(self, event: ev.OrderUpdated) -> None:
        """Be told that an order works with other terms."""

    def on_order_modify_rejected(self, event: ev.OrderModifyRejected) -> None:
        """Be told that a change was refused; the order works on."""

    def on_order_cancel_rejected(self, event: ev.OrderCancelRejected) -> None:
        """Be told that a cancel was refused."""

    def on_order_canceled(self, event: ev.OrderCanceled) -> None:
        """Be told that an order is off the market."""

    def on_order_expired(self, event: ev.OrderExpired) -> None:
        """Be told that an order's time ran out."""

    def on_order_filled(self, event: ev.OrderFilled) -> None:
        """Be told that an order, or a part of it, traded."""

    def on_order_fill_amended(self, event: ev.OrderFillAmended) -> None:
        """Be told that a fill's commission became known, or that it was corrected."""

    def on_position_opened(self, event: PositionOpened) -> None:
        """Be told that a position was opened."""

    def on_position_changed(self, event: PositionChanged) -> None:
        """Be told that a position grew or shrank, or its costs became known."""

    def on_position_closed(self, event: PositionClosed) -> None:
        """Be told that a position is flat."""

    # -- orders ---------------------------------------------------------------------------------

    def submit_order(
        self,
        order: Order,
        position_id: PositionId | None = None,
        client_id: ClientId | None = None,
    ) -> None:
        """Send an order. What becomes of it comes as events; a refusal here as OrderDenied.

        Args:
            order: An order of `order_factory`.
            position_id: When hedging: the position it belongs to.
            client_id: The client to use, None to route by venue.

        Raises:
            InvalidRequest: the order was submitted before, is another strategy's, or the strategy
                is not running.
        """
        self._check_own(order)
        self._wired("submit_order").execution.commands.submit_order(
            order, client_id=client_id, position_id=position_id
        )

    def submit_order_list(self, order_list: OrderList, client_id: ClientId | None = None) -> None:
        """Send orders that belong together: all, or all are denied. As `submit_order`."""
        for order in order_list.orders:
            self._check_own(order)
        self._wired("submit_order_list").execution.commands.submit_order_list(
            order_list, client_id=client_id
        )

    def modify_order(
        self,
        order: Order,
        quantity: Quantity | None = None,
        price: Price | None = None,
        trigger_price: Price | None = None,
    ) -> None:
        """Change a working order; None leaves a term. A refusal comes as OrderModifyRejected.

        Raises:
            InvalidRequest: the order was never submitted, is another strategy's, or the strategy
                is not running.
        """
        self._check_own(order)
        self._wired("modify_order").execution.commands.modify_order(
            order, quantity=quantity, price=price, trigger_price=trigger_price
        )

    def cancel_order(self, order: Order) -> None:
        """Take an order off the market. A refusal comes as OrderCancelRejected.

        Raises:
            InvalidRequest: the order was never submitted, is another strategy's, or the strategy
                is not running.
        """
        self._check_own(order)
        self._wired("cancel_order").execution.commands.cancel_order(order)

    def cancel_orders(self, orders: Sequence[Order]) -> None:
        """Take several orders off the market. As `cancel_order`."""
        for order in orders:
            self.cancel_order(order)

    def cancel_all_orders(
        self, instrument_id: InstrumentId, order_side: OrderSide | None = None
    ) -> None:
        """Take its own working orders on an instrument off the market, of one side or of both.

        Raises:
            InvalidRequest: the strategy is not running.
        """
        self._check_may_trade()
        self._wired("cancel_all_orders").execution.commands.cancel_all_orders(
            self.strategy_id, instrument_id, order_side
        )

    async def query_order(self, order: Order) -> OrderStatusReport | None:
        """Ask the venue about an order; what it says comes as events too.

        Returns None when the venue definitely knows nothing of it.

        Raises:
            RetryLater: the answer did not come; nothing is known.
            InvalidRequest: the order was never submitted.
        """
        return await self._wired("query_order").execution.commands.query_order(order)

    async def preview_order(self, order: Order, client_id: ClientId | None = None) -> OrderPreview:
        """Ask what an order would cost and lock; nothing is traded, and the order stays unused.

        Raises:
            Unsupported: the venue cannot tell.
            FixRequest: a term cannot be honoured, or the venue would refuse the order.
            RetryLater: the answer did not come.
        """
        commands = self._wired("preview_order").execution.commands
        return await commands.preview_order(order, client_id=client_id)

    async def exercise_option(
        self,
        instrument_id: InstrumentId,
        quantity: Quantity,
        *,
        is_lapse: bool = False,
        is_override: bool = False,
        client_id: ClientId | None = None,
    ) -> None:
        """Exercise options that the account holds, or let them lapse.

        Returns when the venue has taken the instruction; what it does to positions comes later.

        Args:
            instrument_id: The option.
            quantity: How many contracts.
            is_lapse: Let them lapse instead of exercising them.
            is_override: Also against what the clearing house would do by itself.
            client_id: The client to use, None to route by venue.

        Raises:
            Unsupported: the venue cannot.
            InvalidRequest: the account does not hold so many, trading is halted, or the strategy is
                not running.
            RequestRejected: the venue refuses it; nothing was done.
            NotConnected: the client is not connected and reconciled; nothing was sent.
            OrderStateUnknown: no answer came: look at the venue before asking again.
        """
        self._check_may_trade()
        await self._wired("exercise_option").execution.commands.exercise_option(
            instrument_id,
            quantity,
            is_lapse=is_lapse,
            is_override=is_override,
            client_id=client_id,
        )

    def close_position(
        self,
        position: Position,
        client_id: ClientId | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        """Send the market order that makes a position flat; nothing when it is flat.

        Raises:
            InvalidRequest: the position is another strategy's, or this one is not running.
        """
        if position.strategy_id != self.strategy_id:
            raise InvalidRequest(
                "the position belongs to another strategy",
                field="position",
                value=position,
                remedy=f"close it from {position.strategy_id}",
            )
        if position.side is PositionSide.FLAT:
            return
        side = OrderSide.SELL if position.side is PositionSide.LONG else OrderSide.BUY
        order = self.order_factory.market(
            position.instrument_id, side, position.quantity, tags=tags
        )
        self.submit_order(order, position.id, client_id)

    def close_all_positions(
        self,
        instrument_id: InstrumentId,
        position_side: PositionSide | None = None,
        client_id: ClientId | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        """Send the market orders that make its positions in an instrument flat.

        Raises:
            InvalidRequest: the strategy is not running.
        """
        for position in self.cache.positions_open(instrument_id, self.strategy_id):
            if position_side is None or position.side is position_side:
                self.close_position(position, client_id, tags)

    # -- inside ---------------------------------------------------------------------------------

    def attach_strategy(self, wiring: Wiring, strategy_id: StrategyId, tag: str) -> None:
        """Connect it with a node. For the trader.

        Raises:
            InvalidRequest: it was added to a node before.
            ConfigError: another strategy claims the same external orders.
        """
        self.attach(wiring, strategy_id)
        self._strategy_id = strategy_id
        cache = wiring.cache
        self._factory = OrderFactory(
            wiring.trader_id,
            strategy_id,
            tag,
            wiring.clock,
            lambda order_id: cache.order(order_id) is not None,
        )
        wiring.execution.register_strategy(
            strategy_id, self.config.oms_type, self.config.external_order_claims
        )

    def _check_own(self, order: Order) -> None:
        self._check_may_trade()
        if order.strategy_id != self.strategy_id:
            raise InvalidRequest(
                "the order belongs to another strategy",
                field="order",
                value=order,
                remedy=f"use it in {order.strategy_id}",
            )

    def _check_may_trade(self) -> None:
        if self._state not in _MAY_TRADE:
            raise InvalidRequest(
                "only a running strategy may trade",
                field="state",
                value=self._state,
                remedy="trade from on_start to on_stop",
            )

    def _connect(self) -> None:
        super()._connect()
        bus = self._wired("start").bus
        bus.subscribe(f"events.order.{self.strategy_id}", self._order_event, self._failed)
        bus.subscribe(f"events.position.{self.strategy_id}", self._position_event, self._failed)

    def _disconnect(self) -> None:
        super()._disconnect()
        if self._wiring is not None:
            bus = self._wiring.bus
            bus.unsubscribe(f"events.order.{self.strategy_id}", self._order_event)
            bus.unsubscribe(f"events.position.{self.strategy_id}", self._position_event)

    def _order_event(self, event: ev.OrderEvent) -> None:
        callback = _ORDER_CALLBACKS.get(type(event))
        if callback is not None:
            getattr(self, callback)(event)
        self.on_order_event(event)

    def _position_event(self, event: PositionEvent) -> None:
        if isinstance(event, PositionOpened):
            self.on_position_opened(event)
        elif isinstance(event, PositionClosed):
            self.on_position_closed(event)
        elif isinstance(event, PositionChanged):
            self.on_position_changed(event)
