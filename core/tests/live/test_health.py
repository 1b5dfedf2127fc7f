"""A node tells other processes how it is, and they can judge what it told."""

import asyncio
import json
import os
import urllib.error
import urllib.request

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nodes import bare_node, make_node

from posei_trader.config import HealthConfig
from posei_trader.errors import ConfigError
from posei_trader.live.health_file import read_health, write_health
from posei_trader.live.node import NodeState
from posei_trader.model.health import (
    ClientHealth,
    ConnectionHealth,
    ConnectionStep,
    NodeHealth,
    OrderHealth,
    StreamHealth,
    Usage,
)

SECOND = 10**9
NOW = 1_700_000_000 * SECOND


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.001)


def healthy(**facts):
    return NodeHealth(
        **{
            "ts_ns": NOW,
            "interval_s": 5.0,
            "trader_id": "T-1",
            "state": "RUNNING",
            "started_ns": NOW - 60 * SECOND,
            "pid": os.getpid(),
            "host": os.uname().nodename,
            **facts,
        }
    )


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "node.json"


@pytest.fixture
async def running(venue, file):
    """Start nodes, and stop them after the test."""
    tasks = []

    async def start(**settings):
        node = make_node(health=HealthConfig(file=file, interval=0.01, **settings))
        tasks.append((node, asyncio.create_task(node.run_async())))
        await until(lambda: node.is_running)
        return node

    yield start
    for node, task in tasks:
        node.stop()
        await task
        node.dispose()


# --- the node ---


async def test_a_running_node_tells_how_it_is_and_that_it_is_alive(running, file):
    await running()
    (first,) = read_health([file])
    assert first.problems == ()
    health = first.health
    assert (health.trader_id, health.state, health.pid) == ("TESTER-001", "RUNNING", os.getpid())
    assert {(one.client_id, one.kind, one.is_connected) for one in health.clients} == {
        ("SIM", "data", True),
        ("SIM", "exec", True),
    }
    await until(lambda: read_health([file])[0].health.ts_ns > health.ts_ns)


async def test_the_last_word_of_a_node_is_that_it_stopped(venue, file):
    node = make_node(health=HealthConfig(file=file))
    node.stop()
    await node.run_async()
    (seen,) = read_health([file])
    assert seen.health.state == "STOPPED"
    assert seen.problems == ("the node is STOPPED",)
    node.dispose()


async def test_without_the_setting_nothing_is_written_but_the_node_can_be_asked(
    venue, tmp_path, monkeypatch
):
    monkeypatch.setenv("POSEI_STATE_DIR", str(tmp_path))
    node = make_node()
    assert node.health().state == NodeState.BUILT
    node.stop()
    await node.run_async()
    node.dispose()
    assert not list(tmp_path.glob("*.health.json"))


async def test_a_client_that_lost_its_venue_is_an_alarm(running, venue, file):
    node = await running()
    venue.exec_client.is_connected = False
    assert node.health().alarms == ("exec client SIM is not connected",)


async def test_a_file_that_cannot_be_written_stops_nothing_and_is_logged_once(
    venue, tmp_path, capsys
):
    blocked = tmp_path / "file"
    blocked.write_text("")
    node = make_node(health=HealthConfig(file=blocked / "below.json", interval=0.001))
    task = asyncio.create_task(node.run_async())
    await until(lambda: node.is_running)
    node.stop()
    await task
    node.dispose()
    assert capsys.readouterr().err.count("cannot be told") == 1


# --- the file ---


