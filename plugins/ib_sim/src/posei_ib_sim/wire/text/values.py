"""Single fields of the text dialect: numbers, switches, quantities, option lists."""

import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

INT_MAX = "2147483647"
LONG_MAX = "9223372036854775807"
DOUBLE_MAX = "1.7976931348623157E308"
DECIMAL_UNSET = "-9223372036854775808"

_UNSET_INTS = frozenset({2**31 - 1, 2**63 - 1})
_UNSET_DOUBLE = 1.7976931348623157e308
_UNSET_DECIMALS = frozenset({INT_MAX, LONG_MAX, DECIMAL_UNSET, DOUBLE_MAX})
_INFINITIES = frozenset({"Infinity", "Infinite"})  # the official clients', ib_async's
_INT = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_LONGEST_NUMBER = 400  # a double written out without an exponent has up to 309 digits
_LARGEST_EXPONENT = 64  # far beyond any quantity; larger ones blow up in arithmetic


class Kind(NamedTuple):
    """Say how one type of value is written and read; ``read`` never sees an empty field."""

    write: Callable[[object], str]
    read: Callable[[str], object]
    unset: str = ""


def read_int(text: str) -> int | None:
    """Read a 64-bit integer; the protocol's largest values mean unset.

    Raises:
        ValueError: not an integer, or out of range.
    """
    if not _INT.fullmatch(text):
        raise ValueError("is not an integer")
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError("is beyond 64 bits")
    return None if value in _UNSET_INTS else value


def read_short(text: str) -> int | None:
    """Read a 32-bit integer, as `read_int`.

    Raises:
        ValueError: not an integer, or out of range: it could not travel on to a protobuf client.
    """
    value = read_int(text)
    if value is not None and not -(2**31) <= value < 2**31:
        raise ValueError("is beyond 32 bits")
    return value


def read_double(text: str) -> float | None:
    """Read a floating point number or ``Infinity``; the largest double means unset.

    Raises:
        ValueError: not a number. ``NaN`` is none.
    """
    if text in _INFINITIES:
        return math.inf
    if text == "-Infinity":
        return -math.inf
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise ValueError("is not a number")
    value = float(text)
    return None if value == _UNSET_DOUBLE else value


def read_decimal(text: str) -> Decimal | None:
    """Read a quantity exactly as written; five sentinels mean unset.

    Raises:
        ValueError: not a finite number, or of an absurd magnitude.
    """
    if text in _UNSET_DECIMALS:
        return None
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise ValueError("is not a decimal number")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("is not a decimal number") from None
    if value and float(value) == _UNSET_DOUBLE:
        return None
    if abs(value.adjusted()) > _LARGEST_EXPONENT or len(text) > 2 * _LARGEST_EXPONENT:
        raise ValueError("is too large or too small for a quantity")
    return value


def read_bool(text: str) -> bool:
    """Read a switch: any number but zero is on, as are ``true`` and ``false`` in words.

    Raises:
        ValueError: neither.
    """
    if text in {"0", "1"}:
        return text == "1"
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if not _INT.fullmatch(text):
        raise ValueError("is neither 0 nor 1")
    return int(text) != 0


def read_options(text: str) -> dict[str, str]:
    """Read ``tag=value;tag=value;``."""
    pairs = (item.partition("=") for item in text.split(";") if item)
    return {tag: value for tag, _, value in pairs}


def write_double(value: object) -> str:
    """Write a double so that it reads back exactly.

    Raises:
        ValueError: not a number, or the value that means unset.
    """
    if not isinstance(value, int | float) or math.isnan(value) or value == _UNSET_DOUBLE:
        raise ValueError("is not a number that can travel; leave it None for unset")
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def write_plain_double(value: object) -> str:
    """Write a double, without ``.0`` when it is whole: clients take multipliers as text."""
    text = write_double(value)
    return text.removesuffix(".0")


def write_decimal(value: object) -> str:
    """Write a quantity without an exponent.

    Raises:
        ValueError: not a finite decimal.
    """
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ValueError("is not a finite Decimal; leave it None for unset")
    text = str(value)
    return format(value, "f") if "E" in text else text


def write_int(value: object) -> str:
    """Write an integer.

    Raises:
        ValueError: not an integer, or beyond 64 bits.
    """
    if not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError("is not a 64-bit integer; leave it None for unset")
    return str(int(value))


def write_bool(value: object) -> str:
    """Write a switch as 1 or 0."""
    return "1" if value else "0"


def write_string(value: object) -> str:
    """Write a text as it is; the dialect checks and escapes the whole message at once.

    Raises:
        ValueError: not a text.
    """
    if not isinstance(value, str):
        raise ValueError("is not a text")  # noqa: TRY004 - every bad value is one kind of error here
    return value


def write_options(value: object) -> str:
    """Write ``tag=value;tag=value;``.

    Raises:
        ValueError: not a map, or a tag or value holds a separator.
    """
    if not isinstance(value, dict):
        raise ValueError("is not a map")  # noqa: TRY004 - as above
    if any(not tag or set(tag) & set("=;") or ";" in text for tag, text in value.items()):
        raise ValueError("has an empty tag, or uses '=' or ';', which the list needs as separators")
    return "".join(f"{tag}={text};" for tag, text in value.items())


INT = Kind(write_int, read_short)
LONG = Kind(write_int, read_int)
DOUBLE = Kind(write_double, read_double)
PLAIN_DOUBLE = Kind(write_plain_double, read_double)
DECIMAL = Kind(write_decimal, read_decimal)
BOOL = Kind(write_bool, read_bool)
STRING = Kind(write_string, str)
OPTIONS = Kind(write_options, read_options)

MAX_OF = {
    INT: INT_MAX,
    LONG: INT_MAX,
    DOUBLE: DOUBLE_MAX,
    PLAIN_DOUBLE: DOUBLE_MAX,
    DECIMAL: DECIMAL_UNSET,
}
"""The sentinel a real gateway sends for an unset value of each kind."""
