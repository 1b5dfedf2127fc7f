"""What the client tells of itself in the words of any venue."""

import json

import msgspec

from posei_trader.adapters.interactive_brokers.data import InteractiveBrokersDataClient
from posei_trader.adapters.interactive_brokers.execution import InteractiveBrokersExecutionClient
from posei_trader.protocols.health import TellsHealth


async def test_the_connection_tells_state_versions_limits_streams_and_requests(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway, client_id=7)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener)
    number = (await gateway.asked(1))[2]
    gateway.send(2, 6, number, 0, "5")
    await listener.next("tick_size")
    await client.server_time()
    client._session.streams.stamp()
    health = client.connection_health()
    assert health.name == f"127.0.0.1:{gateway.port} client id 7"
    assert (health.state, health.is_ready, health.reconnects) == ("READY", True, 0)
    assert [step.state for step in health.history] == ["CONNECTING", "HANDSHAKE", "READY"]
    assert all(step.ts_ns for step in health.history)
    assert health.versions["server"] == "178"
    assert "ibapi-stable" in health.versions or "ibapi" in health.versions
    assert (health.limits["market data lines"].used, health.limits["market data lines"].limit) == (
        1,
        100,
    )
    (stream,) = health.streams
    assert (stream.request, stream.received, stream.reissues) == (number, 1, 0)
    assert stream.last_seen_ns > 0
    assert health.round_trip_s is not None
    assert "DU123456" not in json.dumps(msgspec.to_builtins(health))


def test_both_clients_of_a_node_tell_their_health():
    for client in (InteractiveBrokersDataClient, InteractiveBrokersExecutionClient):
        for name in ("connection_health", "health_counters", "doubts"):
            assert callable(getattr(client, name))
            assert callable(getattr(TellsHealth, name))
