"""What the broker refuses before an order exists, with IB's codes and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.contracts.market_rules import conforms
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.orders.algos import check_algo
from posei_ib_sim.orders.attributes import check_attributes
from posei_ib_sim.orders.scales import check_scale

if TYPE_CHECKING:
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.wire import Order

__all__ = ["LIMIT_TYPES", "ORDER_TYPES", "check_cash", "check_order", "normal_order_type"]

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
LIMIT_TYPES: Final = frozenset({"LMT", "STP LMT", "LIT", "LOC"})
"""Order types that need a limit price."""

_OPENING_TYPES: Final = {
    "OPG": frozenset({"MKT", "LMT"}),
    "AUC": frozenset({"MKT", "LMT", "MTL"}),
}
_NEEDS_STOP: Final = frozenset({"STP", "STP LMT", "MIT", "LIT"})


def normal_order_type(text: str) -> str:
    """Return the order type in IB's usual spelling."""
    return _ALIASES.get(text.upper(), text.upper())


def check_order(contract: SimContract, order: Order) -> None:
    """Refuse an order that cannot be.

    Raises:
        RequestRefused: With IB's code: 321 invalid field, 387 unsupported type, 111, 113 or 10052
            a time in force that does not fit, 434 zero size, 388 below the minimum size, 110 price
            off the minimum variation, 201 rejected, or that of an attribute, algorithm or scale.
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
    _check_tif(contract, order, order_type)
    if not order.hedgeType:
        _check_size(contract, order)
    check_attributes(contract, order, order_type)
    check_algo(contract, order, order_type)
    check_scale(order, order_type)
    _check_prices(contract, order, order_type)
    if not contract.is_tradable:
        raise RequestRefused(
            201, f"Order rejected - reason:{contract.symbol} is an index and cannot be traded"
        )


def _check_tif(contract: SimContract, order: Order, order_type: str) -> None:
    allowed = _OPENING_TYPES.get(order.tif)
    if allowed is not None and order_type not in allowed:
        raise RequestRefused(
            111, f"The TIF {order.tif} and the order type {order_type} are incompatible."
        )
    if order_type in {"MOC", "LOC"} and order.tif not in {"", "DAY"}:
        raise RequestRefused(113, "The Tif option should be set to DAY for MOC and LOC orders.")
    if contract.sec_type == "CRYPTO" and order_type == "MKT" and order.tif != "IOC":
        raise RequestRefused(10052, f"Invalid time in force:{order.tif}")
    window = order.activeStartTime or order.activeStopTime
    if window and order.tif != "GTC":
        raise _invalid("activeStartTime and activeStopTime are for the time-in-force GTC")


def check_cash(contract: SimContract, order: Order) -> None:
    """Refuse an amount of money that does not fit, or the lack of one.

    Raises:
        RequestRefused: 10244 a contract that is not traded by amount, 10293 an amount and a size,
            10289 a market order to buy crypto without an amount.
    """
    crypto = contract.sec_type == "CRYPTO"
    sized = order.totalQuantity is not None and order.totalQuantity > 0
    if order.cashQty is not None and order.cashQty > 0:
        if contract.sec_type not in {"CRYPTO", "CASH"}:
            raise RequestRefused(10244, "Cash Quantity cannot be used for this order")
        if crypto and sized:
            raise RequestRefused(10293, "Cryptocurrency Cash Quantity order cannot specify size")
    elif crypto and order.action == "BUY" and normal_order_type(order.orderType) == "MKT":
        raise RequestRefused(10289, "You must set Cash Quantity for this order.")


def _check_size(contract: SimContract, order: Order) -> None:
    size = order.totalQuantity
    if size is None or size <= 0:
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
    if order_type in LIMIT_TYPES and order.lmtPrice is None:
        raise _invalid(f"lmtPrice is needed for the order type {order_type}")
    if order_type in _NEEDS_STOP and order.auxPrice is None:
        raise _invalid(f"auxPrice is needed for the order type {order_type}")
    prices = []
    if order_type in LIMIT_TYPES:
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
