"""Text fields off the wire."""

from __future__ import annotations

__all__ = ["text"]


def text(field: bytes) -> str:
    """Return a text field; bytes that are no UTF-8 show as escapes."""
    return field.decode("utf-8", "backslashreplace")
