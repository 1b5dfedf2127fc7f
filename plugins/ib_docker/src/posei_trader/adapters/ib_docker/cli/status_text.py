"""The status of a gateway as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posei_trader.adapters.ib_docker.status import Endpoint, GatewayStatus


def status_text(found: GatewayStatus) -> str:
    """Return the lines, the first of which says it all."""
    rows = [f"{found.instance}: {found.state}", *map(_endpoint, found.endpoints)]
    if found.container:
        since = f" since {_moment(found.since)}" if found.since else ""
        rows.append(f"  container  {found.container}, {found.container_status}{since}")
        rows.append(f"  image      {found.image} ({found.image_digest})")
    if found.restarts:
        rows.append(f"  restarts   {found.restarts} by the engine")
    if found.read_only_api is not None:
        orders = "refused (read-only API)" if found.read_only_api else "accepted"
        rows.append(f"  orders     {orders}")
    if found.auto_restart:
        due = f", next {_moment(found.next_restart)}" if found.next_restart else ""
        rows.append(f"  restart    daily at {found.auto_restart}{due}")
    return "\n".join(rows)


def _endpoint(endpoint: Endpoint) -> str:
    where = f"{endpoint.host}:{endpoint.port}" if endpoint.port else "no port"
    said = (
        f"answers in {endpoint.handshake_ms:g} ms, server version {endpoint.server_version}"
        if endpoint.handshake_ms is not None
        else f"{endpoint.state}: {endpoint.reason}"
    )
    return f"  {endpoint.mode:<10} {where}  {said}"


def _moment(stamp: str) -> str:
    """Show a UTC stamp to the second."""
    return f"{stamp[:19].replace('T', ' ')} UTC"
