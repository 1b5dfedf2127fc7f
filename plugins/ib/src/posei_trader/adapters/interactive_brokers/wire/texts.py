"""Text fields off the wire."""

from __future__ import annotations

from typing import Final

__all__ = ["Texts", "text"]

_REMEMBERED: Final = 4_096


def text(field: bytes) -> str:
    """Return a text field; bytes that are no UTF-8 show as escapes."""
    return field.decode("utf-8", "backslashreplace")


class Texts(dict[bytes, str]):
    """Text fields that repeat, such as exchanges, by their bytes on the wire; bounded."""

    def __missing__(self, key: bytes) -> str:
        found = text(key)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[key] = found
        return found
