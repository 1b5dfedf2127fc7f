"""The client's health in the words that every venue's connection has in common."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.client.states import ConnectionState
from posei_trader.model.health import ConnectionHealth, ConnectionStep, StreamHealth, Usage

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.client import ClientHealth
    from posei_trader.adapters.interactive_brokers.client.messages import ConnectionChange

__all__ = ["connection_health"]

_SECOND: Final = 1_000_000_000
_STEPS: Final = 20
_IBAPI: Final = ("ibapi-stable", "ibapi")


def connection_health(
    address: tuple[str, int, int], health: ClientHealth, history: tuple[ConnectionChange, ...]
) -> ConnectionHealth:
    """Return the client's health as a node shows it.

    Args:
        address: Host, port and client id.
        health: The client's.
        history: The connection's changes, oldest first.
    """
    host, port, client_id = address
    pacing = health.pacing
    offset = health.clock_offset_ns
    return ConnectionHealth(
        name=f"{host}:{port} client id {client_id}",
        state=health.state.upper(),
        is_ready=health.state == ConnectionState.READY,
        history=tuple(
            ConnectionStep(one.ts_ns, one.state.upper(), one.reason) for one in history[-_STEPS:]
        ),
        versions=_versions(health.server_version),
        reconnects=health.reconnects,
        alarm=health.alarm,
        is_maintenance=health.is_maintenance,
        impaired=tuple(f"data farm {name}" for name in health.broken_farms),
        round_trip_s=health.round_trip_s,
        loop_lag_s=health.loop_lag_s,
        loop_lag_max_s=health.loop_lag_max_s,
        clock_offset_s=None if offset is None else offset / _SECOND,
        limits={
            **{str(kind): Usage(used, limit) for kind, (used, limit) in pacing.lines.items()},
            "messages a second": Usage(pacing.messages, pacing.message_limit),
            "open historical requests": Usage(pacing.open_historical),
            "small bar requests": Usage(pacing.small_bar_used),
        },
        waiting={
            "orders": pacing.waiting_orders,
            "requests": pacing.waiting_requests,
            "historical requests": pacing.waiting_historical,
        },
        requests=health.requests,
        streams=tuple(
            StreamHealth(
                subject=one.subject,
                request=str(one.req_id),
                state=str(one.state),
                received=one.received,
                last_seen_ns=one.last_seen_ns,
                reissues=one.reissues,
                listeners=one.listeners,
            )
            for one in health.streams
        ),
        counters={
            "messages": health.messages,
            "malformed": health.malformed,
            "late": health.late,
            "handler_errors": health.handler_errors,
            "asked_again": health.asked_again,
            "alarms": health.alarms,
            "event_loop_stalls": health.loop_stalls,
            **{f"code_{code}": count for code, count in sorted(health.error_counts.items())},
        },
    )


def _versions(server_version: int | None) -> dict[str, str]:
    versions = {} if server_version is None else {"server": str(server_version)}
    for name in _IBAPI:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
