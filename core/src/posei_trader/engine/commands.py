"""Commands to the venue: checked, stored, and only then handed to the client."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeVar, final

from posei_trader.engine.order_facts import facts_of
from posei_trader.engine.risk import Denial
from posei_trader.errors import InvalidRequest, NotConnected, PoseiError, Unsupported
from posei_trader.model import events as ev
from posei_trader.model.enums import OrderStatus, TradingState
from posei_trader.model.requests import (
    CancelAllOrders,
    CancelOrder,
    ExerciseOption,
    ModifyOrder,
    QueryOrder,
    SubmitOrder,
    SubmitOrderList,
)
from posei_trader.protocols import ExercisesOptions, PreviewsOrders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from posei_trader.engine.cache import Cache
    from posei_trader.engine.execution import ExecutionEngine
    from posei_trader.engine.keeping import Keeper
    from posei_trader.engine.risk import RiskEngine
    from posei_trader.engine.routing import Router
    from posei_trader.model.enums import OrderSide
    from posei_trader.model.identifiers import (
        ClientId,
        InstrumentId,
        PositionId,
        StrategyId,
    )
    from posei_trader.model.orders import Order, OrderList
    from posei_trader.model.reports import OrderPreview, OrderStatusReport
    from posei_trader.model.values import Price, Quantity
    from posei_trader.protocols import Clock, ExecClient

__all__ = ["OrderCommands"]

T = TypeVar("T")

_log: Final = logging.getLogger("posei.ExecutionEngine")


@final
class OrderCommands:
    """What strategies ask of venues. `ExecutionEngine.commands` is one.

    What cannot be sent comes back as an event that names the rule: OrderDenied,
    OrderModifyRejected or OrderCancelRejected. Only a mistake in the program raises.

    Args:
        engine: Takes the events, and knows which clients may trade.
        router: Finds the client.
        cache: Where orders are kept.
        clock: Stamps commands.
        risk: Checks orders and changes.
        keeper: Stores them.
    """

    def __init__(
        self,
        engine: ExecutionEngine,
        router: Router[ExecClient],
        cache: Cache,
        clock: Clock,
        risk: RiskEngine,
        keeper: Keeper,
    ) -> None:
        self._engine = engine
        self._router = router
        self._cache = cache
        self._clock = clock
        self._risk = risk
        self._keeper = keeper

    def submit_order(
        self,
        order: Order,
        *,
        client_id: ClientId | None = None,
        position_id: PositionId | None = None,
    ) -> None:
        """Send an order.

        Args:
            order: The order, as the order factory made it.
            client_id: The client to use, None to route by venue.
            position_id: When hedging: the position that the fills belong to.

        Raises:
            InvalidRequest: the order was submitted before.
        """
        self._submit((order,), client_id, position_id, None)

    def submit_order_list(
        self, order_list: OrderList, *, client_id: ClientId | None = None
    ) -> None:
        """Send orders that belong together: all, or all are denied. Raises as `submit_order`."""
        self._submit(order_list.orders, client_id, None, order_list)

    def modify_order(
        self,
        order: Order,
        *,
        quantity: Quantity | None = None,
        price: Price | None = None,
        trigger_price: Price | None = None,
    ) -> None:
        """Change a working order; None leaves a term.

        Raises:
            InvalidRequest: the order was never submitted.
        """
        client = self._client_of(order)
        command = ModifyOrder(
            order=order,
            quantity=quantity,
            price=price,
            trigger_price=trigger_price,
            ts_init=self._clock.timestamp_ns(),
        )
        denial = (
            _check_open(order)
            or self._check_client(client, must_be_reconciled=True)
            or self._risk.check_change(order, quantity, price, trigger_price)
            or self._keeper.change(command)
            or _attempt(client, client.modify_order, command)
        )
        if denial is not None:
            _log.warning("cannot change %s: %s", order, denial)
            facts = facts_of(order, self._clock.timestamp_ns())
            self._engine.order_event(ev.OrderModifyRejected(**facts, reason=str(denial)))

    def cancel_order(self, order: Order) -> None:
        """Take an order off the market, also while orders may not be sent.

        Raises:
            InvalidRequest: the order was never submitted.
        """
        client = self._client_of(order)
        command = CancelOrder(order, self._clock.timestamp_ns())
        denial = (
            _check_open(order)
            or self._check_client(client)
            or self._keeper.cancels([command])
            or _attempt(client, client.cancel_order, command)
        )
        if denial is not None:
            self._reject_cancel(order, denial)

    def cancel_all_orders(
        self,
        strategy_id: StrategyId,
        instrument_id: InstrumentId,
        side: OrderSide | None = None,
    ) -> None:
        """Take a strategy's orders on an instrument off the market, those in flight too."""
        scope = (instrument_id, strategy_id, side)
        working = {order.client_order_id: order for order in self._cache.orders_open(*scope)}
        for order in self._cache.orders_in_flight(*scope):
            working.setdefault(order.client_order_id, order)
        groups: dict[ClientId, list[Order]] = {}
        for order in working.values():
            groups.setdefault(self._client_of(order).client_id, []).append(order)
        for client_id, orders in groups.items():
            command = CancelAllOrders(
                strategy_id=strategy_id,
                instrument_id=instrument_id,
                orders=tuple(orders),
                order_side=side,
                ts_init=self._clock.timestamp_ns(),
            )
            self._cancel_all(self._router.client(client_id), command)

    async def query_order(self, order: Order) -> OrderStatusReport | None:
        """Ask the venue about an order and take over what it says; None when it knows nothing.

        Raises:
            RetryLater: the answer did not come; nothing is known.
            InvalidRequest: the order was never submitted.
        """
        client = self._client_of(order)
        report = await client.query_order(QueryOrder(order.client_order_id, order.instrument_id))
        if report is not None:
            self._engine.order_report(report)
        return report

    async def preview_order(
        self, order: Order, *, client_id: ClientId | None = None
    ) -> OrderPreview:
        """Ask the venue what an order would cost and lock; nothing is traded or stored.

        Raises:
            Unsupported: the venue cannot tell.
            FixRequest: a term cannot be honoured, or the venue would refuse the order.
            RetryLater: the answer did not come.
        """
        client = self._router.route(order.instrument_id, client_id)
        if not isinstance(client, PreviewsOrders):
            raise _cannot(client, "tell what an order would cost")
        return await client.preview_order(order)

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

        Raises:
            Unsupported: the venue cannot.
            InvalidRequest: the account does not hold so many, or trading is halted.
            RequestRejected: the venue refuses it; nothing was done.
            NotConnected: the client is not connected and reconciled; nothing was sent.
            OrderStateUnknown: no answer came; whether it was taken is not known.
        """
        client = self._router.route(instrument_id, client_id)
        if not isinstance(client, ExercisesOptions):
            raise _cannot(client, "exercise options")
        denial = self._check_client(client, must_be_reconciled=True)
        if denial is not None:
            raise NotConnected(
                f"nothing was sent: {denial}",
                field="client_id",
                value=client.client_id,
                remedy="wait until it is connected and reconciled",
            )
        self._check_exercise(instrument_id, quantity)
        await client.exercise_option(
            ExerciseOption(
                instrument_id=instrument_id,
                quantity=quantity,
                is_lapse=is_lapse,
                is_override=is_override,
                ts_init=self._clock.timestamp_ns(),
            )
        )

    def _check_exercise(self, instrument_id: InstrumentId, quantity: Quantity) -> None:
        if self._risk.trading_state is TradingState.HALTED:
            raise InvalidRequest(
                "trading is halted: nothing is sent until it is resumed",
                field="trading_state",
                value=self._risk.trading_state,
                remedy="set the trading state to ACTIVE or REDUCING",
            )
        held = sum(
            (held.signed_qty for held in self._cache.positions_open(instrument_id)), Decimal(0)
        )
        if quantity.raw <= 0 or quantity.as_decimal() > held:
            raise InvalidRequest(
                "only options that are held can be exercised",
                field="quantity",
                value=quantity,
                remedy=f"give a quantity from 1 to {held} of {instrument_id}",
            )

    # -- inside ---------------------------------------------------------------------------------

    def _submit(
        self,
        orders: Sequence[Order],
        client_id: ClientId | None,
        position_id: PositionId | None,
        order_list: OrderList | None,
    ) -> None:
        for order in orders:
            is_new = self._cache.order(order.terms.client_order_id) is None
            if order.status is not OrderStatus.INITIALIZED or not is_new:
                raise InvalidRequest(
                    "the order was submitted before",
                    field="client_order_id",
                    value=order.client_order_id,
                    remedy="make a new order with the order factory",
                )
        try:
            client = self._router.route(orders[0].terms.instrument_id, client_id)
        except InvalidRequest as error:
            self._add(orders, None, position_id)
            self._deny(orders, Denial("NO_CLIENT", f"{error.message}; {error.remedy}"))
            return
        handled_by = client.client_id
        self._add(orders, handled_by, position_id)
        denial = (
            self._check_client(client, must_be_reconciled=True)
            or self._check_orders(orders, client)
            or self._keeper.orders(orders, handled_by, position_id)
        )
        if denial is None:
            self._send(orders, client, order_list)
        else:
            self._deny(orders, denial)

    def _add(
        self, orders: Sequence[Order], client_id: ClientId | None, position_id: PositionId | None
    ) -> None:
        for order in orders:
            self._cache.add_order(order, client_id)
            if position_id is not None:
                self._engine.name_position(order.client_order_id, position_id)

    def _check_orders(self, orders: Sequence[Order], client: ExecClient) -> Denial | None:
        account_id = self._engine.account_of(client) if self._risk.limits_accounts else None
        for order in orders:
            denial = self._risk.check_order(order, account_id, orders)
            if denial is not None:
                return denial
        return None

    def _check_client(
        self, client: ExecClient, *, must_be_reconciled: bool = False
    ) -> Denial | None:
        if not client.is_connected:
            return Denial("NOT_CONNECTED", f"{client.client_id} is not connected")
        if must_be_reconciled and not self._engine.may_trade(client.client_id):
            return Denial(
                "NOT_RECONCILED",
                f"{client.client_id} has not told yet what it knows of our orders; try again later",
            )
        return None

    def _send(
        self, orders: Sequence[Order], client: ExecClient, order_list: OrderList | None
    ) -> None:
        now = self._clock.timestamp_ns()
        if order_list is None:
            denial = _attempt(client, client.submit_order, SubmitOrder(orders[0], now))
        else:
            denial = _attempt(client, client.submit_order_list, SubmitOrderList(order_list, now))
        if denial is not None:
            # By contract OrderSubmitted has come of what may be on the wire: what is still
            # INITIALIZED was not sent; of the rest nobody knows, so it stays in flight.
            unsent = [order for order in orders if order.status is OrderStatus.INITIALIZED]
            self._deny(unsent, denial)

    def _cancel_all(self, client: ExecClient, command: CancelAllOrders) -> None:
        denial = (
            self._check_client(client)
            or self._keeper.cancels([CancelOrder(one, command.ts_init) for one in command.orders])
            or _attempt(client, client.cancel_all_orders, command)
        )
        if denial is not None:
            for order in command.orders:
                self._reject_cancel(order, denial)

    def _client_of(self, order: Order) -> ExecClient:
        client_id = self._cache.client_of_order(order.client_order_id)
        if client_id is None:
            raise InvalidRequest(
                "no client handles this order",
                field="client_order_id",
                value=order.client_order_id,
                remedy="submit the order first",
            )
        return self._router.client(client_id)

    def _deny(self, orders: Iterable[Order], denial: Denial) -> None:
        for order in orders:
            _log.warning("denied %s: %s", order, denial)
            facts = facts_of(order, self._clock.timestamp_ns())
            self._engine.order_event(ev.OrderDenied(**facts, reason=str(denial)))

    def _reject_cancel(self, order: Order, denial: Denial) -> None:
        _log.warning("cannot cancel %s: %s", order, denial)
        facts = facts_of(order, self._clock.timestamp_ns())
        self._engine.order_event(ev.OrderCancelRejected(**facts, reason=str(denial)))


def _cannot(client: ExecClient, what: str) -> Unsupported:
    return Unsupported(
        f"the execution client cannot {what}",
        field="client_id",
        value=client.client_id,
        remedy="use a venue whose client can",
    )


def _check_open(order: Order) -> Denial | None:
    return Denial("ORDER_CLOSED", f"the order is {order.status}") if order.is_closed else None


def _attempt(client: ExecClient, send: Callable[[T], None], command: T) -> Denial | None:
    """Hand over to a client; what it raises becomes a denial, and a bug of it is logged as one."""
    try:
        send(command)
    except NotConnected as error:
        return Denial("NOT_CONNECTED", error.message)
    except PoseiError as error:
        return Denial("CLIENT", error.message)
    except Exception as error:  # noqa: BLE001  a client's bug may not stop the node
        _log.error("exec client %s failed", client.client_id, exc_info=error)
        return Denial("CLIENT", f"{type(error).__name__}: {error}")
    return None
