"""A column of sizes that is kept as the numbers IB wrote, and is whole units when it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import mul
from typing import TYPE_CHECKING, Final, final, overload

from posei_trader.adapters.interactive_brokers.wire.number_columns import are_between
from posei_trader.adapters.interactive_brokers.wire.sizes import LEAST_MARK, SIZE_SCALE

if TYPE_CHECKING:
    from array import array

__all__ = ["SizeColumn"]

_UNITS: Final = float(SIZE_SCALE)

_EXACT_WITH_DECIMALS: Final = 2.0**51 / _UNITS
"""Below two million and a quarter: a float and its product are off by less than half a unit."""


@final
class SizeColumn(Sequence[int]):
    """Sizes in units of 10^-9, exact to nine decimals, none unset; made when they are asked for.

    Attributes:
        numbers: The sizes as IB wrote them.
    """

    __slots__ = ("numbers",)

    def __init__(self, numbers: array[float]) -> None:
        self.numbers = numbers

    @classmethod
    def of(cls, numbers: array[float]) -> SizeColumn | None:
        """Return the sizes; None where one may be a mark for "no value", or cannot be exact."""
        column = cls(numbers)
        if are_between(numbers, -_EXACT_WITH_DECIMALS, _EXACT_WITH_DECIMALS):
            return column
        # A whole number below the marks has 31 bits, and 10^9 has 21 beside its factors of two.
        is_exact = are_between(numbers, -LEAST_MARK, LEAST_MARK) and column.are_whole()
        return column if is_exact else None

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[int]:
        # Whole ones have exact products, and `int` takes half the time of `round`.
        exact = int if self.are_whole() else round
        return map(exact, map(mul, self.numbers, repeat(_UNITS)))

    def are_whole(self) -> bool:
        """Return whether no size has decimals."""
        return all(map(float.is_integer, self.numbers))

    @overload
    def __getitem__(self, row: int) -> int: ...

    @overload
    def __getitem__(self, row: slice) -> SizeColumn: ...

    def __getitem__(self, row: int | slice) -> int | SizeColumn:
        found = self.numbers[row]
        return round(found * _UNITS) if isinstance(found, float) else SizeColumn(found)
