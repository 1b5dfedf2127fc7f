"""Configurations that cannot work are refused with field, value and remedy."""

import dataclasses
import datetime as dt
import socket
from pathlib import Path

import pytest

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "192.0.2.1"}, ["host='192.0.2.1'", "no login", "allow_remote"]),
        ({"host": "example.org"}, ["host='example.org'"]),
        ({"port": 70_000}, ["port=70000", "0 to 65535"]),
        ({"speed": 0}, ["speed=0", "above 0"]),
        ({"speed": "fast"}, ["speed='fast'", '"max"']),
        ({"speed": "max"}, ['speed="max"', "replay"]),
        ({"server_version": 205}, ["server_version=205", "157 to 200"]),
        ({"account_ids": ()}, ["account_ids", "DU123456"]),
        ({"time_zone": "Mars/Olympus"}, ["time_zone='Mars/Olympus'", "US/Eastern"]),
        ({"pace": "quick"}, ["pace='quick'", "'drain'"]),
        ({"start": "tomorrow"}, ["start='tomorrow'", "ISO 8601"]),
        ({"ticks_per_bar": 3}, ["ticks_per_bar=3"]),
        ({"limit_percent": 0}, ["limit_percent=0", "above 0"]),
    ],
)
def test_a_bad_setting_names_itself_and_the_remedy(settings, words):
    with pytest.raises(ConfigurationError) as caught:
        SimulatedIBGatewayConfig(**settings)
    for word in words:
        assert word in str(caught.value)


async def test_a_port_in_use_is_named_and_nothing_is_left_running():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        gateway = SimulatedIBGateway(SimulatedIBGatewayConfig(port=port))
        with pytest.raises(ConfigurationError, match=f"port={port} cannot be listened on"):
            await gateway.start()
        assert not gateway.is_ready()


async def test_a_gateway_can_be_stopped_twice_and_started_again():
    gateway = SimulatedIBGateway(SimulatedIBGatewayConfig(speed="step"))
    await gateway.start()
    await gateway.start()
    assert gateway.is_ready()
    assert gateway.port > 0
    await gateway.stop()
    await gateway.stop()
    assert not gateway.is_ready()
    await gateway.start()
    assert gateway.is_ready()
    await gateway.stop()


def test_looking_inside_before_the_start_says_so():
    gateway = SimulatedIBGateway()
    with pytest.raises(RuntimeError, match="call start"):
        _ = gateway.truth


def test_a_configuration_can_be_a_key_whatever_is_set():
    settings = {
        "replay": ["a.csv"],
        "symbols": {"a": "AAPL"},
        "contracts": {"stock": [{"symbol": "XYZ"}]},
        "account_ids": ["DU1", "DU2"],
        "initial_cash": {"USD": 1},
        "trading_permissions": ["STK"],
        "restricted_symbols": ["KO"],
        "shortable_shares": {"KO": 5},
        "start": dt.datetime(2024, 3, 5, tzinfo=dt.UTC),
        "scenario": Path("x.toml"),
        "faults": ["drop at=60"],
        "log_wire": Path("x.jsonl"),
    }
    containers = {
        one.name
        for one in dataclasses.fields(SimulatedIBGatewayConfig)
        if any(word in str(one.type) for word in ("Mapping", "Sequence", "dict", "list", "set["))
    }
    assert containers <= settings.keys()
    left, right = SimulatedIBGatewayConfig(**settings), SimulatedIBGatewayConfig(**settings)
    assert {left: 1}[right] == 1


def test_a_configuration_can_be_a_key():
    left = SimulatedIBGatewayConfig(replay=["a.csv"], symbols={"a": "AAPL"})
    right = SimulatedIBGatewayConfig(replay=["a.csv"], symbols={"a": "AAPL"})
    assert {left: 1}[right] == 1
    assert left != SimulatedIBGatewayConfig(replay=["b.csv"])
