"""What is in a data file of the catalog: rows as bytes, and back, with a sum over every page.

Decimals are plain numbers in a page: a bit that flips there is another price, and nobody would see
it. Readers of Parquet compare each page that they read with its sum.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from posei_trader.errors import DataFileError
from posei_trader.persistence import arrow_values
from posei_trader.persistence.rows import stamps
from posei_trader.persistence.schemas import SCHEMA_VERSION, VERSION_KEY
from posei_trader.persistence.spans import FOREVER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["count_rows", "encoded", "inside", "read_rows", "reading"]

_ROW_GROUP: Final = 65_536
"""Rows that are read or passed over together."""

_REMEDY: Final = "restore it, or remove it and download its span again"


def encoded(table: pa.Table) -> pa.Buffer:
    """Return the content of a file with some rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=_dictionary_columns(table),
        # Times that rise evenly take next to no room. Queries ask for times: the least and the
        # greatest of the prices would be a third of the work.
        column_encoding=dict.fromkeys(_time_columns(table), "DELTA_BINARY_PACKED"),
        write_statistics=_time_columns(table),
        version="2.6",
        row_group_size=_ROW_GROUP,
        write_page_checksum=True,
    )
    return sink.getvalue()


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn what Arrow raises over a damaged file into an error that names it.

    Raises:
        DataFileError: it cannot be read.
        FileNotFoundError: it is gone.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    # Arrow raises a plain ValueError too: for columns that are others, or a value that is missing.
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataFileError(
            f"cannot read a file of the catalog: {error}",
            field="path",
            value=path,
            remedy=_REMEDY,
        ) from error


def read_rows(path: str, source: object, first_ns: int = 0, end_ns: int = FOREVER) -> pa.Table:
    """Read the row groups that may hold rows of a span.

    Args:
        path: Where it is, for errors.
        source: An open file, or its content.
        first_ns: First moment of the span, UNIX ns UTC.
        end_ns: Its end, not included.

    Raises:
        DataFileError: a newer version of the catalog wrote it.
        OSError, pyarrow.ArrowException: it is damaged.
    """
    file = _opened(path, source)
    groups = _groups_within(file, first_ns, end_ns)
    return file.read() if groups is None else file.read_row_groups(groups)


def count_rows(path: str, source: object, first_ns: int = 0, end_ns: int = FOREVER) -> int:
    """Return how many rows of a span there are, as :func:`read_rows`; without one, of all."""
    file = _opened(path, source)
    if first_ns <= 0 and end_ns >= FOREVER:
        rows: int = file.metadata.num_rows
        return rows
    groups = _groups_within(file, first_ns, end_ns)
    names = ["ts_event"]
    moments = file.read(names) if groups is None else file.read_row_groups(groups, names)
    counted: int | None = pc.sum(inside(moments, first_ns, end_ns)).as_py()
    return counted or 0


def inside(table: pa.Table, first_ns: int, end_ns: int) -> pa.Array:
    """Return of each row whether it lies in a span."""
    moments = stamps(table)
    return pc.and_(
        pc.greater_equal(moments, arrow_values.int64(first_ns)),
        pc.less(moments, arrow_values.int64(end_ns)),
    )


def _opened(path: str, source: object) -> pq.ParquetFile:
    file = pq.ParquetFile(source, page_checksum_verification=True)
    _check_version(path, file.schema_arrow.metadata or {})
    return file


def _groups_within(file: pq.ParquetFile, first_ns: int, end_ns: int) -> list[int] | None:
    """Return the row groups with rows of a span by their statistics, None for all of them."""
    if file.num_row_groups < 2 or (first_ns <= 0 and end_ns >= FOREVER):
        return None
    column = file.schema_arrow.get_field_index("ts_event")
    groups: list[int] = []
    for number in range(file.num_row_groups):
        known = file.metadata.row_group(number).column(column).statistics if column >= 0 else None
        if known is None or not known.has_min_max:
            return None
        # Raw values: as datetimes they would lose their nanoseconds.
        if known.max_raw >= first_ns and known.min_raw < end_ns:
            groups.append(number)
    return groups


def _dictionary_columns(table: pa.Table) -> list[str]:
    """Return the columns that repeat few values; a dictionary of prices only costs time."""
    return [field.name for field in table.schema if pa.types.is_integer(field.type)]


def _time_columns(table: pa.Table) -> list[str]:
    return [field.name for field in table.schema if pa.types.is_timestamp(field.type)]


def _check_version(path: str, metadata: Mapping[bytes, bytes]) -> None:
    version = metadata.get(VERSION_KEY, b"1")
    if not version.isdigit():
        raise DataFileError(
            "cannot read a file of the catalog: its version is no number",
            field="path",
            value=path,
            remedy=_REMEDY,
        )
    if int(version) > SCHEMA_VERSION:
        raise DataFileError(
            "a file of the catalog was written by a newer version of PoseiTrader",
            field="schema version",
            value=version.decode(),
            remedy=f"upgrade posei-trader to read {path}; this one reads up to {SCHEMA_VERSION}",
        )
