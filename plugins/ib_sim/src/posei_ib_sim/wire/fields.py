"""What the structs say about their own fields: the kind of value and the nested record."""

import enum
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, NamedTuple, cast, get_args, get_origin, get_type_hints

from posei_ib_sim.wire.messages import Record

if TYPE_CHECKING:
    from collections.abc import Callable


class ValueKind(enum.Enum):
    """The kinds of value a field can hold."""

    INT = enum.auto()
    DOUBLE = enum.auto()
    DECIMAL = enum.auto()
    BOOL = enum.auto()
    STRING = enum.auto()
    OPTIONS = enum.auto()
    RECORD = enum.auto()


class FieldInfo(NamedTuple):
    """Describe one field of a struct."""

    kind: ValueKind
    repeated: bool
    optional: bool
    record: type[Record] | None

    def nested(self) -> type[Record]:
        """Return the type of the nested record.

        Raises:
            TypeError: the field holds none; the layout or schema table is wrong.
        """
        if self.record is None:
            raise TypeError(f"a field of kind {self.kind} has no nested record")
        return self.record


_SCALARS = {
    int: ValueKind.INT,
    float: ValueKind.DOUBLE,
    Decimal: ValueKind.DECIMAL,
    bool: ValueKind.BOOL,
    str: ValueKind.STRING,
}


@cache
def fields_of(record_type: type[Record]) -> dict[str, FieldInfo]:
    """Describe the fields of a struct, in the order they are declared."""
    hints = get_type_hints(record_type)
    return {name: _describe(hints[name]) for name in record_type.__struct_fields__}


def _describe(annotation: object) -> FieldInfo:
    if get_origin(annotation) is dict:
        return FieldInfo(ValueKind.OPTIONS, repeated=False, optional=False, record=None)
    if get_origin(annotation) is tuple:
        return _describe(get_args(annotation)[0])._replace(repeated=True)
    members = get_args(annotation) or (annotation,)
    optional = NoneType in members
    (member,) = (m for m in members if m is not NoneType)
    if member in _SCALARS:
        return FieldInfo(_SCALARS[member], repeated=False, optional=optional, record=None)
    record = cast("type[Record]", member)
    return FieldInfo(ValueKind.RECORD, repeated=False, optional=optional, record=record)


def construct(record_type: type[Record], values: dict[str, object]) -> Record:
    """Build a struct from values that were checked when they were read."""
    return cast("Callable[..., Record]", record_type)(**values)
