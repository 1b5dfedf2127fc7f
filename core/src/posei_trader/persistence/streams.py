"""The rows of the catalog's streams: written once, read once, whoever else reads and writes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, final

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.errors import DataFileError, InvalidRequest
from posei_trader.persistence import arrow_values, schemas
from posei_trader.persistence.files import WriteResult, key_directory
from posei_trader.persistence.rows import firsts, in_order, span, stamps, with_repeats
from posei_trader.persistence.spans import FOREVER

if TYPE_CHECKING:
    from posei_trader.persistence.files import DataFile, FileStore
    from posei_trader.persistence.schemas import CatalogTable, Columns

__all__ = ["Streams"]

_TRIES: Final = 20


@final
class Streams:
    """Write and read the rows of streams.

    Args:
        files: Where the catalog keeps its files.
    """

    def __init__(self, files: FileStore) -> None:
        self.files = files

    def write(self, rows: CatalogTable) -> WriteResult:
        """Store the rows that are not there yet.

        Raises:
            InvalidRequest: the columns are not those of the kind.
            DataFileError: the directory is not writable, or the disk is full.
        """
        kind, key, table = rows
        columns = schemas.named(kind)
        if table.schema.names != columns.schema.names:
            raise InvalidRequest(
                f"the columns are not those of {kind}",
                field="table",
                value=table.schema.names,
                remedy=f"give {', '.join(columns.schema.names)}",
            )
        if table.num_rows == 0:
            return WriteResult(0, 0, ())
        asked = table.num_rows
        table = with_repeats(in_order(table.cast(columns.schema)), columns)
        directory = key_directory(key)
        first, last = span(table)
        stored = self.read(columns, directory, first, last + 1)
        if stored.num_rows:
            both = pa.concat_tables([stored, table])
            rows_of_both = firsts(both, columns)
            table = both.take(
                rows_of_both.filter(
                    pc.greater_equal(rows_of_both, arrow_values.int64(stored.num_rows))
                )
            )
        if table.num_rows == 0:
            return WriteResult(0, asked, ())
        path = self.files.write(kind, directory, table, *span(table))
        return WriteResult(table.num_rows, asked - table.num_rows, (path,))

    def read(self, kind: Columns, directory: str, first: int = 0, end: int = FOREVER) -> pa.Table:
        """Return the rows of a span, ascending, each once.

        Raises:
            DataFileError: a file is damaged.
        """
        for _ in range(_TRIES):
            try:
                return self._read(kind, directory, first, end)
            except FileNotFoundError:
                # Another process joined files meanwhile: the same rows are in another one now.
                continue
        raise DataFileError(
            "the files of the catalog change faster than they can be read",
            field="path",
            value=f"{self.files.root}/{kind.name}/{directory}",
            remedy="try again when nobody consolidates it",
        )

    def _read(self, kind: Columns, directory: str, first: int, end: int) -> pa.Table:
        files = [
            file
            for file in self.files.files(kind.name, directory)
            if file.last_ns >= first and file.first_ns < end
        ]
        return self._of_files(kind, files, first, end)

    def _of_files(self, kind: Columns, files: list[DataFile], first: int, end: int) -> pa.Table:
        tables = [self.files.read(file.path, first, end).cast(kind.stored_schema) for file in files]
        table = (
            pa.concat_tables(tables) if tables else pa.Table.from_batches([], kind.stored_schema)
        )
        if any(a.last_ns >= b.first_ns for a, b in itertools.pairwise(files)):
            # Files overlap when two processes wrote at once, or a consolidation was interrupted.
            table = table.take(firsts(table, kind))
        if files and (files[0].first_ns < first or max(f.last_ns for f in files) >= end):
            moments = stamps(table)
            inside = pc.and_(
                pc.greater_equal(moments, arrow_values.int64(first)),
                pc.less(moments, arrow_values.int64(end)),
            )
            table = table.filter(inside)
        return in_order(table)

    def join(self, kind: Columns, directory: str) -> int:
        """Join the files of a stream into one; return how many were removed.

        The joined file appears before the old ones go: a reader meets rows twice at worst, and
        reading drops repeated rows. What other processes add meanwhile stays.
        """
        for _ in range(_TRIES):
            files = self.files.files(kind.name, directory)
            if len(files) < 2:
                return 0
            try:
                table = self._of_files(kind, files, 0, FOREVER)
            except FileNotFoundError:
                continue
            made = self.files.write(kind.name, directory, table, *span(table))
            old = [file.path for file in files if file.path != made]
            for path in old:
                self.files.remove(path)
            return len(old)
        return 0
