"""Columns of Arrow from and to Python's numbers, exactly and without an object for each.

Arrays are built from buffers: `pyarrow.array` would import pandas wherever it is installed, which
takes longer than anything else that is done with the rows.
"""

from __future__ import annotations

import itertools
from array import array
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.errors import InvalidRequest
from posei_trader.model.fixed_point import FIXED_PRECISION, FIXED_SCALAR, RAW_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "RAW",
    "TIME",
    "arrow_to_raw",
    "arrow_to_time",
    "bool_array",
    "check_fits_int64",
    "decimals_to_int64",
    "float64_array",
    "int64",
    "int64_array",
    "int64_to_arrow",
    "raw_array",
    "raw_to_arrow",
    "string_array",
    "time_to_arrow",
    "uint8_array",
    "uint16_array",
    "uint64_array",
]

RAW: Final = pa.decimal128(19, 9)
"""Prices and sizes: 64-bit raw values with nine digits behind the point."""

TIME: Final = pa.timestamp("ns", "UTC")

_WHOLE: Final = pa.decimal128(19, 0)


def raw_to_arrow(values: Sequence[int]) -> pa.Array:
    """Turn raw values into decimals: the same digits, read with nine of them behind the point.

    Raises:
        InvalidRequest: one is too large.
    """
    return int64_to_arrow(raw_array(values))


def raw_array(values: Sequence[int]) -> pa.Array:
    """Return raw values as an Arrow array of whole numbers.

    Raises:
        InvalidRequest: one is too large: a month of a share that is split often can trade so much.
    """
    try:
        return int64_array(values)
    except OverflowError as error:
        raise InvalidRequest(
            f"a number does not fit 64 bits at {FIXED_PRECISION} decimals",
            field="price or size",
            value=max(values, key=abs) // FIXED_SCALAR,
            remedy=f"store what lies within +-{RAW_MAX // FIXED_SCALAR}: for volumes, shorter bars",
        ) from error


def int64_array(values: Iterable[int]) -> pa.Array:
    """Return whole numbers as an Arrow array."""
    return _from_buffer(pa.int64(), array("q", values))


def float64_array(values: Iterable[float]) -> pa.Array:
    """Return floating point numbers as an Arrow array; one of Python's is shared, not copied."""
    if isinstance(values, array) and values.typecode == "d":
        return _from_buffer(pa.float64(), values)
    return _from_buffer(pa.float64(), array("d", values))


def int64(value: int) -> pa.Scalar:
    """Return a whole number as an Arrow scalar; see `int64_array`."""
    return int64_array([value])[0]


def uint8_array(values: Iterable[int]) -> pa.Array:
    """Return numbers from 0 to 255 as an Arrow array."""
    return _from_buffer(pa.uint8(), array("B", values))


def uint16_array(values: Iterable[int]) -> pa.Array:
    """Return numbers from 0 to 65,535 as an Arrow array."""
    return _from_buffer(pa.uint16(), array("H", values))


def uint64_array(values: Iterable[int]) -> pa.Array:
    """Return whole numbers without a sign as an Arrow array."""
    return _from_buffer(pa.uint64(), array("Q", values))


def bool_array(values: Iterable[bool] | bytes) -> pa.Array:
    """Return truth values as an Arrow array."""
    return uint8_array(values).cast(pa.bool_())


def string_array(values: Iterable[str]) -> pa.Array:
    """Return texts as an Arrow array."""
    texts = [value.encode() for value in values]
    ends = array("i", itertools.accumulate(map(len, texts), initial=0))
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def _from_buffer(kind: pa.DataType, values: array[int] | array[float]) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def int64_to_arrow(values: pa.Array) -> pa.Array:
    """Turn an Arrow array of raw values into decimals."""
    whole = values.cast(_WHOLE)
    return pa.Array.from_buffers(RAW, len(whole), whole.buffers(), whole.null_count)


def arrow_to_raw(column: pa.ChunkedArray) -> list[int]:
    """Turn decimals back into raw values."""
    out: list[int] = []
    for chunk in column.chunks:
        # A reader may choose another precision for the same scale.
        out += _integers(decimals_to_int64(chunk.cast(RAW)))
    return out


def check_fits_int64(exact: pa.Array) -> None:
    """Look whether an Arrow array of decimals, of which none is missing, fits 64 bits.

    Raises:
        pyarrow.ArrowInvalid: one does not.
    """
    halves = [None, exact.buffers()[1]]
    words = pa.Array.from_buffers(pa.int64(), 2 * len(exact), halves, 0, 2 * exact.offset)
    # Of numbers from 0 to 2**63 - 1 neither half has its first bit set: a tenth of the work.
    if len(exact) and pc.min(words).as_py() < 0:
        decimals_to_int64(exact)


def decimals_to_int64(exact: pa.Array) -> pa.Array:
    """Turn an Arrow array of decimals back into one of raw values.

    Raises:
        pyarrow.ArrowInvalid: one does not fit 64 bits.
    """
    whole = pa.Array.from_buffers(
        _WHOLE, len(exact), exact.buffers(), exact.null_count, exact.offset
    )
    return whole.cast(pa.int64())


def _integers(values: pa.Array) -> list[int]:
    """Return 64-bit values, of which none is missing, without an Arrow object for each."""
    if not len(values):
        return []  # there need not be any memory
    whole = memoryview(values.buffers()[1]).cast("q")
    return whole[values.offset : values.offset + len(values)].tolist()


def time_to_arrow(values: Sequence[int]) -> pa.Array:
    """Turn UNIX nanoseconds into timestamps."""
    return int64_array(values).cast(TIME)


def arrow_to_time(column: pa.ChunkedArray) -> list[int]:
    """Turn timestamps into UNIX nanoseconds."""
    out: list[int] = []
    for chunk in column.chunks:
        out += _integers(chunk.cast(TIME).cast(pa.int64()))
    return out
