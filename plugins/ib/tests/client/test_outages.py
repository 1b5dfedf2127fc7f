"""Absences: alarms when they last, patience in maintenance windows, farms and their streams."""

from __future__ import annotations

import asyncio
import datetime as dt
import time

import pytest

from posei_trader.adapters.interactive_brokers.client import ConnectionOptions, ConnectionState
from posei_trader.adapters.interactive_brokers.config import IBConnectionConfig
from posei_trader.adapters.interactive_brokers.maintenance import IBMaintenanceWindow

ALWAYS = (
    IBMaintenanceWindow(start="00:00", end="12:00", time_zone="UTC"),
    IBMaintenanceWindow(start="12:00", end="00:00", time_zone="UTC"),
)


def alarms(caplog) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelname == "CRITICAL"]


# --- alarms ---


async def test_an_absence_that_lasts_is_an_alarm_and_its_end_ends_it(shop, caplog):
    gateway = await shop.gateway()
    client = await shop.connected(gateway, alarm_after=0.05)
    gateway.send(4, 2, -1, 1100, "Connectivity has been lost.", "")
    await shop.until(lambda: client.health().alarm)
    assert "Connectivity has been lost" in client.health().alarm
    assert any("not been ready for too long" in line for line in alarms(caplog))
    gateway.send(4, 2, -1, 1102, "restored", "")
    await shop.until(lambda: client.state is ConnectionState.READY)
    assert client.health().alarm is None
    assert client.health().alarms == 1


async def test_an_alarm_is_repeated_at_growing_distances_until_all_is_well(shop, caplog):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock, alarm_after=60.0)
    gateway.send(4, 2, -1, 1100, "lost", "")
    await shop.until(lambda: client.state is ConnectionState.DEGRADED)
    seen = []
    for seconds in (59, 2, 118, 2, 238, 2):
        clock.advance(seconds)
        seen.append(len(alarms(caplog)))
    assert seen == [0, 1, 1, 2, 2, 3]
    assert client.health().alarms == 1


async def test_a_short_absence_is_no_alarm(shop, caplog):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock, alarm_after=60.0)
    gateway.drop()
    await shop.until(lambda: client.health().reconnects == 1 and client.is_connected)
    clock.advance(600)
    assert alarms(caplog) == []
    assert client.health().alarm is None


async def test_in_a_maintenance_window_the_alarm_waits_for_its_end(shop, caplog):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    clock.now = int(dt.datetime(2024, 3, 5, 5, 20, tzinfo=dt.UTC).timestamp()) * 10**9
    window = IBMaintenanceWindow(start="05:15", end="05:45", time_zone="UTC")
    client = await shop.connected(gateway, clock=clock, alarm_after=60.0, maintenance=(window,))
    assert client.is_under_maintenance
    gateway.send(4, 2, -1, 1100, "lost", "")
    await shop.until(lambda: client.state is ConnectionState.DEGRADED)
    clock.advance(25 * 60 + 59)
    assert alarms(caplog) == []
    clock.advance(2)
    assert len(alarms(caplog)) == 1
    assert not client.is_under_maintenance


async def test_in_a_maintenance_window_attempts_to_come_back_do_not_count(shop, caplog):
    gateway = await shop.gateway()
    client = await shop.connected(gateway, max_attempts=2, maintenance=ALWAYS, longest_pause=0.01)
    port = gateway.port
    client._connection.port = 1
    gateway.drop()
    await shop.until(lambda: client._connection.attempts >= 5)
    client._connection.port = port
    await shop.until(lambda: client.is_connected)
    (line,) = [one for one in caplog.records if "connection is lost" in one.getMessage()]
    assert line.levelname == "WARNING"


async def test_maintenance_does_not_blind_the_watchdog(shop):
    gateway = await shop.gateway()
    gateway.answers_time = False
    client = await shop.connected(
        gateway, probe_interval=0.05, probe_timeout=0.05, maintenance=ALWAYS
    )
    await shop.until(lambda: client.health().reconnects >= 1)


# --- farms ---


