"""Find the engine: what was asked for, DOCKER_HOST, the Docker context, then the usual sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where an engine should be, and who says so."""

    url: str
    source: str

    @property
    def is_local(self) -> bool:
        """Whether the engine shares this machine's files and loopback interface."""
        return urlsplit(self.url).scheme in {"unix", "npipe", "http+unix"}

    @property
    def published_host(self) -> str:
        """The host on which published ports are reached."""
        return "127.0.0.1" if self.is_local else urlsplit(self.url).hostname or "127.0.0.1"


def locate(
    asked: str | None,
    environment: Mapping[str, str],
    context_host: Callable[[], str | None],
    exists: Callable[[str], bool],
) -> EngineAddress:
    """Return the address to try; when no socket exists, Docker's usual one, for a clear error.

    Args:
        asked: The `docker_url` of the configuration.
        environment: The process environment.
        context_host: Gives the address of the current Docker context, if there is one.
        exists: Tells whether a path exists.
    """
    if asked:
        return EngineAddress(asked, "docker_url")
    if environment.get("DOCKER_HOST"):
        return EngineAddress(environment["DOCKER_HOST"], "DOCKER_HOST")
    context = context_host()
    if context and not _is_default(context):
        return EngineAddress(context, "the current Docker context")
    for path in _sockets(environment):
        if exists(path):
            return EngineAddress(f"unix://{path}", f"the socket {path}")
    return EngineAddress("unix:///var/run/docker.sock", "Docker's default")


def _is_default(url: str) -> bool:
    return url.removeprefix("http+").removeprefix("unix://") == "/var/run/docker.sock"


def _sockets(environment: Mapping[str, str]) -> list[str]:
    runtime = environment.get("XDG_RUNTIME_DIR")
    own = [f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"] if runtime else []
    return ["/var/run/docker.sock", *own, "/run/podman/podman.sock"]
