"""Find out before the engine does that a port is taken, and by whom."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker.errors import PortInUse

if TYPE_CHECKING:
    from posei_trader.adapters.ib_docker.engine.seam import Address, ContainerEngine

_LISTENING: Final = "0A"


def require_free(engine: ContainerEngine, address: Address, field: str) -> None:
    """Make sure that a port of this machine can be published.

    Raises:
        PortInUse: It cannot; the text names who has it, when that can be found.
    """
    if address.port == 0 or _can_bind(address):
        return
    raise taken(engine, address, field)


def taken(engine: ContainerEngine, address: Address, field: str) -> PortInUse:
    """Return the error for a port that is taken, with its holder."""
    containers = engine.publishers(address.port)
    holder = f"the container {containers[0]!r}" if containers else _process(address.port)
    return PortInUse(
        f"port {address.port} on {address.host} is taken by {holder or 'another program'}",
        field=field,
        value=address.port,
    )


def _can_bind(address: Address) -> bool:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the engine's proxy does it: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError:
            return False
    return True


def _process(port: int) -> str | None:
    """Return the program that listens on a port, as far as this user may see it (Linux)."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listeners(table, port)}
    if not inodes:
        return None
    sockets = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(_link(entry) in sockets for entry in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return f"the program {name!r} (process {process.name})"
    return None


def _link(entry: Path) -> str:
    with suppress(OSError):  # files are closed while we look
        return str(entry.readlink())
    return ""


def _listeners(table: str, port: int) -> list[str]:
    with suppress(OSError):
        rows = [row.split() for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
        wanted = f":{port:04X}"
        return [row[9] for row in rows if row[1].endswith(wanted) and row[3] == _LISTENING]
    return []
