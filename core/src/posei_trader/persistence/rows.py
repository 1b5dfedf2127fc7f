"""Rows of the catalog's tables: in order, and each fact once."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.errors import InvalidRequest
from posei_trader.persistence import arrow_values, schemas

if TYPE_CHECKING:
    from posei_trader.persistence.schemas import Columns

__all__ = ["firsts", "in_order", "is_ascending", "numbered", "span", "stamps"]

_MOST_EQUAL: Final = 2**16
"""What the 16 bits of REPEAT can number."""


def stamps(table: pa.Table) -> pa.Array:
    """Return `ts_event` as UNIX nanoseconds."""
    if not table.num_rows:
        return arrow_values.int64_array(())
    column = table["ts_event"].cast(pa.int64())
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def is_ascending(values: pa.Array) -> bool:
    """Return whether no value is smaller than the one before it."""
    if len(values) < 2:
        return True
    return bool(pc.all(pc.greater_equal(values[1:], values[:-1])).as_py())


def _differ(values: pa.Array) -> bool:
    """Return whether each of some ascending values is there once."""
    return len(values) < 2 or bool(pc.all(pc.greater(values[1:], values[:-1])).as_py())


def in_order(table: pa.Table) -> pa.Table:
    """Return the rows in order of `ts_event`; equal times keep the order in which they came."""
    values = stamps(table)
    if is_ascending(values):
        return table
    return table.take(pc.sort_indices(values))


def numbered(table: pa.Table, kind: Columns) -> pa.Table:
    """Add the column that numbers equal rows, or leave out what comes twice; times must ascend.

    Two equal quotes in one of IB's whole seconds are two facts; a bar that comes twice is one.

    Raises:
        InvalidRequest: there are more equal rows than can be numbered.
    """
    repeats = array("H", bytes(2 * table.num_rows))
    # Rows of different times differ: where every time is there once, nothing is left to compare.
    if not _differ(stamps(table)):
        if kind.may_repeat:
            _number(table, list(kind.identity), repeats)
        else:
            table = table.take(_firsts(table, list(kind.identity)))
            repeats = repeats[: table.num_rows]
    return table.append_column(schemas.REPEAT, arrow_values.uint16_array(repeats))


def _number(table: pa.Table, names: list[str], repeats: array[int]) -> None:
    rows_by_fact = table.select(names).append_column(
        "row", arrow_values.int64_array(range(table.num_rows))
    )
    groups = rows_by_fact.group_by(names).aggregate([("row", "list")])["row_list"]
    several = groups.filter(pc.greater(pc.list_value_length(groups), arrow_values.int64(1)))
    for rows in several.to_pylist():
        if len(rows) > _MOST_EQUAL:
            raise InvalidRequest(
                "so many equal records of one moment cannot be told apart",
                field="data",
                value=len(rows),
                remedy=f"give at most {_MOST_EQUAL}; did one come again and again by mistake?",
            )
        for number, row in enumerate(sorted(rows)):
            repeats[row] = number


def firsts(table: pa.Table, kind: Columns) -> pa.Array:
    """Return the numbers of the rows that are no copy of an earlier one, ascending."""
    return _firsts(table, [*kind.identity, schemas.REPEAT.name])


def _firsts(table: pa.Table, keys: list[str]) -> pa.Array:
    by_fact = table.append_column("row", arrow_values.int64_array(range(table.num_rows)))
    rows = by_fact.group_by(keys).aggregate([("row", "min")])["row_min"].combine_chunks()
    return rows.take(pc.sort_indices(rows))


def span(table: pa.Table) -> tuple[int, int]:
    """Return the first and the last `ts_event`, UNIX ns UTC; there must be rows."""
    ends = pc.min_max(stamps(table))
    return ends["min"].as_py(), ends["max"].as_py()
