"""Reading data files for replay: strict, and clear about what is wrong.

Columns, in any letter case:

- time, one of: `timestamp` or `timestamp_utc` (ISO 8601, or epoch seconds/ms/us/ns; without a zone
  it is UTC), or `date` (a day: the bar is that session);
- quotes: `bid`, `ask`, and optionally `bid_size`, `ask_size`;
- trades: `price`, `size`;
- bars: `open`, `high`, `low`, `close`, and optionally `volume`;
- optionally `symbol` or `ticker`, for several instruments in one file.

Rows are in time order (per symbol). CSV (also .gz) and Parquet are read by pyarrow, Databento's
DBN by its own package.
"""

from __future__ import annotations

import datetime as dt
import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from posei_ib_sim.errors import ReplayFileError
from posei_ib_sim.market.replay_dbn import is_dbn, read_dbn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Kind", "ReplayTable", "read_replay_file"]

Kind = Literal["quotes", "trades", "bars"]

_TIME_COLUMNS: Final = ("timestamp", "timestamp_utc", "date", "ts_event", "time")
_SYMBOL_COLUMNS: Final = ("symbol", "ticker")
_Layout = tuple[Kind, tuple[str, ...], tuple[str, ...]]
_LAYOUTS: Final[tuple[_Layout, ...]] = (
    ("quotes", ("bid", "ask"), ("bid_size", "ask_size")),
    ("bars", ("open", "high", "low", "close"), ("volume",)),
    ("trades", ("price", "size"), ()),
)
_COLUMN_HELP: Final = (
    "Needed are a time column (timestamp, timestamp_utc or date) and either bid,ask "
    "[,bid_size,ask_size], or price,size, or open,high,low,close[,volume]"
)


class ReplayTable(msgspec.Struct, frozen=True):
    """The rows of one instrument in one file.

    Attributes:
        path: The file, for messages.
        symbol: Value of the symbol column, empty if the file has none.
        kind: What the rows are.
        times: UNIX nanoseconds UTC of each row, ascending; midnight UTC of the date for `daily`.
        columns: The numbers by column name, optional columns only when present.
        daily: Whether the time column was a plain date.
    """

    path: str
    symbol: str
    kind: Kind
    times: list[int]
    columns: dict[str, list[float]]
    daily: bool


def read_replay_file(path: str | Path) -> list[ReplayTable]:
    """Read and check a data file; one table for each symbol in it.

    Raises:
        ReplayFileError: The file is missing, unreadable, lacks columns, or has a bad row.
    """
    name = str(path)
    if is_dbn(Path(path)) and Path(path).is_file():
        return _dbn_tables(Path(path))
    table = _load(Path(path))
    by_name = {str(column).strip().lower().replace(" ", "_"): column for column in table}
    (kind, required, optional), time_column = _layout(name, by_name)
    times, daily = _times(name, time_column, table[by_name[time_column]])
    wanted = [*required, *(c for c in optional if c in by_name)]
    columns = {c: _numbers(name, c, table[by_name[c]]) for c in wanted}
    symbol_column = next((c for c in _SYMBOL_COLUMNS if c in by_name), None)
    if not times:
        raise ReplayFileError(name, "has no rows", remedy="Give a file with data")
    groups: dict[str, list[int]] = {}
    if symbol_column is None:
        groups[""] = list(range(len(times)))
    else:
        for row, value in enumerate(table[by_name[symbol_column]]):
            groups.setdefault(str(value).strip(), []).append(row)
    tables = []
    for symbol, rows in groups.items():
        _check_order(name, time_column, times, rows, strict=kind == "bars")
        part = {c: [values[row] for row in rows] for c, values in columns.items()}
        _check_values(name, kind, part, rows)
        tables.append(ReplayTable(name, symbol, kind, [times[r] for r in rows], part, daily))
    return tables


def _dbn_tables(path: Path) -> list[ReplayTable]:
    name = str(path)
    tables: dict[tuple[str, str], ReplayTable] = {}
    for symbol, kind, ts_ns, numbers in read_dbn(path):
        table = tables.get((symbol, kind))
        if table is None:
            columns: dict[str, list[float]] = {column: [] for column in numbers}
            table = ReplayTable(name, symbol, kind, [], columns, daily=False)
            tables[symbol, kind] = table
        table.times.append(ts_ns)
        for column, number in numbers.items():
            table.columns[column].append(number)
    if not tables:
        raise ReplayFileError(name, "has no rows", remedy="Give a file with data")
    for table in tables.values():
        rows = list(range(len(table.times)))
        _check_order(name, "ts_event", table.times, rows, strict=table.kind == "bars")
        _check_values(name, table.kind, table.columns, rows)
    return list(tables.values())


