"""How a node and its connections are, as facts that travel as JSON.

Times are UNIX nanoseconds, UTC; durations are seconds. Account numbers and secrets have no place
here: what is written down is read by monitors and pasted into reports.
"""

from __future__ import annotations

import msgspec

__all__ = [
    "ClientHealth",
    "ConnectionHealth",
    "ConnectionStep",
    "NodeHealth",
    "OrderHealth",
    "StreamHealth",
    "Usage",
]


class Usage(msgspec.Struct, frozen=True):
    """How much of a limit is used.

    Attributes:
        limit: None where there is none.
    """

    used: float
    limit: float | None = None


class StreamHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of data.

    Attributes:
        subject: What is streamed, for people.
        request: The venue's id of it.
        state: Where it stands.
        received: How many messages came.
        last_seen_ns: When the last one came, 0 for never.
        reissues: How often it was asked for anew.
        listeners: How many share it.
    """

    subject: str
    request: str
    state: str
    received: int
    last_seen_ns: int
    reissues: int
    listeners: int


class ConnectionStep(msgspec.Struct, frozen=True):
    """A change of a connection."""

    ts_ns: int
    state: str
    reason: str


class ConnectionHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A connection to a venue; several clients may share it.

    Attributes:
        name: Tells it from others: its address.
        state: Where it stands.
        is_ready: Whether requests can be made and nothing is impaired.
        history: Its last changes, oldest first.
        versions: What speaks to what: names and versions.
        reconnects: How often it was lost and opened again.
        alarm: What is wrong, once it has been wrong for too long.
        is_maintenance: Whether an absence is expected now.
        impaired: Parts of the venue that are out of reach.
        round_trip_s: How long the last sign of life took.
        loop_lag_s: How late the event loop was when last looked at.
        loop_lag_max_s: How late it ever was.
        clock_offset_s: How far the venue's clock is ahead of ours.
        limits: The venue's limits and how much of each is used: lines, message rate, requests.
        waiting: What waits to be sent, by kind.
        requests: What is being asked.
        streams: What is streamed.
        counters: What was counted, by name.
    """

    name: str
    state: str
    is_ready: bool
    history: tuple[ConnectionStep, ...] = ()
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    reconnects: int = 0
    alarm: str | None = None
    is_maintenance: bool = False
    impaired: tuple[str, ...] = ()
    round_trip_s: float | None = None
    loop_lag_s: float = 0.0
    loop_lag_max_s: float = 0.0
    clock_offset_s: float | None = None
    limits: dict[str, Usage] = msgspec.field(default_factory=dict)
    waiting: dict[str, int] = msgspec.field(default_factory=dict)
    requests: tuple[str, ...] = ()
    streams: tuple[StreamHealth, ...] = ()
    counters: dict[str, int] = msgspec.field(default_factory=dict)


class ClientHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A client of a node.

    Attributes:
        client_id: Its name.
        kind: ``data`` or ``exec``.
        is_connected: Whether the venue can be asked now.
        may_trade: For execution: whether it is reconciled; None for data.
        connection: The name of its connection, None for a client that tells nothing of it.
        doubts: Client order ids of which the venue has to be asked.
        counters: What was counted, by name.
    """

    client_id: str
    kind: str
    is_connected: bool
    may_trade: bool | None = None
    connection: str | None = None
    doubts: tuple[str, ...] = ()
    counters: dict[str, int] = msgspec.field(default_factory=dict)


class OrderHealth(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the venue has not answered yet."""

    client_order_id: str
    instrument_id: str
    status: str
    since_ns: int


class NodeHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A node as it was at a moment.

    Attributes:
        ts_ns: The moment.
        interval_s: How soon the next one follows; one that is much older than that is stale.
        trader_id: The node's name.
        state: Where it is in its life.
        started_ns: When it was made.
        pid: Its process.
        host: The machine.
        versions: Names and versions of what it is made of.
        alarms: What a person should look at; empty when all is well.
        clients: Its clients.
        connections: Their connections, each once.
        subscriptions: What its strategies listen to.
        orders_open: How many orders work at venues.
        orders_in_flight: Orders that the venue has not answered yet.
        positions_open: How many positions there are.
        counters: What the engines counted, by component and name.
    """

    ts_ns: int
    interval_s: float
    trader_id: str
    state: str
    started_ns: int
    pid: int
    host: str
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    alarms: tuple[str, ...] = ()
    clients: tuple[ClientHealth, ...] = ()
    connections: tuple[ConnectionHealth, ...] = ()
    subscriptions: tuple[str, ...] = ()
    orders_open: int = 0
    orders_in_flight: tuple[OrderHealth, ...] = ()
    positions_open: int = 0
    counters: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
