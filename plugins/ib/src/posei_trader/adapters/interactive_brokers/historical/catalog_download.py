"""History into a catalog: what is not there yet, piece by piece, each on disk before it counts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.historical.bar_specs import CALENDAR_BARS
from posei_trader.adapters.interactive_brokers.historical.bar_times import floor_to_period
from posei_trader.adapters.interactive_brokers.historical.download_progress import DownloadTracker
from posei_trader.adapters.interactive_brokers.historical.download_report import (
    DownloadReport,
    StreamReport,
)
from posei_trader.adapters.interactive_brokers.historical.results import Unchecked
from posei_trader.adapters.interactive_brokers.historical.segmentation import segments
from posei_trader.adapters.interactive_brokers.historical.side_by_side import all_or_nothing
from posei_trader.errors import DataFileError, FixRequest, InvalidRequest, PoseiError, RetryLater
from posei_trader.logs import get_logger
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.persistence import arrow_values
from posei_trader.persistence.coverage import Span, missing_spans
from posei_trader.persistence.gap_listing import ALL_HOURS, REGULAR
from posei_trader.persistence.rows import in_order, span
from posei_trader.persistence.sessions import SessionRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.historical.download_report import (
        DownloadProgress,
    )
    from posei_trader.adapters.interactive_brokers.historical.results import Skipped
    from posei_trader.adapters.interactive_brokers.historical.streams import (
        HistorySource,
        HistoryStream,
    )
    from posei_trader.adapters.interactive_brokers.historical.table_downloads import HistoryTable
    from posei_trader.model.bars import BarSpecification
    from posei_trader.persistence.catalog import ParquetDataCatalog

__all__ = ["CatalogDownload", "complete_until"]

_log = get_logger("InteractiveBrokersHistory")

_HOUR: Final = 3_600 * NANOS_PER_SECOND
_LATE_TICKS: Final = 2 * NANOS_PER_SECOND
_TRADED_LATE: Final = 2 * _HOUR
"""After hours of a day can last until 01:00 UTC of the next."""

_AT_ONCE: Final = 16
_ATTEMPTS: Final = 5
_LONGEST_PAUSE_S: Final = 60.0


def complete_until(spec: BarSpecification | None, now_ns: int) -> int:
    """Return the end of the time of which nothing can change any more.

    Args:
        spec: Which bars; None for ticks.
        now_ns: Now, by the venue's clock.
    """
    if spec is None:
        return now_ns - now_ns % NANOS_PER_SECOND - _LATE_TICKS
    if spec.aggregation in CALENDAR_BARS:
        return floor_to_period(now_ns - _TRADED_LATE, spec)
    length = spec.nanos or 0
    if length <= _HOUR:
        return now_ns - now_ns % length
    # The grid of longer bars differs from venue to venue.
    return now_ns - now_ns % _HOUR - length


@final
class CatalogDownload:
    """Fetch what a catalog lacks of some streams.

    Args:
        client: The connection.
        source: What fetches.
        catalog: Where to.
        use_rth: Regular trading hours only.
        timeout: Seconds for each request to IB.
        pause_s: Seconds before a stream that broke off goes on; doubles each time.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        source: HistorySource,
        catalog: ParquetDataCatalog,
        *,
        use_rth: bool,
        timeout: float | None = None,
        pause_s: float = 2.0,
    ) -> None:
        self._client = client
        self._source = source
        self._catalog = catalog
        self._use_rth = use_rth
        self._timeout = timeout
        self._pause_s = pause_s
        self._label: Final = REGULAR if use_rth else ALL_HOURS

    async def run(
        self,
        streams: Sequence[HistoryStream],
        start_ns: int | None,
        end_ns: int,
        now_ns: int,
        *,
        progress: Callable[[DownloadProgress], None] | None = None,
        skipped: tuple[Skipped, ...] = (),
    ) -> DownloadReport:
        """Fetch, store and verify; a stream that fails harms no other.

        Args:
            streams: Which ones.
            start_ns: First moment, UNIX ns UTC; None goes on where each stream ends.
            end_ns: End, not included.
            now_ns: Now, by the venue's clock: what is not complete yet is left for the next time.
            progress: Called after each answer.
            skipped: For the report.

        Raises:
            DataFileError: the catalog cannot be written or read; all that was noted stays.
        """
        tracker = DownloadTracker(self._client, len(streams), progress)
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(stream: HistoryStream) -> StreamReport:
            async with places:
                report = await self._stream(stream, start_ns, end_ns, now_ns, tracker)
                tracker.ended(stream)
                return report

        reports = await all_or_nothing(one(stream) for stream in streams)
        return DownloadReport(tuple(reports), skipped)

    # -- one stream -----------------------------------------------------------------------------

    async def _stream(
        self,
        stream: HistoryStream,
        start_ns: int | None,
        end_ns: int,
        now_ns: int,
        tracker: DownloadTracker,
    ) -> StreamReport:
        spec = stream.bar_type.spec if stream.bar_type is not None else None
        end = min(end_ns, complete_until(spec, now_ns))
        report = StreamReport(
            kind=stream.kind, key=stream.key, start_ns=start_ns or end, end_ns=end
        )
        try:
            report.start_ns = await self._start(stream, start_ns, end)
            await self._patiently(stream, report, tracker)
            await self._examine(stream, report)
        except DataFileError:
            raise
        except PoseiError as error:
            _log.error("a stream could not be downloaded", what=str(stream), reason=error.message)
            report.error = error
        return report

    async def _start(self, stream: HistoryStream, start_ns: int | None, end_ns: int) -> int:
        self._check_hours(stream)
        known = self._known(stream)
        if start_ns is None:
            if not known:
                raise InvalidRequest(
                    "there is nothing in the catalog that could go on",
                    field="start",
                    value=str(stream),
                    remedy="say where to start",
                )
            return known[0].start_ns
        if known and known[0].start_ns <= start_ns:
            return start_ns
        head = await self._source.head_ns(stream, use_rth=self._use_rth, timeout=self._timeout)
        if head is None or head <= start_ns:
            return start_ns
        await self._source.check_reach(stream, end_ns, use_rth=self._use_rth, timeout=self._timeout)
        return head

    def _check_hours(self, stream: HistoryStream) -> None:
        labels = self._catalog.coverage.labels(stream.kind, stream.key)
        is_calendar = (
            stream.bar_type is not None and stream.bar_type.spec.aggregation in CALENDAR_BARS
        )
        if is_calendar and labels - {self._label}:
            raise InvalidRequest(
                "the catalog has these bars for other trading hours, with other prices",
                field="use_rth",
                value=self._use_rth,
                remedy="ask for the same hours, or use another catalog",
            )

    def _known(self, stream: HistoryStream) -> list[Span]:
        coverage = self._catalog.coverage
        known = coverage.spans(stream.kind, stream.key, ALL_HOURS)
        if self._use_rth and not known:
            return coverage.spans(stream.kind, stream.key, REGULAR)
        return known

    async def _patiently(
        self, stream: HistoryStream, report: StreamReport, tracker: DownloadTracker
    ) -> None:
        """Go on after a lost connection or a timeout, as long as something comes in between."""
        attempts, pause = 1, self._pause_s
        while True:
            before = report.fetched
            try:
                await self._fetch(stream, report, tracker)
            except RetryLater as error:
                if report.fetched > before:
                    attempts, pause = 1, self._pause_s
                if attempts >= _ATTEMPTS:
                    raise
                attempts += 1
                _log.warning(
                    "a download broke off and goes on soon",
                    what=str(stream),
                    reason=error.message,
                    pause_s=pause,
                )
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                return

    async def _fetch(
        self, stream: HistoryStream, report: StreamReport, tracker: DownloadTracker
    ) -> None:
        missing = missing_spans(self._known(stream), report.start_ns, report.end_ns)
        tracker.expect(
            stream,
            sum(one.end_ns - one.start_ns for one in missing),
            sum(_requests(stream, one) for one in missing),
        )
        for part in missing:
            pieces = self._source.tables(
                stream,
                part.start_ns,
                part.end_ns,
                use_rth=self._use_rth,
                timeout=self._timeout,
                on_page=lambda records: tracker.page(stream, records),
            )
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    self._store(stream, piece, report)
                    tracker.covered(
                        stream, piece.end_ns - piece.start_ns, piece.rows.table.num_rows
                    )
        if missing:
            self._catalog.consolidate(stream.kind, stream.key)
            self._catalog.coverage.tidy(stream.kind, stream.key)

    def _store(self, stream: HistoryStream, piece: HistoryTable, report: StreamReport) -> None:
        """Store, verify, and only then note that the span is whole."""
        result = self._catalog.write_table(*piece.rows)
        report.fetched += piece.rows.table.num_rows
        report.written += result.written
        problem = self._difference(piece)
        if problem:
            report.problems += (problem,)
        self._catalog.coverage.add(
            stream.kind, stream.key, piece.start_ns, piece.end_ns, self._label
        )

    def _difference(self, piece: HistoryTable) -> str:
        kind, key, table = piece.rows
        if not table.num_rows:
            return ""
        received = in_order(table)
        first, last = span(received)
        stored = self._catalog.table(kind, key, first, last + 1)
        if stored.equals(received):
            return ""
        if stored.num_rows > received.num_rows:
            more = stored.num_rows - received.num_rows
            return f"{key}: {more} rows besides those that IB sends now: it has revised them"
        raise DataFileError(
            "what is stored is not what was received",
            field="path",
            value=str(key),
            remedy="check the disk with `posei catalog check`, and download again",
        )

    # -- afterwards -----------------------------------------------------------------------------

    async def _examine(self, stream: HistoryStream, report: StreamReport) -> None:
        first = report.start_ns
        if stream.bar_type is not None:
            # A daily bar belongs to the span when its day does.
            first = floor_to_period(first, stream.bar_type.spec)
        rows = self._catalog.table(stream.kind, stream.key, first, max(first, report.end_ns))
        report.rows = rows.num_rows
        if report.end_ns <= report.start_ns:
            return
        gaps = await self._source.gaps(
            stream,
            arrow_values.arrow_to_time(rows["ts_event"]),
            report.start_ns,
            report.end_ns,
            use_rth=self._use_rth,
            timeout=self._timeout,
        )
        if isinstance(gaps, Unchecked):
            report.gaps_unknown = gaps.reason
            return
        report.gaps = tuple(gaps)
        sessions, _ = await self._source.hours.sessions(
            stream.traded,
            report.start_ns,
            report.end_ns,
            use_rth=self._use_rth,
            timeout=self._timeout,
        )
        self._catalog.write_sessions(
            stream.traded.instrument.id, [SessionRow(one, self._use_rth) for one in sessions]
        )


def _requests(stream: HistoryStream, part: Span) -> int:
    if stream.bar_type is None or stream.traded.is_continuous:
        return 1
    try:
        return len(segments(part.start_ns, part.end_ns, stream.bar_type.spec))
    except FixRequest:
        return 1
