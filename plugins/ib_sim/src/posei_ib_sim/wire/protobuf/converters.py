"""Structs to protobuf messages and back, by plans made once for each struct."""

import math
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import TypeAlias, cast

from google.protobuf.message import Message

from posei_ib_sim.wire.fields import FieldInfo, ValueKind, construct, fields_of
from posei_ib_sim.wire.messages import BondContractData, ContractDetails, Record
from posei_ib_sim.wire.protobuf.descriptors import field_names, message_class
from posei_ib_sim.wire.protobuf.fast import FAST_FILLS
from posei_ib_sim.wire.protobuf.schema import FIELD_SINCE
from posei_ib_sim.wire.text.values import read_decimal, write_decimal

_UNSET_INTS = frozenset({2**31 - 1, 2**63 - 1})
_UNSET_DOUBLE = 1.7976931348623157e308

Setter: TypeAlias = Callable[[Record, Message], None]
Conversion: TypeAlias = Callable[[object], object]


def schema_name(message_type: type[Record]) -> str:
    """Return the name of the schema under which a struct travels."""
    return "ContractData" if message_type is BondContractData else message_type.__name__


class Converters:
    """Convert the structs of one server version; fields it does not know stay behind."""

    def __init__(self, server_version: int) -> None:
        self._version = server_version
        self._setters: dict[type[Record], list[Setter]] = {}
        self._getters: dict[type[Record], dict[str, Conversion]] = {}
        # One assignment, for sessions of several threads share a converter.
        self._again: tuple[Record | None, bytes] = (None, b"")

    def to_message(self, record: Record) -> Message:
        """Build the protobuf message of a struct.

        Raises:
            ValueError: a value does not fit its field.
            TypeError: an element of a list or map does not.
        """
        message = message_class(schema_name(type(record)))()
        self._fill(record, message)
        return message

    def to_record(self, message_type: type[Record], message: Message) -> Record:
        """Build a struct from a protobuf message.

        Raises:
            ValueError: a quantity is not a number, or a number is not finite.
        """
        getters = self._getters_of(message_type)
        values = {
            field.name: getters[field.name](value)
            for field, value in message.ListFields()
            if field.name in getters
        }
        return construct(message_type, values)

    def _fill(self, record: Record, message: Message) -> None:
        fast = FAST_FILLS.get(type(record))
        if fast is not None and fast(record, message):
            return
        setters = self._setters.get(type(record))
        if setters is None:
            setters = self._make_setters(type(record))
            self._setters[type(record)] = setters
        for setter in setters:
            setter(record, message)

    def _make_setters(self, record_type: type[Record]) -> list[Setter]:
        name = schema_name(record_type)
        known = field_names(name)
        fields = {
            field: info
            for field, info in fields_of(record_type).items()
            if field in known and FIELD_SINCE.get((name, field), 0) <= self._version
        }
        scalars = {field: info for field, info in fields.items() if _is_scalar(info)}
        nested = [self._setter(field, fields[field]) for field in fields if field not in scalars]
        return [_scalars_setter(scalars), *nested] if scalars else nested

    def _setter(self, name: str, info: FieldInfo) -> Setter:
        if info.kind is ValueKind.RECORD:
            return self._record_setter(name, info)
        if info.repeated:
            return lambda record, message: getattr(message, name).extend(getattr(record, name))
        return lambda record, message: getattr(message, name).update(getattr(record, name))

    def _record_setter(self, name: str, info: FieldInfo) -> Setter:
        def set_repeated(record: Record, message: Message) -> None:
            repeated = getattr(message, name)
            for element in getattr(record, name):
                self._fill(element, repeated.add())

        def set_single(record: Record, message: Message) -> None:
            nested = getattr(record, name)
            if nested is not None:
                inner = getattr(message, name)
                inner.SetInParent()
                self._fill(nested, inner)

        def set_shared(record: Record, message: Message) -> None:
            nested, inner = getattr(record, name), getattr(message, name)
            known, content = self._again
            if nested is known:
                inner.SetInParent()
                inner.MergeFromString(content)
                return
            set_single(record, message)
            self._again = nested, inner.SerializeToString()

        if info.repeated:
            return set_repeated
        return set_shared if info.nested() is ContractDetails else set_single

    def _getters_of(self, record_type: type[Record]) -> dict[str, Conversion]:
        getters = self._getters.get(record_type)
        if getters is None:
            known = field_names(schema_name(record_type))
            getters = {
                name: self._getter(name, info)
                for name, info in fields_of(record_type).items()
                if name in known
            }
            self._getters[record_type] = getters
        return getters

    def _getter(self, name: str, info: FieldInfo) -> Conversion:
        if info.kind is ValueKind.OPTIONS:
            return lambda value: dict(cast("Mapping[str, str]", value))
        read = self._record_getter(info) if info.kind is ValueKind.RECORD else _READERS[info.kind]
        if info.repeated:
            return lambda values: tuple(map(read, cast("Iterable[object]", values)))
        return _named(name, read)

    def _record_getter(self, info: FieldInfo) -> Conversion:
        record_type = info.nested()
        return lambda value: self.to_record(record_type, cast("Message", value))


