"""Prices and sizes between IB's units and ours.

IB quotes some contracts in a smaller unit (pence, cents a bushel) and says so by the contract's
`priceMagnifier`: IB's price is ours times the magnifier. This is the only place that knows it.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import lru_cache
from typing import Final

from posei_trader.model.fixed_point import FIXED_PRECISION, decimals_of
from posei_trader.model.values import Price, Quantity

_REMEMBERED: Final = 4_096
_LARGEST: Final = 1e300
_LARGEST_DECIMAL: Final = Decimal(10) ** 30
_LARGEST_QUICK: Final = Decimal(10) ** 9  # what is larger is checked for its room in 64 bits


def price_to_wire(price: Price | Decimal, magnifier: int = 1) -> float:
    """Return a price in IB's unit."""
    value = price.as_decimal() if isinstance(price, Price) else price
    return float(value * magnifier)


def is_set(value: float | Decimal | None) -> bool:
    """Return whether IB means a number: its largest values stand for "not set"."""
    if value is None:
        return False
    if isinstance(value, Decimal):
        return value.is_finite() and abs(value) < _LARGEST_DECIMAL
    return math.isfinite(value) and abs(value) < _LARGEST


def decimal_from_wire(value: float | Decimal, magnifier: int = 1) -> Decimal:
    """Return a number of IB's in our unit, exactly as it was written."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    return exact / magnifier if magnifier != 1 else exact


@lru_cache(maxsize=_REMEMBERED)  # the executions of an order have few prices and sizes
def price_from_wire(value: float, magnifier: int, precision: int) -> Price:
    """Return a price of IB's in our unit.

    It keeps digits beyond the instrument's precision: fills at improved prices have them, and
    money must be exact.
    """
    exact = decimal_from_wire(value, magnifier)
    raw = _whole_steps(exact, precision)
    if raw is not None:
        return Price.from_raw(raw, precision)
    exact = exact.normalize()
    digits = min(FIXED_PRECISION, max(precision, decimals_of(exact)))
    return Price(exact, digits)


def optional_price(value: float | None, magnifier: int, precision: int) -> Price | None:
    """Return a price of IB's, or None where it is not set or zero (IB's other "none")."""
    if value is None or not is_set(value) or value == 0.0:
        return None
    return price_from_wire(value, magnifier, precision)


def quantity_from_wire(value: Decimal | float, precision: int) -> Quantity:
    """Return a size of IB's, with all its digits; not set is zero."""
    return _quantity(value, precision) if is_set(value) else Quantity.zero(precision)


@lru_cache(maxsize=_REMEMBERED)
def _quantity(value: Decimal | float, precision: int) -> Quantity:
    exact = decimal_from_wire(value)
    raw = _whole_steps(exact, precision)
    if raw is not None and raw >= 0:
        return Quantity.from_raw(raw, precision)
    exact = exact.normalize()
    digits = min(FIXED_PRECISION, max(precision, decimals_of(exact)))
    return Quantity(exact, digits)


def _whole_steps(value: Decimal, precision: int) -> int | None:
    """Return a number in units of 10^-9 if it has no more digits than a precision, else None.

    Nearly all have not: their value is made without its digits being counted (a third of the time).
    """
    if not -_LARGEST_QUICK < value < _LARGEST_QUICK:
        return None
    scaled = value.scaleb(precision)
    steps = int(scaled)
    return steps * 10 ** (FIXED_PRECISION - precision) if steps == scaled else None
