"""IB's pacing rules as a simulated gateway enforces them, in time that nobody waits for."""

from __future__ import annotations

import asyncio
import datetime as dt

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.client.clock import LoopClock
from posei_trader.adapters.interactive_brokers.client.scheduler import Scheduler
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.config import InteractiveBrokersDataClientConfig
from posei_trader.adapters.interactive_brokers.factories import ClientPool
from posei_trader.adapters.interactive_brokers.historical.client import (
    HistoricInteractiveBrokersClient,
)
from posei_trader.adapters.interactive_brokers.pacing import HistoricalCost, PacingLimits
from posei_trader.engine.cache import Cache
from posei_trader.persistence.catalog import ParquetDataCatalog

AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ")
MSFT = IBContract(secType="STK", symbol="MSFT", exchange="SMART", primaryExchange="NASDAQ")
GATEWAY = SimulatedIBGatewayConfig(speed="step", start="2023-11-20T15:00:00Z", pacing=True)
START = dt.datetime(2023, 10, 2, 13, 30, tzinfo=dt.UTC)


def test_two_users_of_one_connection_keep_the_rules_together(warped, tmp_path, caplog):
    """100 requests for 30-second bars: 60 at once, the rest after ten minutes."""

    async def work():
        async with (
            SimulatedIBGateway(GATEWAY) as gateway,
            HistoricInteractiveBrokersClient(gateway.host, gateway.port, 5) as client,
        ):
            seen = []
            report, bars = await asyncio.gather(
                client.download(
                    ParquetDataCatalog(tmp_path),
                    bar_specifications=["30-SECOND-LAST"],
                    contracts=[AAPL, MSFT],
                    start_date_time=START,
                    end_date_time=START + dt.timedelta(hours=8 * 35),
                    progress=seen.append,
                ),
                client.request_bars(
                    ["30-SECOND-MID"],
                    contracts=[AAPL],
                    start_date_time=START,
                    end_date_time=START + dt.timedelta(hours=8 * 30),
                ),
            )
            return report, bars, seen

    (report, bars, seen), seconds = warped(work())
    assert report.is_whole
    assert len(bars) > 0
    assert "pacing violation" not in caplog.text
    assert 600 <= seconds <= 630
    # From the first piece on it is known that ten minutes will have to pass.
    assert 550 <= seen[0].eta_s <= 700
    early = [one for one in seen if one.elapsed_s < 60]
    assert min(one.elapsed_s + one.eta_s for one in early) > 600
    assert seen[-1].eta_s in {0, None}


def test_two_connections_of_a_node_keep_the_rules_of_one_login(warped, caplog):
    """The gateway counts for both: six requests go at once, the others in their turn."""
    asked = IBContract(secType="STK", symbol="AAPL", exchange="SMART", currency="USD")

    async def bars(client, day):
        return await client.get_historical_bars(
            asked,
            end=f"202311{day:02d}-21:00:00",
            duration="1 D",
            bar_size="1 hour",
            what_to_show="TRADES",
            use_rth=True,
        )

    async def work():
        async with SimulatedIBGateway(GATEWAY) as gateway:
            pool = ClientPool(LoopClock(), Cache())
            clients = [
                pool.client(
                    InteractiveBrokersDataClientConfig(
                        ibg_host=gateway.host, ibg_port=gateway.port, ibg_client_id=number
                    )
                )
                for number in (1, 2)
            ]
            for client in clients:
                await client.connect()
            days = [(6, 7, 8, 9, 10), (1, 2, 3, 13, 14)]
            answers = await asyncio.gather(
                *(
                    bars(client, day)
                    for client, of_client in zip(clients, days, strict=True)
                    for day in of_client
                )
            )
            counts = [client.error_counts().get(162, 0) for client in clients]
            for client in clients:
                await client.disconnect()
            return answers, counts

    (answers, counts), seconds = warped(work())
    assert [len(found) for found in answers] == 10 * [7]
    assert counts == [0, 0], caplog.text
    assert 2 <= seconds < 6


class Clock:
    """Time that stands."""

    def timestamp_ns(self):
        return 10**18

    def call_at(self, when_ns, callback):
        raise AssertionError("nothing waits here")


def test_the_forecast_is_what_the_rules_demand():
    scheduler = Scheduler(Clock(), PacingLimits(), lambda data: None)

    def costs(count, *, small, weight=1, groups=1):
        return [HistoricalCost(n, n % groups, small, weight) for n in range(count)]

    assert scheduler.historical_forecast_s() == 0
    assert scheduler.historical_forecast_s(costs(6, small=False)) == 0
    # The seventh waits two seconds, the thirteenth four; windows are counted 2 % longer.
    assert abs(scheduler.historical_forecast_s(costs(13, small=False)) - 2 * 2.04) < 1e-6
    assert scheduler.historical_forecast_s(costs(12, small=False, groups=2)) == 0
    assert abs(scheduler.historical_forecast_s(costs(121, small=True, groups=50)) - 1224) < 1e-6
    quotes = costs(31, small=True, weight=2, groups=31)
    assert abs(scheduler.historical_forecast_s(quotes) - 612) < 1e-6
