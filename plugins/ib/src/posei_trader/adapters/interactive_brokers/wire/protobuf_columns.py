"""The bars of a long answer as columns, read by protobuf's own parser in C.

Protobuf merges the parts of a message that come one by one: a field that repeats is appended to. So
a schema that has *one* message where IB's has a list of bars, with fields that repeat where a bar's
do not, reads IB's bytes as columns: half the time of making an object for each bar, and asking it.
Where a bar lacks a field the columns do not match, which their lengths tell.

Written again, a column of prices is what `array` has in memory: numbers that repeat are packed.
"""

from __future__ import annotations

import sys
from array import array
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["RepeatedBars", "bar_columns"]

_Field: Final = descriptor_pb2.FieldDescriptorProto
_PACKAGE: Final = "posei_trader.wire"
_FIELDS: Final = (
    ("date", 1, _Field.TYPE_BYTES),
    ("open", 2, _Field.TYPE_DOUBLE),
    ("high", 3, _Field.TYPE_DOUBLE),
    ("low", 4, _Field.TYPE_DOUBLE),
    ("close", 5, _Field.TYPE_DOUBLE),
    ("volume", 6, _Field.TYPE_BYTES),
    ("WAP", 7, _Field.TYPE_BYTES),
    ("barCount", 8, _Field.TYPE_INT32),
)
"""Those of IB's `HistoricalDataBar`; texts as bytes, which need not be decoded."""

_PRICES: Final = 4
_OPEN: Final = b"\x12"
"""What a column of the first of the prices begins with."""

_SECONDS_LENGTH: Final = 10
_SECONDS: Final = b"\n\n"
"""What a date of ten digits begins with: its field, its length. Digits are no line feeds."""


def _schema() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="posei_trader/bar_columns.proto", package=_PACKAGE, syntax="proto3"
    )
    bars = file.message_type.add(name="Bars")
    for name, number, kind in _FIELDS:
        bars.field.add(name=name, number=number, type=kind, label=_Field.LABEL_REPEATED)
    merged = file.message_type.add(name="Merged")
    merged.field.add(name="reqId", number=1, type=_Field.TYPE_INT32, label=_Field.LABEL_OPTIONAL)
    merged.field.add(
        name="bars",
        number=2,
        type=_Field.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.Bars",
        label=_Field.LABEL_OPTIONAL,
    )
    counted = file.message_type.add(name="Counted")
    counted.field.add(name="bars", number=2, type=_Field.TYPE_BYTES, label=_Field.LABEL_REPEATED)
    return file


def _messages() -> tuple[Any, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_schema())
    merged, counted = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in ("Merged", "Counted")
    )
    return merged, counted


_Merged, _Counted = _messages()


class RepeatedBars(NamedTuple):
    """An answer as columns.

    Attributes:
        req_id: The request.
        length: How many bars there are.
        dates: IB's texts, commas between them.
        prices: Open, high, low and close.
        message: What else there is, as it is wanted.
    """

    req_id: int
    length: int
    dates: bytes
    prices: list[array[float]]
    message: Any

    def texts(self, name: str) -> list[bytes]:
        """Return IB's texts: date, volume or WAP."""
        found: list[bytes] = getattr(self.message, name)[:]
        return found

    def counts(self) -> list[int]:
        """Return how many trades there were."""
        found: list[int] = self.message.barCount[:]
        return found


def bar_columns(payload: bytes) -> RepeatedBars | None:
    """Return the bars of an answer; None where one lacks a field."""
    message = _Merged.FromString(payload)
    count, bars = len(_Counted.FromString(payload).bars), message.bars
    if not count or any(len(getattr(bars, name)) != count for name, _, _ in _FIELDS):
        return None
    written = bars.SerializeToString()
    end = count * (len(_SECONDS) + _SECONDS_LENGTH)
    if written.count(_SECONDS, 0, end) == count and written.startswith(_OPEN, end):
        dates = written[len(_SECONDS) : end].replace(_SECONDS, b",")
    else:
        dates = b",".join(bars.date)
        end = sum(map(_written_size, bars.date))
    return RepeatedBars(message.reqId, count, dates, _prices(written, end, count), bars)


def _written_size(text: bytes) -> int:
    return 1 + _length_size(len(text)) + len(text)


def _length_size(length: int) -> int:
    return max(1, -(-length.bit_length() // 7))


def _prices(written: bytes, position: int, count: int) -> list[array[float]]:
    """Return the columns of prices, which follow each other in a written message."""
    columns: list[array[float]] = []
    size = count * array("d").itemsize
    for _ in range(_PRICES):
        position += 1 + _length_size(size)
        column = array("d")
        column.frombytes(written[position : position + size])
        if sys.byteorder == "big":
            column.byteswap()
        columns.append(column)
        position += size
    return columns