def _load(path: Path) -> dict[str, list[Any]]:
    import pyarrow as pa  # noqa: PLC0415 - a heavy import, for replay only
    from pyarrow import csv, parquet  # noqa: PLC0415 - same

    if not path.is_file():
        raise ReplayFileError(str(path), "does not exist", remedy="Check the path")
    try:
        if path.name.endswith((".parquet", ".pq")):
            table = parquet.read_table(path)
            return {name: table.column(name).to_pylist() for name in table.column_names}
        with csv.open_csv(path) as reader:
            names = reader.schema.names
        options = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
        )
        table = csv.read_csv(path, convert_options=options)
        return {name: table.column(name).to_pylist() for name in table.column_names}
    except (pa.ArrowInvalid, OSError) as error:
        raise ReplayFileError(
            str(path), f"cannot be read: {error}", remedy="Give CSV (plain or .gz) or Parquet"
        ) from error


def _layout(path: str, by_name: dict[str, str]) -> tuple[_Layout, str]:
    found = ", ".join(by_name) or "none"
    time_column = next((c for c in _TIME_COLUMNS if c in by_name), None)
    if time_column is None:
        raise ReplayFileError(
            path, f"has no time column (columns found: {found})", remedy=_COLUMN_HELP
        )
    for layout in _LAYOUTS:
        if all(column in by_name for column in layout[1]):
            return layout, time_column
    nearest = max(_LAYOUTS, key=lambda layout: sum(c in by_name for c in layout[1]))
    missing = [c for c in nearest[1] if c not in by_name]
    raise ReplayFileError(
        path,
        f"lacks {', '.join(missing)} (columns found: {found})",
        column=missing[0],
        remedy=_COLUMN_HELP,
    )


def _times(path: str, column: str, values: Sequence[Any]) -> tuple[list[int], bool]:
    times = []
    daily = column == "date"
    for row, value in enumerate(values, 1):
        try:
            ts_ns, is_date = _moment(value)
        except (ValueError, TypeError, OverflowError):
            raise ReplayFileError(
                path,
                f"{value!r} is no time",
                row=row,
                column=column,
                remedy="Write ISO 8601 such as 2024-01-02 14:30:00 (UTC), or epoch numbers",
            ) from None
        daily = daily and is_date
        times.append(ts_ns)
    return times, daily


def _moment(value: Any) -> tuple[int, bool]:
    if isinstance(value, dt.datetime):
        return _datetime_ns(value), False
    if isinstance(value, dt.date):
        return _date_ns(value), True
    text = str(value).strip() if value is not None else ""
    if len(text) == 8 and text.isdigit():
        return _date_ns(dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))), True
    if text.isdigit():
        return _epoch_ns(int(text)), False
    if len(text) == 10:
        return _date_ns(dt.date.fromisoformat(text)), True
    return _datetime_ns(dt.datetime.fromisoformat(text)), False


def _datetime_ns(moment: dt.datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000


def _date_ns(date: dt.date) -> int:
    return (date.toordinal() - dt.date(1970, 1, 1).toordinal()) * 86_400_000_000_000


def _epoch_ns(number: int) -> int:
    # By magnitude: seconds until the year 5138, then milli-, micro- and nanoseconds.
    for limit, factor in ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3)):
        if number < limit:
            return number * factor
    return number


def _numbers(path: str, column: str, values: Sequence[Any]) -> list[float]:
    numbers = []
    for row, value in enumerate(values, 1):
        try:
            number = float(value)
        except (ValueError, TypeError):
            number = math.nan
        if not math.isfinite(number):
            raise ReplayFileError(
                path,
                f"{value!r} is no number",
                row=row,
                column=column,
                remedy="Fill the cell or drop the row",
            )
        numbers.append(number)
    return numbers


def _check_order(
    path: str, column: str, times: list[int], rows: list[int], *, strict: bool
) -> None:
    for before, row in pairwise(rows):
        if times[row] < times[before] or (strict and times[row] == times[before]):
            relation = "the same as" if times[row] == times[before] else "earlier than"
            raise ReplayFileError(
                path,
                f"the time is {relation} that of row {before + 1}",
                row=row + 1,
                column=column,
                remedy="Sort the file by time and remove duplicates",
            )


def _check_values(path: str, kind: Kind, columns: dict[str, list[float]], rows: list[int]) -> None:
    for name in ("volume", "size", "bid_size", "ask_size"):
        for position, value in enumerate(columns.get(name, ())):
            if value < 0:
                raise ReplayFileError(
                    path,
                    f"{value} is negative",
                    row=rows[position] + 1,
                    column=name,
                    remedy="Sizes and volumes are 0 or more",
                )
    if kind != "bars":
        return
    opens, highs, lows, closes = (columns[c] for c in ("open", "high", "low", "close"))
    for position, high in enumerate(highs):
        low = lows[position]
        if (
            not low
            <= min(opens[position], closes[position])
            <= max(opens[position], closes[position])
            <= high
        ):
            raise ReplayFileError(
                path,
                f"open, high, low, close contradict each other (high {high}, low {low}, "
                f"open {opens[position]}, close {closes[position]})",
                row=rows[position] + 1,
                column="high",
                remedy="The high must be the highest and the low the lowest of the four",
            )
