"""ParquetDataCatalog: instruments, bars, ticks and book deltas on disk, exact and queryable."""

from __future__ import annotations

import datetime as dt
import itertools
import operator
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.errors import DataFileError, InvalidRequest, MissingDependency
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.book import OrderBookDelta, OrderBookDeltas
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.instruments import Instrument
from posei_trader.model.serialization import decode_json, encode_json
from posei_trader.model.ticks import QuoteTick, TradeTick
from posei_trader.persistence import schemas
from posei_trader.persistence.files import FileStore, directory_key, key_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow.fs as pafs

    from posei_trader.persistence.schemas import Kind

    Storable = Instrument | Bar | QuoteTick | TradeTick | OrderBookDelta | OrderBookDeltas
    TimeLike = int | str | dt.datetime | None

T = TypeVar("T")

_KINDS: Final[dict[type, Kind[Any]]] = {
    QuoteTick: schemas.QUOTE_TICKS,
    TradeTick: schemas.TRADE_TICKS,
    Bar: schemas.BARS,
    OrderBookDelta: schemas.ORDER_BOOK_DELTAS,
}
_BY_NAME: Final = {kind.name: kind for kind in _KINDS.values()}
_INSTRUMENTS: Final = "instruments"
_INSTRUMENT_SCHEMA: Final = pa.schema(
    [
        pa.field("ts_event", schemas.TIME, nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("definition", pa.string(), nullable=False),
    ]
)
_FOREVER: Final = 2**63 - 1


class WriteResult(msgspec.Struct, frozen=True):
    """What a write did.

    Attributes:
        written: Rows that are new.
        skipped: Rows that were there already, or twice in the input.
        files: The files made.
    """

    written: int
    skipped: int
    files: tuple[str, ...]


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
        groups: dict[tuple[str, InstrumentId | BarType], list[Any]] = defaultdict(list)
        definitions: dict[InstrumentId, Instrument] = {}
        for item in data:
            if isinstance(item, Instrument):
                definitions[item.id] = item
            elif isinstance(item, Bar):
                groups[schemas.BARS.name, item.bar_type].append(item)
            elif isinstance(item, OrderBookDeltas):
                groups[schemas.ORDER_BOOK_DELTAS.name, item.instrument_id] += item.deltas
            elif type(item) in _KINDS:
                groups[_KINDS[type(item)].name, item.instrument_id].append(item)
            else:
                raise InvalidRequest(
                    "the catalog does not store this kind of record",
                    field="data",
                    value=type(item).__name__,
                    remedy="give instruments, bars, quote ticks, trade ticks or book deltas",
                )
        results = [self._write_instruments(definitions)] if definitions else []
        for (name, key), items in groups.items():
            results.append(self.write_table(name, key, _BY_NAME[name].encode(items)))
        return WriteResult(
            sum(r.written for r in results),
            sum(r.skipped for r in results),
            tuple(path for r in results for path in r.files),
        )

    def write_table(self, kind: str, key: InstrumentId | BarType, table: pa.Table) -> WriteResult:
        """Store a table with the columns of a kind, see :mod:`posei_trader.persistence.schemas`.

        Raises:
            InvalidRequest: the columns are others.
            DataFileError: the directory is not writable, or the disk is full.
        """
        columns = _kind(kind)
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
        table = _with_repeats(_in_order(table.cast(columns.schema)), columns)
        directory = key_directory(key)
        first, last = _span(table)
        stored = self._read(columns, directory, first, last + 1)
        if stored.num_rows:
            both = pa.concat_tables([stored, table])
            new = [row for row in _firsts(both, columns) if row >= stored.num_rows]
            table = both.take(pa.array(new, pa.int64()))
        if table.num_rows == 0:
            return WriteResult(0, asked, ())
        path = self._files.write(kind, directory, table, *_span(table))
        return WriteResult(table.num_rows, asked - table.num_rows, (path,))

    def _write_instruments(self, definitions: dict[InstrumentId, Instrument]) -> WriteResult:
        files: list[str] = []
        skipped = 0
        for instrument_id, instrument in definitions.items():
            directory = key_directory(instrument_id)
            if self._newest_definition(directory) == instrument:
                skipped += 1
                continue
            table = pa.Table.from_arrays(
                [
                    schemas.time_to_arrow([instrument.ts_event]),
                    pa.array([instrument.kind]),
                    pa.array([encode_json(instrument).decode()]),
                ],
                schema=_INSTRUMENT_SCHEMA,
            )
            stamp = instrument.ts_event
            files.append(self._files.write(_INSTRUMENTS, directory, table, stamp, stamp))
        return WriteResult(len(files), skipped, tuple(files))

    # -- reading --------------------------------------------------------------------------------

    def instruments(
        self, instrument_ids: Iterable[str] | None = None, kind: type[T] | None = None
    ) -> list[Instrument]:
        """Return the newest definition of each instrument, ordered by id."""
        wanted = None if instrument_ids is None else {InstrumentId(i) for i in instrument_ids}
        found: list[Instrument] = []
        for directory in self._files.directories(_INSTRUMENTS):
            if wanted is not None and directory_key(directory) not in wanted:
                continue
            newest = self._newest_definition(directory)
            if newest is not None and (kind is None or isinstance(newest, kind)):
                found.append(newest)
        return sorted(found, key=lambda instrument: instrument.id)

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
        columns = _kind(kind)
        key = BarType.from_str(str(key)) if columns is schemas.BARS else InstrumentId(str(key))
        rows = self._read(columns, key_directory(key), *_bounds(start, end))
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
        for kind in _BY_NAME:
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
        for name in _BY_NAME if kind is None else [_kind(kind).name]:
            for directory in self._files.directories(name):
                files = self._files.files(name, directory)
                if len(files) < 2:
                    continue
                table = self._read(_BY_NAME[name], directory, 0, _FOREVER)
                made = self._files.write(name, directory, table, *_span(table))
                for file in files:
                    if file.path != made:
                        self._files.remove(file.path)
                        removed += 1
        return removed

    def check(self) -> list[str]:
        """Read everything once and return what is wrong, in words; empty when all is well."""
        problems: list[str] = []
        for name, kind in _BY_NAME.items():
            for directory in self._files.directories(name):
                for file in self._files.files(name, directory):
                    problems += self._check_file(kind, file.path, file.first_ns, file.last_ns)
        return problems

    def _check_file(self, kind: Kind[Any], path: str, first: int, last: int) -> list[str]:
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
        first, last = _bounds(start, end)
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

    def _read(self, kind: Kind[Any], directory: str, first: int, end: int) -> pa.Table:
        files = [
            file
            for file in self._files.files(kind.name, directory)
            if file.last_ns >= first and file.first_ns < end
        ]
        tables = [self._files.read(file.path).cast(kind.stored_schema) for file in files]
        table = pa.concat_tables(tables) if tables else kind.stored_schema.empty_table()
        if any(a.last_ns >= b.first_ns for a, b in itertools.pairwise(files)):
            # Files overlap when two processes wrote at once, or a consolidation was interrupted.
            table = table.take(pa.array(_firsts(table, kind), pa.int64()))
        stamps = table["ts_event"].cast(pa.int64())
        if files and (files[0].first_ns < first or max(f.last_ns for f in files) >= end):
            inside = pc.and_(pc.greater_equal(stamps, first), pc.less(stamps, end))
            table = table.filter(inside)
        return _in_order(table)

    def _newest_definition(self, directory: str) -> Instrument | None:
        files = self._files.files(_INSTRUMENTS, directory)
        if not files:
            return None
        text = self._files.read(files[-1].path)["definition"][0].as_py()
        return decode_json(text, Instrument)


def _in_order(table: pa.Table) -> pa.Table:
    """Return the rows in order of `ts_event`; equal times keep the order in which they came."""
    stamps = schemas.arrow_to_time(table["ts_event"])
    if all(earlier <= later for earlier, later in itertools.pairwise(stamps)):
        return table
    order = sorted(range(len(stamps)), key=stamps.__getitem__)
    return table.take(pa.array(order, pa.int64()))


def _with_repeats(table: pa.Table, kind: Kind[Any]) -> pa.Table:
    """Number equal rows: two equal quotes in one of IB's whole seconds are two facts."""
    names = list(kind.identity)
    repeats = [0] * table.num_rows
    if table.group_by(names).aggregate([]).num_rows < table.num_rows:
        seen: Counter[tuple[object, ...]] = Counter()
        rows = zip(*(table[name].to_pylist() for name in names), strict=True)
        for number, row in enumerate(rows):
            repeats[number] = seen[row]
            seen[row] += 1
    return table.append_column(schemas.REPEAT, pa.array(repeats, schemas.REPEAT.type))


def _firsts(table: pa.Table, kind: Kind[Any]) -> list[int]:
    """Return the numbers of the rows that are no copy of an earlier one, ascending."""
    numbered = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    keys = [*kind.identity, schemas.REPEAT.name]
    firsts = numbered.group_by(keys).aggregate([("row", "min")])["row_min"]
    numbers: list[int] = firsts.to_pylist()
    return sorted(numbers)


_TS_EVENT: Final = operator.attrgetter("ts_event")


def _merge(parts: list[list[T]]) -> list[T]:
    if len(parts) == 1:
        return parts[0]
    merged = [item for part in parts for item in part]
    merged.sort(key=_TS_EVENT)
    return merged


def _span(table: pa.Table) -> tuple[int, int]:
    ends = pc.min_max(table["ts_event"].cast(pa.int64()))
    return ends["min"].as_py(), ends["max"].as_py()


def _kind(name: str) -> Kind[Any]:
    kind = _BY_NAME.get(name)
    if kind is None:
        raise InvalidRequest(
            "the catalog has no such kind of record",
            field="kind",
            value=name,
            remedy=f"one of {', '.join(_BY_NAME)}",
        )
    return kind


def _bounds(start: TimeLike, end: TimeLike) -> tuple[int, int]:
    first = 0 if start is None else to_nanos(start, "start")
    last = _FOREVER if end is None else to_nanos(end, "end")
    if last < first:
        raise InvalidRequest(
            "the end lies before the start",
            field="end",
            value=end,
            remedy=f"give a moment after {start}",
        )
    return first, last


def to_nanos(moment: int | str | dt.datetime, field: str) -> int:
    """Turn a moment into UNIX nanoseconds; one without a zone is UTC.

    Raises:
        InvalidRequest: the text is no ISO 8601 date or time.
    """
    if isinstance(moment, int):
        return moment
    if isinstance(moment, str):
        try:
            moment = dt.datetime.fromisoformat(moment)
        except ValueError as error:
            raise InvalidRequest(
                f"{field} is no ISO 8601 time",
                field=field,
                value=moment,
                remedy="give something like '2024-01-02T15:30:00Z'",
            ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def _missing(package: str) -> MissingDependency:
    return MissingDependency(
        f"this needs {package}",
        field="package",
        value=package,
        remedy=f"pip install {package}",
    )
