"""Whether rows can be stored: what cannot is refused before anything is written."""

from __future__ import annotations

import operator
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.errors import InvalidRequest
from posei_trader.model.enums import AggressorSide, BookAction, BookSide
from posei_trader.model.fixed_point import FIXED_PRECISION, FIXED_SCALAR, RAW_MAX
from posei_trader.persistence import arrow_values
from posei_trader.persistence.arrow_values import RAW, TIME
from posei_trader.persistence.rows import stamps
from posei_trader.persistence.spans import FOREVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from posei_trader.persistence.schemas import Columns, Kind

__all__ = ["check_values", "encoded", "fitting"]

T = TypeVar("T")

_LARGEST: Final[Mapping[str, int]] = MappingProxyType(
    {
        "price_precision": FIXED_PRECISION,
        "size_precision": FIXED_PRECISION,
        "aggressor_side": max(AggressorSide),
        "action": max(BookAction),
        "side": max(BookSide),
    }
)
"""What the small numbers of some columns may be at most; what reads them knows no others."""

_SMALLEST: Final[Mapping[str, int]] = MappingProxyType({"action": min(BookAction)})

_WHOLE: Final[Mapping[pa.DataType, int]] = MappingProxyType(
    {pa.uint8(): 2**8 - 1, pa.uint64(): 2**64 - 1, TIME: FOREVER - 1}
)
"""The columns of whole numbers from 0 on, and the largest number of each."""

_FLOAT_ERROR: Final = 2.0**-50
"""How far, in parts of itself, arithmetic takes a float from the decimal that was meant."""


def encoded(kind: Kind[T], items: Sequence[T]) -> pa.Table:
    """Turn records into rows.

    Raises:
        InvalidRequest: a field of a record has a value that no column can hold.
    """
    try:
        return kind.encode(items)
    except InvalidRequest:
        raise
    except (OverflowError, TypeError, ValueError, AttributeError) as error:
        raise _of_records(kind, items, error) from error


def _of_records(kind: Kind[T], items: Sequence[T], error: Exception) -> InvalidRequest:
    """Look for the value that could not be encoded."""
    for column in kind.schema:
        field = f"{column.name}_raw" if column.type == RAW else column.name
        largest = _LARGEST.get(column.name) or _WHOLE.get(column.type)
        if column.type == RAW:
            largest = RAW_MAX
        if largest is None:
            continue
        smallest = -RAW_MAX - 1 if column.type == RAW else 0
        for item in items:
            value = getattr(item, field)
            try:
                is_right = smallest <= operator.index(value) <= largest
            except TypeError:
                is_right = False
            if not is_right:
                return InvalidRequest(
                    "a record has a number that cannot be stored",
                    field=field,
                    value=value,
                    remedy=f"give a whole number from {smallest} to {largest}",
                )
    return InvalidRequest(
        f"a record cannot be stored: {error}",
        field="data",
        value=kind.record.__name__,
        remedy="give each field a value of its type",
    )


def fitting(table: pa.Table | pa.RecordBatch, columns: Columns) -> pa.Table:
    """Return rows in the types of their kind, every number as it was.

    Raises:
        InvalidRequest: the columns are others, or a value does not fit its column exactly.
    """
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    if not isinstance(table, pa.Table):
        raise InvalidRequest(
            "rows come as an Arrow table",
            field="table",
            value=type(table).__name__,
            remedy="give a pyarrow.Table: of a frame, what its to_arrow() or "
            "pyarrow.Table.from_pandas(frame) makes",
        )
    if table.schema.names != columns.schema.names:
        raise InvalidRequest(
            f"the columns are not those of {columns.name}",
            field="table",
            value=table.schema.names,
            remedy=f"give {', '.join(columns.schema.names)}",
        )
    found = [_column(table[field.name], field) for field in columns.schema]
    return pa.Table.from_arrays(found, schema=columns.schema)


def _column(values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if values.null_count:
        raise InvalidRequest(
            "a column has rows without a value",
            field=field.name,
            value=f"{values.null_count} of {len(values)} rows",
            remedy="fill them, or leave these rows out",
        )
    try:
        if field.type != RAW:
            return values if values.type == field.type else values.cast(field.type)
        exact = _decimals(values, field.name)
        # Decimals of 19 digits reach further than the 64 bits that they are read into.
        for chunk in exact.chunks:
            arrow_values.check_fits_int64(chunk)
    except pa.ArrowException as error:
        meant = (
            f"decimals of at most {FIXED_PRECISION} digits within +-{RAW_MAX // FIXED_SCALAR}"
            if field.type == RAW
            else f"values that are {field.type}"
        )
        raise InvalidRequest(
            f"a column cannot be stored without changing it: {error}",
            field=field.name,
            value=str(values.type),
            remedy=f"give {meant}",
        ) from error
    return exact


def _decimals(values: pa.ChunkedArray, field: str) -> pa.ChunkedArray:
    if values.type == RAW:
        return values
    if pa.types.is_integer(values.type):
        # Arrow makes of whole numbers only decimals that could hold any of them.
        return values.cast(pa.decimal128(38, FIXED_PRECISION)).cast(RAW)
    if not pa.types.is_floating(values.type):
        return values.cast(RAW)
    floats = values.cast(pa.float64())
    rounded = floats.cast(RAW)
    error = pc.abs(pc.subtract(rounded.cast(pa.float64()), floats))
    allowed = pc.multiply(pc.abs(floats), arrow_values.float64_array([_FLOAT_ERROR])[0])
    wrong = floats.filter(pc.greater(error, allowed))
    if len(wrong):
        raise InvalidRequest(
            f"a number has more than {FIXED_PRECISION} decimals",
            field=field,
            value=wrong[0].as_py(),
            remedy=f"round it to {FIXED_PRECISION} decimals",
        )
    return rounded


def check_values(table: pa.Table) -> None:
    """Refuse rows that could be written and then not be read.

    Raises:
        InvalidRequest: a time or a small number is none of those that there are.
    """
    for name, largest in _LARGEST.items():
        if table.schema.get_field_index(name) < 0:
            continue
        ends = pc.min_max(table[name])
        least, most = ends["min"].as_py(), ends["max"].as_py()
        smallest = _SMALLEST.get(name, 0)
        if least < smallest or most > largest:
            raise InvalidRequest(
                "a number is none of those that this column knows",
                field=name,
                value=most if most > largest else least,
                remedy=f"give a whole number from {smallest} to {largest}",
            )
    ends = pc.min_max(stamps(table))
    if ends["min"].as_py() < 0:
        raise InvalidRequest(
            "a record before 1970 cannot be stored",
            field="ts_event",
            value=ends["min"].as_py(),
            remedy="give UNIX nanoseconds, UTC",
        )
    if ends["max"].as_py() >= FOREVER:
        raise InvalidRequest(
            # Spans end before their end: no query could ask for it.
            "the last nanosecond that there is cannot be stored",
            field="ts_event",
            value=ends["max"].as_py(),
            remedy="give UNIX nanoseconds, UTC",
        )
