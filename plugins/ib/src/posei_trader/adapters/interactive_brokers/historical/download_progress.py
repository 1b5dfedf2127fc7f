"""How far a download has come, and when it will end."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.historical.download_report import DownloadProgress
from posei_trader.adapters.interactive_brokers.pacing import HistoricalCost

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.historical.streams import HistoryStream

__all__ = ["DownloadTracker"]

_FORECAST_EVERY_S: Final = 1.0
_SMALL_NS: Final = 30 * 10**9


@final
class DownloadTracker:
    """Counts what streams bring, in time covered.

    Args:
        client: Knows what IB's rules demand still.
        streams: How many streams there are.
        callback: Called after each piece.
        now: Seconds of a clock that never goes backwards; None for the system's.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        streams: int,
        callback: Callable[[DownloadProgress], None] | None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._client = client
        self._streams = streams
        self._callback = callback
        self._now = now or time.monotonic
        self._started = self._now()
        self._total: dict[HistoryStream, int] = {}
        self._left: dict[HistoryStream, int] = {}
        self._requests: dict[HistoryStream, int] = {}
        self._requests_left: dict[HistoryStream, float] = {}
        self._records = self._done = 0
        self._forecast_at = self._finish = 0.0

    def expect(self, stream: HistoryStream, nanos: int, requests: int) -> None:
        """Take note of what is to be fetched of a stream.

        Args:
            stream: Which one.
            nanos: Time to cover.
            requests: Requests that it takes; 0 where nobody knows.
        """
        self._total.setdefault(stream, nanos)
        self._left[stream] = nanos
        self._requests_left[stream] = requests

    def page(self, stream: HistoryStream, records: int) -> None:
        """Take note of an answer whose piece is not complete."""
        self._records += records
        self._requests[stream] = self._requests.get(stream, 0) + 1
        self._tell()

    def covered(self, stream: HistoryStream, nanos: int, records: int) -> None:
        """Take note of a piece that is stored."""
        if stream.bar_type is not None:
            self._records += records
        self._left[stream] = max(0, self._left.get(stream, 0) - nanos)
        asked = self._requests.get(stream, 0)
        if asked:
            # Nobody knows how many pages ticks take: as many for each hour as so far.
            done = self._total[stream] - self._left[stream]
            self._requests_left[stream] = asked * self._left[stream] / max(done, 1)
        else:
            self._requests_left[stream] = max(0.0, self._requests_left.get(stream, 0.0) - 1)
        self._tell()

    def ended(self, stream: HistoryStream) -> None:
        """Take note that a stream has ended, whole or not."""
        self._done += 1
        self._left[stream] = 0
        self._requests_left[stream] = 0
        self._tell()

    @property
    def requests_left(self) -> int:
        """Return how many requests it will take still, as far as is known."""
        return math.ceil(sum(self._requests_left.values()))

    def state(self) -> DownloadProgress:
        """Return how far it has come."""
        elapsed = self._now() - self._started
        total = sum(self._total.values())
        left = sum(self._left.values())
        fraction = 1.0 - left / total if total else float(self._done == self._streams)
        eta = elapsed * (1.0 - fraction) / fraction if fraction > 0 else None
        if left:
            paced = self._paced_s()
            eta = max(eta, paced) if eta is not None else paced or None
        rate = self._records / elapsed if elapsed > 0 else 0.0
        return DownloadProgress(
            fraction, self._done, self._streams, self._records, rate, elapsed, eta
        )

    def _paced_s(self) -> float:
        now = self._now()
        if now >= self._forecast_at:
            self._forecast_at = now + _FORECAST_EVERY_S
            costs = [cost for stream in self._left for cost in self._costs(stream)]
            # What waits in the client already is counted there.
            further = costs[self._client.pacing().waiting_historical :]
            self._finish = now + self._client.history_forecast_s(further)
        return max(0.0, self._finish - now)

    def _costs(self, stream: HistoryStream) -> list[HistoricalCost]:
        length = stream.bar_type.spec.nanos if stream.bar_type is not None else 0
        is_small = length is not None and length <= _SMALL_NS
        group = (stream.traded.contract, stream.shown)
        weight = 2 if stream.shown == "BID_ASK" else 1
        cost = HistoricalCost(None, group, is_small, weight)
        return [cost] * round(self._requests_left.get(stream, 0))

    def _tell(self) -> None:
        if self._callback is not None:
            self._callback(self.state())
