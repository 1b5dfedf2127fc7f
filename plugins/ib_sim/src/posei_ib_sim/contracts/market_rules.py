"""Market rules: price-dependent minimum increments, by IB's rule id.

Ids that appear in IB's published examples are kept; the others are this simulator's own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

__all__ = ["MARKET_RULES", "conforms", "increment_at"]

_LARGEST_EXPONENT: Final = 15


def _steps(*pairs: tuple[str, str]) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(low), Decimal(step)) for low, step in pairs)


MARKET_RULES: Final[dict[int, tuple[tuple[Decimal, Decimal], ...]]] = {
    26: _steps(("0", "0.01")),
    32: _steps(("0", "0.01")),
    57: _steps(("0", "0.0001")),
    58: _steps(("0", "0.0000005")),
    67: _steps(("0", "0.25")),
    109: _steps(("0", "0.05"), ("3", "0.1")),
    110: _steps(("0", "0.01"), ("3", "0.05")),
    115: _steps(("0", "0.005")),
    239: _steps(("0", "0.00005")),
    557: _steps(("0", "0.05")),
    561: _steps(("0", "0.1")),
    983: _steps(("0", "0.01"), ("50", "0.02"), ("100", "0.05"), ("500", "0.2")),
    1698: _steps(("0", "0.005"), ("20", "0.01"), ("50", "0.02"), ("200", "0.05")),
    1699: _steps(("0", "0.01"), ("100", "0.05"), ("500", "0.1"), ("1000", "0.2")),
    1700: _steps(("0", "0.01"), ("20", "0.02"), ("100", "0.1"), ("200", "0.2")),
    1701: _steps(("0", "0.5")),
    1706: _steps(("0", "0.0005")),
    1707: _steps(("0", "0.001")),
    1708: _steps(("0", "0.015625")),
    1709: _steps(("0", "0.03125")),
    1710: _steps(("0", "0.005")),
    239000: _steps(("0", "1")),
}
"""Rule id to steps (price from which it applies, increment), lowest price first."""


def increment_at(rule: int, price: Decimal) -> Decimal:
    """Return the minimum increment at a price; negative prices count by their size."""
    steps = MARKET_RULES[rule]
    size = abs(price)
    current = steps[0][1]
    for low, step in steps:
        if size >= low:
            current = step
    return current


def conforms(rule: int, price: Decimal) -> bool:
    """Tell whether a price is a multiple of the increment that applies at it."""
    if price.adjusted() > _LARGEST_EXPONENT:
        return False  # a remainder of so large a number cannot be told
    return price % increment_at(rule, price) == 0
