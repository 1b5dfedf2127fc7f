"""Where the catalog's files are, and how one appears there: whole, or not at all.

    {root}/{kind}/instrument_id={id}[/spec={spec}/source={source}]/{first}-{last}-{digest}.parquet

Keys are percent-encoded, as pyarrow, DuckDB and Polars expect of hive-style partitions. The name of
a file gives its span in UNIX nanoseconds, so a query skips files without opening them, and a digest
of its content, so that writing the same rows twice is writing the same file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from posei_trader.errors import DataFileError, InvalidRequest
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.persistence.locations import located
from posei_trader.persistence.schemas import SCHEMA_VERSION, VERSION_KEY
from posei_trader.persistence.spans import FOREVER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from posei_trader.persistence.locations import AnyFileSystem

_SUFFIX: Final = ".parquet"
_TEMPORARY: Final = ".tmp-"
ROW_GROUP: Final = 65_536
"""Rows that are read or passed over together."""


class DataFile(NamedTuple):
    """A file and the span of its rows, UNIX ns UTC, both ends inclusive."""

    path: str
    first_ns: int
    last_ns: int


class WriteResult(NamedTuple):
    """What a write did.

    Attributes:
        written: Rows that are new.
        skipped: Rows that were there already, or twice in the input.
        files: The files made.
    """

    written: int
    skipped: int
    files: tuple[str, ...]


def key_directory(key: InstrumentId | BarType) -> str:
    """Return the directory of an instrument or bar type below its kind."""
    if isinstance(key, BarType):
        instrument = quote(key.instrument_id, safe="")
        return f"instrument_id={instrument}/spec={key.spec}/source={key.aggregation_source}"
    return f"instrument_id={quote(key, safe='')}"


def directory_key(directory: str) -> InstrumentId | BarType:
    """Parse what :func:`key_directory` made."""
    parts = dict(part.split("=", 1) for part in directory.split("/"))
    instrument_id = InstrumentId(unquote(parts["instrument_id"]))
    if "spec" in parts:
        return BarType.from_str(f"{instrument_id}-{parts['spec']}-{parts['source']}")
    return instrument_id


class FileStore:
    """The files below one root, on any file system that pyarrow or fsspec knows."""

    def __init__(self, root: str | Path, filesystem: AnyFileSystem | None = None) -> None:
        self.fs, self.root = located(root, filesystem)
        self._local = isinstance(self.fs, pafs.LocalFileSystem)

    def exists(self) -> bool:
        """Return whether the root is there."""
        found: bool = self.fs.get_file_info(self.root).type is pafs.FileType.Directory
        return found

    def directories(self, kind: str) -> Iterator[str]:
        """Yield the key directories that hold files of a kind, sorted."""
        base = f"{self.root}/{kind}"
        seen = {
            info.path[len(base) + 1 : info.path.rindex("/")]
            for info in self._list(base, recursive=True)
            if info.path.endswith(_SUFFIX)
        }
        yield from sorted(seen)

    def files(self, kind: str, directory: str) -> list[DataFile]:
        """Return the files of a key directory, ordered by their first row."""
        found: list[DataFile] = []
        for info in self._list(f"{self.root}/{kind}/{directory}", recursive=False):
            name = info.path.rpartition("/")[2]
            if not name.endswith(_SUFFIX) or name.startswith(_TEMPORARY):
                continue
            first, _, rest = name.removesuffix(_SUFFIX).partition("-")
            last, _, _ = rest.partition("-")
            if not (first.isdigit() and last.isdigit()):
                raise DataFileError(
                    "a file in the catalog is not one of ours",
                    field="path",
                    value=info.path,
                    remedy="move it out of the catalog's directory",
                )
            found.append(DataFile(info.path, int(first), int(last)))
        return sorted(found, key=lambda file: (file.first_ns, file.last_ns, file.path))

    def read(self, path: str, first_ns: int = 0, end_ns: int = FOREVER) -> pa.Table:
        """Read of one file the row groups that may hold rows of a span.

        Raises:
            DataFileError: it is damaged, or of a newer version of the catalog.
            FileNotFoundError: it is gone: another process joined it with others.
        """
        try:
            with self.fs.open_input_file(path) as source:
                file = pq.ParquetFile(source)
                _check_version(path, file.schema_arrow.metadata or {})
                groups = _groups_within(file, first_ns, end_ns)
                return file.read() if groups is None else file.read_row_groups(groups)
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise DataFileError(
                f"cannot read a file of the catalog: {error}",
                field="path",
                value=path,
                remedy="restore it, or remove it and download its span again",
            ) from error

    def write(self, kind: str, directory: str, table: pa.Table, first_ns: int, last_ns: int) -> str:
        """Write rows as one file: complete and on disk when this returns, absent when it raises.

        Returns:
            The file's path. The same rows give the same path.

        Raises:
            DataFileError: the place is not writable, or the disk is full.
        """
        if first_ns < 0:
            raise InvalidRequest(
                "a record before 1970 cannot be stored",
                field="ts_event",
                value=first_ns,
                remedy="give UNIX nanoseconds, UTC",
            )
        folder = f"{self.root}/{kind}/{directory}"
        sink = pa.BufferOutputStream()
        pq.write_table(
            table,
            sink,
            compression="zstd",
            use_dictionary=_dictionary_columns(table),
            # Times that rise evenly take next to no room. Queries ask for times: the least and the
            # greatest of the prices would be a third of the work.
            column_encoding=dict.fromkeys(_time_columns(table), "DELTA_BINARY_PACKED"),
            write_statistics=_time_columns(table),
            version="2.6",
            row_group_size=ROW_GROUP,
        )
        content = sink.getvalue()
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        final = f"{folder}/{first_ns:019d}-{last_ns:019d}-{digest}{_SUFFIX}"
        self._appear(folder, final, content)
        return final

    def mark(self, directory: str, name: str) -> None:
        """Make an empty file whose name says everything; it is on disk when this returns.

        Raises:
            DataFileError: the place is not writable, or the disk is full.
        """
        folder = f"{self.root}/{directory}"
        self._appear(folder, f"{folder}/{name}", pa.py_buffer(b""))

    def marks(self, directory: str, suffix: str) -> list[str]:
        """Return the paths of the empty files of a directory, sorted."""
        found = self._list(f"{self.root}/{directory}", recursive=False)
        return sorted(info.path for info in found if info.path.endswith(suffix))

    def _appear(self, folder: str, final: str, content: pa.Buffer) -> None:
        temporary = f"{folder}/{_TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"
        try:
            self.fs.create_dir(folder, recursive=True)
            if self._local:
                _write_durably(Path(temporary), Path(final), content)
            else:
                with self.fs.open_output_stream(temporary) as out:
                    out.write(content)
                self.fs.move(temporary, final)
        except OSError as error:
            self._forget(temporary)
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise DataFileError(
                f"cannot write to the catalog: {error.strerror or error}",
                field="path",
                value=folder,
                remedy="free some space" if full else "choose a directory that can be written",
            ) from error

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone already is no error."""
        with contextlib.suppress(FileNotFoundError):
            self.fs.delete_file(path)

    def _forget(self, temporary: str) -> None:
        try:
            self.remove(temporary)
        except OSError:
            # The place is not writable at all: the first error says so, and readers skip leftovers.
            return

    def _list(self, base: str, *, recursive: bool) -> list[pafs.FileInfo]:
        selector = pafs.FileSelector(base, allow_not_found=True, recursive=recursive)
        try:
            found: list[pafs.FileInfo] = self.fs.get_file_info(selector)
        except FileNotFoundError:
            # pyarrow looks twice, and another process made the directory in between.
            found = self.fs.get_file_info(selector)
        return [info for info in found if info.type is pafs.FileType.File]


