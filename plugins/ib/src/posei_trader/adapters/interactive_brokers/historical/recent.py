"""The newest bars, when it is said how many and not since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.historical.bar_specs import bar_size
from posei_trader.adapters.interactive_brokers.historical.segmentation import LONGEST_SECONDS
from posei_trader.model.bars import NANOS_PER_SECOND

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.historical.downloads import HistoryDownloads
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.bars import Bar, BarType

_EMPTY_AT_MOST: Final = 5
"""After so many empty requests in a row there is nothing older."""

_SECONDS_PER_MONTH: Final = 31 * 86_400


async def recent_bars(
    downloads: HistoryDownloads,
    traded: Traded,
    bar_type: BarType,
    end_ns: int,
    limit: int,
    *,
    use_rth: bool,
    timeout: float | None,  # noqa: ASYNC109  it bounds each request to IB, not the call
) -> list[Bar]:
    """Fetch the newest bars before a moment, walking back until there are enough.

    Args:
        downloads: Fetches.
        traded: Of what.
        bar_type: Which bars.
        end_ns: End, UNIX ns UTC, not included.
        limit: How many.
        use_rth: Leave out what happened outside regular trading hours.
        timeout: Seconds for each request to IB.

    Raises:
        Unsupported: IB has no such bars.
        PoseiError: as :meth:`HistoryDownloads.bars`.
    """
    longest = LONGEST_SECONDS[bar_size(bar_type.spec)] * NANOS_PER_SECOND
    length = bar_type.spec.nanos or _SECONDS_PER_MONTH * NANOS_PER_SECOND
    step = min(longest, max(2 * limit * length, 86_400 * NANOS_PER_SECOND))
    found: list[Bar] = []
    end, empty = end_ns, 0
    while len(found) < limit and empty < _EMPTY_AT_MOST and end > 0:
        start = max(0, end - step)
        older = await downloads.bars(traded, bar_type, start, end, use_rth=use_rth, timeout=timeout)
        if traded.is_continuous:
            return older[-limit:]
        empty = 0 if older else empty + 1
        found = [bar for bar in older if not found or bar.ts_event < found[0].ts_event] + found
        end, step = start, longest
    return found[-limit:]
