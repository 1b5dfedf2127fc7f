"""In which half hours something happened: bars of half an hour tell, by the week.

Small bars come by the half hour or a few of them, and IB allows sixty such requests in ten minutes.
Nights and weekends would use up most. A schedule would tell when a venue was meant to be open; what
IB's own longer bars hold is what it has.
"""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, TypeAlias, final

from posei_trader.errors import FixRequest
from posei_trader.model.bars import NANOS_PER_SECOND, BarSpecification, BarType
from posei_trader.model.enums import BarAggregation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from posei_trader.adapters.interactive_brokers.historical.columns import BarColumns
    from posei_trader.adapters.interactive_brokers.traded import Traded

    Fetch: TypeAlias = Callable[
        [Traded, BarType, int, int, bool, float | None], Awaitable[list[BarColumns]]
    ]

__all__ = ["BusyHours", "is_small"]

_HALF_HOUR_NS: Final = 1_800 * NANOS_PER_SECOND
_SMALL_NS: Final = 30 * NANOS_PER_SECOND
_UNSETTLED_NS: Final = 2 * _HALF_HOUR_NS
"""What happened this lately may not be in the bars yet."""
_EVER_NS: Final = 2**63 - 1
_REMEMBERED: Final = 256


def is_small(spec: BarSpecification) -> bool:
    """Return whether bars count for IB's sixty requests in ten minutes."""
    return spec.nanos is not None and spec.nanos <= _SMALL_NS


@final
class BusyHours:
    """Ask IB when something happened, each span once.

    Args:
        fetch: Fetches bars as columns: of what, which ones, start, end, regular hours, timeout.
        now_ns: Now by IB's clock, UNIX ns UTC.
    """

    def __init__(self, fetch: Fetch, now_ns: Callable[[], int]) -> None:
        self._fetch = fetch
        self._now_ns = now_ns
        self._known: OrderedDict[object, list[tuple[int, int]] | None] = OrderedDict()

    async def spans(
        self,
        traded: Traded,
        bar_type: BarType,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
    ) -> list[tuple[int, int]] | None:
        """Return starts and ends of what may hold bars, ascending, apart from each other.

        Args:
            traded: Of what.
            bar_type: Which bars.
            start_ns: First moment, UNIX ns UTC.
            end_ns: End, not included.
            use_rth: Regular trading hours only.
            timeout: Seconds for each request to IB.

        Returns:
            None where IB does not answer such a question. The last one goes on for ever, if the
            span reaches until a moment ago.

        Raises:
            RetryLater: the answer did not come.
        """
        price = bar_type.spec.price_type
        key = (traded.contract, price, start_ns, end_ns, use_rth)
        if key not in self._known:
            longer = BarType(
                traded.instrument.id, BarSpecification(30, BarAggregation.MINUTE, price)
            )
            settled = self._now_ns() - _UNSETTLED_NS
            # The bar around the start opened before it, where a venue opens at a quarter past too.
            first = start_ns - start_ns % _HALF_HOUR_NS - _HALF_HOUR_NS
            try:
                parts = await self._fetch(traded, longer, first, end_ns, use_rth, timeout)
            except FixRequest:
                self._known[key] = None
            else:
                opened = [
                    int(second) * NANOS_PER_SECOND for part in parts for second in part.opened
                ]
                busy = [(moment, moment + _HALF_HOUR_NS) for moment in opened]
                if settled < end_ns:
                    busy.append((settled, _EVER_NS))
                self._known[key] = _joined(busy)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return self._known[key]


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans ascending, those that touch as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
