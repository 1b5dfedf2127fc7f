"""Hand a password to the image by a file, never by the environment.

The image puts the file's content into a Java properties file: backslashes begin an escape there,
and everything beyond Latin-1 is lost. So the content is escaped; the image needs no change.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MEMORY_DIRECTORIES: Final = ("/dev/shm",)  # noqa: S108 - a private directory is made in it


def escaped(secret: str) -> str:
    r"""Return `secret` so that Java's `Properties.load` reads it back unchanged.

    A backslash is doubled; leading blanks and all that is not ASCII become `\uXXXX`, in UTF-16
    code units as Java wants them.
    """
    text = "".join(_escaped_character(character) for character in secret)
    blanks = len(text) - len(text.lstrip(" \t\f"))
    return "".join(map(_code_units, text[:blanks])) + text[blanks:]


def _escaped_character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    return character if " " <= character <= "~" else _code_units(character)


def _code_units(character: str) -> str:
    encoded = character.encode("utf-16-be", errors="surrogatepass")
    pairs = zip(encoded[::2], encoded[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs)


class SecretDirectory:
    """Keep the password files of one container on this host, in memory where there is such a place.

    The outer directory is readable by its owner alone; the inner one, which the container sees
    read-only, lets the image's own user read the files. Nothing is written before `write`.
    """

    def __init__(self, instance: str, *, base: Path | None = None) -> None:
        self._instance = instance
        self._base = base
        self._outer: Path | None = None

    @property
    def path(self) -> Path:
        """The directory to mount.

        Raises:
            RuntimeError: `write` has not been called, or the directory was removed.
        """
        if self._outer is None:
            raise RuntimeError("the secret directory does not exist: call write() first")
        return self._outer / "secrets"

    def write(self, files: Mapping[str, str]) -> Path:
        """Write the files (name to secret), escaped, and return the directory to mount."""
        if self._outer is None:
            self._outer = self._make()
        for name, secret in files.items():
            self._write_file(self.path / name, escaped(secret).encode("ascii"))
        return self.path

    def adopt(self, mounted: Path) -> None:
        """Take over the directory that a running container has mounted."""
        if mounted.name == "secrets" and mounted.parent.name.startswith(self._prefix):
            self._outer = mounted.parent

    def wipe(self) -> None:
        """Overwrite and remove the files; the empty directory stays for the container's mount."""
        if self._outer is None:
            return
        for file in _files(self.path):
            _wipe_file(file)

    def remove(self) -> None:
        """Wipe and remove everything. Idempotent."""
        self.wipe()
        if self._outer is not None:
            shutil.rmtree(self._outer, ignore_errors=True)
            self._outer = None

    @property
    def _prefix(self) -> str:
        return f"posei-gw-{self._instance}-"

    def _make(self) -> Path:
        base = self._base or memory_directory()
        outer = base / f"{self._prefix}{secrets.token_hex(8)}"
        outer.mkdir(mode=0o700)
        inner = outer / "secrets"
        inner.mkdir()
        inner.chmod(0o755)
        return outer

    @staticmethod
    def _write_file(file: Path, content: bytes) -> None:
        # 0444: the image's user is not ours; who may come here at all is the outer directory's say.
        _wipe_file(file)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(file, flags, 0o444), "wb") as handle:
            handle.write(content)
        file.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)


def memory_directory() -> Path:
    """Return where secrets are put: a file system in memory that this user may write to."""
    candidates: Iterable[str | None] = (os.environ.get("XDG_RUNTIME_DIR"), *_MEMORY_DIRECTORIES)
    for candidate in candidates:
        if candidate and os.access(candidate, os.W_OK | os.X_OK):
            return Path(candidate)
    # No memory file system, as on macOS: the user's own temporary directory is the next best.
    return Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - a private directory is made in it


def _files(directory: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return sorted(path for path in directory.iterdir() if path.is_file())
    return []


def _wipe_file(file: Path) -> None:
    with suppress(FileNotFoundError):
        file.chmod(0o600)
        size = file.stat().st_size
        with file.open("r+b") as handle:
            handle.write(b"\0" * size)
            handle.flush()
            os.fsync(handle.fileno())
            handle.truncate(0)
        file.unlink()
