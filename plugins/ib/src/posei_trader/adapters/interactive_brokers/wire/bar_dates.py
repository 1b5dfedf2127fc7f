"""What IB writes as the date of a bar, where all bars of an answer have a whole number there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.adapters.interactive_brokers.wire.gapless_seconds import GaplessSeconds
from posei_trader.adapters.interactive_brokers.wire.number_columns import are_whole

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

__all__ = ["date_text", "dates_of"]


def dates_of(numbers: array[float]) -> Sequence[float] | None:
    """Return dates that stand for their texts; None where one does not."""
    gapless = GaplessSeconds.of(numbers)
    if gapless is not None:
        return gapless
    return numbers if are_whole(numbers, above=0) else None


def date_text(date: float | str) -> str:
    """Return IB's text for when a bar opened."""
    return date if isinstance(date, str) else str(int(date))
