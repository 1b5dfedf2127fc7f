"""When a time bar opens and closes, in UTC: weeks begin on Monday, months on the first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from posei_trader.errors import Unsupported
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import BarAggregation

if TYPE_CHECKING:
    from posei_trader.model.bars import BarSpecification

__all__ = ["interval_at"]

_DAY: Final = 86_400 * NANOS_PER_SECOND
_FIRST_MONDAY: Final = 4 * _DAY
"""The 5th of January 1970."""


def interval_at(spec: BarSpecification, ts: int) -> tuple[int, int]:
    """Return the half-open interval that contains a moment, UNIX ns UTC.

    Intervals are whole multiples of the step since 1970, so every program that follows the same
    rule cuts the same bars: 5-MINUTE bars begin at :00, :05..., 3-MONTH bars are quarters.

    Raises:
        Unsupported: the clock does not close bars of this kind.
    """
    if spec.aggregation is BarAggregation.MONTH:
        return _months(spec.step, ts)
    length = spec.nanos
    if length is None:
        raise Unsupported(
            f"{spec} bars are not closed by the clock",
            field="bar specification",
            value=str(spec),
            remedy="use SECOND, MINUTE, HOUR, DAY, WEEK or MONTH",
        )
    origin = _FIRST_MONDAY if spec.aggregation is BarAggregation.WEEK else 0
    begin = (ts - origin) // length * length + origin
    return begin, begin + length


def _months(step: int, ts: int) -> tuple[int, int]:
    moment = datetime.fromtimestamp(ts // NANOS_PER_SECOND, UTC)
    begin = ((moment.year - 1970) * 12 + moment.month - 1) // step * step
    return _month_start(begin), _month_start(begin + step)


def _month_start(months: int) -> int:
    year, month = divmod(months, 12)
    return int(datetime(1970 + year, month + 1, 1, tzinfo=UTC).timestamp()) * NANOS_PER_SECOND
