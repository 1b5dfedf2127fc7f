"""Attributes of orders that fit only some orders, with IB's codes and texts for the others."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.orders.triggers import TRIGGER_METHODS

if TYPE_CHECKING:
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.wire import Order

__all__ = ["check_attributes"]

_CONDITIONAL: Final = frozenset({"LMT", "MKT", "MIDPRICE", "REL"})
_CONDITIONAL_CANCEL: Final = frozenset({"LMT", "MIDPRICE"})
_ADJUSTED: Final = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT"})
_ADJUSTABLE: Final = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT"})
_BLOCK: Final = 50
_PERCENT: Final = 100.0
_OCA_TYPES: Final = frozenset({None, 0, 1, 2, 3})


def check_attributes(contract: SimContract, order: Order, order_type: str) -> None:
    """Refuse attributes that IB does not take with an order.

    Raises:
        RequestRefused: With IB's code for the attribute.
    """
    _check_sizes(order)
    _check_combinations(order, order_type)
    _check_trailing(order, order_type)
    _check_adjusted(order, order_type)
    _check_volatility(order, order_type)
    _check_short_sale(order)
    if order.conditions:
        _check_conditional(contract, order, order_type)


def _check_sizes(order: Order) -> None:
    total = order.totalQuantity or Decimal(0)
    if order.displaySize and not order.hedgeType and not 0 < order.displaySize < total:
        raise RequestRefused(10020, "Display size should be smaller than order size.")
    if order.minQty is not None and order.minQty < 0:
        raise _invalid(f"minQty {order.minQty} is negative")
    if order.minQty and order.minQty > total > 0:
        raise _invalid(f"minQty {order.minQty} is more than the order's size {total}")
    if order.minTradeQty is not None and not 0 < order.minTradeQty <= total:
        raise RequestRefused(
            10303,
            f"Invalid min trade quantity value ({order.minTradeQty}). It must be a positive "
            "integer not exceeding the total order size.",
        )
    if order.blockOrder and total < _BLOCK:
        raise RequestRefused(117, "The block order size must be at least 50.")
    if order.duration is not None and order.duration <= 0:
        raise _invalid(f"duration {order.duration} is no positive number of seconds")


def _check_combinations(order: Order, order_type: str) -> None:
    if order.displaySize and order.discretionaryAmt:
        raise RequestRefused(
            157,
            "An order can be EITHER Iceberg or Discretionary. Please remove either the "
            "Discretionary amount or the Display size.",
        )
    if order.discretionaryAmt and order_type != "LMT":
        raise RequestRefused(
            325,
            "Discretionary orders are not supported for this combination of exchange and order "
            "type.",
        )
    if (order.triggerMethod or 0) not in TRIGGER_METHODS:
        raise RequestRefused(146, f"Invalid trigger method. {order.triggerMethod}")
    if order.ocaType not in _OCA_TYPES:
        raise _invalid(f"ocaType {order.ocaType} is not 1, 2 or 3")
    for name in ("deactivate", "discretionaryUpToLimitPrice", "isOmsContainer", "percentOffset"):
        if getattr(order, name):
            raise RequestRefused(10340, f"The following order attribute is not supported: {name}")


def _check_trailing(order: Order, order_type: str) -> None:
    if not order_type.startswith("TRAIL"):
        return
    percent = order.trailingPercent
    if order.auxPrice is None and percent is None:
        raise RequestRefused(158, "You must specify an offset amount or a percent offset value.")
    if percent is not None and not 0 < percent < _PERCENT:
        raise RequestRefused(159, "The percent offset value must be between 0% and 100%.")
    if order_type == "TRAIL LIMIT" and order.lmtPrice is None and order.lmtPriceOffset is None:
        raise _invalid("lmtPrice or lmtPriceOffset is needed for the order type TRAIL LIMIT")


def _check_adjusted(order: Order, order_type: str) -> None:
    kind = order.adjustedOrderType.upper()
    if kind in {"", "NONE"}:
        return
    if kind not in _ADJUSTED or order_type not in _ADJUSTABLE:
        raise RequestRefused(
            387, "Unsupported order type for this exchange and security type.\nadjusted " + kind
        )
    if not order.triggerPrice:
        raise RequestRefused(361, "Invalid trigger price.")
    if not order.adjustedStopPrice:
        raise RequestRefused(362, "Invalid adjusted stop price.")
    if kind == "STP LMT" and not order.adjustedStopLimitPrice:
        raise RequestRefused(363, "Invalid adjusted stop limit price.")
    if kind.startswith("TRAIL") and not (order.adjustedTrailingAmount or 0) > 0:
        raise RequestRefused(364, "Invalid adjusted trailing amount.")
    if kind == "TRAIL LIMIT" and order.lmtPriceOffset is None:
        raise RequestRefused(363, "Invalid adjusted stop limit price.")


def _check_volatility(order: Order, order_type: str) -> None:
    if order_type != "VOL":
        return
    if order.volatility is not None and order.volatility <= 0:
        raise RequestRefused(
            371,
            "VOL order requires positive floating point value for volatility. Do not set it for "
            "other order types.",
        )
    if order.volatilityType not in {None, 0, 1, 2}:
        raise RequestRefused(
            367,
            "Volatility type if set must be 1 or 2 for VOL orders. Do not set it for other order "
            "types.",
        )


def _check_short_sale(order: Order) -> None:
    slot = order.shortSaleSlot or 0
    if slot not in {0, 1, 2}:
        raise RequestRefused(
            347,
            "Short sale slot value must be 1 (broker holds shares) or 2 (delivered from "
            "elsewhere).",
        )
    if slot and order.action != "SSHORT":
        raise RequestRefused(
            348, "Order not a short sale -- type must be SSHORT to specify short sale slot."
        )
    if slot == 2 and not order.designatedLocation:
        raise RequestRefused(
            352, "Short sale slot value of 2 (delivered from elsewhere) requires location."
        )
    if slot == 1 and order.designatedLocation:
        raise RequestRefused(353, "Short sale slot value of 1 requires no location be specified.")


def _check_conditional(contract: SimContract, order: Order, order_type: str) -> None:
    if contract.sec_type in {"FUND", "BOND"}:
        raise RequestRefused(402, "Conditions are not allowed for this contract.")
    allowed = _CONDITIONAL_CANCEL if order.conditionsCancelOrder else _CONDITIONAL
    if order_type not in allowed:
        raise RequestRefused(
            148,
            "Conditional submission of orders is supported for Limit, Market, MidPrice, Relative "
            "and Snap order types only. Conditional cancelation of orders is supported for Limit "
            "and MidPrice order types only.",
        )


def _invalid(cause: str) -> RequestRefused:
    return RequestRefused(321, f"Error validating request.-'bI' : cause - {cause}")
