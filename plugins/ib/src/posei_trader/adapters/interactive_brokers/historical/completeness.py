"""Until when history is final: what opened later can still change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.historical.bar_specs import CALENDAR_BARS
from posei_trader.adapters.interactive_brokers.historical.bar_times import (
    TRADED_LATE_NS,
    floor_to_period,
)
from posei_trader.adapters.interactive_brokers.historical.segmentation import is_on_clock
from posei_trader.model.bars import NANOS_PER_SECOND

if TYPE_CHECKING:
    from posei_trader.model.bars import BarSpecification

__all__ = ["complete_until"]

_MINUTE: Final = 60 * NANOS_PER_SECOND
_LATE_TICKS: Final = 2 * NANOS_PER_SECOND


def complete_until(spec: BarSpecification | None, now_ns: int) -> int:
    """Return the end of the time of which nothing can change any more.

    Args:
        spec: Which bars; None for ticks.
        now_ns: Now, by the venue's clock.
    """
    if spec is None:
        return now_ns - now_ns % NANOS_PER_SECOND - _LATE_TICKS
    if spec.aggregation in CALENDAR_BARS:
        return floor_to_period(now_ns - TRADED_LATE_NS, spec)
    length = spec.nanos or 0
    if is_on_clock(length):
        return now_ns - now_ns % length
    # Where longer bars begin differs from venue to venue; what opened a length ago is whole.
    return now_ns - now_ns % _MINUTE - length
