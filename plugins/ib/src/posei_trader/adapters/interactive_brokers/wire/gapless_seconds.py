"""Moments at equal steps, as the bars of nearly every answer are.

What otherwise takes a look at each of them (are they whole, in order, without gaps) is known then.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, repeat
from typing import final, overload

from posei_trader.adapters.interactive_brokers.wire.number_columns import WHOLE_UNTIL

__all__ = ["GaplessSeconds"]


@final
class GaplessSeconds(Sequence[float]):
    """Whole positive numbers, one at least, each a step greater than the one before.

    Attributes:
        numbers: All of them.
        step: By what each is greater, whole and positive.
    """

    __slots__ = ("numbers", "step")

    def __init__(self, numbers: array[float], step: float) -> None:
        self.numbers = numbers
        self.step = step

    @classmethod
    def of(cls, numbers: array[float]) -> GaplessSeconds | None:
        """Return numbers that are such; None where they are not, or are too few to tell."""
        if len(numbers) < 2:
            return None
        first, last, steps = numbers[0], numbers[-1], len(numbers) - 1
        step = numbers[1] - first
        if not (first > 0 and step > 0 and first.is_integer() and step.is_integer()):
            return None
        if last != first + steps * step or last >= WHOLE_UNTIL:
            return None
        expected = array("d", list(accumulate(repeat(step, steps), initial=first)))
        return cls(numbers, step) if expected.tobytes() == numbers.tobytes() else None

    @classmethod
    def joined(cls, parts: Sequence[GaplessSeconds]) -> GaplessSeconds | None:
        """Return parts as one; None where there are gaps between them."""
        numbers, step = array("d"), parts[0].step
        for part in parts:
            if part.step != step or (numbers and part.numbers[0] != numbers[-1] + step):
                return None
            numbers.extend(part.numbers)
        return cls(numbers, step)

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[float]:
        return iter(self.numbers)

    @overload
    def __getitem__(self, place: int) -> float: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[float]: ...

    def __getitem__(self, place: int | slice) -> float | Sequence[float]:
        if isinstance(place, slice):
            found = self.numbers[place]
            is_run = place.step in {None, 1} and len(found) > 0
            return GaplessSeconds(found, self.step) if is_run else found
        return self.numbers[place]
