"""A restart whose port somebody took meanwhile: it is tried again, and given up loudly."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Hold a port as another program would."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


async def test_a_gateway_comes_back_when_its_port_is_free_again(start_gateway, wait_until, caplog):
    gateway = await start_gateway()
    port = gateway.port
    gateway.faults.restart(0.0)
    with taken(port):
        await wait_until(lambda: "cannot listen again yet" in caplog.text)
        assert not gateway.is_ready()
    await wait_until(gateway.is_ready)
    assert gateway.port == port
    assert gateway.failure is None


async def test_a_gateway_whose_port_stays_taken_fails_loudly(wait_until, caplog, monkeypatch):
    monkeypatch.setattr("posei_ib_sim.server.server._RETRY_SECONDS", (0.0, 0.001))
    gateway = SimulatedIBGateway(SimulatedIBGatewayConfig(speed="step"))
    await gateway.start()
    port = gateway.port
    gateway.faults.restart(0.0)
    with taken(port):
        await wait_until(lambda: gateway.failure)
        assert isinstance(gateway.failure, ConfigurationError)
        assert not gateway.is_ready()
        with pytest.raises(ConfigurationError, match=f"port={port} cannot be listened on"):
            await gateway.stop()
    assert "cannot listen again" in caplog.text
    await gateway.start()
    assert gateway.is_ready()
    await gateway.stop()


async def test_a_second_restart_replaces_the_first(start_gateway, wait_until):
    gateway = await start_gateway()
    gateway.faults.restart(60.0)
    gateway.faults.restart(0.0)
    await wait_until(gateway.is_ready)
    assert gateway.failure is None
