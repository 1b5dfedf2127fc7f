"""Why there is no connection, in words that say what to do."""

from __future__ import annotations

import os
from typing import Final

from posei_trader.errors import (
    ConnectionFailed,
    GatewayNotReady,
    InvalidRequest,
    PoseiError,
    Unsupported,
)

__all__ = [
    "check_address",
    "client_id_in_use",
    "closed_early",
    "given_up",
    "no_answer",
    "not_connected_in_time",
    "not_ready",
    "too_old",
    "unreachable",
]

PORTS: Final = (
    "TWS listens on 7497 (paper) or 7496 (live), IB Gateway on 4002 (paper) or 4001 (live)"
)


def check_address(port: int, client_id: int) -> None:
    """Check that there can be such a port and such a client id.

    Raises:
        InvalidRequest: there cannot.
    """
    most = {"port": 65_535, "client_id": 2**31 - 1}
    for name, value in (("port", port), ("client_id", client_id)):
        if type(value) is not int or not 0 <= value <= most[name]:
            raise InvalidRequest(
                f"there is no such {name.replace('_', ' ')}",
                field=name,
                value=value,
                remedy=f"give a whole number from 0 to {most[name]}"
                + (f"; {PORTS}" if name == "port" else ""),
            )


def unreachable(host: str, port: int, error: OSError) -> ConnectionFailed:
    """Nobody listens there."""
    # asyncio replaces the text by one that repeats the address; several addresses have no number.
    reason = os.strerror(error.errno) if error.errno else str(error)
    return ConnectionFailed(
        f"no connection to TWS or IB Gateway: {reason}",
        field="ibg_host, ibg_port",
        value=f"{host}:{port}",
        remedy=f"start TWS or IB Gateway, enable its API and check the port; {PORTS}",
    )


def no_answer(host: str, port: int) -> ConnectionFailed:
    """The packets vanish."""
    return ConnectionFailed(
        "no connection to TWS or IB Gateway: the host does not answer",
        field="ibg_host, ibg_port",
        value=f"{host}:{port}",
        remedy=f"check the host name and the firewall between; {PORTS}",
    )


def closed_early(host: str, port: int, error: PoseiError, *, knew_version: bool) -> PoseiError:
    """Somebody listens, but hangs up during the handshake."""
    if knew_version:
        return GatewayNotReady(
            "the gateway closed the connection before it was ready",
            field="ibg_host, ibg_port",
            value=f"{host}:{port}",
            remedy="check that it is logged in, and that ibg_client_id is not in use elsewhere",
        )
    return ConnectionFailed(
        f"the handshake failed: {error.message}",
        field="ibg_host, ibg_port",
        value=f"{host}:{port}",
        remedy=(
            "check that this is the API port, that the API is enabled ('Enable ActiveX and Socket "
            f"Clients') and that this computer is trusted; {PORTS}"
        ),
    )


def not_ready(host: str, port: int, missing: list[str]) -> GatewayNotReady:
    """It accepts, and then says too little."""
    return GatewayNotReady(
        f"the gateway accepted the connection but did not send: {', '.join(missing)}",
        field="ibg_host, ibg_port",
        value=f"{host}:{port}",
        remedy="log in to TWS or IB Gateway; a login window or a second factor may be waiting",
    )


def too_old(version: int, oldest: int, newest: int) -> PoseiError:
    """No common protocol."""
    return Unsupported(
        "TWS or IB Gateway speaks a version of the protocol that this client does not",
        field="server version",
        value=version,
        remedy=f"it has to be between {oldest} and {newest}: update TWS or IB Gateway",
        code=503,
    )


def client_id_in_use(client_id: int, message: str) -> ConnectionFailed:
    """Somebody else has the client id."""
    return ConnectionFailed(
        message.strip() or "the client id is already in use",
        field="ibg_client_id",
        value=client_id,
        remedy="give this connection an ibg_client_id of its own, or end the program that uses it",
        code=326,
    )


def given_up(error: PoseiError, attempts: int) -> PoseiError:
    """The last failure, with how often it was tried."""
    if attempts <= 1:
        return error
    return type(error)(
        f"{error.message} ({attempts} attempts)",
        field=error.field,
        value=error.value,
        remedy=error.remedy,
        code=error.code,
    )


def not_connected_in_time(
    host: str, port: int, seconds: float, last: PoseiError | None
) -> PoseiError:
    """The time is up; the last failure says why."""
    if last is not None:
        return type(last)(
            f"not connected within {seconds:g} s: {last.message}",
            field=last.field,
            value=last.value,
            remedy=last.remedy,
            code=last.code,
        )
    return ConnectionFailed(
        f"not connected within {seconds:g} s",
        field="ibg_host, ibg_port",
        value=f"{host}:{port}",
        remedy=f"check that TWS or IB Gateway runs and is logged in; {PORTS}",
    )
