"""Rows of the catalog's tables: in order, and each fact once."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.persistence import schemas

if TYPE_CHECKING:
    from posei_trader.persistence.schemas import Columns

__all__ = ["firsts", "in_order", "span", "with_repeats"]


def in_order(table: pa.Table) -> pa.Table:
    """Return the rows in order of `ts_event`; equal times keep the order in which they came."""
    stamps = schemas.arrow_to_time(table["ts_event"])
    if all(earlier <= later for earlier, later in itertools.pairwise(stamps)):
        return table
    order = sorted(range(len(stamps)), key=stamps.__getitem__)
    return table.take(pa.array(order, pa.int64()))


def with_repeats(table: pa.Table, kind: Columns) -> pa.Table:
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


def firsts(table: pa.Table, kind: Columns) -> list[int]:
    """Return the numbers of the rows that are no copy of an earlier one, ascending."""
    numbered = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    keys = [*kind.identity, schemas.REPEAT.name]
    firsts = numbered.group_by(keys).aggregate([("row", "min")])["row_min"]
    numbers: list[int] = firsts.to_pylist()
    return sorted(numbers)


def span(table: pa.Table) -> tuple[int, int]:
    """Return the first and the last `ts_event`, UNIX ns UTC; there must be rows."""
    ends = pc.min_max(table["ts_event"].cast(pa.int64()))
    return ends["min"].as_py(), ends["max"].as_py()
