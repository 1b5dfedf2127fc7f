"""Replacing what identifies a person in a recording, without changing any length.

Equal lengths keep both dialects valid: a protobuf string carries its length in front.
"""

from __future__ import annotations

import re
from typing import Final, final

__all__ = ["Redactor"]

# IB's account numbers: an optional D for paper, one letter or two, and digits.
_ACCOUNT: Final = re.compile(rb"(?<![A-Za-z0-9])(D?[A-Z]{1,2})(\d{5,8})(?![A-Za-z0-9])")
_ALIAS: Final = re.compile(rb"(<alias>)([^<]+)(</alias>)", re.IGNORECASE)


@final
class Redactor:
    """Replaces account numbers and aliases, the same one always by the same.

    Account numbers are learned from the list that a gateway sends at the start, so nothing else
    that merely looks like one is touched. The kind of account (paper, advisor) stays readable.
    """

    def __init__(self) -> None:
        self._accounts: dict[bytes, bytes] = {}

    def learn(self, payload: bytes) -> None:
        """Take the account numbers of a managedAccounts payload."""
        for match in _ACCOUNT.finditer(payload):
            self._known(match)

    def apply(self, payload: bytes) -> bytes:
        """Return a payload with accounts and aliases replaced."""
        for account, name in self._accounts.items():
            payload = payload.replace(account, name)
        return _ALIAS.sub(lambda m: m[1] + b"x" * len(m[2]) + m[3], payload)

    def _known(self, match: re.Match[bytes]) -> None:
        account = match[0]
        if account not in self._accounts:
            number = str(len(self._accounts) + 1).encode()
            self._accounts[account] = match[1] + number.rjust(len(match[2]), b"0")
