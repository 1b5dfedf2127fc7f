"""What is remembered on this host between starts: a key, locks, and logins that were refused.

No secret is written: a login is known here only by a hash under a random key of this host.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig


class RefusedLogin(msgspec.Struct, frozen=True):
    """A login that IB refused: why, and until when it is not tried again (UNIX seconds)."""

    cause: str
    at: float
    until: float


class LocalState:
    """Keep the files; nothing is touched before the first use."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory

    @property
    def directory(self) -> Path:
        """Where the files are: private to the user, made on first use."""
        if self._directory is None:
            base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
            self._directory = Path(base) / "posei-trader" / "gateway"
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._directory

    def login_hash(self, config: DockerizedIBGatewayConfig) -> str:
        """Return a hash by which this host recognizes the login, and nobody else can."""
        fields = (
            config.username,
            config.password,
            config.paper_username,
            config.paper_password,
        )
        text = "\0".join(field.get_secret_value() if field else "" for field in fields)
        return hmac.new(self._key(), text.encode(), hashlib.sha256).hexdigest()[:32]

    def refused(self, login_hash: str, now: float) -> RefusedLogin | None:
        """Return the refusal that still blocks this login at `now`, if there is one."""
        try:
            content = self._refusal_file(login_hash).read_bytes()
            refusal = msgspec.json.decode(content, type=RefusedLogin)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return refusal if refusal.until > now else None

    def remember_refusal(self, login_hash: str, refusal: RefusedLogin) -> None:
        """Block a login until the refusal's time has passed."""
        file = self._refusal_file(login_hash)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(refusal))
        draft.replace(file)

    def forget_refusal(self, login_hash: str) -> None:
        """Allow the login again. Idempotent."""
        self._refusal_file(login_hash).unlink(missing_ok=True)

    @contextmanager
    def try_lock(self, instance: str) -> Iterator[bool]:
        """Try to be the only process that starts this instance; yields whether it worked."""
        with (self.directory / f"{instance}.lock").open("a") as handle:
            yield _lock(handle.fileno())

    def _refusal_file(self, login_hash: str) -> Path:
        return self.directory / f"refused-{login_hash[:16]}.json"

    def _key(self) -> bytes:
        file = self.directory / "host.key"
        if not file.exists():
            # Complete before it has its name, so that two processes never see half a key.
            draft = self.directory / f"host.key.{secrets.token_hex(4)}"
            draft.touch(mode=0o600)
            draft.write_bytes(secrets.token_bytes(32))
            with suppress(FileExistsError):
                os.link(draft, file)
            draft.unlink()
        return file.read_bytes()


def _lock(descriptor: int) -> bool:
    if sys.platform == "win32":  # the engine's own refusal of equal names has to do there
        return True
    import fcntl  # noqa: PLC0415 - does not exist on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
