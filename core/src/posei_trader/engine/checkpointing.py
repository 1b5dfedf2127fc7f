"""Moving the log of the order store into its file, beside the program's work.

SQLite would do it in the middle of a write, and wait for the disk there: tens of milliseconds for
the order that has the bad luck. Here a thread does it; writers never wait for it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Checkpointer"]

_log: Final = logging.getLogger("posei.SqliteOrderStore")

_ROWS_BETWEEN: Final = 2_000  # about two megabytes of log


@final
class Checkpointer:
    """Keep the log of a store short.

    Args:
        path: The store's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = 0
        self._wanted = threading.Event()
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def written(self, rows: int) -> None:
        """Take note of rows that were written."""
        self._rows += rows
        if self._rows >= _ROWS_BETWEEN:
            self._rows = 0
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="order store checkpoints", daemon=True
                )
                self._thread.start()
            self._wanted.set()

    def close(self) -> None:
        """End the thread; what is left in the log moves when the store is closed. Idempotent."""
        self._is_closing = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            if self._is_closing:
                return
            self._wanted.clear()
            try:
                self._checkpoint()
            except sqlite3.Error as error:
                # Nothing is lost: all of it stands in the log, which grows until this succeeds.
                _log.error("the log of the order store %s cannot be moved: %s", self._path, error)

    def _checkpoint(self) -> None:
        # A connection lives no longer than its work: an idle one is one more thing to be stale.
        db = sqlite3.connect(self._path, isolation_level=None, timeout=1.0)
        try:
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            db.close()
