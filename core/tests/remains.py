"""What a process that is killed leaves of an order store."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def left_by_the_dead(path: Path, folder: Path) -> Path:
    """Copy a store's files as they are now; what is written moves from the first to the last."""
    folder.mkdir()
    for suffix in ("-ahead", "-wal", ""):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, folder / source.name)
    return folder / path.name
