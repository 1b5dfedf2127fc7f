"""What goes wrong with bytes."""

from __future__ import annotations

from typing import Final

__all__ = ["FramingError", "MalformedMessage", "UnknownMessage", "excerpt"]

_LONGEST_EXCERPT: Final = 48


class FramingError(ValueError):
    """The length prefixes make no sense: nothing after this point can be read."""


class MalformedMessage(ValueError):  # noqa: N818 - the name says what it is
    """One message does not decode; the next ones are unharmed."""


class UnknownMessage(MalformedMessage):
    """A message of a kind that nobody knows."""


def excerpt(payload: bytes) -> str:
    """Return the first bytes in hex, for logs."""
    shown = payload[:_LONGEST_EXCERPT].hex(" ")
    rest = len(payload) - _LONGEST_EXCERPT
    return f"{shown} ... {rest} more" if rest > 0 else shown