def _is_scalar(info: FieldInfo) -> bool:
    return not info.repeated and info.kind not in {ValueKind.RECORD, ValueKind.OPTIONS}


def _scalars_setter(fields: Mapping[str, FieldInfo]) -> Setter:
    """Set all scalars of a record: an order has a hundred, of which ten or so are set."""
    read = _reader_of(list(fields))
    plan = [
        # Empty texts and switches that are off stay off the wire; a zero is a value.
        (
            name,
            _WRITERS[info.kind],
            info.kind in {ValueKind.STRING, ValueKind.BOOL} and not info.optional,
        )
        for name, info in fields.items()
    ]

    def set_scalars(record: Record, message: Message) -> None:
        for value, (name, write, blank_is_unset) in zip(read(record), plan, strict=True):
            if value is not None and (value or not blank_is_unset):
                try:
                    setattr(message, name, write(value))
                except (ValueError, TypeError) as error:
                    raise ValueError(f"field {name}: {value!r}: {error}") from error

    return set_scalars


def _reader_of(names: list[str]) -> Callable[[Record], tuple[object, ...]]:
    """Return what reads fields of a record, always as a tuple."""
    read = attrgetter(*names)
    if len(names) > 1:
        return cast("Callable[[Record], tuple[object, ...]]", read)
    return lambda record: (read(record),)


def _named(name: str, read: Conversion) -> Conversion:
    def get(value: object) -> object:
        try:
            return read(value)
        except ValueError as error:
            raise ValueError(f"field {name}: {error}") from None

    return get


def _read_int(value: object) -> object:
    return None if value in _UNSET_INTS else value


def _read_double(value: object) -> object:
    if not isinstance(value, float) or math.isnan(value):
        raise ValueError(f"{value!r} is not a number")
    return None if value == _UNSET_DOUBLE else value


def _read_decimal(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a decimal text")  # noqa: TRY004 - one kind of error
    try:
        return read_decimal(value) if value else None
    except ValueError as error:
        raise ValueError(f"{value[:80]!r} {error}") from None


def _write_double(value: object) -> object:
    if isinstance(value, float) and math.isnan(value):
        raise ValueError("NaN cannot travel; leave the field None for unset")
    return value


def _as_is(value: object) -> object:
    return value


_WRITERS: dict[ValueKind, Conversion] = {
    ValueKind.INT: _as_is,
    ValueKind.DOUBLE: _write_double,
    ValueKind.DECIMAL: write_decimal,
    ValueKind.BOOL: _as_is,
    ValueKind.STRING: _as_is,
}

_READERS: dict[ValueKind, Conversion] = {
    ValueKind.INT: _read_int,
    ValueKind.DOUBLE: _read_double,
    ValueKind.DECIMAL: _read_decimal,
    ValueKind.BOOL: _as_is,
    ValueKind.STRING: _as_is,
}
