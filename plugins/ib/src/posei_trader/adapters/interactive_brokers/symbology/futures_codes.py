"""Months and years in futures symbols: ``ESM4``, ``ESM24``, ``ES JUN 24``, ``NIFTY24JUNFUT``.

A one-digit year is resolved to the ten years that begin two before a given date: IB answers for
contracts that expired up to two years ago, and lists some that expire seven years ahead. A
two-digit year has to lie within 30 years before and 15 after that date to be one at all, which is
how ``ESTX50`` is known not to be a future of November 2050.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import datetime as dt

__all__ = [
    "MONTH_CODES",
    "FuturesSymbol",
    "code_of_named_month",
    "is_code_form",
    "parse_futures_symbol",
    "resolve_year",
]

MONTH_CODES: Final = "FGHJKMNQUVXZ"
"""The letters of the months, January first."""

YEARS_BACK: Final = 2
"""How far in the past a one-digit year may lie."""

_FARTHEST_PAST: Final = 30
_FARTHEST_FUTURE: Final = 15
_MONTH_NAMES: Final = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )
}
_NAMES: Final = "|".join(_MONTH_NAMES)
_CODE: Final = re.compile(rf"([A-Z0-9]{{1,8}}?)([{MONTH_CODES}])([0-9]{{1,2}})")
_SPACED_NAME: Final = re.compile(rf"([A-Z0-9]{{1,8}})\s+({_NAMES})\s*([0-9]{{2}})")
_INDIAN: Final = re.compile(rf"([A-Z0-9&-]{{1,12}}?)([0-9]{{2}})({_NAMES})FUT")


class FuturesSymbol(NamedTuple):
    """A futures symbol taken apart.

    Attributes:
        root: IB's trading class: ``ES``, ``6E``, ``FESX``.
        month: 1 to 12, the contract month.
        year: The resolved year.
        year_digits: How many digits the year was written with.
    """

    root: str
    month: int
    year: int
    year_digits: int

    @property
    def code(self) -> str:
        """Return the symbol with a one-digit year, as IB spells it: ``ESM4``."""
        return f"{self.root}{MONTH_CODES[self.month - 1]}{self.year % 10}"

    @property
    def long_code(self) -> str:
        """Return the symbol with a two-digit year: ``ESM24``."""
        return f"{self.root}{MONTH_CODES[self.month - 1]}{self.year % 100:02}"

    @property
    def contract_month(self) -> str:
        """Return ``YYYYMM``."""
        return f"{self.year}{self.month:02}"

    def is_named_by_code(self, today: dt.date) -> bool:
        """Return whether the one-digit form means the same year on that date."""
        return resolve_year(str(self.year % 10), today) == self.year

    def is_past(self, today: dt.date) -> bool:
        """Return whether the contract month is over on that date."""
        return (self.year, self.month) < (today.year, today.month)


@functools.lru_cache(maxsize=512)
def resolve_year(digits: str, today: dt.date) -> int | None:
    """Return the year that one or two digits mean on a date, None when none is plausible."""
    if len(digits) == 1:
        first = today.year - YEARS_BACK
        return first + (int(digits) - first) % 10
    century = today.year - today.year % 100
    for base in (century, century - 100, century + 100):
        year = base + int(digits)
        if today.year - _FARTHEST_PAST <= year <= today.year + _FARTHEST_FUTURE:
            return year
    return None


def is_code_form(symbol: str) -> bool:
    """Return whether a symbol is spelt like ``ESM4``, whatever its year means."""
    return _CODE.fullmatch(symbol) is not None


def code_of_named_month(symbol: str) -> str | None:
    """Return the code form of a symbol that names its month, None when it does not."""
    if match := _SPACED_NAME.fullmatch(symbol):
        root, name, digits = match.groups()
    elif match := _INDIAN.fullmatch(symbol):
        root, digits, name = match.groups()
    else:
        return None
    return f"{root}{MONTH_CODES[_MONTH_NAMES[name] - 1]}{digits[-1]}"


def parse_futures_symbol(symbol: str, today: dt.date) -> FuturesSymbol | None:
    """Take a symbol in code or month-name form apart, None when it has neither form."""
    if match := _CODE.fullmatch(symbol):
        root, letter, digits = match.groups()
        month = MONTH_CODES.index(letter) + 1
    elif match := _SPACED_NAME.fullmatch(symbol):
        root, name, digits = match.groups()
        month = _MONTH_NAMES[name]
    elif match := _INDIAN.fullmatch(symbol):
        root, digits, name = match.groups()
        month = _MONTH_NAMES[name]
    else:
        return None
    year = resolve_year(digits, today)
    return None if year is None else FuturesSymbol(root, month, year, len(digits))
