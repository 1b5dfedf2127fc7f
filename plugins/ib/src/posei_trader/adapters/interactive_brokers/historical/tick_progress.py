"""How far a request for ticks has come: nobody knows how many pages there will be."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.adapters.interactive_brokers.historical.download_progress import (
        DownloadTracker,
    )
    from posei_trader.adapters.interactive_brokers.historical.progress import ProgressTracker
    from posei_trader.adapters.interactive_brokers.historical.streams import HistoryStream

__all__ = ["TickProgress"]


@final
class TickProgress:
    """Counts pages by the time that they cover.

    Args:
        covered: Estimates by it what is left.
        tracker: Tells.
        streams: What is fetched.
        start_ns: First moment, UNIX ns UTC.
        end_ns: End, UNIX ns UTC, not included.
        now_ns: Now: later than that there is nothing to cover.
    """

    def __init__(
        self,
        covered: DownloadTracker,
        tracker: ProgressTracker,
        streams: Sequence[HistoryStream],
        start_ns: int,
        end_ns: int,
        now_ns: int,
    ) -> None:
        self._covered = covered
        self._tracker = tracker
        self._end_ns = max(start_ns, min(end_ns, now_ns))
        self._known = dict.fromkeys(streams, start_ns)
        for stream in streams:
            covered.expect(stream, self._end_ns - start_ns, 1)

    def answered(self, stream: HistoryStream, records: int, until_ns: int) -> None:
        """Take note of a page, and until when everything is known now."""
        known = min(until_ns, self._end_ns)
        self._covered.page(stream, records)
        self._covered.covered(stream, known - self._known[stream], records)
        self._known[stream] = known
        self._tracker.answered(records)