def test_the_file_is_for_its_owner_alone_and_leaves_no_drafts(file):
    write_health(file, healthy())
    write_health(file, healthy(state="STOPPING"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["node.json"]


@pytest.mark.parametrize(
    ("facts", "later_s", "problem"),
    [
        ({}, 1, None),
        ({}, 17, None),
        ({}, 18, "the last word is 18 s old"),
        ({"host": "elsewhere", "pid": 1}, 1, None),
        ({"pid": 2**22 + 1}, 1, "the process 4194305 is gone"),
        ({"state": "CONNECTING"}, 1, "the node is CONNECTING"),
        ({"alarms": ("the roof leaks",)}, 1, "the roof leaks"),
    ],
)
def test_a_reader_judges_what_a_node_told(file, facts, later_s, problem):
    write_health(file, healthy(**facts))
    (seen,) = read_health([file], NOW + later_s * SECOND)
    assert seen.age_s == later_s
    if problem is None:
        assert seen.problems == ()
    else:
        assert len(seen.problems) == 1
        assert problem in seen.problems[0]


def test_a_missing_or_foreign_file_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=r"\[health\]"):
        read_health([tmp_path / "none.json"])
    other = tmp_path / "other.json"
    other.write_text('{"a": 1}')
    with pytest.raises(ConfigError, match="no health file"):
        read_health([other])


texts = st.text(max_size=8)
numbers = st.integers(0, 2**53)
finite = st.floats(allow_nan=False, allow_infinity=False)
NODES = st.builds(
    NodeHealth,
    ts_ns=numbers,
    interval_s=finite,
    trader_id=texts,
    state=texts,
    started_ns=numbers,
    pid=numbers,
    host=texts,
    alarms=st.lists(texts, max_size=2).map(tuple),
    clients=st.lists(st.builds(ClientHealth, client_id=texts, kind=texts), max_size=2).map(tuple),
    connections=st.lists(
        st.builds(
            ConnectionHealth,
            name=texts,
            state=texts,
            history=st.lists(st.builds(ConnectionStep, numbers, texts, texts)).map(tuple),
            limits=st.dictionaries(texts, st.builds(Usage, finite, st.none() | finite)),
            streams=st.lists(
                st.builds(
                    StreamHealth,
                    subject=texts,
                    request=texts,
                    state=texts,
                    received=numbers,
                    last_seen_ns=numbers,
                    reissues=numbers,
                    listeners=numbers,
                ),
                max_size=2,
            ).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    orders_in_flight=st.lists(
        st.builds(
            OrderHealth, client_order_id=texts, instrument_id=texts, status=texts, since_ns=numbers
        ),
        max_size=2,
    ).map(tuple),
)


@given(NODES)
def test_health_survives_the_way_through_json(health):
    assert msgspec.json.decode(msgspec.json.encode(health), type=NodeHealth) == health


# --- metrics ---


def scraped(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


async def test_metrics_are_served_while_the_node_runs_and_not_afterwards(running, venue):
    pytest.importorskip("prometheus_client")
    node = await running(metrics_port=0)
    port = node._health.metrics_port
    text = await asyncio.to_thread(scraped, port)
    assert 'posei_up{trader_id="TESTER-001"} 1.0' in text
    assert 'posei_client_connected{client_id="SIM",kind="exec",trader_id="TESTER-001"} 1.0' in text
    node.stop()
    await until(lambda: node.state is NodeState.STOPPED)
    await node.stop_async()
    with pytest.raises(urllib.error.URLError):
        await asyncio.to_thread(scraped, port)


def test_metrics_without_the_extra_are_refused_by_name(venue, file, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    node = bare_node(health=HealthConfig(file=file, metrics_port=0))
    with pytest.raises(ConfigError, match=r"posei-trader\[metrics\]") as caught:
        node.build()
    assert caught.value.field == "health.metrics_port"
    node.dispose()


async def test_a_port_that_is_taken_is_refused(venue, file):
    pytest.importorskip("prometheus_client")
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    async with server:
        taken = server.sockets[0].getsockname()[1]
        node = make_node(health=HealthConfig(file=file, metrics_port=taken))
        with pytest.raises(ConfigError, match="another port"):
            await node.run_async()
        node.dispose()


# --- posei status ---


def posei(*arguments):
    from posei_trader.cli.main import main

    return main(["status", *arguments])


def test_status_shows_a_node_that_is_well(file, capsys):
    connection = ConnectionHealth(
        name="127.0.0.1:4002 client id 1",
        state="READY",
        is_ready=True,
        history=(ConnectionStep(NOW, "READY", "connected, server version 178"),),
        versions={"server": "178"},
        round_trip_s=0.0012,
        limits={"market data lines": Usage(3, 100)},
        requests=("contract details of STK AAPL",),
        streams=(
            StreamHealth(
                subject="quotes of AAPL",
                request="10001",
                state="open",
                received=12,
                last_seen_ns=NOW - 3 * SECOND,
                reissues=1,
                listeners=1,
            ),
        ),
    )
    client = ClientHealth(
        client_id="IB", kind="exec", is_connected=True, may_trade=True, connection=connection.name
    )
    import time

    write_health(file, healthy(ts_ns=time.time_ns(), clients=(client,), connections=(connection,)))
    assert posei("--file", str(file)) == 0
    shown = capsys.readouterr().out
    for part in (
        "T-1: RUNNING",
        "exec client IB: connected, may trade, over 127.0.0.1:4002 client id 1",
        "connection 127.0.0.1:4002 client id 1: READY",
        "market data lines: 3 of 100",
        "asking for contract details of STK AAPL",
        "quotes of AAPL",
        "round trip 1.2 ms",
        "connected, server version 178",
    ):
        assert part in shown


def test_status_exits_with_one_when_a_node_is_not_well(file, capsys):
    write_health(file, healthy(pid=2**22 + 1))
    assert posei("--file", str(file), "--json") == 1
    (node,) = json.loads(capsys.readouterr().out)["nodes"]
    assert node["is_well"] is False
    assert "is gone" in node["problems"][0]
    assert node["trader_id"] == "T-1"


def test_status_finds_the_nodes_of_the_state_directory(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("POSEI_STATE_DIR", str(tmp_path))
    assert posei() == 2
    assert "[health]" in capsys.readouterr().err
    for name in ("A-1", "B-1"):
        write_health(tmp_path / f"{name}.health.json", healthy(trader_id=name))
    posei("--json")
    assert [one["trader_id"] for one in json.loads(capsys.readouterr().out)["nodes"]] == [
        "A-1",
        "B-1",
    ]
    posei("B-1")
    assert capsys.readouterr().out.startswith("B-1:")
