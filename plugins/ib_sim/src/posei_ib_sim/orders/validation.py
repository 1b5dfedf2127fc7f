"""What the broker refuses before an order exists, with IB's codes and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.contracts.market_rules import conforms
from posei_ib_sim.errors import RequestRefused

if TYPE_CHECKING:
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.wire import Order

__all__ = ["ORDER_TYPES", "check_order", "normal_order_type"]

ORDER_TYPES: Final = frozenset(
    {
        "MKT",
        "LMT",
        "STP",
        "STP LMT",
        "MIT",
        "LIT",
        "TRAIL",
        "TRAIL LIMIT",
        "MTL",
        "MOC",
        "LOC",
        "MIDPRICE",
        "REL",
        "PEG MID",
        "PEG MKT",
        "VOL",
        "PEG BENCH",
        "PEG BEST",
    }
)
"""Order types that the simulated venue works."""

_ALIASES: Final = {
    "STPLMT": "STP LMT",
    "TRAILLMT": "TRAIL LIMIT",
    "TRAIL LMT": "TRAIL LIMIT",
    "PEGMID": "PEG MID",
    "PEGMKT": "PEG MKT",
    "PEGBENCH": "PEG BENCH",
    "PEGBEST": "PEG BEST",
}
_TIFS: Final = frozenset({"", "DAY", "GTC", "IOC", "GTD", "FOK", "OPG", "DTC", "AUC"})
_NEEDS_LIMIT: Final = frozenset({"LMT", "STP LMT", "LIT", "LOC"})
_NEEDS_STOP: Final = frozenset({"STP", "STP LMT", "MIT", "LIT"})


def normal_order_type(text: str) -> str:
    """Return the order type in IB's usual spelling."""
    return _ALIASES.get(text.upper(), text.upper())


def check_order(contract: SimContract, order: Order) -> None:
    """Refuse an order that cannot be.

    Raises:
        RequestRefused: With IB's code: 321 invalid field, 387 unsupported type, 434 zero size,
            388 below the minimum size, 110 price off the minimum variation, 201 rejected.
    """
    if order.action not in {"BUY", "SELL", "SSHORT"}:
        raise _invalid(f"action {order.action!r} is not BUY or SELL")
    order_type = normal_order_type(order.orderType)
    if order_type not in ORDER_TYPES:
        raise RequestRefused(
            387, "Unsupported order type for this exchange and security type.\n" + order.orderType
        )
    if order.tif not in _TIFS:
        raise _invalid(f"the time-in-force {order.tif!r} is unknown")
    if order.tif == "GTD" and not order.goodTillDate:
        raise _invalid("goodTillDate is needed for the time-in-force GTD")
    if order.tif == "OPG" and order_type not in {"MKT", "LMT"}:
        raise _invalid(f"the time-in-force OPG is for MKT and LMT orders, not {order_type}")
    _check_size(contract, order)
    _check_prices(contract, order, order_type)
    if not contract.is_tradable:
        raise RequestRefused(
            201, f"Order rejected - reason:{contract.symbol} is an index and cannot be traded"
        )


def _check_size(contract: SimContract, order: Order) -> None:
    size = order.totalQuantity
    cash = order.cashQty is not None and order.cashQty > 0
    if size is None or size <= 0:
        if cash and contract.sec_type in {"CRYPTO", "CASH"}:
            return
        raise RequestRefused(434, "The order size cannot be zero.")
    if size < contract.min_size:
        raise RequestRefused(
            388,
            f"Order size {size} is smaller than the minimum required size of {contract.min_size}",
        )
    if size % contract.size_increment:
        raise RequestRefused(
            10318 if contract.sec_type != "STK" else 10243,
            "Fractional-sized order cannot be placed via API. Please use desktop version to "
            "place this order."
            if contract.sec_type == "STK"
            else "This order doesn't support fractional quantity trading",
        )


def _check_prices(contract: SimContract, order: Order, order_type: str) -> None:
    if order_type in _NEEDS_LIMIT and order.lmtPrice is None:
        raise _invalid(f"lmtPrice is needed for the order type {order_type}")
    if order_type in _NEEDS_STOP and order.auxPrice is None:
        raise _invalid(f"auxPrice is needed for the order type {order_type}")
    if order_type.startswith("TRAIL") and order.auxPrice is None and order.trailingPercent is None:
        raise _invalid("auxPrice or trailingPercent is needed for a trailing order")
    prices = []
    if order_type in _NEEDS_LIMIT:
        prices.append(order.lmtPrice)
    if order_type in _NEEDS_STOP:
        prices.append(order.auxPrice)
    for price in prices:
        if price is not None and not conforms(contract.market_rule, price_decimal(price)):
            raise RequestRefused(
                110, "The price does not conform to the minimum price variation for this contract."
            )


def _invalid(cause: str) -> RequestRefused:
    return RequestRefused(321, f"Error validating request.-'bI' : cause - {cause}")
