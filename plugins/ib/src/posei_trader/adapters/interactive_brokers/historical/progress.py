"""Progress that can be seen: a callback, or a log line every few seconds."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.historical.results import HistoryProgress
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.historical.download_progress import (
        DownloadTracker,
    )

_log = get_logger("HistoricInteractiveBrokersClient")

LOG_EVERY_S: Final = 5.0
_FORECAST_EVERY_S: Final = 1.0


@final
class ProgressTracker:
    """Counts answers and tells about them.

    Args:
        what: What is fetched, for people.
        callback: Called after every answer; None logs every few seconds.
        now: Seconds of a clock that never goes backwards; None for the system's.
        forecast: Seconds that IB's pacing rules demand still.
        covered: Knows how much time is covered, where nobody knows how many answers are needed.
    """

    def __init__(
        self,
        what: str,
        callback: Callable[[HistoryProgress], None] | None,
        now: Callable[[], float] | None = None,
        forecast: Callable[[], float] | None = None,
        covered: DownloadTracker | None = None,
    ) -> None:
        self._covered = covered
        self._forecast = forecast
        self._finish = self._forecast_at = -math.inf
        self._what = what
        self._callback = callback
        self._now = now or time.monotonic
        self._started = self._logged = self._now()
        self._done = 0
        self._total = 0
        self._records = 0

    def expect(self, answers: int) -> None:
        """Count answers that will be needed."""
        self._total += answers

    def answered(self, records: int = 0) -> None:
        """Count an answer and what it brought."""
        self._done += 1
        self._total = max(self._total, self._done)
        self._records += records
        self._tell()

    def _tell(self) -> None:
        state = self.state()
        if self._callback is not None:
            self._callback(state)
        elif self._now() - self._logged >= LOG_EVERY_S:
            self._logged = self._now()
            _log.info(
                "fetching history",
                what=self._what,
                done=state.done,
                total=state.total,
                records=state.records,
                eta_s=None if state.eta_s is None else round(state.eta_s),
            )

    def state(self) -> HistoryProgress:
        """Return how far it has come."""
        elapsed = self._now() - self._started
        if self._covered is not None:
            total = self._done + self._covered.requests_left
            eta = self._covered.state().eta_s
            return HistoryProgress(self._done, total, self._records, elapsed, eta)
        left = self._total - self._done
        eta = elapsed / self._done * left if self._done else None
        if eta is not None and left:
            eta = max(eta, self._paced_s())
        return HistoryProgress(self._done, self._total, self._records, elapsed, eta)

    def _paced_s(self) -> float:
        """Return how long the rules demand, looked at once a second: it costs a walk of a queue."""
        now = self._now()
        if self._forecast is not None and now >= self._forecast_at + _FORECAST_EVERY_S:
            self._forecast_at = now
            self._finish = now + self._forecast()
        return self._finish - now
