"""Limits of the legs of a combination, which stand in the place of the order's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from posei_ib_sim.accounts.account import price_decimal

if TYPE_CHECKING:
    from posei_ib_sim.wire import Contract, Order

__all__ = ["with_leg_limits"]


def with_leg_limits(contract: Contract, order: Order) -> Order:
    """Return an order whose limit is what the limits of its legs come to.

    An order with a limit of its own, or with a leg that has none, is left as it is.
    """
    legs = contract.comboLegs
    if order.lmtPrice is not None or not legs or any(leg.perLegPrice is None for leg in legs):
        return order
    net = sum(
        price_decimal(leg.perLegPrice or 0.0)
        * (leg.ratio or 1)
        * (1 if leg.action == "BUY" else -1)
        for leg in legs
    )
    return msgspec.structs.replace(order, lmtPrice=float(net))
