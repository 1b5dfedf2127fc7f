"""What must not be shown: recognised by its name, or known by its value.

A setting that holds a secret is recognised by its name. A value that a venue tells, such as the
number of an account, is made known with `conceal`; the log shows its short form from then on.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["SECRET_NAMES", "conceal", "concealed", "looks_secret"]

SECRET_NAMES: Final = (
    "api_key",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
)
"""What settings with a secret are called; a name that resembles one is a misspelling of it."""

_SECRET_NAME: Final = re.compile(
    r"pass(word|wd|wrd|phrase)|pwd|secret|token|api_?key|credential", re.IGNORECASE
)

_MOST_CONCEALED: Final = 1_000
_SHORTEST: Final = 6

_concealed: Final[dict[str, str]] = {}


def looks_secret(name: str) -> bool:
    """Tell whether a setting of this name probably holds something that must not be shown."""
    return _SECRET_NAME.search(name) is not None


def conceal(value: str, shown: str) -> None:
    """Show a short form of this account number in every log line from now on.

    Process-wide, as the log is; of very many values the first are forgotten.
    """
    if len(value) < _SHORTEST:
        return
    if len(_concealed) >= _MOST_CONCEALED:
        del _concealed[next(iter(_concealed))]
    _concealed[value] = shown


def concealed(text: str) -> str:
    """Return a text with the short forms of all values that `conceal` was told of."""
    for value, shown in _concealed.items():
        if value in text:
            text = text.replace(value, shown)
    return text
