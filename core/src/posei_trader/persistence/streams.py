"""The rows of the catalog's streams: written once, read once, whoever else reads and writes."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, NamedTuple, final

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.errors import DataFileError
from posei_trader.persistence import arrow_values
from posei_trader.persistence.files import WriteResult
from posei_trader.persistence.parquet_content import inside, reading
from posei_trader.persistence.rows import firsts, in_order, span
from posei_trader.persistence.spans import FOREVER

if TYPE_CHECKING:
    from posei_trader.persistence.files import DataFile, FileStore
    from posei_trader.persistence.incoming import Rows
    from posei_trader.persistence.schemas import Columns

__all__ = ["Streams"]


@final
class Streams:
    """Write and read the rows of streams.

    Args:
        files: Where the catalog keeps its files.
    """

    def __init__(self, files: FileStore) -> None:
        self.files = files

    def write(self, rows: Rows) -> WriteResult:
        """Store the rows that are not there yet.

        Raises:
            DataFileError: the directory is not writable, or the disk is full.
        """
        columns, directory, table, asked = rows
        if table.num_rows == 0:
            return WriteResult(0, asked, ())
        first, last = span(table)
        stored = self.read(columns, directory, first, last + 1)
        turn = 0
        if stored.num_rows:
            both = pa.concat_tables([stored, table])
            rows_of_both = firsts(both, columns)
            table = both.take(
                rows_of_both.filter(
                    pc.greater_equal(rows_of_both, arrow_values.int64(stored.num_rows))
                )
            )
            # What was stored before stays before what is new of the same moment.
            turn = self.files.next_turn(columns.name, directory)
        if table.num_rows == 0:
            return WriteResult(0, asked, ())
        path = self.files.write(columns.name, directory, table, *span(table), turn)
        return WriteResult(table.num_rows, asked - table.num_rows, (path,))

    def read(self, kind: Columns, directory: str, first: int = 0, end: int = FOREVER) -> pa.Table:
        """Return the rows of a span, ascending, each once.

        Raises:
            DataFileError: a file is damaged.
        """
        parts: dict[str, _Part] = {}
        gone: set[str] = set()
        while True:
            files = self._within(kind, directory, first, end)
            unread = [file for file in files if file.path not in parts]
            if gone and gone == {file.path for file in unread}:
                raise DataFileError(
                    "a file is listed in the catalog, and is not there",
                    field="path",
                    value=min(gone),
                    remedy="try again; the file system may need some time to forget it",
                )
            gone = self._add(parts, unread, kind, first, end)
            if not gone:
                return _joined(list(parts.values()), kind, first, end)
            # Another process joined files meanwhile. Their rows are in a file that was there before
            # they went: it is in the next listing. What was read already counts too, rows that come
            # twice are dropped; so each turn of this loop has less to read than the one before.

    def count(self, kind: Columns, directory: str, first: int, end: int) -> int:
        """Return how many rows a span has; of files that lie within it, nothing else is read.

        Raises:
            DataFileError: a file is damaged.
        """
        files = self._within(kind, directory, first, end)
        if not _is_overlapping(files):
            with contextlib.suppress(FileNotFoundError):
                return sum(self.files.count(file, first, end) for file in files)
        rows: int = self.read(kind, directory, first, end).num_rows
        return rows

    def join(self, kind: Columns, directory: str) -> int:
        """Join the files of a stream into one; return how many were removed.

        The joined file appears before the old ones go: a reader meets rows twice at worst, and
        reading drops repeated rows. What other processes add meanwhile stays.
        """
        files = self.files.files(kind.name, directory)
        if len(files) < 2:
            return 0
        parts: dict[str, _Part] = {}
        self._add(parts, files, kind, 0, FOREVER)
        if len(parts) < 2:
            return 0  # another process joined them meanwhile
        read = [part.file for part in parts.values()]
        table = _joined(list(parts.values()), kind, 0, FOREVER)
        turn = max(file.turn for file in read)
        made = _name(self.files.write(kind.name, directory, table, *span(table), turn))
        # By their names: a file system may write the way to them otherwise than we do.
        old = [file.path for file in read if _name(file.path) != made]
        for path in old:
            self.files.remove(path)
        return len(old)

    def _within(self, kind: Columns, directory: str, first: int, end: int) -> list[DataFile]:
        return [
            file
            for file in self.files.files(kind.name, directory)
            if file.last_ns >= first and file.first_ns < end
        ]

    def _add(
        self, parts: dict[str, _Part], files: list[DataFile], kind: Columns, first: int, end: int
    ) -> set[str]:
        """Read files; return the paths of those that are gone."""
        gone: set[str] = set()
        for file in files:
            try:
                table = self.files.read(file.path, first, end)
            except FileNotFoundError:
                gone.add(file.path)
                continue
            with reading(file.path):
                parts[file.path] = _Part(file, table.cast(kind.stored_schema))
        return gone


class _Part(NamedTuple):
    file: DataFile
    table: pa.Table


def _joined(parts: list[_Part], kind: Columns, first: int, end: int) -> pa.Table:
    """Return the rows of files as one table: those of a span, ascending, each once."""
    parts = sorted(parts, key=lambda part: _place(part.file))
    files = [part.file for part in parts]
    is_overlapping = _is_overlapping(files)
    if is_overlapping:
        # Rows of one moment follow each other as they were written.
        parts.sort(key=lambda part: part.file.turn)
    empty = pa.Table.from_batches([], kind.stored_schema)
    table = pa.concat_tables([part.table for part in parts]) if parts else empty
    if is_overlapping:
        # Files overlap when two processes wrote at once, or a consolidation was interrupted.
        table = table.take(firsts(table, kind))
    if any(file.first_ns < first or file.last_ns >= end for file in files):
        table = table.filter(inside(table, first, end))
    return in_order(table)


def _is_overlapping(files: list[DataFile]) -> bool:
    return any(a.last_ns >= b.first_ns for a, b in itertools.pairwise(files))


def _place(file: DataFile) -> tuple[int, int, str]:
    return file.first_ns, file.last_ns, file.path


def _name(path: str) -> str:
    return path.rpartition("/")[2]
