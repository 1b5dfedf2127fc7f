"""Where the catalog's files are, and how one appears there: whole, or not at all.

    {root}/{kind}/instrument_id={id}[/spec={spec}/source={source}]/
        {first}-{last}[-{turn}]-{digest}.parquet

Keys are percent-encoded, as pyarrow, DuckDB and Polars expect of hive-style partitions. The name of
a file gives its span in UNIX nanoseconds, so a query skips files without opening them, and a digest
of its content, so that writing the same rows twice is writing the same file. Files whose rows share
a moment tell in which turn they were written.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.fs as pafs

from posei_trader.errors import DataFileError, PoseiError
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.persistence import parquet_content, schemas
from posei_trader.persistence.locations import located
from posei_trader.persistence.spans import FOREVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_trader.persistence.locations import AnyFileSystem

_SUFFIX: Final = ".parquet"
_TEMPORARY: Final = ".tmp-"
_LEFT_OVER_NS: Final = 3_600 * 1_000_000_000
"""A temporary file that is older belongs to nobody: writing one takes seconds."""


class DataFile(NamedTuple):
    """A file and the span of its rows, UNIX ns UTC, both ends inclusive.

    Attributes:
        path: Where it is.
        first_ns: The first moment.
        last_ns: The last one.
        turn: Of files that share a moment, the later written has the larger one.
    """

    path: str
    first_ns: int
    last_ns: int
    turn: int = 0


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
        with _listing(self.root):
            found: bool = self.fs.get_file_info(self.root).type is pafs.FileType.Directory
            return found

    def directories(self, kind: str) -> Iterator[str]:
        """Yield the key directories of a kind, sorted; one that lost its files is empty."""
        seen: set[str] = set()
        for info in self._list(f"{self.root}/{kind}", recursive=True):
            below = _below(kind, info.path)
            is_directory = info.type is pafs.FileType.Directory
            # Not every file system has directories: in some they are only parts of names.
            seen.add(below if is_directory else below.rpartition("/")[0])
        yield from sorted(one for one in seen if _is_key_directory(kind, one))

    def files(self, kind: str, directory: str) -> list[DataFile]:
        """Return the files of a key directory, ordered by their first row.

        Raises:
            DataFileError: one is not ours.
        """
        found, strangers = self.listed(kind, directory)
        if strangers:
            raise DataFileError(
                "a file in the catalog is not one of ours",
                field="path",
                value=strangers[0],
                remedy="move it out of the catalog's directory",
            )
        return found

    def listed(self, kind: str, directory: str) -> tuple[list[DataFile], list[str]]:
        """Return the files of a key directory, and the paths of those that are not ours."""
        found: list[DataFile] = []
        strangers: list[str] = []
        for path in self._settled(f"{self.root}/{kind}/{directory}"):
            name = path.rpartition("/")[2]
            if not name.endswith(_SUFFIX) or _is_hidden(name):
                continue
            first, _, rest = name.removesuffix(_SUFFIX).partition("-")
            last, _, rest = rest.partition("-")
            turn, _, _ = rest.rpartition("-")
            if first.isdigit() and last.isdigit() and (not turn or turn.isdigit()):
                found.append(DataFile(path, int(first), int(last), int(turn or 0)))
            else:
                strangers.append(path)
        return sorted(found, key=lambda file: (file.first_ns, file.last_ns, file.path)), strangers

    def strangers(self, kind: str) -> list[str]:
        """Return the paths of data files that lie in no key directory: nobody reads them."""
        found: list[str] = []
        for info in self._list(f"{self.root}/{kind}", recursive=True):
            below = _below(kind, info.path)
            directory = below.rpartition("/")[0]
            if (
                info.type is pafs.FileType.File
                and below.endswith(_SUFFIX)
                and not any(map(_is_hidden, below.split("/")))
                and not _is_key_directory(kind, directory)
            ):
                found.append(info.path)
        return sorted(found)

    def leftovers(self, place: str) -> list[str]:
        """Return the paths of temporary files that a killed process left below the root."""
        return sorted(
            info.path
            for info in self._list(f"{self.root}/{place}", recursive=True)
            if info.path.rpartition("/")[2].startswith(_TEMPORARY)
            and info.mtime_ns is not None
            and info.mtime_ns < time.time_ns() - _LEFT_OVER_NS
        )

    def next_turn(self, kind: str, directory: str) -> int:
        """Return the turn of a file that shall count as written after all that are there."""
        return 1 + max((file.turn for file in self.files(kind, directory)), default=-1)

    def read(self, path: str, first_ns: int = 0, end_ns: int = FOREVER) -> pa.Table:
        """Read of one file the row groups that may hold rows of a span.

        Raises:
            DataFileError: it is damaged, or of a newer version of the catalog.
            FileNotFoundError: it is gone: another process joined it with others.
        """
        with parquet_content.reading(path), self.fs.open_input_file(path) as source:
            return parquet_content.read_rows(path, source, first_ns, end_ns)

    def read_whole(self, path: str) -> tuple[pa.Table, bool]:
        """Read a file, and whether its content is what was written: that which its name tells.

        Raises:
            As :meth:`read`.
        """
        with parquet_content.reading(path), self.fs.open_input_file(path) as source:
            content = source.read_buffer()
            table = parquet_content.read_rows(path, pa.BufferReader(content))
        told = path.removesuffix(_SUFFIX).rpartition("-")[2]
        return table, told == _digest(content)

    def count(self, file: DataFile, first_ns: int, end_ns: int) -> int:
        """Return how many rows of a span a file has; of one that lies within it, by its end alone.

        Raises:
            As :meth:`read`.
        """
        span = (first_ns, end_ns)
        if first_ns <= file.first_ns and file.last_ns < end_ns:
            span = (0, FOREVER)
        with parquet_content.reading(file.path), self.fs.open_input_file(file.path) as source:
            return parquet_content.count_rows(file.path, source, *span)

    def write(
        self,
        kind: str,
        directory: str,
        table: pa.Table,
        first_ns: int,
        last_ns: int,
        turn: int = 0,
    ) -> str:
        """Write rows as one file: complete and on disk when this returns, absent when it raises.

        Args:
            kind: Of what kind they are.
            directory: Of which stream.
            table: The rows.
            first_ns: Their first moment, UNIX ns UTC.
            last_ns: Their last one.
            turn: See `DataFile`.

        Returns:
            The file's path. The same rows give the same path.

        Raises:
            DataFileError: the place is not writable, or the disk is full.
        """
        folder = f"{self.root}/{kind}/{directory}"
        content = parquet_content.encoded(table)
        written = f"-{turn}" if turn else ""
        final = f"{folder}/{first_ns:019d}-{last_ns:019d}{written}-{_digest(content)}{_SUFFIX}"
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
        found = self._settled(f"{self.root}/{directory}")
        return [
            path
            for path in found
            if path.endswith(suffix) and not _is_hidden(path.rpartition("/")[2])
        ]

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
        """Remove a file; one that is gone already is no error.

        Raises:
            DataFileError: it may not be removed.
        """
        try:
            self._delete(path)
        except OSError as error:
            raise DataFileError(
                f"cannot remove a file of the catalog: {error.strerror or error}",
                field="path",
                value=path,
                remedy="choose a directory that can be written",
            ) from error

    def _delete(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.fs.delete_file(path)

    def _forget(self, temporary: str) -> None:
        try:
            self._delete(temporary)
        except OSError:
            # The place is not writable at all: the first error says so, and readers skip leftovers.
            return

    def _settled(self, base: str) -> list[str]:
        """Return the paths of the files of a directory, sorted; none that is replaced is missed.

        A listing looks at one name after the other. When another process joins files meanwhile,
        it may miss the joined file, which was not there yet, and the old ones, which are gone.
        Then what the listing before it had is missing too, or this one has the joined file.
        """
        before = self._paths(base)
        while not before <= (now := self._paths(base)):
            before = now
        return sorted(now)

    def _paths(self, base: str) -> set[str]:
        found = self._list(base, recursive=False)
        return {info.path for info in found if info.type is pafs.FileType.File}

    def _list(self, base: str, *, recursive: bool) -> list[pafs.FileInfo]:
        selector = pafs.FileSelector(base, allow_not_found=True, recursive=recursive)
        with _listing(base):
            try:
                found: list[pafs.FileInfo] = self.fs.get_file_info(selector)
            except FileNotFoundError:
                # pyarrow looks twice, and another process made the directory in between.
                found = self.fs.get_file_info(selector)
        return found


@contextlib.contextmanager
def _listing(base: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataFileError(
            f"cannot look into the catalog: {error.strerror or error}",
            field="path",
            value=base,
            remedy="give a directory that can be read, with all that is below it",
        ) from error


def _below(kind: str, path: str) -> str:
    """Return the part of a path below its kind; file systems differ in how they write the rest."""
    return f"/{path}".rpartition(f"/{kind}/")[2]


def _is_hidden(name: str) -> bool:
    """Return whether other programs pass over a name: their notes, and files half written."""
    return name.startswith((".", "_"))


def _is_key_directory(kind: str, directory: str) -> bool:
    """Return whether we gave a directory its name, and for keys of this kind."""
    try:
        key = directory_key(directory)
    except (PoseiError, KeyError, ValueError):
        return False
    is_of_bars = kind.rpartition("/")[2] == schemas.BARS.name
    return isinstance(key, BarType) == is_of_bars and key_directory(key) == directory


def _digest(content: pa.Buffer) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


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
