"""Download bars and ticks from IB into a Parquet catalog.

Needs TWS or IB Gateway on port 7497; the simulated one will do: ``posei ib-sim --port 7497``.
"""

import asyncio
import datetime

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.historical.client import (
    HistoricInteractiveBrokersClient,
)
from posei_trader.persistence.catalog import ParquetDataCatalog


async def download_historical_data() -> None:
    """Download two contracts' instruments, bars and ticks, and store them in ./catalog."""
    client = HistoricInteractiveBrokersClient(host="127.0.0.1", port=7497, client_id=5)
    await client.connect()

    contracts = [
        IBContract(secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ"),
        IBContract(secType="CASH", symbol="EUR", currency="USD", exchange="IDEALPRO"),
    ]
    instruments = await client.request_instruments(contracts=contracts)
    bars = await client.request_bars(
        bar_specifications=["1-HOUR-LAST", "1-DAY-LAST"],
        start_date_time=datetime.datetime(2023, 11, 1, 9, 30),
        end_date_time=datetime.datetime(2023, 11, 6, 16, 30),
        tz_name="America/New_York",
        contracts=contracts,
        use_rth=True,
    )
    ticks = await client.request_ticks(
        tick_types=["TRADES"],
        start_date_time=datetime.datetime(2023, 11, 6, 14, 0),
        end_date_time=datetime.datetime(2023, 11, 6, 15, 0),
        tz_name="America/New_York",
        contracts=contracts,
    )

    catalog = ParquetDataCatalog("./catalog")
    catalog.write_data(instruments)
    catalog.write_data(bars)
    catalog.write_data(ticks)

    print(f"Downloaded {len(instruments)} instruments")
    print(f"Downloaded {len(bars)} bars")
    print(f"Downloaded {len(ticks)} ticks")
    await client.disconnect()


if __name__ == "__main__":
    asyncio.run(download_historical_data())
