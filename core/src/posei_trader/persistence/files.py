"""Where the catalog's files are, and how one appears there: whole, or not at all.

    {root}/{kind}/instrument_id={id}[/spec={spec}/source={source}]/{first}-{last}-{digest}.parquet

Keys are percent-encoded, as pyarrow, DuckDB and Polars expect of hive-style partitions. The name of
a file gives its span in UNIX nanoseconds, so a query skips files without opening them, and a digest
of its content, so that writing the same rows twice is writing the same file.
"""

from __future__ import annotations

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

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX: Final = ".parquet"
_TEMPORARY: Final = ".tmp-"


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
    """The files below one root, on any file system that pyarrow knows."""

    def __init__(self, root: str | Path, filesystem: pafs.FileSystem | None = None) -> None:
        if filesystem is not None:
            self.fs, self.root = filesystem, str(root)
        elif "://" in str(root):
            self.fs, self.root = pafs.FileSystem.from_uri(str(root))
        else:
            self.fs, self.root = pafs.LocalFileSystem(), str(Path(root).expanduser().absolute())
        self._local = isinstance(self.fs, pafs.LocalFileSystem)

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

    def read(self, path: str) -> pa.Table:
        """Read one file.

        Raises:
            DataFileError: it is damaged or gone.
        """
        try:
            with self.fs.open_input_file(path) as source:
                return pq.ParquetFile(source).read()
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
        pq.write_table(table, sink, compression="zstd", use_dictionary=True, version="2.6")
        content = sink.getvalue()
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        final = f"{folder}/{first_ns:019d}-{last_ns:019d}-{digest}{_SUFFIX}"
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
        return final

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone already is no error."""
        if self.fs.get_file_info(path).type is not pafs.FileType.NotFound:
            self.fs.delete_file(path)

    def _forget(self, temporary: str) -> None:
        try:
            self.remove(temporary)
        except OSError:
            # The place is not writable at all: the first error says so, and readers skip leftovers.
            return

    def _list(self, base: str, *, recursive: bool) -> list[pafs.FileInfo]:
        selector = pafs.FileSelector(base, allow_not_found=True, recursive=recursive)
        found: list[pafs.FileInfo] = self.fs.get_file_info(selector)
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
