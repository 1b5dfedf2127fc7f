"""Limits for each leg of a combination, which stand in an order's own limit's place at IB."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ibapi.const import UNSET_DOUBLE
from ibapi.order import OrderComboLeg

from posei_trader.adapters.interactive_brokers.wire_values import decimal_from_wire, is_set
from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.adapters.interactive_brokers.contract_types import ComboLeg

__all__ = ["net_of_legs", "put_leg_prices"]

_BUY: Final = "BUY"


def put_leg_prices(
    order: Any, prices: Sequence[float], legs: Sequence[ComboLeg], magnifier: int
) -> None:
    """Give each leg its limit, in IB's unit, instead of the order's own.

    IB takes one or the other. Ours has its own, for risk checks and for people: it has to be what
    the legs come to.

    Args:
        order: `ibapi`'s limit order of the combination.
        prices: The limits in our unit, in the order of the legs.
        legs: The legs.
        magnifier: IB's price is ours times this.

    Raises:
        InvalidRequest: there is not one price for each leg, or they do not come to the limit.
    """
    if len(prices) != len(legs) or order.orderType != "LMT":
        raise InvalidRequest(
            "each leg of a limit order of a combination needs its price",
            field="IBOrderTags.orderComboLegs",
            value=tuple(prices),
            remedy=f"give {len(legs)} prices, in the order of the legs, with a LIMIT order",
        )
    exact = [decimal_from_wire(price) for price in prices]
    net, limit = _net(exact, legs), decimal_from_wire(order.lmtPrice, magnifier)
    if net != limit:
        raise InvalidRequest(
            f"the prices of the legs come to {net:f}, the order's price is {limit:f}",
            field="IBOrderTags.orderComboLegs",
            value=tuple(prices),
            remedy=f"give the order the price {net:f}; to change it, cancel it and send another",
        )
    order.lmtPrice = UNSET_DOUBLE
    order.orderComboLegs = []
    for price in exact:
        leg = OrderComboLeg()
        leg.price = float(price * magnifier)
        order.orderComboLegs.append(leg)


def net_of_legs(order: Any, legs: Sequence[ComboLeg]) -> float | None:
    """Return what the limits of an order's legs come to, None where not every leg has one."""
    prices = [leg.price for leg in order.orderComboLegs or ()]
    if not legs or len(prices) != len(legs) or not all(map(is_set, prices)):
        return None
    return float(_net([decimal_from_wire(price) for price in prices], legs))


def _net(prices: Sequence[Decimal], legs: Sequence[ComboLeg]) -> Decimal:
    signed = (
        price * leg.ratio * (1 if leg.action == _BUY else -1)
        for price, leg in zip(prices, legs, strict=True)
    )
    return sum(signed, start=Decimal(0))
