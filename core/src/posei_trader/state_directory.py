"""Where programs of this package leave notes for one another on one machine."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["state_directory"]


def state_directory() -> Path:
    """Return the directory; it need not exist.

    ``POSEI_STATE_DIR`` names it, else it is ``posei-trader`` below ``XDG_STATE_HOME``, which is
    ``~/.local/state`` where that is not set.
    """
    named = os.environ.get("POSEI_STATE_DIR")
    if named:
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "posei-trader"