def _write_durably(temporary: Path, final: Path, content: pa.Buffer) -> None:
    with temporary.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _groups_within(file: pq.ParquetFile, first_ns: int, end_ns: int) -> list[int] | None:
    """Return the row groups with rows of a span by their statistics, None for all of them."""
    if file.num_row_groups < 2 or (first_ns <= 0 and end_ns >= FOREVER):
        return None
    column = file.schema_arrow.get_field_index("ts_event")
    groups: list[int] = []
    for number in range(file.num_row_groups):
        known = file.metadata.row_group(number).column(column).statistics if column >= 0 else None
        if known is None or not known.has_min_max:
            return None
        # Raw values: as datetimes they would lose their nanoseconds.
        if known.max_raw >= first_ns and known.min_raw < end_ns:
            groups.append(number)
    return groups


def _dictionary_columns(table: pa.Table) -> list[str]:
    """Return the columns that repeat few values; a dictionary of prices only costs time."""
    return [field.name for field in table.schema if pa.types.is_integer(field.type)]


def _time_columns(table: pa.Table) -> list[str]:
    return [field.name for field in table.schema if pa.types.is_timestamp(field.type)]


def _check_version(path: str, metadata: Mapping[bytes, bytes]) -> None:
    version = metadata.get(VERSION_KEY, b"1")
    if not version.isdigit() or int(version) > SCHEMA_VERSION:
        raise DataFileError(
            "a file of the catalog was written by a newer version of PoseiTrader",
            field="schema version",
            value=version.decode(errors="replace"),
            remedy=f"upgrade posei-trader to read {path}; this one reads up to {SCHEMA_VERSION}",
        )
