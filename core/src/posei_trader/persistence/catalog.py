"""ParquetDataCatalog: instruments, bars, ticks and book deltas on disk, exact and queryable."""

from __future__ import annotations

import itertools
import operator
from collections import defaultdict
from typing import TYPE_CHECKING, Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.errors import DataFileError, InvalidRequest, MissingDependency
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.book import OrderBookDelta, OrderBookDeltas
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.instruments import Instrument
from posei_trader.model.ticks import QuoteTick, TradeTick
from posei_trader.persistence import schemas
from posei_trader.persistence.definitions import InstrumentFiles
from posei_trader.persistence.files import FileStore, WriteResult, directory_key, key_directory
from posei_trader.persistence.rows import firsts, in_order, span, with_repeats
from posei_trader.persistence.spans import FOREVER, bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow.fs as pafs

    from posei_trader.persistence.schemas import Columns, Kind
    from posei_trader.persistence.spans import TimeLike

    Storable = Instrument | Bar | QuoteTick | TradeTick | OrderBookDelta | OrderBookDeltas

T = TypeVar("T")
KeyT = TypeVar("KeyT", InstrumentId, BarType)


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
        path: A local directory, made at the first write, or a URI that `pyarrow.fs` knows.
        filesystem: The file system of `path`, when the URI does not say it.
    """

    def __init__(self, path: str | Path, filesystem: pafs.FileSystem | None = None) -> None:
        self._files = FileStore(path, filesystem)
        self._definitions = InstrumentFiles(self._files)

    @property
    def path(self) -> str:
        """Return the root directory."""
        return self._files.root

    # -- writing --------------------------------------------------------------------------------

    def write_data(self, data: Iterable[Storable]) -> WriteResult:
        """Store records of any kinds, in any order.

        Raises:
            InvalidRequest: a record is of a kind that the catalog does not store.
            DataFileError: the directory is not writable, or the disk is full; what was stored
                before stays, nothing is half-written.
        """
        definitions: dict[InstrumentId, Instrument] = {}
        bars: dict[BarType, list[Bar]] = defaultdict(list)
        quotes: dict[InstrumentId, list[QuoteTick]] = defaultdict(list)
        trades: dict[InstrumentId, list[TradeTick]] = defaultdict(list)
        deltas: dict[InstrumentId, list[OrderBookDelta]] = defaultdict(list)
        for item in data:
            if isinstance(item, Bar):
                bars[item.bar_type].append(item)
            elif isinstance(item, QuoteTick):
                quotes[item.instrument_id].append(item)
            elif isinstance(item, TradeTick):
                trades[item.instrument_id].append(item)
            elif isinstance(item, OrderBookDelta):
                deltas[item.instrument_id].append(item)
            elif isinstance(item, OrderBookDeltas):
                deltas[item.instrument_id] += item.deltas
            elif isinstance(item, Instrument):
                definitions[item.id] = item
            else:
                raise _not_stored(item)
        results = [
            *([self._definitions.write(definitions.values())] if definitions else []),
            *self._write_groups(schemas.BARS, bars),
            *self._write_groups(schemas.QUOTE_TICKS, quotes),
            *self._write_groups(schemas.TRADE_TICKS, trades),
            *self._write_groups(schemas.ORDER_BOOK_DELTAS, deltas),
        ]
        return WriteResult(
            sum(r.written for r in results),
            sum(r.skipped for r in results),
            tuple(path for r in results for path in r.files),
        )

    def _write_groups(self, kind: Kind[T], groups: Mapping[KeyT, list[T]]) -> Iterator[WriteResult]:
        for key, items in groups.items():
            yield self.write_table(kind.name, key, kind.encode(items))

    def write_table(self, kind: str, key: InstrumentId | BarType, table: pa.Table) -> WriteResult:
        """Store a table with the columns of a kind, see :mod:`posei_trader.persistence.schemas`.

        Raises:
            InvalidRequest: the columns are others.
            DataFileError: the directory is not writable, or the disk is full.
        """
        columns = schemas.named(kind)
        if table.schema.names != columns.schema.names:
            raise InvalidRequest(
                f"the columns are not those of {kind}",
                field="table",
                value=table.schema.names,
                remedy=f"give {', '.join(columns.schema.names)}",
            )
        if table.num_rows == 0:
            return WriteResult(0, 0, ())
        asked = table.num_rows
        table = with_repeats(in_order(table.cast(columns.schema)), columns)
        directory = key_directory(key)
        first, last = span(table)
        stored = self._read(columns, directory, first, last + 1)
        if stored.num_rows:
            both = pa.concat_tables([stored, table])
            new = [row for row in firsts(both, columns) if row >= stored.num_rows]
            table = both.take(pa.array(new, pa.int64()))
        if table.num_rows == 0:
            return WriteResult(0, asked, ())
        path = self._files.write(kind, directory, table, *span(table))
        return WriteResult(table.num_rows, asked - table.num_rows, (path,))

    # -- reading --------------------------------------------------------------------------------

    def instruments(
        self, instrument_ids: Iterable[str] | None = None, kind: type[T] | None = None
    ) -> list[Instrument]:
        """Return the newest definition of each instrument, ordered by id."""
        wanted = None if instrument_ids is None else {InstrumentId(i) for i in instrument_ids}
        return [
            one for one in self._definitions.newest(wanted) if kind is None or isinstance(one, kind)
        ]

    def bars(
        self,
        bar_types: Iterable[str | BarType] | None = None,
        instrument_ids: Iterable[str] | None = None,
        start: TimeLike = None,
        end: TimeLike = None,
    ) -> list[Bar]:
        """Return bars, ascending by `ts_event`; all bar types when none is named."""
        wanted = None if bar_types is None else {BarType.from_str(str(b)) for b in bar_types}
        return self._query(schemas.BARS, instrument_ids, start, end, wanted)

    def quote_ticks(
        self,
        instrument_ids: Iterable[str] | None = None,
        start: TimeLike = None,
        end: TimeLike = None,
    ) -> list[QuoteTick]:
        """Return quotes, ascending by `ts_event`."""
        return self._query(schemas.QUOTE_TICKS, instrument_ids, start, end)

    def trade_ticks(
        self,
        instrument_ids: Iterable[str] | None = None,
        start: TimeLike = None,
        end: TimeLike = None,
    ) -> list[TradeTick]:
        """Return trades, ascending by `ts_event`."""
        return self._query(schemas.TRADE_TICKS, instrument_ids, start, end)

    def order_book_deltas(
        self,
        instrument_ids: Iterable[str] | None = None,
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
            InvalidRequest: there is no such kind.
        """
        columns = schemas.named(kind)
        key = BarType.from_str(str(key)) if columns is schemas.BARS else InstrumentId(str(key))
        rows = self._read(columns, key_directory(key), *bounds(start, end))
        return rows.drop_columns([schemas.REPEAT.name])

    def to_polars(
        self, kind: str, key: str | BarType, start: TimeLike = None, end: TimeLike = None
    ) -> pl.DataFrame:
        """Return the rows as a Polars frame.

        Raises:
            MissingDependency: Polars is not installed.
        """
        try:
            import polars as pl  # noqa: PLC0415  optional
        except ImportError as error:
            raise _missing("polars") from error
        frame = pl.from_arrow(self.table(kind, key, start, end))
        if not isinstance(frame, pl.DataFrame):
            raise TypeError("an Arrow table makes a frame")
        return frame

    def to_pandas(
        self, kind: str, key: str | BarType, start: TimeLike = None, end: TimeLike = None
    ) -> pd.DataFrame:
        """Return the rows as a pandas frame.

        Raises:
            MissingDependency: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: F401, PLC0415  optional; pyarrow imports it itself
        except ImportError as error:
            raise _missing("pandas") from error
        frame: pd.DataFrame = self.table(kind, key, start, end).to_pandas()
        return frame

    def to_duckdb(
        self, kind: str, key: str | BarType, start: TimeLike = None, end: TimeLike = None
    ) -> duckdb.DuckDBPyRelation:
        """Return the rows as a DuckDB relation.

        Raises:
            MissingDependency: DuckDB is not installed.
        """
        try:
            import duckdb  # noqa: PLC0415  optional
        except ImportError as error:
            raise _missing("duckdb") from error
        return duckdb.from_arrow(self.table(kind, key, start, end))

    def contents(self) -> Iterator[tuple[str, InstrumentId | BarType, int, int, int]]:
        """Yield kind, key, number of files, and the first and last moment, UNIX ns UTC."""
        for kind in schemas.BY_NAME:
            for directory in self._files.directories(kind):
                files = self._files.files(kind, directory)
                last = max(file.last_ns for file in files)
                yield kind, directory_key(directory), len(files), files[0].first_ns, last

    # -- upkeep ---------------------------------------------------------------------------------

    def consolidate(self, kind: str | None = None) -> int:
        """Join the files of each instrument or bar type into one; return how many were removed.

        The joined file appears before the old ones go: a reader meets rows twice at worst, and
        reading drops repeated rows.
        """
        removed = 0
        for name in schemas.BY_NAME if kind is None else [schemas.named(kind).name]:
            for directory in self._files.directories(name):
                files = self._files.files(name, directory)
                if len(files) < 2:
                    continue
                table = self._read(schemas.BY_NAME[name], directory, 0, FOREVER)
                made = self._files.write(name, directory, table, *span(table))
                for file in files:
                    if file.path != made:
                        self._files.remove(file.path)
                        removed += 1
        return removed

    def check(self) -> list[str]:
        """Read everything once and return what is wrong, in words; empty when all is well."""
        problems: list[str] = []
        for name, kind in schemas.BY_NAME.items():
            for directory in self._files.directories(name):
                for file in self._files.files(name, directory):
                    problems += self._check_file(kind, file.path, file.first_ns, file.last_ns)
        return problems

    def _check_file(self, kind: Columns, path: str, first: int, last: int) -> list[str]:
        try:
            table = self._files.read(path)
        except DataFileError as error:
            return [f"{path}: {error.message}"]
        if table.schema.names != kind.stored_schema.names:
            return [f"{path}: columns {table.schema.names} instead of {kind.stored_schema.names}"]
        problems: list[str] = []
        stamps = schemas.arrow_to_time(table["ts_event"])
        if stamps != sorted(stamps):
            problems.append(f"{path}: rows are not in order of ts_event")
        if stamps and (min(stamps), max(stamps)) != (first, last):
            problems.append(f"{path}: the span in the name is not that of the rows")
        return problems

    # -- inside ---------------------------------------------------------------------------------

    def _query(
        self,
        kind: Kind[T],
        instrument_ids: Iterable[str] | None,
        start: TimeLike,
        end: TimeLike,
        bar_types: set[BarType] | None = None,
    ) -> list[T]:
        first, last = bounds(start, end)
        ids = None if instrument_ids is None else {InstrumentId(i) for i in instrument_ids}
        parts: list[list[T]] = []
        for directory in self._files.directories(kind.name):
            key = directory_key(directory)
            instrument_id = key.instrument_id if isinstance(key, BarType) else key
            if ids is not None and instrument_id not in ids:
                continue
            if bar_types is not None and key not in bar_types:
                continue
            table = self._read(kind, directory, first, last)
            parts.append(kind.decode(table, key))
        return _merge(parts)

    def _read(self, kind: Columns, directory: str, first: int, end: int) -> pa.Table:
        files = [
            file
            for file in self._files.files(kind.name, directory)
            if file.last_ns >= first and file.first_ns < end
        ]
        tables = [self._files.read(file.path).cast(kind.stored_schema) for file in files]
        table = pa.concat_tables(tables) if tables else kind.stored_schema.empty_table()
        if any(a.last_ns >= b.first_ns for a, b in itertools.pairwise(files)):
            # Files overlap when two processes wrote at once, or a consolidation was interrupted.
            table = table.take(pa.array(firsts(table, kind), pa.int64()))
        stamps = table["ts_event"].cast(pa.int64())
        if files and (files[0].first_ns < first or max(f.last_ns for f in files) >= end):
            inside = pc.and_(pc.greater_equal(stamps, first), pc.less(stamps, end))
            table = table.filter(inside)
        return in_order(table)


_TS_EVENT: Final = operator.attrgetter("ts_event")


def _merge(parts: list[list[T]]) -> list[T]:
    if len(parts) == 1:
        return parts[0]
    merged = [item for part in parts for item in part]
    merged.sort(key=_TS_EVENT)
    return merged


def _not_stored(item: object) -> InvalidRequest:
    return InvalidRequest(
        "the catalog does not store this kind of record",
        field="data",
        value=type(item).__name__,
        remedy="give instruments, bars, quote ticks, trade ticks or book deltas",
    )


def _missing(package: str) -> MissingDependency:
    return MissingDependency(
        f"this needs {package}",
        field="package",
        value=package,
        remedy=f"pip install {package}",
    )
