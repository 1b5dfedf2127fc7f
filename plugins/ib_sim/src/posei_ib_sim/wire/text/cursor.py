"""A place in a message's fields; behind the last one everything is unset."""


class FieldError(ValueError):
    """Say which field cannot be read or written, and why."""

    def __init__(self, name: str, value: str, reason: str) -> None:
        shown = value if len(value) <= 80 else f"{value[:77]}..."
        super().__init__(f"field {name}: {shown!r} {reason}")


class Cursor:
    """Walk over fields from left to right."""

    __slots__ = ("_fields", "_position")

    def __init__(self, fields: list[str]) -> None:
        self._fields = fields
        self._position = 0

    def take(self) -> str:
        """Return the next field, or the empty one behind the end."""
        position = self._position
        self._position = position + 1
        return self._fields[position] if position < len(self._fields) else ""

    def skip(self) -> None:
        """Pass over a field."""
        self._position += 1

    @property
    def remaining(self) -> int:
        """Count the fields left; negative when more were taken than there are."""
        return len(self._fields) - self._position

    def count(self, name: str, shortest: int) -> int:
        """Take a count of repetitions of at least ``shortest`` fields each.

        Raises:
            FieldError: not a count, or more repetitions than the message can hold: nothing is
                allocated on a sender's word.
        """
        text = self.take()
        if not text:
            return 0
        if not (text.isascii() and text.isdecimal() and len(text) <= 9):
            raise FieldError(f"number of {name}", text, "is not a count")
        count = int(text)
        if count and count * max(shortest, 1) > self.remaining:
            raise FieldError(
                f"number of {name}", text, f"is more than the {self.remaining} fields left can hold"
            )
        return count
