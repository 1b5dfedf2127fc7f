"""Connecting, failing to connect, losing the connection and healing it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from posei_trader.adapters.interactive_brokers.client import (
    ConnectionState,
    InteractiveBrokersClient,
)
from posei_trader.errors import (
    ConnectionFailed,
    ConnectionLost,
    GatewayNotReady,
    InvalidRequest,
    NotConnected,
    Unsupported,
)


async def free_port() -> int:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


def tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks() if task.get_name() == "ib-connection"}


# --- connecting ---


async def test_a_client_is_ready_when_accounts_and_order_id_are_there(shop):
    gateway = await shop.gateway(accounts="DU123456,DU234567,", next_id=7)
    client = await shop.connected(gateway)
    assert client.is_connected
    assert client.accounts() == ("DU123456", "DU234567")
    assert client.server_version == 178
    assert client.next_order_id() == 101
    assert [change.state for change in client.connection_history()] == [
        "connecting",
        "handshake",
        "ready",
    ]


async def test_connecting_twice_and_at_once_is_one_connection(shop):
    gateway = await shop.gateway()
    client = shop.client(gateway.port)
    await asyncio.gather(client.connect(), client.connect(), client.connect())
    await client.connect()
    assert gateway.hellos == 1


async def test_a_refused_connection_names_the_usual_ports(shop):
    client = shop.client(await free_port(), max_attempts=1)
    with pytest.raises(ConnectionFailed) as caught:
        await client.connect()
    for port in ("7497", "7496", "4002", "4001"):
        assert port in caught.value.remedy
    assert caught.value.field == "ibg_host, ibg_port"
    assert client.state is ConnectionState.DISCONNECTED
    assert not tasks()


async def test_attempts_are_limited_and_counted(shop):
    client = shop.client(await free_port(), max_attempts=3)
    with pytest.raises(ConnectionFailed, match="3 attempts"):
        await client.connect()


async def test_the_time_to_connect_is_limited_and_the_last_failure_says_why(shop):
    client = shop.client(await free_port(), connection_timeout=0.2)
    with pytest.raises(ConnectionFailed, match=r"(?s)not connected within 0\.2 s.*refused"):
        await client.connect()
    assert not tasks()


async def test_a_gateway_that_comes_up_late_is_found(shop):
    port = await free_port()
    client = shop.client(port)
    connecting = asyncio.create_task(client.connect())
    await shop.until(lambda: client.state is ConnectionState.RECONNECTING)
    gateway = await shop.gateway()
    client._connection.port = gateway.port
    await connecting
    assert client.is_connected


async def test_a_gateway_that_keeps_silent_is_not_logged_in(shop):
    gateway = await shop.gateway(is_silent=True)
    client = shop.client(gateway.port, ready_timeout=0.1, max_attempts=1)
    with pytest.raises(GatewayNotReady, match="server version") as caught:
        await client.connect()
    assert "log in" in caught.value.remedy


async def test_a_gateway_without_accounts_is_not_logged_in(shop):
    gateway = await shop.gateway(greets=False)
    client = shop.client(gateway.port, ready_timeout=0.1, max_attempts=1)
    with pytest.raises(GatewayNotReady, match="managed accounts, next order id"):
        await client.connect()


async def test_a_gateway_that_is_too_old_is_refused_at_once(shop):
    gateway = await shop.gateway(version=120)
    client = shop.client(gateway.port)
    with pytest.raises(Unsupported) as caught:
        await client.connect()
    assert caught.value.value == 120
    assert "update" in caught.value.remedy
    assert gateway.hellos == 1


async def test_something_that_is_no_gateway_is_recognised(shop):
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    async with server:
        client = shop.client(server.sockets[0].getsockname()[1], max_attempts=1)
        with pytest.raises(ConnectionFailed, match="does not speak the TWS protocol") as caught:
            await client.connect()
        assert "API port" in caught.value.remedy
        await client.disconnect()


async def test_a_client_id_in_use_says_so_with_its_code(shop):
    gateway = await shop.gateway(greets=False)
    client = shop.client(gateway.port, max_attempts=2, client_id=5)
    connecting = asyncio.create_task(client.connect())
    for _ in range(2):
        await gateway.asked(71)
        gateway.send(4, 2, -1, 326, "Unable to connect as the client id is already in use.", "")
    with pytest.raises(ConnectionFailed) as caught:
        await connecting
    assert caught.value.code == 326
    assert caught.value.value == 5
    assert "ibg_client_id" in caught.value.remedy


async def test_cancelling_connect_leaves_nothing_behind(shop):
    gateway = await shop.gateway(is_silent=True)
    client = shop.client(gateway.port)
    connecting = asyncio.create_task(client.connect())
    await shop.until(lambda: gateway.hellos)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert not tasks()
    assert client.state is ConnectionState.STOPPED


async def test_a_gateway_that_sends_byte_by_byte_is_understood(shop):
    gateway = await shop.gateway(greets=False)
    client = shop.client(gateway.port)
    connecting = asyncio.create_task(client.connect())
    await gateway.asked(71)
    for byte in shop.text_frame(9, 1, 5) + shop.text_frame(15, 1, "DU123456"):
        gateway.send_raw(bytes([byte]))
        await asyncio.sleep(0)
    await connecting
    assert client.accounts() == ("DU123456",)


async def test_a_client_connects_again_after_it_was_disconnected(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    await client.disconnect()
    assert client.state is ConnectionState.STOPPED
    await client.connect()
    assert client.is_connected
    assert gateway.hellos == 2


async def test_disconnecting_twice_or_before_connecting_does_nothing(shop):
    client = shop.client(1)
    await client.disconnect()
    await client.disconnect()
    assert client.state is ConnectionState.STOPPED


async def test_nothing_can_be_asked_without_a_connection(shop):
    client = shop.client(1)
    with pytest.raises(NotConnected):
        await client.get_contract_details(shop.AAPL)
    with pytest.raises(NotConnected):
        client.subscribe_market_data(shop.AAPL, shop.Listener())


# --- losing it ---


async def test_a_lost_connection_comes_back_and_every_stream_is_opened_again_once(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listeners = [shop.Listener(), shop.Listener()]
    client.set_market_data_type(3)
    client.subscribe_market_data(shop.AAPL, listeners[0])
    client.subscribe_realtime_bars(shop.EURUSD, listeners[1], what_to_show="MIDPOINT")
    old = (await gateway.asked(1))[2], (await gateway.asked(50))[2]
    assert await gateway.asked(59) == ["59", "1", "3"]
    gateway.drop()
    assert await gateway.asked(59) == ["59", "1", "3"]
    new = (await gateway.asked(1))[2], (await gateway.asked(50))[2]
    for listener in listeners:
        assert await listener.next() == ("stream_restarted", "the connection was lost")
    assert not set(old) & set(new)
    gateway.send(2, 6, new[0], 0, "5")
    assert await listeners[0].next() == ("tick_size", 0, 5 * 10**9)
    assert gateway.count(1) == gateway.count(50) == 2
    assert client.health().reconnects == 1
    assert client.connection_history()[-1].data_lost


async def test_a_question_whose_answer_may_have_changed_fails_with_a_retryable_error(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_positions())
    await gateway.asked(61)
    gateway.drop()
    with pytest.raises(ConnectionLost) as caught:
        await asking
    assert caught.value.retryable
    assert gateway.count(61) == 1


async def test_a_question_about_what_does_not_change_is_asked_again_once(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_matching_contracts("AAPL"))
    first = await gateway.asked(81)
    gateway.drop()
    second = await gateway.asked(81)
    assert second[1] != first[1]
    gateway.send(79, second[1], 0)
    assert await asking == []
    assert gateway.count(81) == 2
    assert client.health().requests == ()


async def test_a_question_that_costs_the_connection_each_time_fails_in_the_end(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_matching_contracts("AAPL"))
    for _ in range(4):
        await gateway.asked(81)
        gateway.drop()
    with pytest.raises(ConnectionLost):
        await asking


async def test_a_question_asked_while_the_connection_heals_waits_for_it(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    gateway.drop()
    await shop.until(lambda: not client.is_connected)
    asking = asyncio.create_task(client.get_matching_contracts("AAPL"))
    asked = await gateway.asked(81)
    gateway.send(79, asked[1], 0)
    assert await asking == []


async def test_a_question_does_not_wait_for_a_connection_longer_than_for_its_answer(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway, first_pause=30.0)
    asking = asyncio.create_task(client.get_matching_contracts("AAPL", timeout=0.1))
    await gateway.asked(81)
    gateway.drop()
    with pytest.raises(ConnectionLost, match=r"not back after 0\.1 s"):
        await asking


async def test_a_stream_that_was_closed_is_not_opened_again(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    subscription = client.subscribe_market_data(shop.AAPL, shop.Listener())
    await gateway.asked(1)
    subscription.close()
    await gateway.asked(2)
    gateway.drop()
    await shop.until(lambda: client.health().reconnects == 1 and client.is_connected)
    assert gateway.count(1) == 1


async def test_disconnecting_fails_what_waits_and_ends_streams(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener)
    asking = asyncio.create_task(client.get_contract_details(shop.AAPL))
    await gateway.asked(9)
    await client.disconnect()
    with pytest.raises(ConnectionLost, match="disconnected on request"):
        await asking
    name, error = await listener.next()
    assert name == "stream_failed"
    assert isinstance(error, ConnectionLost)
    assert client.health().streams == ()


async def test_a_reconnect_that_is_given_up_fails_every_stream(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway, max_attempts=2)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener)
    client._connection.port = await free_port()
    gateway.drop()
    name, error = await listener.next()
    assert name == "stream_failed"
    assert isinstance(error, ConnectionFailed)
    assert client.state is ConnectionState.DISCONNECTED
    assert not client.is_connected


async def test_connection_handlers_hear_every_change_until_removed(shop):
    gateway = await shop.gateway()
    client = shop.client(gateway.port)
    heard: list[str] = []
    remove = client.add_connection_handler(lambda change: heard.append(change.state))
    await client.connect()
    assert heard == ["connecting", "handshake", "ready"]
    remove()
    await client.disconnect()
    assert heard == ["connecting", "handshake", "ready"]


async def test_a_handler_that_fails_stops_nothing(shop):
    gateway = await shop.gateway()
    client = shop.client(gateway.port)
    client.add_connection_handler(lambda _change: 1 / 0)
    await client.connect()
    assert client.is_connected
    assert client.health().handler_errors == 3


# --- the watchdog ---


async def test_a_half_open_socket_is_noticed_and_the_connection_renewed(shop):
    gateway = await shop.gateway()
    gateway.answers_time = False
    client = await shop.connected(gateway, probe_interval=0.05, probe_timeout=0.05)
    await shop.until(lambda: client.health().reconnects >= 1)
    reasons = [change.reason for change in client.connection_history()]
    assert any("no sign of life" in reason for reason in reasons)


async def test_a_gateway_that_has_nothing_to_say_is_not_dead(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway, probe_interval=0.02, probe_timeout=2.0)
    await shop.until(lambda: client._connection.watchdog.probes >= 3)
    assert client.health().reconnects == 0
    assert client.health().round_trip_s is not None


# --- codes about the connection ---


async def test_losing_ibs_servers_degrades_and_keeps_every_stream(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    client.subscribe_market_data(shop.AAPL, shop.Listener())
    gateway.send(4, 2, -1, 1100, "Connectivity has been lost.", "")
    await shop.until(lambda: client.state is ConnectionState.DEGRADED)
    gateway.send(4, 2, -1, 1102, "Connectivity restored - data maintained.", "")
    await shop.until(lambda: client.state is ConnectionState.READY)
    assert gateway.count(1) == 1
    assert gateway.hellos == 1


async def test_data_lost_opens_each_stream_again_exactly_once(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener)
    client.subscribe_realtime_bars(shop.EURUSD, shop.Listener())
    first = await gateway.asked(1)
    gateway.send(4, 2, -1, 1100, "lost", "")
    gateway.send(4, 2, -1, 1101, "restored - data lost", "")
    second = await gateway.asked(1)
    assert second[2] != first[2]
    assert await listener.next() == ("stream_restarted", "restored - data lost")
    assert (await gateway.asked(2))[2] == first[2]
    await shop.until(lambda: gateway.count(50) == 2)
    assert gateway.count(1) == 2
    assert gateway.hellos == 1


async def test_one_broken_farm_tears_nothing_down(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    client.subscribe_market_data(shop.AAPL, shop.Listener())
    gateway.send(4, 2, -1, 2103, "Market data farm connection is broken:usfarm", "")
    gateway.send(4, 2, -1, 2103, "Market data farm connection is broken:eufarm", "")
    await shop.until(lambda: client.health().broken_farms == ("eufarm", "usfarm"))
    assert client.state is ConnectionState.DEGRADED
    assert client.is_connected
    gateway.send(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", "")
    gateway.send(4, 2, -1, 2104, "Market data farm connection is OK:eufarm", "")
    await shop.until(lambda: client.state is ConnectionState.READY)
    assert gateway.count(1) == 1
    assert gateway.hellos == 1


async def test_a_port_that_was_reset_reconnects(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    gateway.send(4, 2, -1, 1300, "TWS socket port has been reset.", "")
    await shop.until(lambda: gateway.hellos == 2 and client.is_connected)


async def test_an_impossible_frame_renews_the_connection(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    gateway.send_raw(b"\xff\xff\xff\xff nonsense")
    await shop.until(lambda: gateway.hellos == 2 and client.is_connected)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"port": 99_999}, "port"),
        ({"port": -1}, "port"),
        ({"port": "7497"}, "port"),
        ({"client_id": -1}, "client_id"),
        ({"client_id": "1"}, "client_id"),
    ],
)
def test_an_address_that_cannot_be_is_refused_when_the_client_is_made(settings, field):
    with pytest.raises(InvalidRequest, match="there is no such") as refused:
        InteractiveBrokersClient(**settings)
    assert refused.value.field == field
    assert refused.value.value == settings[field]
