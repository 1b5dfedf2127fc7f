"""Stable contract ids: the same contract has the same conId in every run and on every machine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["is_made", "stable_con_id"]

# IB's ids are positive 32-bit integers; the lower range is left to the well-known real ones.
_FIRST: Final = 800_000_000
_COUNT: Final = 1_300_000_000


def stable_con_id(identity: str, taken: Container[int]) -> int:
    """Return a conId made from a contract's identity, stepping past ids already taken."""
    attempt = 0
    while True:
        digest = hashlib.sha256(f"{identity}#{attempt}".encode()).digest()
        con_id = _FIRST + int.from_bytes(digest[:8], "big") % _COUNT
        if con_id not in taken:
            return con_id
        attempt += 1


def is_made(con_id: int) -> bool:
    """Tell whether an id can be one that `stable_con_id` makes."""
    return _FIRST <= con_id < _FIRST + _COUNT
