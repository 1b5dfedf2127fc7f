"""Everything that could not be loaded, reported once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.errors import FixRequest, InstrumentNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["together"]


def together(refused: Sequence[FixRequest], asked: int) -> FixRequest:
    """Return one error for all that could not be loaded."""
    if len(refused) == 1:
        return refused[0]
    lines = [
        f"{error.value}: {error.message}{f' ({error.remedy})' if error.remedy else ''}"
        for error in refused
    ]
    return InstrumentNotFound(
        f"{len(refused)} of {asked} instruments cannot be loaded:\n    " + "\n    ".join(lines),
        field="instrument ids",
        value=[error.value for error in refused],
        remedy="correct or remove them; the others are loaded",
    )
