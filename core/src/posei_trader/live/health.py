"""A node's health, gathered from its engines and clients."""

from __future__ import annotations

import os
import platform
import socket
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_trader.model.health import ClientHealth, ConnectionHealth, NodeHealth, OrderHealth
from posei_trader.protocols.health import TellsHealth

if TYPE_CHECKING:
    from posei_trader.protocols import DataClient, ExecClient
    from posei_trader.trading.wiring import Wiring

__all__ = ["HealthGatherer"]

_RUNNING: Final = "RUNNING"


@final
class HealthGatherer:
    """Look at the parts of a node; changes nothing.

    Args:
        wiring: The parts.
        interval_s: How often somebody will look.
    """

    def __init__(self, wiring: Wiring, interval_s: float) -> None:
        self._wiring = wiring
        self._interval_s = interval_s
        self._started_ns = wiring.clock.timestamp_ns()
        self._versions = {
            "posei-trader": version("posei-trader"),
            "python": platform.python_version(),
        }

    def gather(self, state: str) -> NodeHealth:
        """Return how the node is now.

        Args:
            state: Where it is in its life.
        """
        wiring, cache = self._wiring, self._wiring.cache
        connections: dict[str, ConnectionHealth] = {}
        clients = [
            *(self._client(client, "data", connections) for client in wiring.data.clients),
            *(self._client(client, "exec", connections) for client in wiring.execution.clients),
        ]
        return NodeHealth(
            ts_ns=wiring.clock.timestamp_ns(),
            interval_s=self._interval_s,
            trader_id=str(wiring.trader_id),
            state=state,
            started_ns=self._started_ns,
            pid=os.getpid(),
            host=socket.gethostname(),
            versions=self._versions,
            alarms=tuple(_alarms(state, clients, connections)),
            clients=tuple(clients),
            connections=tuple(connections.values()),
            subscriptions=tuple(str(one) for one in wiring.data.subscriptions()),
            orders_open=len(cache.orders_open()),
            orders_in_flight=tuple(
                OrderHealth(
                    client_order_id=str(order.client_order_id),
                    instrument_id=str(order.instrument_id),
                    status=str(order.status),
                    since_ns=order.events[-1].ts_init,
                )
                for order in cache.orders_in_flight()
            ),
            positions_open=len(cache.positions_open()),
            counters={
                "DataEngine": wiring.data.counters.snapshot(),
                "ExecutionEngine": wiring.execution.counters.snapshot(),
                "Listeners": msgspec.to_builtins(wiring.data.intake),
            },
        )

    def _client(
        self,
        client: DataClient | ExecClient,
        kind: str,
        connections: dict[str, ConnectionHealth],
    ) -> ClientHealth:
        may_trade = self._wiring.execution.may_trade(client.client_id) if kind == "exec" else None
        if not isinstance(client, TellsHealth):
            return ClientHealth(
                client_id=str(client.client_id),
                kind=kind,
                is_connected=client.is_connected,
                may_trade=may_trade,
            )
        connection = client.connection_health()
        connections[connection.name] = connection
        return ClientHealth(
            client_id=str(client.client_id),
            kind=kind,
            is_connected=client.is_connected,
            may_trade=may_trade,
            connection=connection.name,
            doubts=tuple(client.doubts()),
            counters=dict(client.health_counters()),
        )


def _alarms(
    state: str, clients: list[ClientHealth], connections: dict[str, ConnectionHealth]
) -> list[str]:
    alarms = [
        f"connection {name}: {connection.alarm}"
        for name, connection in connections.items()
        if connection.alarm is not None
    ]
    if state != _RUNNING:
        return alarms
    for client in clients:
        name = f"{client.kind} client {client.client_id}"
        expected = connections[client.connection].is_maintenance if client.connection else False
        if not client.is_connected and not expected:
            alarms.append(f"{name} is not connected")
        elif client.is_connected and client.may_trade is False:
            alarms.append(f"{name} may not trade: it is not reconciled")
        if client.doubts:
            alarms.append(f"{name}: {len(client.doubts)} orders are in doubt")
    return alarms
