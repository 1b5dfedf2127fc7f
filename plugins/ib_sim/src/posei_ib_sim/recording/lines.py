"""The recording's file: JSON lines, one for each frame, made to be read by people and compared."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, Literal, TextIO, final

import msgspec

from posei_ib_sim.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from posei_ib_sim.recording.anonymizer import Anonymizer

__all__ = ["FORMAT", "Line", "RecordingWriter", "read_lines"]

FORMAT: Final = 1
"""Version of the file's form."""

Event = Literal["opened", "hello", "version", "frame", "closed"]
Origin = Literal["client", "gateway"]


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event of a recorded connection.

    Attributes:
        at: Seconds since the recording began.
        connection: Counts the connections from 1.
        event: "hello" is the client's version range, "version" the gateway's answer to it.
        origin: Who sent or closed.
        kind: Name of the message, for readers; empty when it is unknown.
        fields: The payload as text fields, each ended by a NUL on the wire.
        hex: The payload when it is no such text.
    """

    at: float
    connection: int
    event: Event
    origin: Origin = "client"
    kind: str = ""
    fields: list[str] | None = None
    hex: str | None = None

    @property
    def payload(self) -> bytes:
        """The payload, without its length prefix."""
        if self.fields is not None:
            return "".join(field + "\0" for field in self.fields).encode()
        return bytes.fromhex(self.hex or "")


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    recording: str
    format: int
    began: str


def payload_form(payload: bytes) -> dict[str, list[str] | str]:
    """Return the payload as the keyword of `Line` that shows it best."""
    if payload.endswith(b"\0"):
        try:
            text = payload[:-1].decode()
        except UnicodeDecodeError:
            return {"hex": payload.hex()}
        if all(character == "\0" or character >= " " for character in text):
            return {"fields": text.split("\0")}
    return {"hex": payload.hex()}


@final
class RecordingWriter:
    """Writes a recording beside its final name and moves it there when it is complete and clean.

    Args:
        path: The file; it must not exist yet.
        anonymizer: Cleans every line again at the end, when all accounts and names are known.

    Raises:
        ConfigurationError: The file exists or cannot be written.
    """

    def __init__(self, path: Path, anonymizer: Anonymizer) -> None:
        if path.exists():
            raise ConfigurationError(f"record={str(path)!r} exists; name another file or remove it")
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._anonymizer = anonymizer
        self.lines = 0
        try:
            self._file: TextIO | None = self._partial.open("w", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"record={str(path)!r} cannot be written ({error.strerror}); name another file"
            ) from error
        began = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        self._write(_Header(recording="posei-ib-sim wire", format=FORMAT, began=began))

    def write(self, line: Line) -> None:
        """Append a line, cleaned with what is known so far."""
        cleaned = self._anonymizer.clean(line.payload)
        if line.fields is not None or line.hex is not None:
            shown = {"fields": None, "hex": None, **payload_form(cleaned)}
            line = msgspec.structs.replace(line, **shown)
        self._write(line)
        self.lines += 1

    def close(self) -> None:
        """Clean the whole file with all that was learned, and give it its name."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        final = self._path.with_name(self._path.name + ".clean")
        with final.open("wb") as out, self._partial.open("rb") as lines:
            for number, raw in enumerate(lines):
                if number == 0:
                    out.write(raw)
                    continue
                line = msgspec.json.decode(raw, type=Line)
                shown = payload_form(self._anonymizer.clean(line.payload))
                if line.fields is not None or line.hex is not None:
                    line = msgspec.structs.replace(line, fields=None, hex=None)
                    line = msgspec.structs.replace(line, **shown)
                out.write(msgspec.json.encode(line) + b"\n")
        final.replace(self._path)
        self._partial.unlink()

    def _write(self, record: msgspec.Struct) -> None:
        assert self._file is not None  # noqa: S101 - nothing is written after close
        self._file.write(msgspec.json.encode(record).decode() + "\n")


def read_lines(path: Path) -> list[Line]:
    """Read a recording.

    Raises:
        ConfigurationError: The file cannot be read or is no recording; file and line are named.
    """
    try:
        head, *rows = path.read_bytes().splitlines() or [b""]
    except OSError as error:
        raise ConfigurationError(
            f"recording {str(path)!r} cannot be read ({error.strerror}); check the name"
        ) from error
    try:
        header = msgspec.json.decode(head, type=_Header)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(
            f"recording {str(path)!r}, line 1: {error}; the file was not written by --record"
        ) from error
    if header.format != FORMAT:
        raise ConfigurationError(
            f"recording {str(path)!r} has format {header.format}, {FORMAT} is read; record anew"
        )
    lines = []
    for number, row in enumerate(rows, start=2):
        try:
            line = msgspec.json.decode(row, type=Line)
            _ = line.payload
        except (msgspec.MsgspecError, ValueError) as error:
            raise ConfigurationError(
                f"recording {str(path)!r}, line {number}: {error}; remove the line"
            ) from error
        lines.append(line)
    return lines
