"""What is on its way into an order store: batches of rows, appended to a file beside it.

An append is one write to a file. It survives the death of the process as a transaction does, and
costs a tenth of one, so that it can stand between a decision and the wire.

    beginning   `_MAGIC`, the number of the first batch (u64)
    each batch  its length (u32), its CRC-32 (u32), and the batch in MessagePack

Integers are little-endian. A checksum begins with the batch's number: whoever reads while the file
begins anew cannot take one batch for another. A batch that is not whole is the last one: the
process, or the power, went while it was written, and nothing had been sent because of it.
"""

from __future__ import annotations

import errno
import logging
import os
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias, final
from zlib import crc32

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Batch", "Journal", "Row", "batches_beyond", "journal_of", "read_batches"]

_log: Final = logging.getLogger("posei.SqliteOrderStore")

_MAGIC: Final = b"POSEI-A1"
_BEGINNING: Final = Struct("<8sQ")
_PREFIX: Final = Struct("<II")


Row: TypeAlias = tuple[str | int | None, ...]
Batch: TypeAlias = list[tuple[str, Row]]
"""Rows that are stored all or none, each with the name of its table."""

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_BATCH: Final = msgspec.msgpack.Decoder(Batch)


def journal_of(path: Path) -> Path:
    """Return where the journal of a store lies."""
    return path.with_name(f"{path.name}-ahead")


def read_batches(path: Path) -> tuple[int, list[Batch]]:
    """Return the number of a journal's first batch, and its batches; none if there is no file.

    Raises:
        OSError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return 0, []
    if len(data) < _BEGINNING.size:
        return 0, []
    magic, first = _BEGINNING.unpack_from(data)
    if magic != _MAGIC:
        raise OSError(errno.EINVAL, "this is no journal of an order store", str(path))
    batches: list[Batch] = []
    place = _BEGINNING.size
    while place + _PREFIX.size <= len(data):
        length, checksum = _PREFIX.unpack_from(data, place)
        begin = place + _PREFIX.size
        body = data[begin : begin + length]
        if len(body) < length or crc32(body, _seed(first + len(batches))) != checksum:
            break
        try:
            batches.append(_BATCH.decode(body))
        except msgspec.MsgspecError:
            break
        place = begin + length
    if place < len(data):
        _log.info("the last %d bytes of %s are not whole", len(data) - place, path)
    return first, batches


def batches_beyond(moved: int, first: int, batches: list[Batch]) -> list[Batch] | None:
    """Return the batches that the tables do not hold yet; None if some before them are missing.

    Args:
        moved: The number of the last batch that the tables hold.
        first: As from `read_batches`.
        batches: The same.
    """
    if batches and first > moved + 1:
        return None
    return batches[moved + 1 - first :]


@final
class Journal:
    """The file of one store, written by one process. Every method raises OSError.

    Args:
        path: The file; what is in it goes.
        first: The number of the first batch.
        is_synced: Whether a batch has to survive a power failure, which costs a disk flush.
    """

    def __init__(self, path: Path, first: int, *, is_synced: bool) -> None:
        self._path = path
        self._is_synced = is_synced
        self._first = self._next = first
        self._size = 0
        self._is_torn = False
        self._file = path.open("wb", buffering=0)

    def append(self, batch: Batch) -> None:
        """Write a batch, whole or not at all."""
        body = _ENCODE(batch)
        data = _PREFIX.pack(len(body), crc32(body, _seed(self._next))) + body
        if not self._size:
            data = _BEGINNING.pack(_MAGIC, self._first) + data
        if self._is_torn:
            self._mend()
        written = self._file.write(data)
        if written != len(data) or self._is_synced:
            self._make_sure(is_whole=written == len(data))
        self._size += written
        self._next += 1

    def restart(self, first: int) -> None:
        """Begin anew: all that was written is where it belongs."""
        self._first = self._next = first
        self._size, self._is_torn = 0, True
        self._mend()

    def close(self) -> None:
        """Release the file. Idempotent."""
        self._file.close()

    def remove(self) -> None:
        """Release the file and take it away: nothing in it is needed any more. Idempotent."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _make_sure(self, *, is_whole: bool) -> None:
        self._is_torn = True
        if not is_whole:
            self._mend()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        os.fsync(self._file.fileno())
        self._is_torn = False

    def _mend(self) -> None:
        self._file.truncate(self._size)
        self._file.seek(self._size)
        self._is_torn = False


def _seed(number: int) -> int:
    return number & 0xFFFFFFFF
