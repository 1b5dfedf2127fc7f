"""A log of every frame of both directions, as JSON lines."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, final

if TYPE_CHECKING:
    from posei_ib_sim.server.session import Session

__all__ = ["WireLog"]


@final
class WireLog:
    """Appends frames to a file; without a path it does nothing.

    Each line has the real time, session number, client id, direction ("in" from the client, "out"
    to it) and the payload: text with NUL as "|" for the text dialect, hex beside it always.
    """

    def __init__(self, path: str | Path | None) -> None:
        self._file: TextIO | None = None
        if path is not None:
            self._file = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 - closed by close()

    @property
    def is_on(self) -> bool:
        """Whether frames are written at all."""
        return self._file is not None

    def received(self, session: Session, payload: bytes) -> None:
        """Log a frame from a client."""
        if self._file is not None:
            self._write(session, "in", payload)

    def sent(self, session: Session, payload: bytes) -> None:
        """Log a frame to a client."""
        if self._file is not None:
            self._write(session, "out", payload)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, session: Session, direction: str, payload: bytes) -> None:
        assert self._file is not None  # noqa: S101 - both callers have looked
        line = {
            "time": time.time(),
            "session": session.number,
            "client": session.client_id,
            "version": session.version,
            "direction": direction,
            "text": payload.decode("utf-8", "replace").replace("\0", "|"),
            "hex": payload.hex(),
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
