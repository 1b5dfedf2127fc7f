"""The bars of a long answer as columns, read by protobuf's own parser in C.

Protobuf merges the parts of a message that come one by one: a field that repeats is appended to. So
a schema that has *one* message where IB's has a list of bars, with fields that repeat where a bar's
do not, reads IB's bytes as columns: half the time of making an object for each bar, and asking it.
Where a bar lacks a field the columns do not match, which their lengths tell.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["bar_columns"]

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


def bar_columns(payload: bytes) -> tuple[int, list[list[Any]]] | None:
    """Return the request id, and date, open, high, low, close, volume, average and count of bars.

    None where a bar lacks a field. Dates, volumes and averages are bytes.
    """
    message = _Merged.FromString(payload)
    count = len(_Counted.FromString(payload).bars)
    columns = [getattr(message.bars, name)[:] for name, _, _ in _FIELDS]
    if any(len(column) != count for column in columns):
        return None
    return message.reqId, columns
