"""CUSIP and ISIN: what makes a text one of them.

The form decides, not the check digit: a mistyped number has to be answered by IB ("no security
definition"), and must not turn into a stock. Only a CUSIP that begins like a word (a foreign
issuer's) needs its check digit to be told from a symbol.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["has_cusip_check_digit", "security_id_type"]

_CUSIP: Final = re.compile(r"[0-9]{3}[0-9A-Z*@#]{5}[0-9]")
_FOREIGN_CUSIP: Final = re.compile(r"[A-Z][0-9A-Z]{7}[0-9]")
_ISIN: Final = re.compile(r"[A-Z]{2}[0-9A-Z]{9}[0-9]")
_ORDER: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#"


def security_id_type(text: str) -> str | None:
    """Return IB's `secIdType` of a text: ``CUSIP``, ``ISIN`` or None."""
    if len(text) not in {9, 12}:
        return None
    if _CUSIP.fullmatch(text):
        return "CUSIP"
    if _ISIN.fullmatch(text):
        return "ISIN"
    if _FOREIGN_CUSIP.fullmatch(text) and has_cusip_check_digit(text):
        return "CUSIP"
    return None


def has_cusip_check_digit(text: str) -> bool:
    """Return whether the ninth character of a CUSIP follows from the others."""
    total = 0
    for place, character in enumerate(text[:8]):
        value = _ORDER.index(character) * (1 + place % 2)
        total += value // 10 + value % 10
    return (10 - total % 10) % 10 == int(text[8])
