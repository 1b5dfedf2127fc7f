"""Account numbers and user names out of recorded bytes, each replaced by one and the same alias.

An alias has exactly as many bytes as what it replaces, so frames, fields and protobuf lengths stay
right in every dialect, and nothing has to be understood for it to be cleaned: error texts, unknown
messages and fields of future versions included.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.wire import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Anonymizer"]

# U live, DU paper, F/I advisors and brokers, DF/DI their paper forms.
_ACCOUNT: Final = re.compile(rb"(?<![A-Za-z0-9])(?:D?[UFI])\d{5,9}(?!\d)")
_ACCOUNT_FIELDS: Final = frozenset(
    {
        "account",
        "accountId",
        "accountName",
        "accountsList",
        "acctCode",
        "acctNumber",
        "clearingAccount",
        "customerAccount",
        "deltaNeutralClearingAccount",
        "familyCodeStr",
    }
)
_NAME_FIELDS: Final = frozenset({"submitter"})
_NAME_KEYS: Final = frozenset({"AccountCode", "AccountAlias", "AccountOrGroup"})
_ALIASES: Final = re.compile(r"<alias>([^<]+)</alias>")
_MIN_ACCOUNT: Final = 5
_MIN_NAME: Final = 3


@final
class Anonymizer:
    """Replaces what identifies a person; the same input always becomes the same alias.

    Accounts are recognised by their form and learned from the fields that hold them; user names
    are learned too, and others can be given.

    Args:
        names: Texts to replace wherever they occur, in any case, of at least three characters.

    Raises:
        ConfigurationError: A name is too short to be replaced safely.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._accounts: dict[bytes, bytes] = {}
        self._names: dict[bytes, bytes] = {}
        self._aliases: set[bytes] = set()
        self._pattern: re.Pattern[bytes] | None = None
        for name in names:
            if len(name) < _MIN_NAME:
                raise ConfigurationError(
                    f"a name to replace has {len(name)} characters; give at least {_MIN_NAME}"
                )
            self._add_name(name)

    def learn(self, message: Record) -> None:
        """Remember the accounts and names that a message holds in fields meant for them."""
        for field, text in _texts(message):
            if field in _ACCOUNT_FIELDS:
                for account in text.split(","):
                    self._add_account(account.strip().encode())
            elif field in _NAME_FIELDS:
                self._add_name(text)
            elif field == "xml":
                for alias in _ALIASES.findall(text):
                    self._add_name(alias)
        key = getattr(message, "key", None) or getattr(message, "tag", None)
        if key in _NAME_KEYS:
            self._add_account(str(getattr(message, "value", "")).encode())

    def clean(self, data: bytes) -> bytes:
        """Return the bytes with everything known replaced; the length never changes."""
        for found in _ACCOUNT.findall(data):
            if found not in self._aliases:
                self._add_account(found)
        if self._pattern is None:
            return data
        return self._pattern.sub(self._replace, data)

    def _replace(self, match: re.Match[bytes]) -> bytes:
        found = match[0]
        return self._accounts.get(found) or self._names[found.lower()]

    def _add_account(self, account: bytes) -> None:
        # An advisor's "all accounts" form DF1234567A shares the alias of DF1234567.
        form = _ACCOUNT.match(account)
        account = form[0] if form is not None else account
        if account in self._accounts or account in self._aliases:
            return
        if len(account) < _MIN_ACCOUNT or not any(48 <= byte <= 57 for byte in account):
            return
        prefix = re.match(rb"[A-Za-z]{0,2}", account)
        kept = prefix[0] if prefix is not None else b""
        number = str(len(self._accounts) + 1).encode()
        self._remember(self._accounts, account, kept + number.rjust(len(account) - len(kept), b"0"))

    def _add_name(self, name: str) -> None:
        if len(name) < _MIN_NAME or not any(character.isalpha() for character in name):
            return
        # Text fields escape what is beyond ASCII, protobuf strings do not.
        units = name.lower().encode("utf-16-be")
        codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
        escaped = "".join(chr(code) if code < 0x80 else f"\\u{code:04x}" for code in codes)
        for form in {name.lower().encode(), escaped.encode()}:
            if form not in self._names and form not in self._aliases:
                number = str(len(self._names) + 1).encode()
                self._remember(self._names, form, b"n" + number.rjust(len(form) - 1, b"0"))

    def _remember(self, table: dict[bytes, bytes], secret: bytes, alias: bytes) -> None:
        table[secret] = alias
        self._aliases.add(alias)
        accounts = [re.escape(one) for one in sorted(self._accounts, key=len, reverse=True)]
        names = [
            b"(?i:" + re.escape(one) + b")" for one in sorted(self._names, key=len, reverse=True)
        ]
        self._pattern = re.compile(b"|".join(accounts + names))


def _texts(record: Record) -> Iterator[tuple[str, str]]:
    """Yield name and value of every text field, nested ones included."""
    for field in record.__struct_fields__:
        value = getattr(record, field)
        if isinstance(value, str):
            yield field, value
        elif isinstance(value, Record):
            yield from _texts(value)
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Record):
                    yield from _texts(item)
