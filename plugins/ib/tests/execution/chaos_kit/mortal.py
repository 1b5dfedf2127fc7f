"""A store in a process that may be killed at any write, before or after it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from posei_trader.engine.sqlite_store import SqliteOrderStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_WRITES = {"submit", "modify", "cancel", "events", "settle"}


class MortalStore:
    """The real store, which can be told to die at a coming write.

    What `kill -9` leaves is the files as they are at that moment: whatever was written to them is
    there, whatever was not is lost. So death is a copy of the files, which the next life opens.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store = SqliteOrderStore(path)
        self._left: int | None = None
        self._dies_before = False
        self._die: Callable[[], None] | None = None

    def __getattr__(self, name: str):
        method = getattr(self._store, name)
        if name not in _WRITES:
            return method

        def write(*arguments):
            is_last = self._count()
            if is_last and self._dies_before:
                self._kill()
            result = method(*arguments)
            if is_last and not self._dies_before:
                self._kill()
            return result

        return write

    def arm(self, writes: int, *, before: bool, die: Callable[[], None]) -> None:
        """Die at a coming write, counted from 1."""
        self._left, self._dies_before, self._die = writes, before, die

    def remains(self, path: Path) -> Path:
        """Copy what a killed process leaves on the disk."""
        # What is written moves from the journal to the log, and from there to the main file.
        for suffix in ("-ahead", "-wal", ""):
            source = self.path.with_name(self.path.name + suffix)
            if source.exists():
                shutil.copyfile(source, path.with_name(path.name + suffix))
        return path

    def _count(self) -> bool:
        if self._left is None:
            return False
        self._left -= 1
        return self._left == 0

    def _kill(self) -> None:
        die, self._die, self._left = self._die, None, None
        if die is not None:
            die()
