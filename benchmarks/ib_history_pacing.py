"""How close to IB's pacing rules history is fetched: against a simulated gateway, in warped time.

    python benchmarks/ib_history_pacing.py

Gateway and client share one event loop on which nobody waits: when nothing is on its way, time
moves to the next timer. The gateway enforces IB's published rules on that time and counts what
breaks them. The optimum is what the rules allow a client that answers cost nothing: 6 requests for
one contract and kind of data in 2 seconds, 60 for bars of 30 seconds or less in 10 minutes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import selectors
import sys
import tempfile
import time

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.historical.client import (
    HistoricInteractiveBrokersClient,
)
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.persistence.catalog import ParquetDataCatalog

SYMBOLS = ("AAPL", "MSFT", "AMZN", "GOOG", "NVDA", "TSLA", "META", "JPM")
NOW = dt.datetime(2023, 11, 20, 15, tzinfo=dt.UTC)
VIOLATIONS = (100, 162, 420)


class WarpSelector(selectors.DefaultSelector):
    """Time moves on instead of being waited for."""

    now = 1_000.0

    def select(self, timeout=None):
        if timeout is None:
            return super().select(None)
        events = super().select(0)
        if not events and timeout > 0:
            self.now += timeout
        return events


class WarpLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.warp = WarpSelector()
        super().__init__(self.warp)

    def time(self) -> float:
        return self.warp.now


def stock(symbol):
    return IBContract(secType="STK", symbol=symbol, exchange="SMART", currency="USD")


def day_before(number):
    """Return a business day before now."""
    weeks, rest = divmod(number, 5)
    monday = NOW.date() - dt.timedelta(days=NOW.weekday() + 7)
    return monday - dt.timedelta(weeks=weeks) + dt.timedelta(days=rest)


def optimum(requests_a_contract, contracts, *, small):
    """Return when the last request may start, in seconds, by the rules alone."""
    last = (-(-requests_a_contract // 6) - 1) * 2.0
    if small:
        total = requests_a_contract * contracts
        rounds = -(-total // 60) - 1
        rest = total - rounds * 60
        bursts = -(-rest // (6 * contracts)) - 1
        last = rounds * 600.0 + bursts * 2.0
    return last


async def requests(count, contracts, *, bar_size, duration):
    """Fetch `count` different answers of each contract; return violations."""
    config = SimulatedIBGatewayConfig(speed="step", start=NOW)
    async with SimulatedIBGateway(config) as gateway:
        # As the research client: nothing is held back for orders.
        limits = PacingLimits(order_reserve=0)
        client = InteractiveBrokersClient(gateway.host, gateway.port, 5, limits=limits)
        await client.connect()
        known = [stock(symbol) for symbol in SYMBOLS[:contracts]]
        begun = time.monotonic()
        await asyncio.gather(
            *(
                client.get_historical_bars(
                    contract,
                    end=f"{day_before(n):%Y%m%d}-18:{n % 60:02d}:00",
                    duration=duration,
                    bar_size=bar_size,
                    what_to_show="TRADES",
                    use_rth=False,
                )
                for contract in known
                for n in range(count)
            )
        )
        taken = time.monotonic() - begun
        # 162 also says that nothing was traded on a holiday; that is no violation.
        noted = client.recent_errors()
        assert len(noted) < 100, "more than the client remembers"
        broken = [
            one.message for one in noted if one.code in VIOLATIONS and "no data" not in one.message
        ]
        await client.disconnect()
        return taken, broken


async def download():
    """Fetch 60 days of minutes with the downloader."""
    config = SimulatedIBGatewayConfig(speed="step", start=NOW)
    async with (
        SimulatedIBGateway(config) as gateway,
        HistoricInteractiveBrokersClient(
            gateway.host, gateway.port, 5, log_level="ERROR"
        ) as client,
    ):
        await client.request_instruments([stock("AAPL")])
        with tempfile.TemporaryDirectory() as place:
            begun = time.monotonic()
            report = await client.download(
                ParquetDataCatalog(place),
                bar_specifications=["1-MINUTE-LAST"],
                contracts=[stock("AAPL")],
                start_date_time=NOW - dt.timedelta(days=60),
                end_date_time=NOW,
            )
            taken = time.monotonic() - begun
        assert report.is_whole
        broken = client.downloads.pending()
        assert broken == ()
        return taken, []


def warped(work):
    """Run a coroutine in warped time."""
    real = time.monotonic, time.monotonic_ns
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        loop = runner.get_loop()
        time.monotonic, time.monotonic_ns = loop.time, lambda: int(loop.time() * 1e9)
        try:
            return runner.run(work)
        finally:
            time.monotonic, time.monotonic_ns = real


CASES = {
    "1 contract, 120 requests for long bars": (
        lambda: requests(120, 1, bar_size="1 hour", duration="7200 S"),
        optimum(120, 1, small=False),
    ),
    "8 contracts, 60 requests each": (
        lambda: requests(60, 8, bar_size="1 hour", duration="7200 S"),
        optimum(60, 8, small=False),
    ),
    "1 contract, 180 requests for 30-second bars": (
        lambda: requests(180, 1, bar_size="30 secs", duration="60 S"),
        optimum(180, 1, small=True),
    ),
    "4 contracts, 45 requests each for 30-second bars": (
        lambda: requests(45, 4, bar_size="30 secs", duration="60 S"),
        optimum(45, 4, small=True),
    ),
    # 60 days, and where the history begins.
    "download of 60 days of minutes, 1 contract": (download, optimum(61, 1, small=False)),
}


def main() -> int:
    print(f"{'':52}{'optimum':>10}{'taken':>10}{'over':>8}  violations")
    worst = 0.0
    for name, (work, best) in CASES.items():
        taken, broken = warped(work())
        over = taken / best - 1
        worst = max(worst, over)
        print(f"{name:52}{best:>8.1f} s{taken:>8.1f} s{over:>8.1%}  {broken or 'none'}")
        if broken:
            return 1
    print(f"worst: {worst:.1%} over the optimum")
    return 0


if __name__ == "__main__":
    sys.exit(main())
