"""Turn what Docker's package raises into our own errors, in this one place.

Engines differ in status codes (a name clash is 409 for docker and 500 for podman), so the text
decides. The original error is always chained.
"""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from traceback import walk_tb
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_trader.adapters.ib_docker.errors import GatewayError

_TEXTS: Final[tuple[tuple[str, type[GatewayError], str], ...]] = (
    (r"port is already allocated", errors.PortInUse, "the port is taken by another container"),
    (r"address already in use", errors.PortInUse, "the port is taken by another program"),
    (r"name .*is already in use", errors.NameInUse, "the container name is taken"),
    (r"no space left on device", errors.PullFailed, "the engine's disk is full"),
    (
        r"no matching manifest|does not match the specified platform|exec format error",
        errors.PlatformMismatch,
        "the image does not exist for this processor",
    ),
    (
        r"manifest unknown|repository does not exist|No such image|name unknown",
        errors.ImageNotFound,
        "there is no such image",
    ),
    (
        r"name resolution|no such host|unreachable|time.?out|connection refused|EOF|misbehaving",
        errors.PullFailed,
        "the registry cannot be reached",
    ),
    (
        r"unauthorized|authentication required|denied",
        errors.PullFailed,
        "the registry wants a login",
    ),
)


def classify(text: str, *, pulling: bool = False) -> tuple[type[GatewayError], str]:
    """Return the class of an engine's error text, and what to say about it."""
    for pattern, kind, meaning in _TEXTS:
        if kind is errors.PullFailed and not pulling:
            continue
        if re.search(pattern, text, re.IGNORECASE):
            return kind, meaning
    if pulling:
        return errors.PullFailed, "the image could not be fetched"
    return errors.EngineRefused, "the container engine refused"


def refused(text: str, *, pulling: bool = False, field: str | None = None) -> GatewayError:
    """Return the error for an engine's own error text."""
    kind, meaning = classify(text, pulling=pulling)
    return kind(f"{meaning}: {text}", field=field)


def unavailable(url: str, source: str, error: BaseException) -> GatewayError:
    """Return the error for an engine that cannot be reached, with the remedy for this reason."""
    chain = _chain(error)
    _close_lost_sockets(chain)
    text = "; ".join(f"{type(one).__name__}: {one}" for one in chain)
    reasons = (
        (r"No such file|FileNotFoundError", "nothing listens there", None),
        (
            r"Permission denied|PermissionError",
            "this user may not talk to it",
            "add the user to the group 'docker', then log in again",
        ),
        (r"paramiko", "ssh needs another package", 'pip install "docker[ssh]"'),
        (r"refused", "nothing listens there", None),
    )
    matching = (why for pattern, *why in reasons if re.search(pattern, text, re.IGNORECASE))
    reason, remedy = next(matching, (text, None))
    return errors.EngineUnavailable(
        f"no container engine answers at {url} (from {source}): {reason}",
        field="docker_url",
        value=url,
        remedy=remedy,
    )


def _chain(error: BaseException) -> list[BaseException]:
    seen = [error]
    while (inner := seen[-1].__cause__ or seen[-1].__context__) is not None and inner not in seen:
        seen.append(inner)
    return seen


def _close_lost_sockets(errors_seen: list[BaseException]) -> None:
    """Close what the package leaves open when it cannot connect to a Unix socket.

    Nothing but the traceback still knows that socket, and it would stay open as long as that lives.
    """
    for error in errors_seen:
        for frame, _ in walk_tb(error.__traceback__):
            lost = frame.f_locals.get("sock")
            if frame.f_code.co_name == "connect" and isinstance(lost, socket.socket):
                lost.close()


@contextmanager
def translated(url: str, source: str, *, field: str | None = None) -> Iterator[None]:
    """Let nothing of Docker's package escape.

    Raises:
        GatewayError: For every `DockerException` and every failure of the connection.
    """
    from docker.errors import APIError, DockerException  # noqa: PLC0415 - loaded on first use
    from requests.exceptions import RequestException  # noqa: PLC0415 - same

    try:
        yield
    except APIError as error:
        raise refused(str(error.explanation or error), field=field) from error
    except (RequestException, DockerException, OSError) as error:
        raise unavailable(url, source, error) from error
