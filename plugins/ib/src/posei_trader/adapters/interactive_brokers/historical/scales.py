"""From IB's floats to 64-bit fixed point, exactly as IB wrote them."""

from __future__ import annotations

from itertools import repeat
from operator import mod
from typing import TYPE_CHECKING, Final

from posei_trader.model.fixed_point import FIXED_PRECISION, FIXED_SCALAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from posei_trader.adapters.interactive_brokers.traded import Traded

_UNITS: Final = tuple(10 ** (FIXED_PRECISION - digits) for digits in range(FIXED_PRECISION + 1))


class Scale:
    """How the prices of one contract become raw integers.

    IB's prices keep all their digits: a midpoint between two ticks or a price improvement has more
    than the instrument's precision, and is shown with as many as it needs.

    Attributes:
        factor: IB's price times this is the raw price, unrounded.
        unit: Raw units of the last digit of `precision`.
        precision: The instrument's decimals of prices.
        size_precision: The instrument's decimals of sizes.
        size_unit: Raw units of the last digit of `size_precision`.
    """

    __slots__ = ("factor", "precision", "size_precision", "size_unit", "unit")

    def __init__(self, traded: Traded) -> None:
        self.factor: float = FIXED_SCALAR / traded.magnifier
        self.precision: int = traded.instrument.price_precision
        self.unit: int = _UNITS[self.precision]
        self.size_precision: int = traded.instrument.size_precision
        self.size_unit: int = _UNITS[self.size_precision]

    def raw(self, price: float) -> int:
        """Return a price in units of 10^-9."""
        return round(price * self.factor)

    def price_precision(self, *raws: int) -> int:
        """Return how many decimals show all the prices without loss, at least the instrument's."""
        return shown(self.precision, raws)

    def volume_precision(self, raw: int) -> int:
        """Return how many decimals show a size without loss, at least the instrument's."""
        return shown(self.size_precision, (raw,))


class RawPrices(dict[float, int]):
    """Raw prices by IB's, each made once: a market visits the same prices again and again.

    Args:
        scale: Of the contract.

    Attributes:
        are_shown: Whether the instrument's precision shows all prices so far without loss.
    """

    __slots__ = ("_factor", "_unit", "are_shown")

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self._factor = scale.factor
        self._unit = _UNITS[scale.precision]
        self.are_shown = True

    def __missing__(self, price: float) -> int:
        raw = self[price] = round(price * self._factor)
        if raw % self._unit:
            self.are_shown = False
        return raw


def are_shown(values: Iterable[int], digits: int) -> bool:
    """Return whether so many decimals show all values without loss."""
    return not any(map(mod, values, repeat(_UNITS[digits])))


def digits_of(columns: Sequence[Sequence[int]], least: int) -> list[int]:
    """Return how many decimals show the values of each row without loss, at least `least`."""
    return [shown(least, row) for row in zip(*columns, strict=True)]


def shown(least: int, raws: tuple[int, ...]) -> int:
    """Return how many decimals show all values without loss, but not fewer than `least`."""
    digits = least
    for raw in raws:
        while digits < FIXED_PRECISION and raw % _UNITS[digits]:
            digits += 1
    return digits
