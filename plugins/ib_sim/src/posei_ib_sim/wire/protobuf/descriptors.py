"""The schemas as protobuf message classes, in a pool of their own.

A private pool keeps them apart from those of a client library in the same process, which registers
the same names in the default pool.
"""

import re
from functools import cache

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from posei_ib_sim.wire.protobuf.schema import SCHEMAS

_FILE = "posei_ib_sim/tws.proto"
_PACKAGE = "protobuf"
_MAP = "map<string,string>"
_FieldProto = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "int32": _FieldProto.TYPE_INT32,
    "int64": _FieldProto.TYPE_INT64,
    "double": _FieldProto.TYPE_DOUBLE,
    "bool": _FieldProto.TYPE_BOOL,
    "string": _FieldProto.TYPE_STRING,
}
_MESSAGE = re.compile(r"^(\w+):\n((?: .*\n)*)", re.MULTILINE)
_FIELD = re.compile(r"(\d+) (\w+) ([*\w<,>]+?)(?:,\s|\s*$)")


@cache
def message_class(name: str) -> type[Message]:
    """Return the class of a schema.

    Raises:
        KeyError: there is no such schema.
    """
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def field_names(name: str) -> frozenset[str]:
    """Return the names of a schema's fields."""
    return frozenset(message_class(name).DESCRIPTOR.fields_by_name)


@cache
def schema_names() -> frozenset[str]:
    """Return the names of all schemas."""
    return frozenset(match[1] for text in SCHEMAS for match in _MESSAGE.finditer(text))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=_PACKAGE, syntax="proto3")
    for text in SCHEMAS:
        for match in _MESSAGE.finditer(text):
            _add_message(file.message_type.add(name=match[1]), match[2])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _add_message(message: descriptor_pb2.DescriptorProto, fields: str) -> None:
    for match in _FIELD.finditer(fields):
        number, name, type_name = int(match[1]), match[2], match[3]
        field = message.field.add(number=number, name=name, label=_FieldProto.LABEL_OPTIONAL)
        if type_name == _MAP:
            _make_map(message, field)
            continue
        if type_name.startswith("*"):
            field.label = _FieldProto.LABEL_REPEATED
        else:
            # proto3 expresses explicit presence as a union of one member.
            field.proto3_optional = True
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{name}")
        _set_type(field, type_name.removeprefix("*"))


def _set_type(field: descriptor_pb2.FieldDescriptorProto, type_name: str) -> None:
    if type_name in _SCALARS:
        field.type = _SCALARS[type_name]
    else:
        field.type = _FieldProto.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{type_name}"


def _make_map(
    message: descriptor_pb2.DescriptorProto, field: descriptor_pb2.FieldDescriptorProto
) -> None:
    entry_name = f"{field.name[0].upper()}{field.name[1:]}Entry"
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    for number, name in ((1, "key"), (2, "value")):
        entry.field.add(
            number=number,
            name=name,
            label=_FieldProto.LABEL_OPTIONAL,
            type=_FieldProto.TYPE_STRING,
        )
    field.label = _FieldProto.LABEL_REPEATED
    field.type = _FieldProto.TYPE_MESSAGE
    field.type_name = f".{_PACKAGE}.{message.name}.{entry_name}"
