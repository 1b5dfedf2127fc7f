"""A dictionary that cannot be changed once it is made."""

from __future__ import annotations

from typing import NoReturn, TypeVar, final

__all__ = ["FrozenDict"]

_Key = TypeVar("_Key")
_Item = TypeVar("_Item")


@final
class FrozenDict(dict[_Key, _Item]):
    """Behave like a dictionary that was filled once: it reads, compares and pickles like one.

    Raises:
        TypeError: somebody tries to change it.
    """

    __slots__ = ()

    def _refuse(self, *_arguments: object, **_keywords: object) -> NoReturn:
        raise TypeError("a configuration cannot be changed: make a new one")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type, tuple[dict[_Key, _Item]]]:
        return type(self), (dict(self),)
