"""History into a catalog: what is not there yet, piece by piece, each on disk before it counts."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.historical.bar_times import floor_to_period
from posei_trader.adapters.interactive_brokers.historical.completeness import complete_until
from posei_trader.adapters.interactive_brokers.historical.download_progress import DownloadTracker
from posei_trader.adapters.interactive_brokers.historical.download_report import (
    DownloadReport,
    StreamReport,
)
from posei_trader.adapters.interactive_brokers.historical.patience import patiently
from posei_trader.adapters.interactive_brokers.historical.results import Unchecked
from posei_trader.adapters.interactive_brokers.historical.segmentation import is_on_clock
from posei_trader.adapters.interactive_brokers.historical.side_by_side import all_or_nothing
from posei_trader.adapters.interactive_brokers.instruments import details_of
from posei_trader.adapters.interactive_brokers.instruments.sessions import sessions
from posei_trader.adapters.interactive_brokers.venue_time import to_nanos
from posei_trader.errors import DataFileError, FixRequest, InvalidRequest, PoseiError
from posei_trader.logs import get_logger
from posei_trader.persistence import arrow_values
from posei_trader.persistence.coverage import Span, missing_spans
from posei_trader.persistence.gap_listing import ALL_HOURS, REGULAR
from posei_trader.persistence.rows import in_order, span
from posei_trader.persistence.sessions import SessionRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

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
    from posei_trader.persistence.catalog import ParquetDataCatalog

__all__ = ["CatalogDownload"]

_log = get_logger("InteractiveBrokersHistory")

_AT_ONCE: Final = 16


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
        # All hours have the regular ones in them.
        self._labels: Final = (ALL_HOURS, REGULAR) if use_rth else (ALL_HOURS,)

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

        async def work() -> None:
            report.start_ns = await self._start(stream, start_ns, end)
            await self._fetch(stream, report, tracker)
            await self._examine(stream, report)

        try:
            await patiently(self._client, str(stream), work, lambda: report.fetched, self._pause_s)
        except DataFileError:
            raise
        except PoseiError as error:
            _log.error("a stream could not be downloaded", what=str(stream), reason=error.message)
            report.error = error
            # What came before is stored, and the next run goes on behind it.
            report.rows = self._stored(stream, report).num_rows
        return report

    async def _start(self, stream: HistoryStream, start_ns: int | None, end_ns: int) -> int:
        self._check_hours(stream)
        known = self._known_from(stream)
        if start_ns is None:
            if known is None:
                raise InvalidRequest(
                    "there is nothing in the catalog that could go on",
                    field="start",
                    value=str(stream),
                    remedy="say where to start",
                )
            return known
        if known is not None and known <= start_ns:
            return start_ns
        head = await self._source.head_ns(stream, use_rth=self._use_rth, timeout=self._timeout)
        if head is None or head <= start_ns:
            return start_ns
        await self._source.check_reach(stream, end_ns, use_rth=self._use_rth, timeout=self._timeout)
        return head

    def _check_hours(self, stream: HistoryStream) -> None:
        if _is_part_of_all_hours(stream):
            return
        if self._catalog.coverage.labels(stream.kind, stream.key) - {self._label}:
            raise InvalidRequest(
                "the catalog has these bars for other trading hours, with other prices",
                field="use_rth",
                value=self._use_rth,
                remedy="ask for the same hours, or use another catalog",
            )

    def _known_from(self, stream: HistoryStream) -> int | None:
        """Return where what is known begins; None where nothing is."""
        spans = self._catalog.coverage.spans
        known = [one for label in self._labels for one in spans(stream.kind, stream.key, label)]
        return min(known).start_ns if known else None

    def _missing(self, stream: HistoryStream, report: StreamReport) -> list[Span]:
        """Return what is not known, or was and has lost rows since: a file was removed."""
        span = (report.start_ns, report.end_ns)
        kept = self._catalog.coverage.kept(stream.kind, stream.key, self._labels, *span)
        return missing_spans(kept, *span)

    async def _fetch(
        self, stream: HistoryStream, report: StreamReport, tracker: DownloadTracker
    ) -> None:
        missing = self._missing(stream, report)
        tracker.expect(
            stream,
            sum(one.end_ns - one.start_ns for one in missing),
            sum([await self._requests(stream, one) for one in missing]),
        )
        for part in missing:
            pieces = self._source.tables(
                stream,
                part.start_ns,
                part.end_ns,
                use_rth=self._use_rth,
                timeout=self._timeout,
                on_page=lambda records, _until: tracker.page(stream, records),
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

    async def _requests(self, stream: HistoryStream, part: Span) -> int:
        try:
            return await self._source.request_count(stream, *part, self._use_rth, self._timeout)
        except FixRequest:
            return 1  # it fails, and says why, where it is fetched

    def _store(self, stream: HistoryStream, piece: HistoryTable, report: StreamReport) -> None:
        """Store, verify, and only then note that the span is whole."""
        result = self._catalog.write_table(*piece.rows)
        report.fetched += piece.rows.table.num_rows
        report.written += result.written
        problem = self._difference(piece)
        if problem:
            report.problems += (problem,)
        start = piece.start_ns
        if stream.bar_type is not None:
            # The bar of a period that began before the span is in its first piece.
            start = floor_to_period(start, stream.bar_type.spec)
        self._catalog.coverage.add(stream.kind, stream.key, start, piece.end_ns, self._label)

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

    def _stored(self, stream: HistoryStream, report: StreamReport) -> pa.Table:
        """Return what the catalog holds of the span."""
        first = report.start_ns
        if stream.bar_type is not None:
            # A daily bar belongs to the span when its day does.
            first = floor_to_period(first, stream.bar_type.spec)
        return self._catalog.table(stream.kind, stream.key, first, max(first, report.end_ns))

    async def _examine(self, stream: HistoryStream, report: StreamReport) -> None:
        rows = self._stored(stream, report)
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
        found, _ = await self._source.hours.sessions(
            stream.traded,
            report.start_ns,
            report.end_ns,
            use_rth=self._use_rth,
            timeout=self._timeout,
        )
        self._catalog.write_sessions(
            stream.traded.instrument.id, [SessionRow(one, self._use_rth) for one in found]
        )


def _is_part_of_all_hours(stream: HistoryStream) -> bool:
    """Return whether the records of regular hours are the same ones among those of all hours."""
    if stream.bar_type is None:
        return True
    # A session that opens at half past the hour is where a longer bar would be in its middle.
    length = stream.bar_type.spec.nanos
    if length is None or not is_on_clock(length):
        return False
    details = details_of(stream.traded.instrument)
    begins, all_begin = (
        {one.open for one in sessions(hours)}
        for hours in (details.liquidHours, details.tradingHours or details.liquidHours)
    )
    return all(to_nanos(one.replace(tzinfo=dt.UTC)) % length == 0 for one in begins - all_begin)
