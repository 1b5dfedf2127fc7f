"""Columns of numbers out of long runs of fields, by parsers of JSON in C: up to ten times as fast.

IB writes numbers as JSON does, with few exceptions, so a run of fields is a list of numbers once
its separators are replaced. Each is the same, to the last bit, as `float` makes of its text. Where
a single field is written otherwise (an empty one, ``+1``, ``nan``, a date with a time), the caller
converts them one by one.

simdjson reads straight into an array, without an object a number. Where it is not installed (it has
no wheels for the newest Pythons), `msgspec` makes the objects. Runs are read in pieces that stay in
the processor's cache: getting memory costs as much as parsing what goes there.
"""

from __future__ import annotations

import functools
import threading
from array import array
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["WHOLE_UNTIL", "are_between", "are_whole", "column", "columns"]

_PIECE: Final = 32_768
_OTHERS: Final = (b",", b"[", b" ", b"\t", b"\n", b"\r")
"""What JSON lets pass in a list of numbers, and a number of IB's does not have."""

WHOLE_UNTIL: Final = 2.0**53
"""Beyond it a float does not tell a whole number from its neighbours."""


def columns(payload: bytes, start: int, width: int) -> list[array[float]] | None:
    """Return the columns of rows of numbers; None where a field is not plainly a number.

    Args:
        payload: What ends with the rows; a zero byte ends each field.
        start: Where they begin.
        width: How many fields a row has.
    """
    if not payload.endswith(b"\0") or any(payload.find(other, start) >= 0 for other in _OTHERS):
        return None
    fields = array("d")
    while start < len(payload):
        stop = payload.find(b"\0", start + _PIECE)
        stop = len(payload) - 1 if stop < 0 else stop
        numbers = _numbers(payload[start:stop].replace(b"\0", b","))
        if not numbers:
            return None  # nor an empty field by itself; JSON refuses those between others
        fields.frombytes(numbers)
        start = stop + 1
    return None if len(fields) % width else [fields[place::width] for place in range(width)]


def column(texts: bytes, count: int) -> array[float] | None:
    """Return the numbers of texts; None where one is not plainly a number.

    Args:
        texts: With commas between them.
        count: How many there are.
    """
    if any(other in texts for other in _OTHERS[1:]):
        return None
    numbers = array("d")
    numbers.frombytes(_numbers(texts) or b"")
    return numbers if len(numbers) == count else None  # one had commas of its own


def _numbers(texts: bytes) -> memoryview | None:
    """Return the memory of numbers that have commas between them; None where one is none."""
    try:
        return _readers.read(b"[%b]" % texts)
    except (ValueError, TypeError):
        return None


def are_whole(numbers: array[float], above: float = -WHOLE_UNTIL) -> bool:
    """Return whether numbers are whole, and are what was written to the last digit.

    Args:
        numbers: Some.
        above: They are greater than this, too.
    """
    return are_between(numbers, above, WHOLE_UNTIL) and all(map(float.is_integer, numbers))


def are_between(numbers: Sequence[float], above: float, below: float) -> bool:
    """Return whether all numbers are greater than one bound and less than another."""
    return not len(numbers) or (min(numbers) > above and max(numbers) < below)


class _Readers(threading.local):
    """What reads a JSON list of numbers, for each thread: a parser keeps what it read last."""

    @functools.cached_property
    def read(self) -> Callable[[bytes], memoryview]:
        """Read a list into memory as `array` has it."""
        return _fastest_reader()


def _fastest_reader() -> Callable[[bytes], memoryview]:
    try:
        from simdjson import Array, Parser  # noqa: PLC0415 - who asks for no history has no use
    except ImportError:
        return _read_by_msgspec
    parse = Parser().parse

    def read(text: bytes) -> memoryview:
        found = parse(text)
        if not isinstance(found, Array):
            raise TypeError("no list of numbers")
        return memoryview(found.as_buffer(of_type="d")).cast("B")

    return read


_DECODER: Final = msgspec.json.Decoder(list[float])


def _read_by_msgspec(text: bytes) -> memoryview:
    return memoryview(array("d", _DECODER.decode(text))).cast("B")


_readers: Final = _Readers()
