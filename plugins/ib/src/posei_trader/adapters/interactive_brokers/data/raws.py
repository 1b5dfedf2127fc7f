"""Prices of one stream as raw integers: the same few come again and again, and are remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.model.fixed_point import RAW_MAX, RAW_MIN

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.historical.scales import Scale

__all__ = ["IMPOSSIBLE", "NO_PRICE", "Raws"]

IMPOSSIBLE: Final = (ValueError, OverflowError)
"""What ``raws[price]`` raises for NaN, infinity, and IB's mark of a price that is not set."""

NO_PRICE: Final = "impossible prices left out"
"""Under which name such prices are counted."""

_REMEMBERED: Final = 32_768


@final
class Raws(dict[float, int]):
    """IB's prices and what they are in units of 10^-9: ``raws[price]``.

    Args:
        scale: How the contract's prices become raw.
    """

    __slots__ = ("_factor", "_unit", "has_odd")

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self._factor = scale.factor
        self._unit = scale.unit
        self.has_odd = False
        """Whether a price had more decimals than the instrument shows: then all are looked at."""

    def __missing__(self, price: float) -> int:
        raw = round(price * self._factor)
        if not RAW_MIN <= raw <= RAW_MAX:
            raise OverflowError(f"a price of {price} does not fit 64 bits")
        if raw % self._unit:
            self.has_odd = True
        if len(self) >= _REMEMBERED:
            self.clear()
        self[price] = raw
        return raw
