"""Take secrets and account numbers out of text before anybody sees it.

IBC writes all settings and window titles into its log at every start, and not all of that is
masked; so every line passes here on its way out, whatever it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker.secret_files import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK: Final = "[redacted]"

_ACCOUNT: Final = re.compile(r"\b(DU|DF|U|F)([A-Z]?)(\d{5,9})\b")
_LICENCE: Final = re.compile(r"(jxBrowserKey=)\S+", re.IGNORECASE)
_ASSIGNMENT: Final = re.compile(
    r"\b(\w*(?:password|secret|token|passphrase|totp)\w*\s*[=:]\s*)(\S+)", re.IGNORECASE
)


class Redactor:
    """Replace known secrets, account numbers and whatever looks like a secret being assigned."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {text for secret in secrets for text in (secret, escaped(secret)) if text}
        # The longest first: one secret may contain another.
        ordered = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """Return `text` without its secrets; account numbers keep their first letters."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = _LICENCE.sub(rf"\1{MASK}", text)
        text = _ASSIGNMENT.sub(rf"\1{MASK}", text)
        return _ACCOUNT.sub(r"\1\2*****", text)
