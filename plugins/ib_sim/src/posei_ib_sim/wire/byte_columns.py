"""Columns of short pieces as tables of bytes: rows of many fields written without objects.

Each piece stands at the left of its row; what is right of it is cut out when the rows are joined.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final, Self, final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]
    Numbers = npt.NDArray[np.int64]

__all__ = ["Column", "rows_of_bytes", "varints"]

_COMMA, _CLOSE = b",]"
_ROWS: Final = 2048
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80


@final
class Column:
    """Pieces of bytes, one a row, in a table.

    Args:
        block: A row for each piece, with anything behind it.
        lengths: Of the pieces; one number if they are all as long as the rows.
    """

    __slots__ = ("block", "lengths")

    def __init__(self, block: Bytes, lengths: Numbers | int) -> None:
        self.block, self.lengths = block, lengths

    @property
    def shortest(self) -> int:
        """Length of the shortest piece."""
        return int(np.min(self.lengths))

    @property
    def longest(self) -> int:
        """Length of the longest piece."""
        return int(np.max(self.lengths))

    @classmethod
    def of(cls, values: list[str] | list[int] | list[float]) -> Self:
        """Return numbers, or texts without quotes and commas, as JSON writes them."""
        written = msgspec.json.encode(values)
        if isinstance(values[0], str):
            written = written.translate(None, b'"')
        data = np.frombuffer(written, np.uint8)
        ends = np.flatnonzero((data == _COMMA) | (data == _CLOSE))
        lengths = np.diff(ends, prepend=0) - 1
        width = int(lengths.max())
        if (lengths == width).all():
            return cls(data[1:].reshape(len(lengths), width + 1)[:, :width], width)
        block = np.empty((len(lengths), width + 1), np.uint8)
        block[np.arange(width + 1) <= lengths[:, None]] = data[1:]
        return cls(block[:, :width], lengths)

    @classmethod
    def always(cls, piece: bytes, rows: int) -> Self:
        """Return the same in each row."""
        block = np.frombuffer(piece, np.uint8)
        return cls(np.broadcast_to(block, (rows, len(piece))), len(piece))


def varints(numbers: Numbers) -> Column:
    """Write numbers as protobuf does; negative ones take ten bytes."""
    unsigned = numbers.astype(np.uint64)
    width = max(1, -(-int(unsigned.max()).bit_length() // 7))
    rest = unsigned[:, None] >> (np.arange(width, dtype=np.uint64) * np.uint64(7))
    lengths = np.maximum(1, (rest > 0).sum(axis=1))
    block = (rest & np.uint64(_SEVEN_BITS)).astype(np.uint8)
    block[np.arange(1, width + 1) < lengths[:, None]] |= _MORE
    return Column(block, width if (lengths == width).all() else lengths)


def rows_of_bytes(columns: Sequence[Column]) -> Iterator[bytes]:
    """Yield the bytes of each row in the order of their columns."""
    uneven = any(not isinstance(column.lengths, int) for column in columns)
    for begin, table in zip(count(0, _ROWS), _tables(columns), strict=False):
        yield table[_wanted(columns, begin, table)].tobytes() if uneven else table.tobytes()


def _wanted(columns: Sequence[Column], begin: int, table: Bytes) -> npt.NDArray[np.bool_]:
    wanted = np.ones(table.shape, bool)
    place = 0
    for column in columns:
        width = column.block.shape[1]
        if not isinstance(column.lengths, int):
            lengths = column.lengths[begin : begin + len(table), None]
            wanted[:, place : place + width] = np.arange(width) < lengths
        place += width
    return wanted


def _tables(columns: Sequence[Column]) -> Iterator[Bytes]:
    """Yield the columns side by side, some rows at a time: what stays in the cache."""
    rows = len(columns[0].block)
    width = sum(column.block.shape[1] for column in columns)
    whole = np.empty((min(rows, _ROWS), width), np.uint8)
    for begin in range(0, rows, _ROWS):
        table = whole[: rows - begin]
        place = 0
        for column in columns:
            block = column.block[begin : begin + _ROWS]
            table[:, place : place + block.shape[1]] = block
            place += block.shape[1]
        yield table
