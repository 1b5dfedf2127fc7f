"""Numbers as the text dialect writes them: without exponents."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["are_plain", "texts_of"]

_PLAIN_FROM: Final = 1e-4
_PLAIN_BELOW: Final = 1e15


def are_plain(numbers: npt.NDArray[np.float64]) -> bool:
    """Tell whether Python and JSON write all numbers alike, finite and without exponents."""
    sizes = np.abs(numbers)
    plain = (sizes < _PLAIN_BELOW) & ((sizes >= _PLAIN_FROM) | (sizes == 0.0))
    return bool(plain.all())


def texts_of(numbers: list[float] | list[int]) -> list[str]:
    """Return the shortest decimal of each number."""
    joined = msgspec.json.encode(numbers)[1:-1].decode("ascii")
    texts = joined.split(",") if joined else []
    if "e" in joined:
        texts = [
            f"{Decimal(repr(number)):f}" if "e" in text else text
            for text, number in zip(texts, numbers, strict=True)
        ]
    return texts