async def test_a_stream_that_does_not_come_back_with_its_farm_is_opened_anew_once(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    silent, lively, quiet = shop.Listener(), shop.Listener(), shop.Listener()
    client.subscribe_market_data(shop.AAPL, silent)
    client.subscribe_market_data(shop.EURUSD, lively)
    client.subscribe_realtime_bars(shop.EURUSD, quiet, what_to_show="MIDPOINT")
    ids = [(await gateway.asked(1))[2], (await gateway.asked(1))[2]]
    for number in ids:
        gateway.send(2, 6, number, 0, "5")
    await silent.next("tick_size")
    await lively.next("tick_size")
    gateway.send(4, 2, -1, 2103, "Market data farm connection is broken:usfarm", "")
    await shop.until(lambda: client.health().broken_farms == ("usfarm",))
    gateway.send(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", "")
    await shop.until(lambda: client.state is ConnectionState.READY)
    gateway.send(2, 6, ids[1], 0, "6")
    await lively.next("tick_size")
    clock.advance(14)
    assert gateway.count(1) == 2
    clock.advance(2)
    assert await silent.next() == (
        "stream_restarted",
        "silent since its market data farm came back",
    )
    assert (await gateway.asked(2))[2] == ids[0]
    await gateway.asked(1)
    clock.advance(3600)
    await client.server_time()
    assert gateway.count(1) == 3
    assert gateway.count(50) == 1  # it never had data: the farm is not why
    assert gateway.hellos == 1
    assert [stream.reissues for stream in client.health().streams] == [1, 0, 0]


async def test_the_definition_farm_touches_no_stream(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener)
    gateway.send(2, 6, (await gateway.asked(1))[2], 0, "5")
    await listener.next("tick_size")
    gateway.send(4, 2, -1, 2157, "Sec-def data farm connection is broken:secdefil", "")
    gateway.send(4, 2, -1, 2158, "Sec-def data farm connection is OK:secdefil", "")
    await client.server_time()
    clock.advance(600)
    await client.server_time()
    assert gateway.count(1) == 1


async def test_hostile_farm_names_cannot_fill_the_memory(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    for number in range(300):
        gateway.send(4, 2, -1, 2103, f"broken:{number}{'x' * 500}", "")
    await client.server_time()
    farms = client.health().broken_farms
    assert len(farms) == 100
    assert all(len(name) <= 60 for name in farms)


# --- time ---


async def test_the_gateways_time_can_be_asked_for(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    assert await client.server_time() == 1_700_000_000 * 10**9
    assert abs(client.clock_offset_ns) <= 10**9


async def test_the_time_is_asked_once_a_minute_also_of_a_gateway_that_is_never_silent(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock, probe_interval=60.0, probe_timeout=0.4)
    watchdog = client._connection.watchdog
    probes = watchdog.probes
    clock.now += 59 * 10**9
    for _ in range(3):
        await talked(shop, gateway, client)
    assert watchdog.probes == probes
    clock.now += 2 * 10**9
    await talked(shop, gateway, client)
    await shop.until(lambda: client.clock_offset_ns < -60 * 10**9)
    assert watchdog.probes == probes + 1


async def talked(shop, gateway, client):
    """Let the gateway talk until the watchdog has looked at it once more."""
    watchdog = client._connection.watchdog
    seen = watchdog._seen_at
    while watchdog._seen_at == seen:
        gateway.send(4, 2, -1, 2119, "Market data farm is connecting:usfarm", "")
        await asyncio.sleep(0.001)


async def test_a_clock_that_is_far_off_is_told_once_with_a_remedy(shop, caplog):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    for ahead, count in ((0, 0), (1, 0), (9, 1), (10, 1), (0, 1), (-9, 2), (400 * 86_400, 2)):
        clock.now = (1_700_000_000 + ahead) * 10**9
        await client.server_time()
        told = [line for line in caplog.messages if "clock" in line]
        assert len(told) == count
    assert "synchronize" in told[0]


async def test_a_loop_that_was_blocked_is_measured_and_reported(shop, caplog):
    gateway = await shop.gateway()
    client = await shop.connected(gateway, probe_interval=0.1, probe_timeout=5.0, longest_lag=0.1)
    await asyncio.sleep(0)
    time.sleep(0.3)  # noqa: ASYNC251 - this is what the test is about
    await shop.until(lambda: client.health().loop_stalls)
    assert client.health().loop_lag_max_s > 0.1
    assert any("event loop was late" in line for line in caplog.messages)
    assert client.is_connected


# --- the log of an incident ---


async def test_the_log_of_an_incident_alone_explains_it(shop, caplog):
    caplog.set_level("INFO")
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    client.subscribe_market_data(shop.AAPL, shop.Listener())
    old = (await gateway.asked(1))[2]
    gateway.drop()
    new = (await gateway.asked(1))[2]
    await shop.until(lambda: client.is_connected)
    story = [
        record.msg
        for record in caplog.records
        if record.name == "posei.InteractiveBrokersClient" and isinstance(record.msg, dict)
    ]
    assert all(line["client_id"] == 1 for line in story)
    told = [line["event"] for line in story]
    wanted = [
        "the connection is lost",
        "the connection changed",
        "a stream was asked for anew",
        "the outage has ended",
    ]
    for event in wanted:
        assert event in told
    (lost,) = [line for line in story if line["event"] == "the connection is lost"]
    assert lost["reason"] == "the gateway closed the connection"
    assert lost["streams"] == 1
    (again,) = [line for line in story if line["event"] == "a stream was asked for anew"]
    assert (str(again["req_id_before"]), str(again["req_id"])) == (old, new)
    assert again["reason"] == "the connection was lost"


@pytest.mark.parametrize("flood", [2_000])
async def test_garbage_without_end_does_not_fill_the_log(shop, caplog, flood):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    for _ in range(flood):
        gateway.send(9, "many", "words", "x" * 500)
    await client.server_time()
    assert client.health().malformed == flood
    lines = [line for line in caplog.messages if "does not decode" in line]
    assert len(lines) == 12  # the first ten, the hundredth, the thousandth
    assert all(len(line) < 600 for line in lines)


async def test_listeners_hear_of_ibs_servers_also_while_a_farm_is_out(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    heard: list[tuple[str, bool]] = []
    client.add_connection_handler(lambda one: heard.append((one.state, one.upstream_lost)))
    gateway.send(4, 2, -1, 2103, "Market data farm connection is broken:usfarm", "")
    gateway.send(4, 2, -1, 1100, "lost", "")
    gateway.send(4, 2, -1, 1102, "restored", "")
    gateway.send(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", "")
    await shop.until(lambda: len(heard) == 4)
    assert heard == [
        ("degraded", False),
        ("degraded", True),
        ("degraded", False),
        ("ready", False),
    ]


async def test_listeners_hear_of_every_farm_and_what_it_has(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    heard: list[tuple[str, list[tuple[str, str]]]] = []
    client.add_connection_handler(
        lambda one: heard.append((one.state, [(x.name, x.source) for x in one.broken_farms]))
    )
    gateway.send(4, 2, -1, 2157, "Sec-def data farm connection is broken:secdefil", "")
    gateway.send(4, 2, -1, 2105, "HMDS data farm connection is broken:ushmds", "")
    gateway.send(4, 2, -1, 2105, "HMDS data farm connection is broken:ushmds", "")
    gateway.send(4, 2, -1, 2103, "Market data farm connection is broken:usfarm", "")
    gateway.send(4, 2, -1, 2158, "Sec-def data farm connection is OK:secdefil", "")
    gateway.send(4, 2, -1, 2106, "HMDS data farm connection is OK:ushmds", "")
    gateway.send(4, 2, -1, 2106, "HMDS data farm connection is OK:ushmds", "")
    gateway.send(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", "")
    await shop.until(lambda: heard and heard[-1][0] == "ready")
    secdef, hmds, market = (
        ("secdefil", "definitions"),
        ("ushmds", "history"),
        ("usfarm", "market data"),
    )
    assert heard == [
        ("degraded", [secdef]),
        ("degraded", [secdef, hmds]),
        ("degraded", [secdef, hmds, market]),
        ("degraded", [hmds, market]),
        ("degraded", [market]),
        ("ready", []),
    ]


# --- one stream ---


async def test_a_competing_session_is_waited_for_however_long_it_takes(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    listener = shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener)
    pauses = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    for pause in pauses:
        number = (await gateway.asked(1))[2]
        gateway.send(4, 2, number, 10197, "No market data during competing live session", "")
        assert (await gateway.asked(2))[2] == number  # IB keeps what it sends nothing for
        clock.advance(pause - 0.5)
        await client.server_time()
        assert gateway.count(1) == gateway.count(2)
        clock.advance(1)
    number = (await gateway.asked(1))[2]
    gateway.send(2, 6, number, 0, "5")
    assert (await listener.next("tick_size"))[0] == "tick_size"
    assert not [call for call in listener.seen if call[0] == "stream_failed"]


@pytest.mark.parametrize("code", [10182, 10189])
async def test_a_stream_that_ib_ended_is_opened_anew_alone_and_fails_after_five_times(shop, code):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    listener, other = shop.Listener(), shop.Listener()
    client.subscribe_market_data(shop.AAPL, listener)
    first = (await gateway.asked(1))[2]
    client.subscribe_realtime_bars(shop.EURUSD, other, what_to_show="MIDPOINT")
    for tries in range(6):
        gateway.send(4, 2, first, code, "Failed to request live updates", "")
        await client.server_time()
        if tries < 5:
            clock.advance(20)
            first = (await gateway.asked(1))[2]
    name, error = await listener.next("stream_failed")
    assert (name, error.code) == ("stream_failed", code)
    assert gateway.count(50) == 1
    assert gateway.hellos == 1
    assert other.seen == []


# --- settings ---


def test_the_settings_of_a_file_reach_the_connection():
    kept = ConnectionOptions(connection_timeout=7.0, max_attempts=3)
    assert (
        ConnectionOptions.of(IBConnectionConfig(), connection_timeout=7.0, max_attempts=3) == kept
    )
    names = [name for name in IBConnectionConfig.model_fields if name != "maintenance_windows"]
    for name in names:
        config = IBConnectionConfig(**{name: 123.0})
        options = ConnectionOptions.of(config, connection_timeout=1.0, max_attempts=0)
        assert getattr(options, name) == 123.0
    none = IBConnectionConfig(maintenance_windows=())
    assert ConnectionOptions.of(none, connection_timeout=1.0, max_attempts=0).maintenance == ()
