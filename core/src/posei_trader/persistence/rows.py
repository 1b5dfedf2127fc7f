"""Rows of the catalog's tables: in order, and each fact once."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.persistence import arrow_values, schemas

if TYPE_CHECKING:
    from posei_trader.persistence.schemas import Columns

__all__ = ["firsts", "in_order", "is_ascending", "span", "stamps", "with_repeats"]


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
    return bool(pc.min(pc.pairwise_diff(values)).as_py() >= 0)


def _differ(values: pa.Array) -> bool:
    """Return whether each of some ascending values is there once."""
    return len(values) < 2 or bool(pc.min(pc.pairwise_diff(values)).as_py() > 0)


def in_order(table: pa.Table) -> pa.Table:
    """Return the rows in order of `ts_event`; equal times keep the order in which they came."""
    values = stamps(table)
    if is_ascending(values):
        return table
    return table.take(pc.sort_indices(values))


def with_repeats(table: pa.Table, kind: Columns) -> pa.Table:
    """Number equal rows; the times must ascend.

    Two equal quotes in one of IB's whole seconds are two facts.
    """
    names = list(kind.identity)
    repeats = array("H", bytes(2 * table.num_rows))
    # Rows of different times differ: where every time is there once, nothing is left to compare.
    if not _differ(stamps(table)):
        numbered = table.select(names).append_column(
            "row", arrow_values.int64_array(range(table.num_rows))
        )
        groups = numbered.group_by(names).aggregate([("row", "list")])["row_list"]
        several = groups.filter(pc.greater(pc.list_value_length(groups), arrow_values.int64(1)))
        for rows in several.to_pylist():
            for number, row in enumerate(sorted(rows)):
                repeats[row] = number
    return table.append_column(schemas.REPEAT, arrow_values.uint16_array(repeats))


def firsts(table: pa.Table, kind: Columns) -> pa.Array:
    """Return the numbers of the rows that are no copy of an earlier one, ascending."""
    numbered = table.append_column("row", arrow_values.int64_array(range(table.num_rows)))
    keys = [*kind.identity, schemas.REPEAT.name]
    rows = numbered.group_by(keys).aggregate([("row", "min")])["row_min"].combine_chunks()
    return rows.take(pc.sort_indices(rows))


def span(table: pa.Table) -> tuple[int, int]:
    """Return the first and the last `ts_event`, UNIX ns UTC; there must be rows."""
    ends = pc.min_max(stamps(table))
    return ends["min"].as_py(), ends["max"].as_py()
