"""The span of a data file's times: history up to its first fifth, trading after that."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from posei_trader.errors import DataFileError

if TYPE_CHECKING:
    from pathlib import Path

_TIMES: Final = ("timestamp", "timestamp_utc", "ts_event", "date", "time")
_HISTORY_SHARE: Final = 5
_EPOCH_UNITS: Final = (10**17, 10**14, 10**11)
"""Epoch numbers from these on are nano-, micro- and milliseconds; smaller ones are seconds."""


class Span(NamedTuple):
    """Moments of a file, UTC.

    Attributes:
        first: Its first row.
        split: The row after a fifth of them.
        last: Its last row.
    """

    first: dt.datetime
    split: dt.datetime
    last: dt.datetime


def span_of(path: Path) -> Span:
    """Return the span of a file.

    Raises:
        DataFileError: it cannot be read, has no rows, or no column of times.
    """
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else pacsv.read_csv(path)
    except (pa.ArrowException, OSError) as error:
        raise DataFileError(
            f"the data file cannot be read: {error}",
            field="data",
            value=str(path),
            remedy="give a CSV file (plain or .gz) with a header, or a Parquet file",
        ) from error
    name = next((column for column in table.column_names if column.lower() in _TIMES), None)
    if name is None:
        raise DataFileError(
            f"the data file has no column of times; it has {', '.join(table.column_names)}",
            field="data",
            value=str(path),
            remedy=f"call it one of {', '.join(_TIMES)}",
        )
    if table.num_rows == 0:
        raise DataFileError(
            "the data file has no rows", field="data", value=str(path), remedy="give prices"
        )
    rows = (0, table.num_rows // _HISTORY_SHARE, table.num_rows - 1)
    return Span(*(_utc(path, name, row, table[name][row].as_py()) for row in rows))


def _utc(path: Path, column: str, row: int, value: object) -> dt.datetime:
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        digits = next((9 - 3 * n for n, least in enumerate(_EPOCH_UNITS) if value >= least), 0)
        return dt.datetime.fromtimestamp(value / 10**digits, dt.UTC)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    raise DataFileError(
        f"{value!r} is no time",
        field=f"data, row {row + 1}, column {column!r}",
        value=str(path),
        remedy="write ISO 8601 such as 2024-01-02T14:30:00Z, or epoch numbers",
    )


def _parsed(text: str) -> dt.datetime | str:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return text
