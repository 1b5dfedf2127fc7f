"""JSON for every type of the model: values and identifiers as texts, structs as objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from posei_trader.model.currencies import Currency
from posei_trader.model.identifiers import Identifier
from posei_trader.model.instruments import AnyInstrument, Instrument
from posei_trader.model.values import Money, Price, Quantity

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_TEXTUAL: Final = (Price, Quantity, Money, Currency)


def to_builtin(value: object) -> str:
    """Turn a value of the model into its text; for encoders that meet a type they don't know.

    Raises:
        TypeError: the type is not of the model; encoders expect this error.
    """
    if isinstance(value, Identifier):  # most of what comes here
        return str.__str__(value)
    if isinstance(value, _TEXTUAL):
        return str(value)
    raise TypeError(f"cannot encode {type(value).__name__} as JSON")


def from_builtin(kind: type[T], value: object) -> T:
    """Turn a text into a value of the model; for decoders.

    Raises:
        TypeError: the type is not of the model; decoders expect this error.
    """
    if kind is object and isinstance(value, kind):
        return value  # `Instrument.info`: whatever JSON holds
    if isinstance(value, str):
        if issubclass(kind, Identifier):
            return kind(value)
        if issubclass(kind, Price | Quantity):
            return kind(value)
        made = _PARSERS[kind](value) if kind in _PARSERS else None
        if isinstance(made, kind):
            return made
    raise TypeError(f"cannot make a {kind.__name__} of {value!r}")


_PARSERS: Final[dict[type, Callable[[str], object]]] = {
    Money: Money.from_str,
    Currency: Currency.of,
}

_ENCODER: Final = msgspec.json.Encoder(enc_hook=to_builtin, decimal_format="string")


def encode_json(value: object) -> bytes:
    """Encode anything made of the model's types.

    Raises:
        TypeError: a part is of a type that is not the model's.
    """
    return _ENCODER.encode(value)


def decode_json(data: bytes | str, kind: type[T]) -> T:
    """Decode what :func:`encode_json` made; `Instrument` stands for every kind of it.

    Raises:
        msgspec.ValidationError: the data does not fit the type; names the path.
        msgspec.DecodeError: the data is no JSON.
    """
    wire_type = AnyInstrument if kind is Instrument else kind
    return cast("T", msgspec.json.decode(data, type=wire_type, dec_hook=from_builtin))
