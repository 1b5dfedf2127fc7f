"""The words in which text layouts are written down: fields, scopes, repetitions, conditions.

A layout follows the order of the wire. Its short form is a line of tokens::

    reqId               the field of that name
    permId|0            written as 0 when unset
    theta!-2            written as -2 when unset, and -2 reads back as unset
    duration|MAX        written as the largest value of its type when unset
    '6'                 a constant, skipped when read
    submitter@198..     from server version 198 on; @..176 up to; @187..189 between; @163 only
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from posei_ib_sim.wire.messages import Record

_TOKEN: Final = re.compile(
    r"(?:'(?P<const>[^']*)'|(?P<name>\w+))"
    r"(?:(?P<mark>[|!])(?P<unset>[-\w]+))?"
    r"(?:@(?P<since>\d+)?(?P<dots>\.\.)?(?P<until>\d+)?)?"
)
_FIRST, _LAST = 0, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Say at which server versions an item is on the wire."""

    since: int = _FIRST
    until: int = _LAST

    def open_at(self, version: int) -> bool:
        """Tell whether the item is on the wire at a version."""
        return self.since <= version <= self.until


@dataclass(frozen=True, slots=True)
class Field(Gate):
    """One field of the record in scope."""

    name: str
    unset: str = ""
    reads_unset: bool = False


@dataclass(frozen=True, slots=True)
class Const(Gate):
    """A field that is always the same and that nobody reads."""

    text: str


@dataclass(frozen=True, slots=True)
class Scope(Gate):
    """Items that belong to a nested record; one record may be entered several times."""

    name: str
    items: tuple["Item", ...]


@dataclass(frozen=True, slots=True)
class Repeat(Gate):
    """A count, then that many records (``items``) or plain values (no items)."""

    name: str
    items: tuple["Item", ...]


@dataclass(frozen=True, slots=True)
class Tags(Gate):
    """A count, then that many pairs of tag and value."""

    name: str


@dataclass(frozen=True, slots=True)
class CountedOptions(Gate):
    """An options field that some clients precede with a count."""

    name: str
    writes_count: bool


@dataclass(frozen=True, slots=True)
class Optional(Gate):
    """1 and the items of a nested record, or 0 for none."""

    name: str
    items: tuple["Item", ...]


@dataclass(frozen=True, slots=True)
class Mask(Gate):
    """The switches of a nested record as the bits of one number, lowest first."""

    name: str
    bits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class When(Gate):
    """Items that are there only if the value at ``path`` (dotted, in scope) passes ``test``."""

    path: str
    test: Callable[[object], bool]
    items: tuple["Item", ...]


@dataclass(frozen=True, slots=True)
class LegPrices(Gate):
    """A count of 0, or of all legs, then the price of each."""


@dataclass(frozen=True, slots=True)
class Conditions(Gate):
    """A count, then that many order conditions."""


Item: TypeAlias = (
    Field
    | Const
    | Scope
    | Repeat
    | Tags
    | CountedOptions
    | Optional
    | Mask
    | When
    | LegPrices
    | Conditions
)
Part: TypeAlias = str | Item


@dataclass(frozen=True, slots=True)
class Layout:
    """The text form of one message, after the id.

    ``exact`` marks messages that the official client drops in silence when the number of fields
    is not exactly the listed one.
    """

    message: type[Record]
    items: tuple[Item, ...]
    exact: bool = False


def layout(message: type[Record], *parts: Part, exact: bool = False) -> Layout:
    """Lay a message out."""
    return Layout(message, sequence(parts), exact)


def scope(name: str, *parts: Part) -> Scope:
    """Enter a nested record."""
    return Scope(name, sequence(parts))


def repeat(name: str, *parts: Part, since: int = _FIRST) -> Repeat:
    """Repeat records, or plain values when no parts are given."""
    return Repeat(name, sequence(parts), since=since)


def when(path: str, test: Callable[[object], bool], *parts: Part, since: int = _FIRST) -> When:
    """Lay items out under a condition."""
    return When(path, test, sequence(parts), since=since)


def optional(name: str, *parts: Part) -> Optional:
    """Lay a nested record out behind a flag."""
    return Optional(name, sequence(parts))


def sequence(parts: tuple[Part, ...]) -> tuple[Item, ...]:
    """Expand the short form, in order."""
    items: list[Item] = []
    for part in parts:
        if isinstance(part, str):
            items.extend(_token(token) for token in part.split())
        else:
            items.append(part)
    return tuple(items)


def _token(token: str) -> Item:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ValueError(f"layout token {token!r} is malformed; see the module's docstring")
    since = int(match["since"] or _FIRST)
    until = int(match["until"] or _LAST) if match["dots"] or not match["since"] else since
    if match["const"] is not None:
        return Const(match["const"], since=since, until=until)
    unset, reads_unset = match["unset"] or "", match["mark"] == "!"
    return Field(match["name"], unset, reads_unset, since=since, until=until)
