"""Numbers off the wire: sizes to exact integers in units of 10^-9, None where unset; ints, floats.

The same few come again and again, so tables remember them: looking one up costs half of parsing it.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final, TypeVar

import msgspec

from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage

__all__ = [
    "LEAST_MARK",
    "SIZE_SCALE",
    "UNSET_NUMBERS",
    "UNSET_TEXTS",
    "Floats",
    "Ints",
    "Sizes",
    "TextSizes",
    "parse_average",
    "parse_averages",
    "parse_size",
]

_Key = TypeVar("_Key", bytes, str)
_Number = TypeVar("_Number")

SIZE_SCALE: Final = 10**9
"""Units of a size in one whole."""

LEAST_MARK: Final = 2147483647
"""The least of the numbers by which IB says that there is none."""

_SCALE: Final = Decimal(SIZE_SCALE)

UNSET_TEXTS: Final = frozenset(
    {
        "",
        "2147483647",
        "9223372036854775807",
        "-9223372036854775808",
        "1.7976931348623157E308",
    }
)
"""How IB writes a decimal that has no value in text messages; in protobuf it is absent."""

UNSET_NUMBERS: Final = frozenset(float(text) for text in UNSET_TEXTS if text)

_UNSET_BYTES: Final = frozenset(text.encode() for text in UNSET_TEXTS)
_LEAST_UNSET: Final = LEAST_MARK * SIZE_SCALE
_ZEROS_TEXT: Final = str(SIZE_SCALE)[1:]
_NEXT_WHOLE_TEXT: Final = f"{_ZEROS_TEXT},"
_ZEROS: Final = _ZEROS_TEXT.encode()
_NEXT_WHOLE: Final = _NEXT_WHOLE_TEXT.encode()
_UNITS_OF_WHOLE: Final = msgspec.json.Decoder(list[int])
_NUMBERS: Final = msgspec.json.Decoder(list[float])
_LARGEST_EXPONENT: Final = 30
_REMEMBERED: Final = 32_768
_DECIMALS: Final = 9
_UNITS: Final = tuple(int(10 ** (_DECIMALS - digits)) for digits in range(_DECIMALS + 1))
"""Units of a size in its last digit, by how many decimals it has."""

_MOST_DIGITS: Final = 18


def parse_size(text: str) -> int | None:
    """Return a size in units of 10^-9, None where it is unset.

    Raises:
        MalformedMessage: the text is no finite number of a sane size.
    """
    return None if text in UNSET_TEXTS else _scaled(text)


def _scaled(text: str) -> int:
    whole, _, part = text.partition(".")
    if len(part) <= _DECIMALS and _is_plain(whole + part):  # as nearly all are
        return int(whole + part) * _UNITS[len(part)]
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise MalformedMessage(f"size {text[:40]!r} is no number") from error
    if not value.is_finite() or value.adjusted() > _LARGEST_EXPONENT:
        raise MalformedMessage(f"size {text[:40]!r} is out of range")
    return int((value * _SCALE).to_integral_value(ROUND_HALF_EVEN))


def _is_plain(digits: str) -> bool:
    return digits.isdigit() and digits.isascii() and len(digits) <= _MOST_DIGITS


def parse_average(text: bytes) -> float | None:
    """Return an average price, None where it is unset."""
    return None if text in _UNSET_BYTES else float(text)


def parse_averages(texts: list[bytes]) -> list[float | None]:
    """Return average prices, None where they are unset."""
    if _UNSET_BYTES.isdisjoint(texts):
        return list(map(float, texts))
    return list(map(parse_average, texts))


def _remember(table: dict[_Key, _Number], key: _Key, number: _Number) -> None:
    # A market that has moved on has other numbers: start again rather than keep the old ones.
    if len(table) >= _REMEMBERED:
        table.clear()
    table[key] = number


def _units(
    table: dict[_Key, int | None], keys: list[_Key], joined: bytes | str
) -> list[int | None]:
    """Return sizes of which a list of JSON holds the whole ones in their units."""
    try:
        sizes = _UNITS_OF_WHOLE.decode(joined)
    except msgspec.DecodeError:  # one has decimals, or is zero or empty
        return list(map(table.__getitem__, keys))
    if len(sizes) != len(keys) or min(sizes) < 0 or max(sizes) >= _LEAST_UNSET:
        return list(map(table.__getitem__, keys))
    return sizes  # type: ignore[return-value]  # all have a value


class Ints(dict[bytes, int]):
    """Whole numbers by their bytes on the wire; an empty one is zero."""

    def __missing__(self, key: bytes) -> int:
        number = int(key or 0)
        _remember(self, key, number)
        return number


class Floats(dict[bytes, float]):
    """Numbers by their bytes on the wire; an empty one is zero."""

    def column(self, keys: list[bytes]) -> list[float]:
        """Return the numbers of many: by a parser of JSON where it knows how they are written."""
        try:
            numbers = _NUMBERS.decode(b"[%b]" % b",".join(keys))
        except msgspec.DecodeError:
            return list(map(self.__getitem__, keys))
        return numbers if len(numbers) == len(keys) else list(map(self.__getitem__, keys))

    def __missing__(self, key: bytes) -> float:
        number = float(key or 0)
        _remember(self, key, number)
        return number


class Sizes(dict[bytes, "int | None"]):
    """Sizes by their bytes on the wire, computed once each; bounded."""

    def column(self, keys: list[bytes]) -> list[int | None]:
        """Return the sizes of many: whole ones by a parser of JSON, nine zeros behind each."""
        return _units(self, keys, b"[%b%b]" % (_NEXT_WHOLE.join(keys), _ZEROS))

    def __missing__(self, key: bytes) -> int | None:
        size: int | None
        if key.isdigit() and len(key) <= _MOST_DIGITS and key not in _UNSET_BYTES:
            size = int(key) * SIZE_SCALE
        else:
            try:
                size = parse_size(key.decode("ascii"))
            except UnicodeDecodeError as error:
                raise MalformedMessage("a size is no text") from error
        _remember(self, key, size)
        return size


class TextSizes(dict[str, "int | None"]):
    """Sizes by their text in protobuf messages, computed once each; bounded."""

    def column(self, keys: list[str]) -> list[int | None]:
        """Return the sizes of many, as `Sizes.column`."""
        return _units(self, keys, f"[{_NEXT_WHOLE_TEXT.join(keys)}{_ZEROS_TEXT}]")

    def __missing__(self, key: str) -> int | None:
        size = _scaled(key) if key else None
        _remember(self, key, size)
        return size
