"""Guess what somebody meant who wrote a name that does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["closest", "did_you_mean", "listed"]


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that resembles the given one most, if any does."""
    from difflib import get_close_matches  # noqa: PLC0415 - only needed once something is wrong

    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a remedy: the closest known name, or all of them."""
    candidates = sorted(known)
    match = closest(name, candidates)
    return f"did you mean {match!r}?" if match else f"known are: {listed(candidates)}"


def listed(names: Iterable[str]) -> str:
    """Return names as a readable list."""
    return ", ".join(repr(name) for name in names) or "none"
