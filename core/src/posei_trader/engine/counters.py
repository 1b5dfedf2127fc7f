"""Counts of what was dropped, refused or unknown, logged as they grow and not line by line."""

from __future__ import annotations

import logging
from collections import Counter
from typing import final

__all__ = ["Counters"]


@final
class Counters:
    """Count events by name, and log the 1st, 2nd, 4th, 8th... of each.

    A stream that is dropped tick by tick thus leaves a handful of lines, the last of which is
    within a factor of two of the truth; the exact number stands in :meth:`snapshot`.

    Args:
        component: Whose counts these are: the name in the log.
    """

    def __init__(self, component: str) -> None:
        self._log = logging.getLogger(f"posei.{component}")
        self._counts: Counter[str] = Counter()

    def add(self, name: str, detail: object) -> None:
        """Count one more, and log it when the count is a power of two."""
        self._counts[name] += 1
        count = self._counts[name]
        if count & (count - 1) == 0:
            self._log.warning("%s (%d so far): %s", name.replace("_", " "), count, detail)

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def snapshot(self) -> dict[str, int]:
        """Return every count by its name."""
        return dict(self._counts)
