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
        dates: IB's texts.
        prices: Open, high, low and close.
        volumes: IB's texts.
        message: What `averages` and `counts` are read from when they are wanted.
    """

    req_id: int
    dates: list[bytes]
    prices: list[array[float]]
    volumes: list[bytes]
    message: Any

    def averages(self) -> list[bytes]:
        """Return IB's texts of average prices."""
        found: list[bytes] = self.message.WAP[:]
        return found

    def counts(self) -> list[int]:
        """Return how many trades there were."""
        found: list[int] = self.message.barCount[:]
        return found


def bar_columns(payload: bytes) -> RepeatedBars | None:
    """Return the bars of an answer; None where one lacks a field."""
    message = _Merged.FromString(payload)
    count, bars = len(_Counted.FromString(payload).bars), message.bars
    if any(len(getattr(bars, name)) != count for name, _, _ in _FIELDS):
        return None
    dates, volumes = bars.date[:], bars.volume[:]
    bars.ClearField("date")  # then prices are what the message begins with
    return RepeatedBars(
        message.reqId, dates, _packed_prices(bars.SerializeToString(), count), volumes, bars
    )


def _packed_prices(written: bytes, count: int) -> list[array[float]]:
    """Return the columns of prices at the beginning of a written message."""
    columns: list[array[float]] = []
    size, position = count * array("d").itemsize, 0
    for _ in range(_PRICES if count else 0):
        position += 1  # the field's number
        while written[position] & 0x80:  # its length, seven bits a byte
            position += 1
        position += 1
        column = array("d")
        column.frombytes(written[position : position + size])
        if sys.byteorder == "big":
            column.byteswap()
        columns.append(column)
        position += size
    return columns or [array("d") for _ in range(_PRICES)]
