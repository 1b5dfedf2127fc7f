"""What happens when the simulation itself fails: everybody notices."""

import asyncio
import contextlib

import pytest

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig


async def test_a_failed_clock_hangs_up_and_stop_raises_why(wait_until, caplog):
    gateway = SimulatedIBGateway(SimulatedIBGatewayConfig(speed=1.0))
    await gateway.start()
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    await wait_until(lambda: gateway.server.sessions)

    def fail():
        raise ZeroDivisionError("made to fail")

    gateway.clock.call_later(0, fail)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    assert not gateway.is_ready()
    with pytest.raises(ZeroDivisionError, match="made to fail"):
        await gateway.stop()
    assert "the simulated clock failed" in caplog.text
