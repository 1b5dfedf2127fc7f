"""What IB says about orders, read from its protobuf messages without the detour over `ibapi`.

Only what the order state machine needs is read of an open order; who needs all of it has `ibapi`
decode it, as does who asked for the open orders.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Protocol, final

from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER, UNSET_LONG

from posei_trader.adapters.interactive_brokers.client.messages import (
    CommissionReport,
    ExecutionRecord,
    OrderGlance,
    OrderStatusUpdate,
)
from posei_trader.adapters.interactive_brokers.wire.protobuf_fields import generated

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.contract_types import IBContract

__all__ = ["OrderProtobuf", "OrderSink", "known_number", "quantity_or_zero"]

ORDER_STATUS: Final = 203
OPEN_ORDER: Final = 205
EXECUTION: Final = 211
COMMISSION: Final = 259

_UNSOLICITED: Final = -1
_NOTHING: Final = Decimal(0)
_LARGEST: Final = 1e300
_CONTRACTS_AT_MOST: Final = 1_000


def quantity_or_zero(value: Decimal) -> Decimal:
    """Return a quantity; zero where IB leaves it unset."""
    return _NOTHING if value == UNSET_DECIMAL else value


def known_number(value: float | None) -> float | None:
    """Return a number, None where IB leaves it unset."""
    return None if value is None or abs(value) > _LARGEST else value


class OrderSink(Protocol):
    """Takes what was read."""

    def take_glance(self, glance: OrderGlance) -> bool:
        """Take an open order; False when somebody needs all of it."""

    def take_status(self, row: OrderStatusUpdate) -> None:
        """Take an order's status."""

    def take_execution(self, req_id: int, row: ExecutionRecord) -> None:
        """Take an execution; the request id is -1 for one that nobody asked for."""

    def take_commission(self, row: CommissionReport) -> None:
        """Take what an execution cost."""


@final
class OrderProtobuf:
    """Decode and deliver.

    Args:
        sink: Takes what was read.
        whole: Has `ibapi` decode a message and delivers all of it.
        contract: Returns the contract of a message, as `ibapi` decodes it.
    """

    def __init__(
        self,
        sink: OrderSink,
        whole: Callable[[int, bytes], None],
        contract: Callable[[int, bytes], IBContract],
    ) -> None:
        self._sink = sink
        self._whole = whole
        self._contract = contract
        self._contracts: dict[bytes, IBContract] = {}
        self._status: Any = generated("OrderStatus")
        self._open: Any = generated("OpenOrder")
        self._details: Any = generated("ExecutionDetails")
        self._cost: Any = generated("CommissionAndFeesReport")

    def table(self) -> dict[int, Callable[[bytes], None]]:
        """Return the decoders by message id on the wire."""
        return {
            ORDER_STATUS: self._order_status,
            OPEN_ORDER: self._open_order,
            EXECUTION: self._execution,
            COMMISSION: self._commission,
        }

    def _open_order(self, payload: bytes) -> None:
        message = self._open.FromString(payload)
        order, state = message.order, message.orderState
        is_usual = (
            message.HasField("contract")
            and message.HasField("order")
            and message.HasField("orderState")
            and not message.contract.comboLegs
        )
        if not is_usual or not self._sink.take_glance(
            OrderGlance(
                order_id=message.orderId,
                status=state.status,
                reject_reason=state.rejectReason,
                account=order.account,
                clientId=order.clientId,
                permId=order.permId,
                parentId=order.parentId,
                orderRef=order.orderRef,
                whatIf=order.whatIf,
                totalQuantity=Decimal(order.totalQuantity)
                if order.HasField("totalQuantity")
                else UNSET_DECIMAL,
                lmtPrice=_price(order, "lmtPrice"),
                auxPrice=_price(order, "auxPrice"),
                trailStopPrice=_price(order, "trailStopPrice"),
                cashQty=_price(order, "cashQty"),
            )
        ):
            self._whole(OPEN_ORDER, payload)

    def _order_status(self, payload: bytes) -> None:
        message = self._status.FromString(payload)
        self._sink.take_status(
            OrderStatusUpdate(
                message.orderId or _id(message, "orderId", UNSET_INTEGER),
                message.status,
                _quantity(message, "filled"),
                _quantity(message, "remaining"),
                known_number(message.avgFillPrice) or 0.0,
                message.permId or _id(message, "permId", UNSET_LONG),
                message.parentId or _id(message, "parentId", UNSET_INTEGER),
                known_number(message.lastFillPrice) or 0.0,
                message.clientId or _id(message, "clientId", UNSET_INTEGER),
                message.whyHeld,
                known_number(message.mktCapPrice) or 0.0,
            )
        )

    def _execution(self, payload: bytes) -> None:
        message = self._details.FromString(payload)
        if not message.HasField("contract") or not message.HasField("execution"):
            return  # as `ibapi`: there is nothing that it could be told of
        one = message.execution
        row = ExecutionRecord(
            self._contract_of(message.contract, payload),
            one.execId,
            one.time,
            one.acctNumber,
            one.exchange,
            one.side,
            _quantity(one, "shares"),
            one.price,
            one.permId,
            one.clientId,
            one.orderId,
            one.isLiquidation,
            _quantity(one, "cumQty"),
            one.avgPrice,
            one.orderRef,
            one.lastLiquidity,
            one.isPriceRevisionPending,
            one.modelCode,
            one.evRule,
            one.evMultiplier,
        )
        self._sink.take_execution(message.reqId or _id(message, "reqId", _UNSOLICITED), row)

    def _contract_of(self, contract: Any, payload: bytes) -> IBContract:
        """Return a contract; the same bytes are decoded once."""
        key = contract.SerializeToString()
        known = self._contracts.get(key)
        if known is None:
            if len(self._contracts) >= _CONTRACTS_AT_MOST:
                del self._contracts[next(iter(self._contracts))]
            known = self._contracts[key] = self._contract(EXECUTION, payload)
        return known

    def _commission(self, payload: bytes) -> None:
        message = self._cost.FromString(payload)
        self._sink.take_commission(
            CommissionReport(
                message.execId,
                message.commissionAndFees,
                message.currency,
                known_number(message.realizedPNL),
            )
        )


def _id(message: Any, name: str, unset: int) -> int:
    return 0 if message.HasField(name) else unset


def _price(message: Any, name: str) -> float:
    value: float = getattr(message, name)
    return value if value or message.HasField(name) else UNSET_DOUBLE


def _quantity(message: Any, name: str) -> Decimal:
    text: str = getattr(message, name)
    if not text and not message.HasField(name):
        return _NOTHING
    return quantity_or_zero(Decimal(text))
