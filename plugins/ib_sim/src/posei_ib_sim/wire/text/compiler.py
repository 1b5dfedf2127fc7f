"""Layouts become pairs of functions, one pair for each message and server version."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from posei_ib_sim.wire.fields import FieldInfo, ValueKind, construct, fields_of
from posei_ib_sim.wire.messages import Record
from posei_ib_sim.wire.text import conditions, values
from posei_ib_sim.wire.text.cursor import Cursor, FieldError
from posei_ib_sim.wire.text.layout import (
    Conditions,
    Const,
    CountedOptions,
    Field,
    Item,
    LegPrices,
    Mask,
    Optional,
    Repeat,
    Scope,
    Tags,
    When,
)
from posei_ib_sim.wire.text.values import Kind

Draft: TypeAlias = dict[str, object]
Writer: TypeAlias = Callable[[object, list[str]], None]
Reader: TypeAlias = Callable[[Cursor, Draft], None]

_KINDS = {
    ValueKind.INT: values.INT,
    ValueKind.DOUBLE: values.DOUBLE,
    ValueKind.DECIMAL: values.DECIMAL,
    ValueKind.BOOL: values.BOOL,
    ValueKind.STRING: values.STRING,
    ValueKind.OPTIONS: values.OPTIONS,
}

# Numbers of 64 bits; all others have 32.
_LONG = frozenset({
    "aboveVolume", "averageOptionVolumeAbove", "currentTime", "currentTimeInMillis", "errorTime",
    "parentPermId", "permId", "time", "timestamp",
})  # fmt: skip

# Clients take the first for a text and the others for integers.
_WHOLE_IF_POSSIBLE = frozenset({"multiplier", "evMultiplier", "coupon"})


@dataclass(slots=True)
class Group:
    """The compiled form of a sequence of items that belong to one record."""

    record_type: type[Record]
    writers: list[Writer] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    scopes: dict[str, "Group"] = field(default_factory=dict)
    shortest: int = 0

    def write(self, record: object, out: list[str]) -> None:
        """Append the record's fields."""
        for writer in self.writers:
            writer(record, out)

    def read(self, cursor: Cursor) -> Record:
        """Take a record's fields off the cursor."""
        draft: Draft = {}
        for reader in self.readers:
            reader(cursor, draft)
        return self.finish(draft)

    def finish(self, draft: Draft) -> Record:
        """Turn a draft, whose nested records are still drafts, into the record."""
        for name, group in self.scopes.items():
            nested = draft.get(name)
            if isinstance(nested, dict):
                draft[name] = group.finish(nested)
        return construct(self.record_type, draft)


def compile_items(record_type: type[Record], items: tuple[Item, ...], version: int) -> Group:
    """Compile items for one server version."""
    group = Group(record_type)
    _Compiler(version).add(group, items)
    return group


def _read_named(kind: Kind, name: str, text: str) -> object:
    try:
        return kind.read(text)
    except ValueError as error:
        raise FieldError(name, text, str(error)) from None


def _write_named(kind: Kind, name: str, value: object) -> str:
    try:
        return kind.write(value)
    except ValueError as error:
        raise FieldError(name, repr(value), str(error)) from None


