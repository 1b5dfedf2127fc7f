"""Whole streams of a request, side by side, with their gaps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from posei_trader.adapters.interactive_brokers.historical.completeness import complete_until
from posei_trader.adapters.interactive_brokers.historical.results import Unchecked
from posei_trader.adapters.interactive_brokers.historical.side_by_side import all_or_nothing
from posei_trader.persistence import arrow_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posei_trader.adapters.interactive_brokers.historical.results import HistoryGap
    from posei_trader.adapters.interactive_brokers.historical.streams import (
        HistorySource,
        HistoryStream,
    )
    from posei_trader.persistence.schemas import CatalogTable, Record

__all__ = ["Collected", "Wanted", "collect"]


class Wanted(NamedTuple):
    """What of each stream is asked for.

    Attributes:
        start_ns: First moment, UNIX ns UTC.
        end_ns: End, UNIX ns UTC, not included.
        use_rth: Regular trading hours only.
        timeout: Seconds for each request to IB.
        as_tables: Arrow tables instead of objects.
        check_gaps: Whether to look for gaps.
        on_segment: Called after each answer with its number of bars.
        on_page: Called after each answer with the stream, its number of ticks, and until when all
            is known, UNIX ns UTC.
    """

    start_ns: int
    end_ns: int
    use_rth: bool
    timeout: float | None
    as_tables: bool
    check_gaps: bool
    on_segment: Callable[[int], None] | None = None
    on_page: Callable[[HistoryStream, int, int], None] | None = None


class Collected(NamedTuple):
    """Whole streams.

    Attributes:
        records: Objects of all streams, stream after stream; empty if tables were wanted.
        tables: A table a stream; empty if objects were wanted.
        gaps: Where nothing came although the market was open.
        unchecked: Streams of which nobody can say.
    """

    records: list[Record]
    tables: list[CatalogTable]
    gaps: tuple[HistoryGap, ...]
    unchecked: tuple[Unchecked, ...]


class _Part(NamedTuple):
    records: Sequence[Record]
    tables: list[CatalogTable]
    gaps: list[HistoryGap] | Unchecked


async def collect(
    source: HistorySource, streams: Sequence[HistoryStream], wanted: Wanted
) -> Collected:
    """Fetch streams: all of them whole, or it raises.

    Raises:
        RequestRejected: a stream has nothing in the span because IB's history begins later.
        PoseiError: as `HistoryDownloads.bars`.
    """
    parts = await all_or_nothing(_part(source, stream, wanted) for stream in streams)
    unchecked = [part.gaps for part in parts if isinstance(part.gaps, Unchecked)]
    gaps = [gap for part in parts if not isinstance(part.gaps, Unchecked) for gap in part.gaps]
    return Collected(
        [record for part in parts for record in part.records],
        [table for part in parts for table in part.tables],
        tuple(gaps),
        tuple(unchecked),
    )


async def _part(source: HistorySource, stream: HistoryStream, wanted: Wanted) -> _Part:
    records: Sequence[Record] = ()
    tables: list[CatalogTable] = []
    if wanted.as_tables:
        tables.append(await _table(source, stream, wanted))
        is_empty = not tables[0].table.num_rows
    else:
        records = await _objects(source, stream, wanted)
        is_empty = not records
    if is_empty:
        await source.check_reach(
            stream, wanted.end_ns, use_rth=wanted.use_rth, timeout=wanted.timeout
        )
    gaps: list[HistoryGap] | Unchecked = []
    if wanted.check_gaps:
        moments = (
            arrow_values.arrow_to_time(tables[0].table["ts_event"])
            if tables
            else [record.ts_event for record in records]
        )
        gaps = await source.gaps(
            stream,
            moments,
            wanted.start_ns,
            _final_end(source, stream, wanted),
            use_rth=wanted.use_rth,
            timeout=wanted.timeout,
        )
    return _Part(records, tables, gaps)


def _final_end(source: HistorySource, stream: HistoryStream, wanted: Wanted) -> int:
    """Return until when something could be missing: what lies ahead, or goes on, is not."""
    spec = stream.bar_type.spec if stream.bar_type is not None else None
    final = complete_until(spec, source.downloads.now_ns())
    return max(wanted.start_ns, min(wanted.end_ns, final))


async def _objects(
    source: HistorySource, stream: HistoryStream, wanted: Wanted
) -> Sequence[Record]:
    span = wanted.start_ns, wanted.end_ns
    if stream.bar_type is not None:
        return await source.downloads.bars(
            stream.traded,
            stream.bar_type,
            *span,
            use_rth=wanted.use_rth,
            timeout=wanted.timeout,
            on_segment=wanted.on_segment,
        )
    on_page = None if wanted.on_page is None else partial(wanted.on_page, stream)
    if stream.ticks == "TRADES":
        return await source.downloads.trades(
            stream.traded,
            *span,
            use_rth=wanted.use_rth,
            timeout=wanted.timeout,
            on_page=on_page,
        )
    return await source.downloads.quotes(
        stream.traded,
        *span,
        use_rth=wanted.use_rth,
        timeout=wanted.timeout,
        on_page=on_page,
    )


async def _table(source: HistorySource, stream: HistoryStream, wanted: Wanted) -> CatalogTable:
    if stream.bar_type is not None:
        return await source.downloads.bars_table(
            stream.traded,
            stream.bar_type,
            wanted.start_ns,
            wanted.end_ns,
            use_rth=wanted.use_rth,
            timeout=wanted.timeout,
            on_segment=wanted.on_segment,
        )
    on_page = None if wanted.on_page is None else partial(wanted.on_page, stream)
    return await source.downloads.tick_table(
        stream.traded,
        stream.ticks,
        wanted.start_ns,
        wanted.end_ns,
        use_rth=wanted.use_rth,
        timeout=wanted.timeout,
        on_page=on_page,
    )
