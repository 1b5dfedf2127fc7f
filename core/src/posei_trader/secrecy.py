"""Recognise by its name what must not be shown."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["SECRET_NAMES", "looks_secret"]

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


def looks_secret(name: str) -> bool:
    """Tell whether a setting of this name probably holds something that must not be shown."""
    return _SECRET_NAME.search(name) is not None
