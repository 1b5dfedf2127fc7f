"""Currency: what money is counted in."""

from __future__ import annotations

import functools
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final, NoReturn

from posei_trader.errors import InvalidRequest
from posei_trader.model.currency_table import CRYPTO, ISO_4217, OFFSHORE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


@unique
class CurrencyType(StrEnum):
    """Who issues a currency."""

    FIAT = "FIAT"
    METAL = "METAL"
    CRYPTO = "CRYPTO"


_FIELDS: Final = ("code", "precision", "iso4217", "name", "currency_type")


@functools.total_ordering
class Currency:
    """A currency: equal, hashed and ordered by its code.

    Attributes:
        code: The ISO 4217 code, or the exchange's for a crypto currency.
        precision: Digits of the minor unit: 2 for USD, 0 for JPY, 3 for KWD, 8 for BTC.
        iso4217: The ISO number, 0 where there is none.
        name: The name in English.
        currency_type: Who issues it.
    """

    __slots__ = _FIELDS

    code: str
    precision: int
    iso4217: int
    name: str
    currency_type: CurrencyType

    def __init__(
        self,
        code: str,
        precision: int,
        iso4217: int = 0,
        name: str = "",
        currency_type: CurrencyType = CurrencyType.FIAT,
    ) -> None:
        # The table is shared by the whole process: `__setattr__` keeps it as it is.
        fields = (code, precision, iso4217, name or code, currency_type)
        for label, value in zip(_FIELDS, fields, strict=True):
            object.__setattr__(self, label, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Currency is immutable: cannot set {name} to {value!r}")

    @classmethod
    def of(cls, code: str) -> Currency:
        """Return the currency of a code.

        Raises:
            InvalidRequest: the code is in neither ISO 4217 nor IB's list; names the closest.
        """
        found = currencies().get(code)
        if found is None:
            import difflib  # noqa: PLC0415 - only needed once something is wrong

            close = difflib.get_close_matches(code.upper(), currencies(), n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise InvalidRequest(
                f"unknown currency {code!r}",
                field="currency",
                value=code,
                remedy=f"{hint}use an ISO 4217 code such as 'USD'",
            )
        return found

    @classmethod
    def from_str(cls, code: str) -> Currency:
        """Parse the string form."""
        return cls.of(code)

    def __eq__(self, other: object) -> bool:
        return self.code == other.code if isinstance(other, Currency) else NotImplemented

    def __lt__(self, other: Currency) -> bool:
        return self.code < other.code if isinstance(other, Currency) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.code)

    def __str__(self) -> str:
        return self.code

    def __repr__(self) -> str:
        return f"Currency({self.code!r})"

    def __reduce__(self) -> tuple[object, tuple[str, int, int, str, CurrencyType]]:
        return Currency, (self.code, self.precision, self.iso4217, self.name, self.currency_type)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[object], _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415  pydantic is only there when it asks

        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.of(value),
            serialization=core_schema.to_string_ser_schema(),
        )


_METALS: Final = frozenset({"XAG", "XAU", "XPD", "XPT"})


@functools.cache
def currencies() -> Mapping[str, Currency]:
    """Return every known currency by its code."""
    table: dict[str, Currency] = {}
    for code, number, digits, name in (*ISO_4217, *OFFSHORE):
        kind = CurrencyType.METAL if code in _METALS else CurrencyType.FIAT
        table[code] = Currency(code, digits, number, name, kind)
    for code, number, digits, name in CRYPTO:
        table[code] = Currency(code, digits, number, name, CurrencyType.CRYPTO)
    return table
