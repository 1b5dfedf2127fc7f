"""Messages that place, cancel and report orders."""

from decimal import Decimal

from posei_ib_sim.wire.messages.base import ClientMessage, ServerMessage
from posei_ib_sim.wire.messages.contract import Contract
from posei_ib_sim.wire.messages.order import (
    AttachedOrders,
    Order,
    OrderCancel,
    OrderState,
    SoftDollarTier,
)


class PlaceOrderRequest(ClientMessage, kw_only=True, frozen=True):
    """Place or modify an order (3, placeOrder)."""

    orderId: int | None = None
    contract: Contract = Contract()
    order: Order = Order()
    attachedOrders: AttachedOrders = AttachedOrders()


class CancelOrderRequest(ClientMessage, kw_only=True, frozen=True):
    """Cancel an order (4, cancelOrder)."""

    orderId: int | None = None
    orderCancel: OrderCancel = OrderCancel()


class GlobalCancelRequest(ClientMessage, kw_only=True, frozen=True):
    """Cancel all open orders (58, reqGlobalCancel)."""

    orderCancel: OrderCancel = OrderCancel()


class OpenOrder(ServerMessage, kw_only=True, frozen=True):
    """Report an open order or answer a what-if order (5, openOrder)."""

    orderId: int | None = None
    contract: Contract = Contract()
    order: Order = Order()
    orderState: OrderState = OrderState()


class OpenOrdersEnd(ServerMessage, kw_only=True, frozen=True):
    """End the answers to an open-orders request (53, openOrderEnd)."""


class OpenOrdersRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for this client's open orders (5, reqOpenOrders)."""


class AllOpenOrdersRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the open orders of all clients (16, reqAllOpenOrders)."""


class AutoOpenOrdersRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for manual orders as they appear (15, reqAutoOpenOrders)."""

    autoBind: bool = False


class OrderStatus(ServerMessage, kw_only=True, frozen=True):
    """Report the state of an order (3, orderStatus)."""

    orderId: int | None = None
    status: str = ""
    filled: Decimal | None = None
    remaining: Decimal | None = None
    avgFillPrice: float | None = None
    permId: int | None = None
    parentId: int | None = None
    lastFillPrice: float | None = None
    clientId: int | None = None
    whyHeld: str = ""
    mktCapPrice: float | None = None


class OrderBound(ServerMessage, kw_only=True, frozen=True):
    """Tell that a manual order now has an API order id (100, orderBound)."""

    permId: int | None = None
    clientId: int | None = None
    orderId: int | None = None


class CompletedOrder(ServerMessage, kw_only=True, frozen=True):
    """Report a completed order (101, completedOrder)."""

    contract: Contract = Contract()
    order: Order = Order()
    orderState: OrderState = OrderState()


class CompletedOrdersEnd(ServerMessage, kw_only=True, frozen=True):
    """End the answers to reqCompletedOrders (102, completedOrdersEnd)."""


class CompletedOrdersRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for completed orders (99, reqCompletedOrders)."""

    apiOnly: bool = False


class ExerciseOptionsRequest(ClientMessage, kw_only=True, frozen=True):
    """Exercise or lapse options (21, exerciseOptions)."""

    orderId: int | None = None
    contract: Contract = Contract()
    exerciseAction: int | None = None
    exerciseQuantity: int | None = None
    account: str = ""
    override: bool = False
    manualOrderTime: str = ""
    customerAccount: str = ""
    professionalCustomer: bool = False


class IdsRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the next valid order id (8, reqIds)."""

    numIds: int | None = None


class NextValidId(ServerMessage, kw_only=True, frozen=True):
    """Give the next valid order id (9, nextValidId)."""

    orderId: int | None = None


class SoftDollarTiers(ServerMessage, kw_only=True, frozen=True):
    """Answer reqSoftDollarTiers (77, softDollarTiers)."""

    reqId: int | None = None
    softDollarTiers: tuple[SoftDollarTier, ...] = ()


class SoftDollarTiersRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the soft dollar tiers (79, reqSoftDollarTiers)."""

    reqId: int | None = None
