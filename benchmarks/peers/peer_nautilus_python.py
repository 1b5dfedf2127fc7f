"""NautilusTrader: its trading node with its Python adapter; a strategy is the callback."""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
import threading
import time

from meter import Meter, arguments, memory_mb, pause_s
from nautilus_trader.adapters.interactive_brokers.common import IB, IB_VENUE, IBContract
from nautilus_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
)
from nautilus_trader.adapters.interactive_brokers.factories import (
    InteractiveBrokersLiveDataClientFactory,
    InteractiveBrokersLiveExecClientFactory,
)
from nautilus_trader.adapters.interactive_brokers.historical.client import (
    HistoricInteractiveBrokersClient,
)
from nautilus_trader.config import LoggingConfig, RoutingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from nautilus_trader.trading.strategy import Strategy

AAPL = InstrumentId.from_str("AAPL.NASDAQ")


class Watch(Strategy):
    """Counts ticks."""

    def __init__(self, kind: str, meter: Meter) -> None:
        super().__init__()
        self.kind, self.meter = kind, meter

    def on_start(self) -> None:
        """Subscribe."""
        if self.kind == "trades":
            self.subscribe_trade_ticks(AAPL)
        else:
            self.subscribe_quote_ticks(AAPL, params={"batch_quotes": self.kind == "l1"})

    def on_quote_tick(self, tick) -> None:
        """Take a quote."""
        if self.kind == "l1":
            self.meter.update(float(tick.bid_price))
        else:
            self.meter.tick(float(tick.bid_price), int(tick.bid_size))

    def on_trade_tick(self, tick) -> None:
        """Take a trade."""
        self.meter.tick(float(tick.price), 0)


class Trade(Strategy):
    """Sends one market order after the other."""

    def __init__(self, orders: int, rate: int, meter: Meter) -> None:
        super().__init__()
        self.left, self.rate, self.meter = orders, rate, meter
        self.began = 0
        self.acknowledged, self.filled = [], []

    def on_start(self) -> None:
        """Begin."""
        self.clock.set_time_alert(
            "begin", self.clock.utc_now() + dt.timedelta(seconds=0.5), self.send
        )

    def send(self, _event: object = None) -> None:
        """Send the next order."""
        self.left -= 1
        order = self.order_factory.market(AAPL, OrderSide.BUY, Quantity.from_int(1))
        self.began = time.monotonic_ns()
        self.submit_order(order)

    def on_order_accepted(self, event) -> None:
        """Note when it was acknowledged."""
        self.acknowledged.append(time.monotonic_ns() - self.began)

    def on_order_filled(self, event) -> None:
        """Note when the fill was known; go on."""
        self.filled.append(time.monotonic_ns() - self.began)
        if self.left:
            pause = dt.timedelta(seconds=pause_s(self.left, self.rate))
            self.clock.set_time_alert(f"next {self.left}", self.clock.utc_now() + pause, self.send)
        else:
            self.meter.on_done()


def run(kind: str, port: int, count: int, rate: int) -> None:
    """Run a node until the last tick or fill."""
    meter = Meter(keeps_moments=rate > 0)
    provider = InteractiveBrokersInstrumentProviderConfig(load_ids=frozenset({str(AAPL)}))
    shared = {
        "ibg_host": "127.0.0.1",
        "ibg_port": port,
        "ibg_client_id": 1,
        "instrument_provider": provider,
    }
    trades = kind == "orders"
    config = TradingNodeConfig(
        logging=LoggingConfig(log_level="ERROR"),
        data_clients={IB: InteractiveBrokersDataClientConfig(**shared)},
        exec_clients={
            IB: InteractiveBrokersExecClientConfig(
                **shared, account_id="DU123456", routing=RoutingConfig(default=True)
            )
        }
        if trades
        else {},
        timeout_post_stop=0.1,
    )
    node = TradingNode(config=config)
    node.add_data_client_factory(IB, InteractiveBrokersLiveDataClientFactory)
    if trades:
        node.add_exec_client_factory(IB, InteractiveBrokersLiveExecClientFactory)
    node.build()
    if hasattr(node.portfolio, "set_specific_venue"):  # older releases
        node.portfolio.set_specific_venue(IB_VENUE)
    strategy = Trade(count, rate, meter) if trades else Watch(kind, meter)
    node.trader.add_strategy(strategy)
    meter.on_done = lambda: threading.Thread(target=node.stop, daemon=True).start()
    node.run()
    if trades:
        meter.report(acknowledged=strategy.acknowledged, filled=strategy.filled)
    else:
        meter.report()


async def history(count: int, port: int) -> None:
    """Measure bars to objects, and to its catalog."""
    client = HistoricInteractiveBrokersClient(host="127.0.0.1", port=port, client_id=5)
    await client.connect()
    contract = IBContract(
        secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ", currency="USD"
    )
    await client.request_instruments(contracts=[contract])
    end = dt.datetime(2024, 3, 5, 15)  # noqa: DTZ001 - as its documentation does
    began = time.monotonic()
    bars = await client.request_bars(
        bar_specifications=["1-MINUTE-LAST"],
        end_date_time=end,
        tz_name="UTC",
        start_date_time=end - dt.timedelta(minutes=count),
        contracts=[contract],
        use_rth=False,
        timeout=300,
    )
    objects = time.monotonic() - began
    memory = memory_mb()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        ParquetDataCatalog(folder).write_data(bars)
        parquet = objects + time.monotonic() - began
    Meter().report(bars=len(bars), objects_s=objects, parquet_s=parquet, rss_mb=memory)


if __name__ == "__main__":
    wanted, at, number, pace = arguments()
    if wanted == "history":
        asyncio.run(history(number, at))
    else:
        run(wanted, at, number, pace)
