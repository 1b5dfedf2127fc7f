"""A node's health as Prometheus metrics, served on a port of its own.

The server is the client library's: it runs in a thread, only when a port is configured, and sees
nothing of the node but the last immutable `NodeHealth`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from posei_trader.errors import ConfigError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from wsgiref.simple_server import WSGIServer

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

    from posei_trader.model.health import ConnectionHealth, NodeHealth

__all__ = ["MetricsServer"]

_SECOND = 1e9


@final
class MetricsServer:
    """Serve the last known health.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.

    Raises:
        ConfigError: the extra ``metrics`` is not installed.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            from prometheus_client import CollectorRegistry  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ConfigError(
                "metrics need prometheus_client, which is not installed",
                field="health.metrics_port",
                value=port,
                remedy="pip install 'posei-trader[metrics]', or leave metrics_port out",
            ) from error
        self.host, self.port = host, port
        self._health: NodeHealth | None = None
        self._registry: CollectorRegistry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collector(self))
        self._running: tuple[WSGIServer, threading.Thread] | None = None

    @property
    def health(self) -> NodeHealth | None:
        """The last known health."""
        return self._health

    def update(self, health: NodeHealth) -> None:
        """Serve this from now on."""
        self._health = health

    def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the port is taken.
        """
        from prometheus_client import start_http_server  # noqa: PLC0415 - an extra

        try:
            server, thread = start_http_server(self.port, self.host, self._registry)
        except OSError as error:
            raise ConfigError(
                f"the metrics cannot be served: {error.strerror}",
                field="health.metrics_port",
                value=self.port,
                remedy="choose another port",
            ) from error
        self.port = server.server_port
        self._running = server, thread

    async def stop(self) -> None:
        """Listen no longer. Idempotent."""
        running, self._running = self._running, None
        if running is not None:
            server, thread = running
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            await asyncio.to_thread(thread.join)


@final
class _Collector:
    """Turns the health into metrics whenever somebody asks."""

    def __init__(self, server: MetricsServer) -> None:
        self._server = server

    def collect(self) -> Iterator[Metric]:
        health = self._server.health
        if health is None:
            return
        gauges = _Families(health.trader_id)
        gauges.gauge("posei_up", "Whether the node runs.", health.state == "RUNNING")
        gauges.gauge("posei_alarms", "Things that a person should look at.", len(health.alarms))
        gauges.gauge("posei_told_timestamp_seconds", "When this was told.", health.ts_ns / _SECOND)
        gauges.gauge("posei_orders_open", "Orders that work.", health.orders_open)
        gauges.gauge(
            "posei_orders_in_flight", "Orders without an answer.", len(health.orders_in_flight)
        )
        gauges.gauge("posei_positions_open", "Positions.", health.positions_open)
        for client in health.clients:
            names = {"client_id": client.client_id, "kind": client.kind}
            gauges.gauge("posei_client_connected", "Whether it is.", client.is_connected, **names)
            gauges.gauge("posei_orders_in_doubt", "Orders in doubt.", len(client.doubts), **names)
            for name, count in client.counters.items():
                gauges.counter("posei_client_events", "Counts.", count, name=name, **names)
        for component, counts in health.counters.items():
            for name, count in counts.items():
                gauges.counter(
                    "posei_engine_events", "Counts.", count, component=component, name=name
                )
        for connection in health.connections:
            _connection(gauges, connection)
        yield from gauges


def _connection(gauges: _Families, connection: ConnectionHealth) -> None:
    name = {"connection": connection.name}
    gauges.gauge("posei_connection_ready", "Whether it is.", connection.is_ready, **name)
    gauges.gauge("posei_connection_alarm", "Whether it is.", connection.alarm is not None, **name)
    gauges.counter("posei_connection_reconnects", "Losses.", connection.reconnects, **name)
    gauges.gauge("posei_event_loop_lag_seconds", "Lateness.", connection.loop_lag_s, **name)
    if connection.round_trip_s is not None:
        gauges.gauge("posei_round_trip_seconds", "Sign of life.", connection.round_trip_s, **name)
    gauges.gauge("posei_requests_in_flight", "Questions.", len(connection.requests), **name)
    for limit, usage in connection.limits.items():
        gauges.gauge("posei_limit_used", "Use of a limit.", usage.used, limit=limit, **name)
        if usage.limit is not None:
            gauges.gauge("posei_limit", "A limit of the venue.", usage.limit, limit=limit, **name)
    for event, count in connection.counters.items():
        gauges.counter("posei_connection_events", "Counts.", count, name=event, **name)
    for stream in connection.streams:
        gauges.counter(
            "posei_stream_messages", "Messages.", stream.received, stream=stream.subject, **name
        )
        gauges.gauge(
            "posei_stream_last_seen_timestamp_seconds",
            "When its last message came; 0 for never.",
            stream.last_seen_ns / _SECOND,
            stream=stream.subject,
            **name,
        )


@final
class _Families:
    """Metric families as they come up, each once."""

    def __init__(self, trader_id: str) -> None:
        self._trader_id = trader_id
        self._families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._families.values())

    def gauge(self, name: str, text: str, value: float, /, **labels: str) -> None:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - an extra

        if name not in self._families:
            self._families[name] = GaugeMetricFamily(name, text, labels=("trader_id", *labels))
        self._families[name].add_metric((self._trader_id, *labels.values()), float(value))

    def counter(self, name: str, text: str, value: float, /, **labels: str) -> None:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - an extra

        if name not in self._families:
            self._families[name] = CounterMetricFamily(name, text, labels=("trader_id", *labels))
        self._families[name].add_metric((self._trader_id, *labels.values()), float(value))
