"""ParquetDataCatalog: instruments, bars, ticks and book deltas on disk, exact and queryable."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Final, TypeVar

from posei_trader.model.bars import BarType
from posei_trader.persistence import schemas
from posei_trader.persistence.coverage import Coverage, Span
from posei_trader.persistence.definitions import InstrumentFiles
from posei_trader.persistence.files import FileStore, WriteResult, directory_key, key_directory
from posei_trader.persistence.frames import duckdb_relation, pandas_frame, polars_frame
from posei_trader.persistence.gap_listing import gaps_of
from posei_trader.persistence.incoming import incoming, rows_of
from posei_trader.persistence.integrity import problems_of
from posei_trader.persistence.keys import bar_types_of, instrument_ids_of, stream_key
from posei_trader.persistence.session_rows import sessions_of, sessions_table
from posei_trader.persistence.spans import bounds
from posei_trader.persistence.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from posei_trader.model.bars import Bar
    from posei_trader.model.book import OrderBookDelta
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.persistence.gaps import Gap
    from posei_trader.persistence.incoming import Storable
    from posei_trader.persistence.locations import AnyFileSystem
    from posei_trader.persistence.schemas import Kind
    from posei_trader.persistence.sessions import Session, SessionRow
    from posei_trader.persistence.spans import TimeLike

T = TypeVar("T")


class ParquetDataCatalog:
    """Market data in Parquet files below one directory.

    - **Exact**: what is read equals what was written, to the last digit and nanosecond.
    - **Idempotent**: rows that are there already are not stored again.
    - **Atomic**: a file is complete or absent, whatever kills the process; several processes may
      write at once.
    - **Open**: hive-style partitions, plain columns; see :mod:`posei_trader.persistence.schemas`.

    Spans are half open: ``start <= ts_event < end``. A time is UNIX nanoseconds, an aware datetime,
    or an ISO text; one without a zone is UTC.

    Args:
        path: A local directory, made at the first write, or a URI: ``s3://...``, ``file:///...``;
            with fsspec installed also what that knows, such as ``memory://``.
        filesystem: The file system of `path`, pyarrow's or fsspec's, when the URI does not say it.

    Attributes:
        coverage: Which spans are known whole, for downloads that go on where they were.
    """

    def __init__(self, path: str | Path, filesystem: AnyFileSystem | None = None) -> None:
        self._files = FileStore(path, filesystem)
        self._streams = Streams(self._files)
        self._definitions = InstrumentFiles(self._files)
        self.coverage: Final = Coverage(self._files)

    @property
    def path(self) -> str:
        """Return the root directory."""
        return self._files.root

    def exists(self) -> bool:
        """Return whether anything was written there."""
        return self._files.exists()

    # -- writing --------------------------------------------------------------------------------

    def write_data(self, data: Iterable[Storable] | Storable) -> WriteResult:
        """Store records of any kinds, in any order.

        A bar or a trade that comes twice is stored once; two equal quotes are two facts.

        Raises:
            InvalidRequest: a record is of a kind that the catalog does not store, or has a value
                that cannot be stored; then nothing was written.
            DataFileError: the directory is not writable, or the disk is full; what was stored
                before stays, nothing is half-written.
        """
        definitions, streams = incoming(data)
        results = [
            *([self._definitions.write(definitions)] if definitions else []),
            *map(self._streams.write, streams),
        ]
        return WriteResult(
            sum(r.written for r in results),
            sum(r.skipped for r in results),
            tuple(path for r in results for path in r.files),
        )

    def write_table(self, kind: str, key: str | BarType, table: pa.Table) -> WriteResult:
        """Store a table with the columns of a kind, see :mod:`posei_trader.persistence.schemas`.

        Floats are taken for the decimals of up to nine digits that they stand for.

        Raises:
            InvalidRequest: the key or the columns are not those of the kind, or a value does not
                fit its column exactly.
            DataFileError: the directory is not writable, or the disk is full.
        """
        return self._streams.write(rows_of(kind, key, table))

    def write_sessions(self, instrument_id: str, rows: Iterable[SessionRow]) -> WriteResult:
        """Store when an instrument trades, so that `gaps` knows where data could be.

        Raises:
            DataFileError: the directory is not writable, or the disk is full.
        """
        table = sessions_table(rows)
        return self.write_table(schemas.SESSIONS.name, instrument_id, table)

    # -- reading --------------------------------------------------------------------------------

    def instruments(
        self, instrument_ids: Iterable[str] | str | None = None, kind: type[T] | None = None
    ) -> list[Instrument]:
        """Return the newest definition of each instrument, ordered by id.

        Raises:
            DataFileError: a definition is damaged.
        """
        wanted = instrument_ids_of(instrument_ids)
        return [
            one for one in self._definitions.newest(wanted) if kind is None or isinstance(one, kind)
        ]

    def bars(
        self,
        bar_types: Iterable[str | BarType] | str | BarType | None = None,
        instrument_ids: Iterable[str] | str | None = None,
        start: TimeLike = None,
        end: TimeLike = None,
    ) -> list[Bar]:
        """Return bars, ascending by `ts_event`; all bar types when none is named."""
        return self._query(schemas.BARS, instrument_ids, start, end, bar_types_of(bar_types))

    def quote_ticks(
        self,
        instrument_ids: Iterable[str] | str | None = None,
        start: TimeLike = None,
        end: TimeLike = None,
    ) -> list[QuoteTick]:
        """Return quotes, ascending by `ts_event`."""
        return self._query(schemas.QUOTE_TICKS, instrument_ids, start, end)

    def trade_ticks(
        self,
        instrument_ids: Iterable[str] | str | None = None,
        start: TimeLike = None,
        end: TimeLike = None,
    ) -> list[TradeTick]:
        """Return trades, ascending by `ts_event`."""
        return self._query(schemas.TRADE_TICKS, instrument_ids, start, end)

    def order_book_deltas(
        self,
        instrument_ids: Iterable[str] | str | None = None,
        start: TimeLike = None,
        end: TimeLike = None,
    ) -> list[OrderBookDelta]:
        """Return book deltas, ascending by `ts_event`."""
        return self._query(schemas.ORDER_BOOK_DELTAS, instrument_ids, start, end)

    def table(
        self,
        kind: str,
        key: str | BarType,
        start: TimeLike = None,
        end: TimeLike = None,
    ) -> pa.Table:
        """Return the rows of one instrument or bar type as an Arrow table, ascending.

        Raises:
            InvalidRequest: there is no such kind, or the key is not one of it.
        """
        columns = schemas.named(kind)
        directory = key_directory(stream_key(columns, key))
        rows = self._streams.read(columns, directory, *bounds(start, end))
        return rows.drop_columns([schemas.REPEAT.name])

    def sessions(
        self,
        instrument_id: str,
        start: TimeLike = None,
        end: TimeLike = None,
        *,
        regular: bool = False,
    ) -> list[Session]:
        """Return when an instrument trades, as far as that is stored.

        Args:
            instrument_id: Which one.
            start: Sessions that end later.
            end: Sessions that begin earlier.
            regular: The regular hours instead of all.
        """
        first, last = bounds(start, end)
        table = self.table(schemas.SESSIONS.name, instrument_id, end=last)
        return [one for one in sessions_of(table, regular=regular) if one.close_ns > first]

    def to_polars(
        self, kind: str, key: str | BarType, start: TimeLike = None, end: TimeLike = None
    ) -> pl.DataFrame:
        """Return the rows as a Polars frame.

        Raises:
            MissingDependency: Polars is not installed.
        """
        return polars_frame(self.table(kind, key, start, end))

    def to_pandas(
        self, kind: str, key: str | BarType, start: TimeLike = None, end: TimeLike = None
    ) -> pd.DataFrame:
        """Return the rows as a pandas frame.

        Raises:
            MissingDependency: pandas is not installed.
        """
        return pandas_frame(self.table(kind, key, start, end))

    def to_duckdb(
        self, kind: str, key: str | BarType, start: TimeLike = None, end: TimeLike = None
    ) -> duckdb.DuckDBPyRelation:
        """Return the rows as a DuckDB relation.

        Raises:
            MissingDependency: DuckDB is not installed.
        """
        return duckdb_relation(self.table(kind, key, start, end))

    def contents(self) -> Iterator[tuple[str, InstrumentId | BarType, int, int, int]]:
        """Yield kind, key, number of files, and the first and last moment, UNIX ns UTC."""
        for kind in schemas.BY_NAME:
            for directory in self._files.directories(kind):
                files = self._files.files(kind, directory)
                if files:
                    last = max(file.last_ns for file in files)
                    yield kind, directory_key(directory), len(files), files[0].first_ns, last

    # -- upkeep ---------------------------------------------------------------------------------

    def gaps(
        self,
        kind: str,
        key: str | BarType,
        start: TimeLike = None,
        end: TimeLike = None,
        sessions: Iterable[Session] | None = None,
    ) -> list[Gap]:
        """Return where a stream has nothing although the market was open.

        Args:
            kind: ``bars``, ``quote_ticks``, ``trade_ticks``.
            key: The bar type, or the instrument id.
            start: First moment to look at; None for the start of what was downloaded.
            end: End, not included; None for the end of what was downloaded. For rows that were
                not downloaded, the end of the session of the last row.
            sessions: When the market was open; None for what `write_sessions` stored.

        Raises:
            InvalidRequest: no sessions are given, and none are stored.
        """
        columns = schemas.named(kind)
        return gaps_of(
            self._streams,
            self.coverage,
            columns.name,
            stream_key(columns, key),
            Span(*bounds(start, end)),
            None if sessions is None else list(sessions),
        )

    def consolidate(self, kind: str | None = None, key: str | BarType | None = None) -> int:
        """Join the files of each stream into one; return how many were removed.

        Safe while others read and write.

        Args:
            kind: Only this kind.
            key: Only this bar type or instrument.
        """
        removed = 0
        for name in schemas.BY_NAME if kind is None else [schemas.named(kind).name]:
            for directory in self._files.directories(name):
                if key is None or str(directory_key(directory)) == str(key):
                    removed += self._streams.join(schemas.BY_NAME[name], directory)
        return removed

    def check(self) -> list[str]:
        """Read everything once and return what is wrong, in words; empty when all is well."""
        return list(problems_of(self._streams))

    # -- inside ---------------------------------------------------------------------------------

    def _query(
        self,
        kind: Kind[T],
        instrument_ids: Iterable[str] | str | None,
        start: TimeLike,
        end: TimeLike,
        bar_types: set[BarType] | None = None,
    ) -> list[T]:
        first, last = bounds(start, end)
        ids = instrument_ids_of(instrument_ids)
        parts: list[list[T]] = []
        for directory in self._files.directories(kind.name):
            key = directory_key(directory)
            instrument_id = key.instrument_id if isinstance(key, BarType) else key
            if ids is not None and instrument_id not in ids:
                continue
            if bar_types is not None and key not in bar_types:
                continue
            table = self._streams.read(kind, directory, first, last)
            parts.append(kind.decode(table, key))
        return _merge(parts)


_TS_EVENT: Final = operator.attrgetter("ts_event")


def _merge(parts: list[list[T]]) -> list[T]:
    if len(parts) == 1:
        return parts[0]
    merged = [item for part in parts for item in part]
    merged.sort(key=_TS_EVENT)
    return merged
