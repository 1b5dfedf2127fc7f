"""Where a data file's time begins, and where its first fifth ends: history, then trading."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from posei_trader.errors import DataFileError

if TYPE_CHECKING:
    from pathlib import Path

_TIMES: Final = ("timestamp", "timestamp_utc", "ts_event", "date", "time")
_HISTORY_SHARE: Final = 5


def span_of(path: Path) -> tuple[dt.datetime, dt.datetime]:
    """Return the first moment, and the moment after a fifth of the rows, both UTC.

    Raises:
        DataFileError: the file has no column of times that can be read.
    """
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else pacsv.read_csv(path)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, str(error)) from error
    name = next((column for column in _TIMES if column in table.column_names), None)
    if name is None or table.num_rows == 0:
        raise _unreadable(path, f"columns {table.column_names}, {table.num_rows} rows")
    first, split = table[name][0].as_py(), table[name][table.num_rows // _HISTORY_SHARE].as_py()
    return _utc(path, first), _utc(path, split)


def _utc(path: Path, value: object) -> dt.datetime:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError as error:
            raise _unreadable(path, str(error)) from error
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    raise _unreadable(path, f"a time of the type {type(value).__name__}")


def _unreadable(path: Path, why: str) -> DataFileError:
    return DataFileError(
        f"the data file's times cannot be read: {why}",
        field="data",
        value=str(path),
        remedy=f"give a column called one of {', '.join(_TIMES)}, in ISO 8601",
    )
