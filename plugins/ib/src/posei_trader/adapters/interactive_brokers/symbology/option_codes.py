"""How options are spelt: OCC symbols, EUREX long forms, and our own form from fields.

AAPL  230217P00155000     OCC, root padded to six characters: IB's `localSymbol`
AAPL230217P00155000       the same without spaces: our form in ids
C OESX 20260213 4775 M    EUREX
ES E3A 20240315 C4200     symbol, class, expiry, right and strike: where IB's has no rule
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple

__all__ = [
    "OptionTerms",
    "compact_occ",
    "is_eurex_long",
    "make_occ",
    "padded_occ",
    "parse_terms",
    "spell_eurex_long",
    "spell_terms",
    "strike_text",
]

_OCC: Final = re.compile(r"([A-Z0-9.]{1,6}?) *([0-9]{6})([CP])([0-9]{8})")
_OCC_ROOT_LENGTH: Final = 6
_OCC_STRIKE_SCALE: Final = 1000
_EUREX_LONG: Final = re.compile(
    r"([CP]) ([A-Z0-9]{1,6}) +([0-9]{8}|[A-Z]{3} [0-9]{2}) +([0-9.]+)(?: ([A-Z]))?"
)
_EUREX_SQUEEZED: Final = re.compile(r"([CP])([A-Z][A-Z0-9]{1,5}?)(20[0-9]{6})([0-9.]+)([A-Z]?)")
_TERMS: Final = re.compile(r"(\S+)(?: (\S+))? ([0-9]{8}) ([CP])([0-9]+(?:\.[0-9]+)?)")


class OptionTerms(NamedTuple):
    """What names an option: its class may be empty where the symbol says it all."""

    symbol: str
    trading_class: str
    expiry: str
    right: str
    strike: float


def compact_occ(symbol: str) -> str | None:
    """Return an OCC symbol without spaces, None when it is none."""
    match = _OCC.fullmatch(symbol)
    return None if match is None else "".join(match.groups())


def padded_occ(symbol: str) -> str | None:
    """Return an OCC symbol with its root padded to six characters, None when it is none."""
    match = _OCC.fullmatch(symbol)
    if match is None:
        return None
    root, date, right, strike = match.groups()
    return f"{root:<{_OCC_ROOT_LENGTH}}{date}{right}{strike}"


def make_occ(root: str, expiry: str, right: str, strike: float) -> str | None:
    """Return the compact OCC symbol of an option, None when the scheme cannot express it."""
    thousandths = Decimal(repr(strike)) * _OCC_STRIKE_SCALE
    whole = int(thousandths)
    fits = thousandths == whole and 0 <= whole < 10**8
    root = root.replace(" ", "")
    if not fits or not 1 <= len(root) <= _OCC_ROOT_LENGTH or len(expiry) != 8:
        return None
    return f"{root}{expiry[2:]}{right[:1]}{whole:08}"


def is_eurex_long(symbol: str) -> bool:
    """Return whether a symbol is spelt as EUREX spells options."""
    return _EUREX_LONG.fullmatch(symbol) is not None


def spell_eurex_long(symbol: str) -> str | None:
    """Return the EUREX spelling of a symbol that has it or lost its spaces, None otherwise."""
    if is_eurex_long(symbol):
        return symbol
    match = _EUREX_SQUEEZED.fullmatch(symbol)
    if match is None:
        return None
    right, trading_class, expiry, strike, version = match.groups()
    return f"{right} {trading_class} {expiry} {strike} {version}".rstrip()


def strike_text(strike: float) -> str:
    """Return a strike without trailing zeros: ``4200``, ``1.105``."""
    text = f"{Decimal(repr(strike)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def spell_terms(terms: OptionTerms) -> str:
    """Return our own spelling of an option."""
    names = f"{terms.symbol} {terms.trading_class}" if terms.trading_class else terms.symbol
    return f"{names} {terms.expiry} {terms.right}{strike_text(terms.strike)}"


def parse_terms(symbol: str) -> OptionTerms | None:
    """Take our own spelling apart, None when it is none."""
    match = _TERMS.fullmatch(symbol)
    if match is None:
        return None
    name, trading_class, expiry, right, strike = match.groups()
    try:
        value = float(Decimal(strike))
    except InvalidOperation:
        return None
    return OptionTerms(name, trading_class or "", expiry, right, value)