class _Compiler:
    def __init__(self, version: int) -> None:
        self._version = version

    def add(self, group: Group, items: tuple[Item, ...]) -> None:
        for item in items:
            if item.open_at(self._version):
                self._add_item(group, item)

    def _add_item(self, group: Group, item: Item) -> None:  # noqa: C901 - a case for each item
        info = fields_of(group.record_type)
        match item:
            case Const():
                self._const(group, item)
            case Field():
                self._field(group, item, info[item.name])
            case Scope():
                self._scope(group, item, info[item.name])
            case Repeat(items=()):
                self._repeat_plain(group, item, info[item.name])
            case Repeat():
                self._repeat(group, item, info[item.name])
            case Tags():
                self._tags(group, item)
            case CountedOptions():
                self._counted_options(group, item)
            case Optional():
                self._optional(group, item, info[item.name])
            case Mask():
                self._mask(group, item, info[item.name])
            case When():
                self._when(group, item)
            case LegPrices():
                self._leg_prices(group)
            case Conditions():
                self._conditions(group)

    def _const(self, group: Group, item: Const) -> None:
        group.writers.append(lambda _record, out: out.append(item.text))
        group.readers.append(lambda cursor, _draft: cursor.skip())
        group.shortest += 1

    def _field(self, group: Group, item: Field, info: FieldInfo) -> None:
        kind = _kind_of(item.name, info)
        name = item.name
        unset = values.MAX_OF[kind] if item.unset == "MAX" else item.unset
        reads_unset = frozenset({"", unset} if item.reads_unset else {""})

        def write(record: object, out: list[str]) -> None:
            value = getattr(record, name)
            out.append(unset if value is None else _write_named(kind, name, value))

        def read(cursor: Cursor, draft: Draft) -> None:
            text = cursor.take()
            if text not in reads_unset:
                draft[name] = _read_named(kind, name, text)

        group.writers.append(write)
        group.readers.append(read)
        group.shortest += 1

    def _scope(self, group: Group, item: Scope, info: FieldInfo) -> None:
        name = item.name
        entered = Group(info.nested())
        self.add(entered, item.items)
        nested = group.scopes.setdefault(name, Group(info.nested()))
        nested.scopes.update(entered.scopes)
        blank = construct(info.nested(), {})

        def write(record: object, out: list[str]) -> None:
            inner = getattr(record, name)
            entered.write(blank if inner is None else inner, out)

        def read(cursor: Cursor, draft: Draft) -> None:
            inner = draft.setdefault(name, {})
            if isinstance(inner, dict):
                for reader in entered.readers:
                    reader(cursor, inner)

        group.writers.append(write)
        group.readers.append(read)
        group.shortest += entered.shortest

    def _repeat(self, group: Group, item: Repeat, info: FieldInfo) -> None:
        name = item.name
        element = Group(info.nested())
        self.add(element, item.items)

        def write(record: object, out: list[str]) -> None:
            rows = getattr(record, name)
            out.append(str(len(rows)))
            for row in rows:
                element.write(row, out)

        def read(cursor: Cursor, draft: Draft) -> None:
            count = cursor.count(name, element.shortest)
            draft[name] = tuple(element.read(cursor) for _ in range(count))

        group.writers.append(write)
        group.readers.append(read)
        group.shortest += 1

    def _repeat_plain(self, group: Group, item: Repeat, info: FieldInfo) -> None:
        name = item.name
        kind = _KINDS[info.kind]

        def write(record: object, out: list[str]) -> None:
            plain = getattr(record, name)
            out.append(str(len(plain)))
            out.extend(_write_named(kind, name, value) for value in plain)

        def read(cursor: Cursor, draft: Draft) -> None:
            count = cursor.count(name, 1)
            draft[name] = tuple(_read_named(kind, name, cursor.take()) for _ in range(count))

        group.writers.append(write)
        group.readers.append(read)
        group.shortest += 1

    def _tags(self, group: Group, item: Tags) -> None:
        name = item.name

        def write(record: object, out: list[str]) -> None:
            tags = getattr(record, name)
            out.append(str(len(tags)))
            for tag, value in tags.items():
                out.extend(_write_named(values.STRING, name, text) for text in (tag, value))

        def read(cursor: Cursor, draft: Draft) -> None:
            count = cursor.count(name, 2)
            draft[name] = {cursor.take(): cursor.take() for _ in range(count)}

        group.writers.append(write)
        group.readers.append(read)
        group.shortest += 1

    def _counted_options(self, group: Group, item: CountedOptions) -> None:
        name = item.name

        def write(record: object, out: list[str]) -> None:
            options = getattr(record, name)
            if item.writes_count:
                out.append(str(len(options)))
            out.append(_write_named(values.OPTIONS, name, options))

        def read(cursor: Cursor, draft: Draft) -> None:
            text = cursor.take()
            if text.isdecimal():
                text = cursor.take()
            draft[name] = values.read_options(text)

        group.writers.append(write)
        group.readers.append(read)
        group.shortest += 1

    def _optional(self, group: Group, item: Optional, info: FieldInfo) -> None:
        name = item.name
        nested = Group(info.nested())
        self.add(nested, item.items)

        def write(record: object, out: list[str]) -> None:
            inner = getattr(record, name)
            out.append("0" if inner is None else "1")
            if inner is not None:
                nested.write(inner, out)

        def read(cursor: Cursor, draft: Draft) -> None:
            text = cursor.take()
            if text and _read_named(values.BOOL, name, text):
                draft[name] = nested.read(cursor)

        group.writers.append(write)
        group.readers.append(read)
        group.shortest += 1

    def _mask(self, group: Group, item: Mask, info: FieldInfo) -> None:
        name, bits = item.name, item.bits
        record_type = info.nested()

        def write(record: object, out: list[str]) -> None:
            inner = getattr(record, name)
            out.append(str(sum(getattr(inner, bit) << place for place, bit in enumerate(bits))))

        def read(cursor: Cursor, draft: Draft) -> None:
            text = cursor.take()
            mask = _read_named(values.INT, name, text) if text else 0
            if not isinstance(mask, int):
                raise FieldError(name, text, "is not a bit mask")
            flags: Draft = {bit: bool(mask >> place & 1) for place, bit in enumerate(bits)}
            draft[name] = construct(record_type, flags)

        group.writers.append(write)
        group.readers.append(read)
        group.shortest += 1

    def _when(self, group: Group, item: When) -> None:
        path = tuple(item.path.split("."))
        branch = Group(group.record_type, scopes=group.scopes)
        self.add(branch, item.items)
        blank = construct(group.record_type, {})

        def write(record: object, out: list[str]) -> None:
            if item.test(_value_at(record, path)):
                branch.write(record, out)

        def read(cursor: Cursor, draft: Draft) -> None:
            if item.test(_drafted_at(draft, path, blank)):
                for reader in branch.readers:
                    reader(cursor, draft)

        group.writers.append(write)
        group.readers.append(read)

    def _leg_prices(self, group: Group) -> None:
        def write(record: object, out: list[str]) -> None:
            conditions.write_leg_prices(record, out)

        def read(cursor: Cursor, draft: Draft) -> None:
            conditions.read_leg_prices(cursor, draft)

        group.writers.append(write)
        group.readers.append(read)
        group.shortest += 1

    def _conditions(self, group: Group) -> None:
        def write(record: object, out: list[str]) -> None:
            conditions.write_conditions(record, out)

        def read(cursor: Cursor, draft: Draft) -> None:
            conditions.read_conditions(cursor, draft)

        group.writers.append(write)
        group.readers.append(read)
        group.shortest += 1


def _kind_of(name: str, info: FieldInfo) -> Kind:
    if name in _WHOLE_IF_POSSIBLE and info.kind is ValueKind.DOUBLE:
        return values.PLAIN_DOUBLE
    if info.kind is ValueKind.INT and name in _LONG:
        return values.LONG
    return _KINDS[info.kind]


def _value_at(record: object, path: tuple[str, ...]) -> object:
    for name in path:
        record = getattr(record, name)
    return record


def _drafted_at(draft: Draft, path: tuple[str, ...], blank: object) -> object:
    *scopes, name = path
    inner: object = draft
    for entered in scopes:
        inner = inner.get(entered, {}) if isinstance(inner, dict) else {}
    if isinstance(inner, dict) and name in inner:
        return inner[name]
    return _value_at(blank, path)
