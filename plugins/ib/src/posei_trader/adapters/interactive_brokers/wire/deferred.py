"""A column that is made when it is first read: who wants bars of history reads few of IB's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, final, overload

__all__ = ["Deferred"]

ValueT = TypeVar("ValueT")


@final
class Deferred(Sequence[ValueT]):
    """A sequence whose values are made at once, when the first of them is wanted.

    Args:
        length: How many there are.
        make: Makes them.
    """

    __slots__ = ("_length", "_make", "_values")

    def __init__(self, length: int, make: Callable[[], Sequence[ValueT]]) -> None:
        self._length = length
        self._make: Callable[[], Sequence[ValueT]] | None = make
        self._values: Sequence[ValueT] = ()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[ValueT]:
        return iter(self[:])

    @overload
    def __getitem__(self, place: int) -> ValueT: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[ValueT]: ...

    def __getitem__(self, place: int | slice) -> ValueT | Sequence[ValueT]:
        if self._make is not None:
            self._values, self._make = self._make(), None
        return self._values[place]
