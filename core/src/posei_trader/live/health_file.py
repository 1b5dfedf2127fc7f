"""A node's health in a file: written whole or not at all, read by any other process."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from posei_trader.errors import ConfigError
from posei_trader.model.health import NodeHealth

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["SUFFIX", "Seen", "read_health", "write_health"]

SUFFIX: Final = ".health.json"

_SECOND: Final = 1_000_000_000
_LATE_INTERVALS: Final = 3.0
_LEEWAY_S: Final = 2.0
_ENDED: Final = frozenset({"STOPPED", "DISPOSED"})


class Seen(NamedTuple):
    """A node's last word, judged by somebody who reads it later.

    Attributes:
        health: What it wrote.
        age_s: How long ago.
        problems: Why the node is not well; empty when it is.
    """

    health: NodeHealth
    age_s: float
    problems: tuple[str, ...]


def write_health(path: Path, health: NodeHealth) -> None:
    """Replace the file by what is known now; a reader never sees half of it.

    Only the owner may read it.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(health), indent=1))
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def read_health(paths: Sequence[Path], now_ns: int | None = None) -> list[Seen]:
    """Return what nodes wrote.

    Args:
        paths: Their files.
        now_ns: The present, UNIX ns UTC; None for the clock's.

    Raises:
        ConfigError: a file is missing or is no health file.
    """
    now = time.time_ns() if now_ns is None else now_ns
    return [_judged(_read(path), now) for path in paths]


def _read(path: Path) -> NodeHealth:
    try:
        return msgspec.json.decode(path.read_bytes(), type=NodeHealth)
    except OSError as error:
        raise ConfigError(
            f"the health file cannot be read: {error.strerror}",
            field="file",
            value=str(path),
            remedy="a node writes it when its configuration has a [health] section",
        ) from error
    except msgspec.MsgspecError as error:
        raise ConfigError(
            f"this is no health file: {error}",
            field="file",
            value=str(path),
            remedy="name the file that a node writes, see its health.file setting",
        ) from error


def _judged(health: NodeHealth, now_ns: int) -> Seen:
    age = max(0, now_ns - health.ts_ns) / _SECOND
    problems = list(health.alarms)
    if health.state in _ENDED:
        problems.append(f"the node is {health.state}")
    elif health.host == socket.gethostname() and not _lives(health.pid):
        problems.append(f"the process {health.pid} is gone: it did not stop cleanly")
    elif age > _LATE_INTERVALS * health.interval_s + _LEEWAY_S:
        problems.append(f"the last word is {age:.0f} s old: the node hangs, or cannot write")
    elif health.state != "RUNNING":
        problems.append(f"the node is {health.state}")
    return Seen(health, age, tuple(problems))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
