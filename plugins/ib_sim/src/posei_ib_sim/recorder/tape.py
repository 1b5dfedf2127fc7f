"""Recordings of the wire: frames of both directions as JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from posei_ib_sim.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Frame", "read_recording", "write_frame"]


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One frame.

    Attributes:
        session: Number of the connection in the recording, from 1.
        seconds: Time since the connection was made.
        direction: "in" from the client, "out" to it.
        hex: The payload without its length; the first one in is the version range.
        text: The payload for readers, NUL as "|".
    """

    session: int
    seconds: float
    direction: Literal["in", "out"]
    hex: str
    text: str = ""

    @property
    def payload(self) -> bytes:
        """The payload."""
        return bytes.fromhex(self.hex)

    @classmethod
    def of(
        cls, session: int, seconds: float, direction: Literal["in", "out"], payload: bytes
    ) -> Frame:
        """Make a frame of a payload."""
        text = payload.decode("utf-8", "replace").replace("\0", "|")
        return cls(session, round(seconds, 6), direction, payload.hex(), text)


def write_frame(frame: Frame) -> str:
    """Return a frame as one line."""
    return json.dumps(msgspec.to_builtins(frame)) + "\n"


def read_recording(path: str | Path) -> list[Frame]:
    """Read a recording.

    Raises:
        ConfigurationError: It is missing, empty, or a line is no frame; the line is named.
    """
    try:
        lines: Iterable[str] = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigurationError(f"recording {path} cannot be read: {error}") from error
    frames = []
    for number, line in enumerate(lines, 1):
        try:
            frame = msgspec.json.decode(line, type=Frame)
            bytes.fromhex(frame.hex)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ConfigurationError(
                f"recording {path}, line {number}: {error}; give a file made by --record"
            ) from error
        frames.append(frame)
    if not frames:
        raise ConfigurationError(f"recording {path} is empty; give a file made by --record")
    return frames
