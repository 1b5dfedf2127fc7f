"""Scale orders: one order worked as a ladder of components, each at its own price.

The first component stands at the order's limit, each further one an increment better. When one is
filled and a profit offset is given, a profit-taker for its size is attached; once that is filled,
an order that restores itself has the component back.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.errors import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posei_ib_sim.wire import Order

__all__ = ["Component", "Ladder", "check_scale", "is_scale"]


def is_scale(order: Order) -> bool:
    """Tell whether an order is a scale order."""
    return order.scalePriceIncrement is not None and order.scalePriceIncrement > 0


def check_scale(order: Order, order_type: str) -> None:
    """Refuse a scale that cannot be worked.

    Raises:
        RequestRefused: With IB's codes 408 to 410, 417 to 419 and 446 to 449, 387 for an order
            that has no limit, 10340 for a scale table.
    """
    if order.scaleTable:
        raise _unsupported("scaleTable")
    given = (order.scaleInitLevelSize, order.scaleSubsLevelSize, order.scaleProfitOffset)
    if not is_scale(order):
        if order.scalePriceIncrement is not None and order.scalePriceIncrement < 0:
            raise RequestRefused(408, "Invalid scale order increment.")
        if any(value is not None and value > 0 for value in given):
            raise RequestRefused(408, "Invalid scale order increment.")
        return
    if order_type not in {"LMT", "REL"}:
        raise RequestRefused(
            387, "Unsupported order type for this exchange and security type.\nscale " + order_type
        )
    if order.scaleInitLevelSize is None:
        raise RequestRefused(419, "Missing initial component size for scale order.")
    total = order.totalQuantity or Decimal(0)
    if not 0 < order.scaleInitLevelSize <= total:
        raise RequestRefused(417, "Invalid initial component size for scale order.")
    if order.scaleSubsLevelSize is not None and order.scaleSubsLevelSize <= 0:
        raise RequestRefused(410, "Invalid subsequent component size for scale order.")
    if order.scaleRandomPercent:
        raise _unsupported("scaleRandomPercent")
    _check_profit(order)


def _check_profit(order: Order) -> None:
    if order.scaleProfitOffset is not None and order.scaleProfitOffset <= 0:
        raise RequestRefused(418, "Invalid scale order profit offset.")
    if order.scaleAutoReset and order.scaleProfitOffset is None:
        raise RequestRefused(446, "Missing scale order profit offset.")
    value, interval = order.scalePriceAdjustValue or 0.0, order.scalePriceAdjustInterval or 0
    if bool(value) != bool(interval):
        raise RequestRefused(447, "Missing scale price adjustment amount or interval.")
    if interval < 0:
        raise RequestRefused(448, "Invalid scale price adjustment interval.")


@final
class Component:
    """One step of the ladder.

    Attributes:
        price: Its limit.
        size: Its size.
        filled: How much of it has traded since it was last restored.
    """

    __slots__ = ("filled", "price", "size")

    def __init__(self, price: Decimal, size: Decimal) -> None:
        self.price: Final = price
        self.size: Final = size
        self.filled = Decimal(0)


@final
class Ladder:
    """The components of a scale order; the best one that is not filled is worked.

    Args:
        order: The order.
    """

    def __init__(self, order: Order) -> None:
        self._buy = order.action == "BUY"
        self._profit = (
            None if order.scaleProfitOffset is None else price_decimal(order.scaleProfitOffset)
        )
        self._adjusted = Decimal(0)
        self.components: Final = _components(order)
        skip = Decimal(order.scaleInitFillQty or 0)
        for component in self.components:
            component.filled = min(skip, component.size)
            skip -= component.filled

    @property
    def current(self) -> Component | None:
        """The component that is worked now, `None` when all are filled."""
        return next((one for one in self.components if one.filled < one.size), None)

    @property
    def open_now(self) -> Decimal:
        """What may trade now."""
        current = self.current
        return Decimal(0) if current is None else current.size - current.filled

    @property
    def limit(self) -> Decimal | None:
        """The limit of what may trade now."""
        current = self.current
        return None if current is None else current.price + self._adjusted

    def adjust(self, amount: Decimal) -> None:
        """Move all limits that are still to come."""
        self._adjusted += amount

    def fill(self, quantity: Decimal) -> Component | None:
        """Note a fill; return the component that it completed."""
        current = self.current
        if current is None:
            return None
        current.filled += quantity
        return current if current.filled >= current.size else None

    def profit_price(self, component: Component) -> Decimal | None:
        """Return the price of a component's profit-taker, `None` without profit-taking."""
        if self._profit is None:
            return None
        return component.price + (self._profit if self._buy else -self._profit)

    @staticmethod
    def restore(component: Component) -> None:
        """Put a component back to where it began."""
        component.filled = Decimal(0)

    def take_over(self, old: Ladder) -> None:
        """Keep what the components had filled, and how far they had moved, before a change."""
        self._adjusted = old._adjusted
        filled: Mapping[Decimal, Decimal] = {one.price: one.filled for one in old.components}
        for component in self.components:
            component.filled = min(filled.get(component.price, Decimal(0)), component.size)


def _components(order: Order) -> list[Component]:
    total = order.totalQuantity or Decimal(0)
    first = Decimal(order.scaleInitLevelSize or 0)
    next_size = Decimal(order.scaleSubsLevelSize or 0) or first
    step = price_decimal(order.scalePriceIncrement or 0.0) * (-1 if order.action == "BUY" else 1)
    price = price_decimal(order.lmtPrice or 0.0)
    found = []
    size = first
    while total > 0:
        size = min(size, total)
        found.append(Component(price, size))
        total -= size
        price += step
        size = next_size
    return found


def _unsupported(name: str) -> RequestRefused:
    return RequestRefused(10340, f"The following order attribute is not supported: {name}")
