"""IB's pacing rules as a simulated gateway enforces them, in time that nobody waits for."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal

import pytest

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
    """105 requests for 5-second bars: 60 at once, the rest after ten minutes."""

    async def work():
        async with (
            SimulatedIBGateway(GATEWAY) as gateway,
            HistoricInteractiveBrokersClient(gateway.host, gateway.port, 5) as client,
        ):
            seen = []
            report, bars = await asyncio.gather(
                client.download(
                    ParquetDataCatalog(tmp_path),
                    bar_specifications=["5-SECOND-LAST"],
                    contracts=[AAPL, MSFT],
                    start_date_time=START,
                    end_date_time=START + dt.timedelta(days=7),
                    progress=seen.append,
                ),
                client.request_bars(
                    ["5-SECOND-MID"],
                    contracts=[AAPL],
                    start_date_time=START,
                    end_date_time=START + dt.timedelta(days=7),
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


def test_what_another_program_used_up_is_waited_for(warped):
    """Sixty requests of the login are gone: the next ten minutes have none for anybody."""

    def small_bars(client, price, weeks):
        """Ask for two requests a session."""
        return client.request_bars(
            [f"10-SECOND-{price}"],
            contracts=[AAPL],
            start_date_time=START,
            end_date_time=START + dt.timedelta(weeks=weeks),
            check_gaps=False,
        )

    async def work():
        async with (
            SimulatedIBGateway(GATEWAY) as gateway,
            HistoricInteractiveBrokersClient(gateway.host, gateway.port, 5) as other,
            HistoricInteractiveBrokersClient(gateway.host, gateway.port, 6) as client,
        ):
            await client.request_instruments(contracts=[AAPL])
            await small_bars(other, "LAST", 6)
            began = asyncio.get_running_loop().time()
            bars = await small_bars(client, "MID", 2)
            errors = client._client.recent_errors()
            refused = sum("pacing violation" in one.message for one in errors)
            return len(bars), refused, asyncio.get_running_loop().time() - began

    (found, refused, seconds), _ = warped(work())
    assert found > 0
    assert 570 < seconds < 700
    # The first six, and the one that finds out each time: not all of them every time.
    assert refused <= 6 + 14


def test_the_end_of_a_request_for_ticks_is_estimated_by_the_time_covered(warped):
    async def work():
        async with (
            SimulatedIBGateway(GATEWAY) as gateway,
            HistoricInteractiveBrokersClient(gateway.host, gateway.port, 5) as client,
        ):
            found = []
            for form in ("objects", "arrow"):
                seen = []
                await client.request_ticks(
                    "TRADES",
                    start_date_time=dt.datetime(2023, 11, 6, 14, 30, tzinfo=dt.UTC),
                    end_date_time=dt.datetime(2023, 11, 10, 21, tzinfo=dt.UTC),
                    contracts=[AAPL],
                    progress=seen.append,
                    to=form,
                    check_gaps=False,
                )
                found.append(seen)
            return found

    found, _ = warped(work())
    for seen in found:
        assert len(seen) > 10
        whole = seen[-1].elapsed_s
        assert all(one.eta_s > 0 and one.total > one.done for one in seen[:-1])
        later = seen[len(seen) // 2 : -1]
        assert all(0.5 * whole < one.elapsed_s + one.eta_s < 2 * whole for one in later)
        assert (seen[-1].eta_s, seen[-1].done) == (0, seen[-1].total)


@pytest.mark.parametrize("use_rth", [True, False])
def test_small_bars_are_asked_for_when_there_were_any(warped, tmp_path, caplog, use_rth):
    """Of a week with Thanksgiving in it nights, the holiday and the weekend cost no request."""
    # Three whole sessions and one that ends early; the simulated share trades in no other hours.
    requests = 3 * 13 + 7
    start = dt.datetime(2023, 11, 20, 5, tzinfo=dt.UTC)
    asked = {
        "contracts": [AAPL],
        "start_date_time": start,
        "end_date_time": start + dt.timedelta(days=7),
        "use_rth": use_rth,
    }

    async def work():
        async with (
            SimulatedIBGateway(
                SimulatedIBGatewayConfig(speed="step", start="2023-11-28T15:00:00Z", pacing=True)
            ) as gateway,
            HistoricInteractiveBrokersClient(gateway.host, gateway.port, 5) as client,
        ):
            seen = []
            small = await client.request_bars(["1-SECOND-LAST"], progress=seen.append, **asked)
            long = await client.request_bars(["1-MINUTE-LAST"], **asked)
            catalog = ParquetDataCatalog(tmp_path)
            report = await client.download(catalog, bar_specifications=["1-SECOND-LAST"], **asked)
            again = []
            await client.download(
                catalog, bar_specifications=["1-SECOND-LAST"], progress=again.append, **asked
            )
            stored = catalog.bars(["AAPL.NASDAQ-1-SECOND-LAST-EXTERNAL"])
            return small, long, seen, report, again, stored

    def volume(bars):
        return sum(Decimal(str(bar.volume)) for bar in bars)

    (small, long, seen, report, again, stored), _ = warped(work())
    assert (seen[-1].done, seen[-1].total) == (requests, requests)
    assert volume(small) == volume(long) > 0
    assert {bar.ts_event // 60_000_000_000 for bar in small} == {
        bar.ts_event // 60_000_000_000 for bar in long
    }
    assert "pacing violation" not in caplog.text
    assert report.is_whole
    assert stored == list(small)
    assert [one.streams_done for one in again] == [1]  # what was empty is known too


def test_small_bars_come_until_now(warped):
    """The bars that tell when there were any may be a moment behind."""
    now = dt.datetime(2023, 11, 28, 20, 7, 30, tzinfo=dt.UTC)

    async def work():
        async with (
            SimulatedIBGateway(SimulatedIBGatewayConfig(speed="step", start=now)) as gateway,
            HistoricInteractiveBrokersClient(gateway.host, gateway.port, 5) as client,
        ):
            asked = {"contracts": [AAPL], "start_date_time": now - dt.timedelta(days=1)}
            small = await client.request_bars(["5-SECOND-LAST"], **asked)
            # Nothing is there at night, and that is no error.
            night = now.replace(hour=2)
            asked = {"start_date_time": night, "end_date_time": night + dt.timedelta(hours=5)}
            return small, await client.request_bars(["5-SECOND-LAST"], contracts=[AAPL], **asked)

    (small, none), _ = warped(work())
    assert now.timestamp() * 1e9 - small[-1].ts_event <= 20e9
    assert list(none) == []


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
