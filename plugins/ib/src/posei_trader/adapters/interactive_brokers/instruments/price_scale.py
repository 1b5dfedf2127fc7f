"""The one place that knows in which unit IB quotes a contract.

IB quotes some contracts in a fraction of their currency and says by how much in `priceMagnifier`:
corn at 450.25 is USD 4.5025 a bushel with a magnifier of 100. A few name the small unit itself as
the currency. Our prices are always in whole units of an ISO currency: IB's price divided by the
scale. `minTick`, market rules, strikes, quotes, bars, executions and order prices all are in IB's
unit.
"""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import Final, final

__all__ = ["PriceScale", "price_scale"]

_MINOR_UNITS: Final = {
    "GBX": ("GBP", 100),
    "GBp": ("GBP", 100),
    "ZAC": ("ZAR", 100),
    "ZAc": ("ZAR", 100),
    "ILA": ("ILS", 100),
    "ILa": ("ILS", 100),
    "USX": ("USD", 100),
    "EUX": ("EUR", 100),
}


@final
class PriceScale:
    """Converts between IB's unit and whole units of the currency.

    Attributes:
        magnifier: IB's price is ours times this.
        currency: ISO 4217 code of our prices.
    """

    __slots__ = ("currency", "magnifier")

    def __init__(self, magnifier: int, currency: str) -> None:
        self.magnifier: Final = magnifier
        self.currency: Final = currency

    def from_ib(self, value: float | Decimal) -> Decimal:
        """Return a price of IB's in our unit, exactly as IB wrote it."""
        exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
        return exact / self.magnifier if self.magnifier != 1 else exact

    def to_ib(self, value: Decimal) -> float:
        """Return a price of ours in IB's unit."""
        return float(value * self.magnifier)

    def __repr__(self) -> str:
        return f"PriceScale(magnifier={self.magnifier}, currency={self.currency!r})"


@functools.lru_cache(maxsize=256)
def price_scale(price_magnifier: int, currency: str) -> PriceScale:
    """Return the scale of a contract from its `priceMagnifier` (0 means 1) and its currency."""
    major, minor_units = _MINOR_UNITS.get(currency, (currency, 1))
    return PriceScale(max(price_magnifier, 1) * minor_units, major)
