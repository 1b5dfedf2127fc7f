"""Five-second bars: as in history, or one for idle seconds as well."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, stock = _MODULE.connect, _MODULE.stock

TRADES = """timestamp,price,size
2024-03-05 20:59:31,50.00,100
2024-03-05 20:59:32,50.10,200
2024-03-05 20:59:45,50.05,10
2024-03-05 20:59:52,50.30,50
2024-03-05 20:59:57,50.20,70
2024-03-06 14:30:01,51.00,10
"""


@pytest.mark.parametrize("idle", [False, True])
@pytest.mark.parametrize("version", [178, 226])
async def test_bars_come_when_their_five_seconds_are_over(
    start_gateway, connect, wait_until, tmp_path, version, idle
):
    path = tmp_path / "KO.csv"
    path.write_text(TRADES)
    gateway = await start_gateway(replay=[path], server_version=version, idle_bars=idle)
    client = await connect(gateway)
    client.reqRealTimeBars(1, stock("KO"), 5, "TRADES", True, [])
    await wait_until(lambda: gateway.server.sessions[0].count("real-time bars"))
    await gateway.advance(3600)
    count = 6 if idle else 4
    await wait_until(lambda: len(client.calls["realtimeBar"]) == count)
    bars = [(c[1] % 100_000, *c[2:7], c[8]) for c in client.calls["realtimeBar"]]
    first = 1_709_672_370 % 100_000
    assert bars == [
        (first, 50.00, 50.10, 50.00, 50.10, 300, 2),
        # The second of these ends at the moment of the next trade.
        *((first + later, 50.10, 50.10, 50.10, 50.10, 0, 0) for later in (5, 10) if idle),
        (first + 15, 50.05, 50.05, 50.05, 50.05, 10, 1),
        (first + 20, 50.30, 50.30, 50.30, 50.30, 50, 1),
        (first + 25, 50.20, 50.20, 50.20, 50.20, 70, 1),
    ]
    await gateway.advance(18 * 3600)
    # The session was over with the last bar; the next one begins with its first trade.
    await wait_until(lambda: len(client.calls["realtimeBar"]) > count)
    assert client.calls["realtimeBar"][count][5] == 51.00
    client.cancelRealTimeBars(1)
    await wait_until(lambda: not gateway.server.sessions[0].count("real-time bars"))
    seen = len(client.calls["realtimeBar"])
    await gateway.advance(60)
    client.reqCurrentTime()
    await wait_until(lambda: client.calls["currentTime"])
    assert len(client.calls["realtimeBar"]) == seen
