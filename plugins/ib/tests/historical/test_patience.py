"""Downloads while the gateway is away: for an hour, for good, or because of the download."""

from __future__ import annotations

import asyncio
import datetime as dt

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.historical.client import (
    HistoricInteractiveBrokersClient,
)
from posei_trader.adapters.interactive_brokers.maintenance import IBMaintenanceWindow
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.errors import ConnectionFailed, ConnectionLost
from posei_trader.persistence.catalog import ParquetDataCatalog

AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ")
MINUTES = {
    "bar_specifications": ["1-MINUTE-LAST"],
    "contracts": [AAPL],
    "start_date_time": dt.datetime(2023, 10, 16, tzinfo=dt.UTC),
    "end_date_time": dt.datetime(2023, 11, 11, tzinfo=dt.UTC),
}
ROWS = 20 * 390
SETTINGS = {"speed": "step", "start": "2023-11-20T15:00:00Z", "pacing": False}
UNPACED = PacingLimits(identical_s=0.0, burst=10_000, small_bar_requests=100_000)
HOUR = 3_600.0


def client_of(gateway, **settings):
    settings = {"limits": UNPACED, "connection_timeout": 30.0, **settings}
    return HistoricInteractiveBrokersClient(gateway.host, gateway.port, 5, **settings)


def once_begun(act):
    """Return a progress callback that acts when a part is stored."""
    acted = []

    def progress(state):
        if not acted and state.fraction > 0.2:
            acted.append(state)
            act()

    return progress


async def across_an_hours_restart(catalog, **settings):
    """Download, while the gateway restarts for an hour once a part is stored."""
    config = SimulatedIBGatewayConfig(**SETTINGS)
    async with SimulatedIBGateway(config) as gateway, client_of(gateway, **settings) as client:
        return await client.download(
            ParquetDataCatalog(catalog),
            progress=once_begun(lambda: gateway.faults.restart(HOUR)),
            **MINUTES,
        )


def assert_waited_an_hour(report, seconds):
    assert report.errors == ()
    assert report.streams[0].rows == ROWS
    assert HOUR <= seconds < HOUR + 300


def test_a_gateway_that_is_away_for_an_hour_is_waited_for(warped, tmp_path, caplog):
    report, seconds = warped(across_an_hours_restart(tmp_path))
    assert_waited_an_hour(report, seconds)
    assert "a download waits for the connection" in caplog.text


def test_a_gateway_that_has_lost_ibs_servers_is_waited_for(warped, tmp_path, interceptor_of):
    """It is there, and answers every question for history with a refusal."""

    async def work():
        config = SimulatedIBGatewayConfig(**SETTINGS, server_version=178)
        async with (
            SimulatedIBGateway(config) as gateway,
            interceptor_of(gateway) as between,
            client_of(between) as client,
        ):

            def away():
                gateway.faults.connectivity_lost()
                between.refuse("AAPL", 162, "API historical data query cancelled: 9")
                asyncio.get_running_loop().call_later(HOUR, back)

            def back():
                between.forgive("AAPL")
                gateway.faults.connectivity_restored()

            return await client.download(
                ParquetDataCatalog(tmp_path), progress=once_begun(away), **MINUTES
            )

    report, seconds = warped(work())
    assert_waited_an_hour(report, seconds)


def test_a_question_that_ends_every_connection_is_not_asked_for_ever(
    warped, tmp_path, interceptor_of
):
    async def work():
        config = SimulatedIBGatewayConfig(**SETTINGS, server_version=178)
        async with (
            SimulatedIBGateway(config) as gateway,
            interceptor_of(gateway) as between,
            client_of(between) as client,
        ):

            def ask(fields):
                if fields[0] == str(between.BARS):
                    gateway.faults.drop()

            between.serve = ask
            return await client.download(ParquetDataCatalog(tmp_path), **MINUTES)

    report, _ = warped(work())
    assert isinstance(report.streams[0].error, ConnectionLost)


async def test_a_connection_that_is_given_up_says_why_and_what_is_stored(
    start_gateway, connect, tmp_path
):
    gateway = await start_gateway()
    client = await connect(gateway, max_connection_attempts=1)
    catalog = ParquetDataCatalog(tmp_path)
    async with asyncio.timeout(20):
        report = await client.download(
            catalog, progress=once_begun(lambda: gateway.faults.restart(HOUR)), **MINUTES
        )
    (stream,) = report.streams
    assert isinstance(stream.error, ConnectionFailed)
    assert "start TWS or IB Gateway" in stream.error.remedy
    assert 0 < stream.rows == stream.written == len(catalog.bars()) < ROWS


def test_attempts_in_a_maintenance_window_of_its_own_do_not_count(warped, tmp_path):
    always = IBMaintenanceWindow(start="00:00", end="00:00", time_zone="UTC")

    patience = {"max_connection_attempts": 1, "maintenance_windows": [always]}
    report, seconds = warped(across_an_hours_restart(tmp_path, **patience))
    assert_waited_an_hour(report, seconds)


async def test_a_client_that_is_disconnected_waits_for_nothing(start_gateway, connect, tmp_path):
    gateway = await start_gateway()
    client = await connect(gateway)
    leaving = []
    async with asyncio.timeout(20):
        report = await client.download(
            ParquetDataCatalog(tmp_path),
            progress=once_begun(lambda: leaving.append(asyncio.ensure_future(client.disconnect()))),
            **MINUTES,
        )
        await leaving[0]
    assert isinstance(report.streams[0].error, ConnectionLost)
    assert report.streams[0].rows == report.written > 0
