"""PoseiTrader: a trading node with the Interactive Brokers plugin; a strategy is the callback."""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
import time
from pathlib import Path

from meter import Meter, arguments, memory_mb, pause_s
from posei_trader.adapters.interactive_brokers.common import IB, IB_VENUE, IBContract
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.config import (
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    RoutingConfig,
    TradingNodeConfig,
)
from posei_trader.live.node import TradingNode
from posei_trader.model.enums import OrderSide
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.values import Quantity
from posei_trader.trading.strategy import Strategy

AAPL = InstrumentId("AAPL.NASDAQ")


class Watch(Strategy):
    """Counts ticks."""

    def __init__(self, node: TradingNode, kind: str, meter: Meter) -> None:
        super().__init__()
        self.kind, self.meter = kind, meter
        meter.on_done = node.stop

    def on_start(self) -> None:
        """Subscribe."""
        if self.kind == "trades":
            self.subscribe_trade_ticks(AAPL)
        else:
            self.subscribe_quote_ticks(
                AAPL, params={"batch_quotes": "true" if self.kind == "l1" else "false"}
            )

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
    """Sends one market order after the other, each when the one before has filled."""

    def __init__(self, node: TradingNode, orders: int, rate: int) -> None:
        super().__init__()
        self.node, self.left, self.rate = node, orders, rate
        self.began = 0
        self.acknowledged: list[int] = []
        self.filled: list[int] = []

    def on_start(self) -> None:
        """Begin."""
        self.clock.set_time_alert(
            "begin", self.clock.utc_now() + dt.timedelta(seconds=0.5), self.send
        )

    def send(self, _event: object = None) -> None:
        """Send the next order."""
        self.left -= 1
        order = self.order_factory.market(AAPL, OrderSide.BUY, Quantity("1"))
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
            self.node.stop()


def node_for(port: int, *, trades: bool, store: Path | None = None) -> TradingNode:
    """Return a node on the server."""
    provider = InteractiveBrokersInstrumentProviderConfig(load_ids=frozenset({AAPL}))
    shared = {"ibg_port": port, "instrument_provider": provider}
    config = TradingNodeConfig(
        logging=LoggingConfig(log_level="ERROR"),
        data_clients={} if trades else {IB: InteractiveBrokersDataClientConfig(**shared)},
        exec_clients={
            IB: InteractiveBrokersExecClientConfig(**shared, routing=RoutingConfig(default=True))
        }
        if trades
        else {},
        exec_engine=LiveExecEngineConfig(store_path=store),
        risk_engine=LiveRiskEngineConfig(max_orders_per_second=10_000),
        timeout_post_stop=0.0,
    )
    node = TradingNode(config)
    node.build()
    node.portfolio.set_specific_venue(IB_VENUE)
    return node


def stream(kind: str, port: int, rate: int) -> None:
    """Measure ticks."""
    meter = Meter(keeps_moments=rate > 0)
    node = node_for(port, trades=False)
    node.trader.add_strategy(Watch(node, kind, meter))
    node.run()
    meter.report()
    node.dispose()


def orders(count: int, port: int, rate: int) -> None:
    """Measure orders, with the durable store on."""
    with tempfile.TemporaryDirectory() as folder:
        node = node_for(port, trades=True, store=Path(folder) / "orders.db")
        strategy = Trade(node, count, rate)
        node.trader.add_strategy(strategy)
        node.run()
        Meter().report(acknowledged=strategy.acknowledged, filled=strategy.filled)
        node.dispose()


async def history(count: int, port: int) -> None:
    """Measure bars: to objects, to Arrow, to Parquet."""
    # Arrow is no part of a live node, whose start and memory are measured too.
    from posei_trader.adapters.interactive_brokers.historical.client import (  # noqa: PLC0415
        HistoricInteractiveBrokersClient,
    )
    from posei_trader.persistence.catalog import ParquetDataCatalog  # noqa: PLC0415

    # The peers do not pace, and IB's pace is not what is measured.
    unlimited = PacingLimits(
        messages_per_second=100_000, order_reserve=0, burst=100_000, identical_s=0.0
    )
    client = HistoricInteractiveBrokersClient(
        host="127.0.0.1", port=port, client_id=5, log_level="ERROR", limits=unlimited
    )
    await client.connect()
    contract = IBContract(
        secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ", currency="USD"
    )
    await client.request_instruments(contracts=[contract])
    end = dt.datetime(2024, 3, 5, 15, tzinfo=dt.UTC)
    options = {
        "bar_specifications": ["1-MINUTE-LAST"],
        "start_date_time": end - dt.timedelta(minutes=count),
        "end_date_time": end,
        "contracts": [contract],
        "use_rth": False,
        "check_gaps": False,
    }
    began = time.monotonic()
    bars = await client.request_bars(**options)
    objects = time.monotonic() - began
    memory = memory_mb()
    began = time.monotonic()
    tables = await client.request_bars(**options, to="arrow")
    arrow = time.monotonic() - began
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        tables = await client.request_bars(**options, to="arrow")
        ParquetDataCatalog(folder).write_data(list(tables))
        parquet = time.monotonic() - began
    await client.disconnect()
    Meter().report(
        bars=len(bars), objects_s=objects, arrow_s=arrow, parquet_s=parquet, rss_mb=memory
    )


def main(kind: str, port: int, count: int, rate: int) -> None:
    """Measure one run."""
    if kind == "orders":
        orders(count, port, rate)
    elif kind == "history":
        asyncio.run(history(count, port))
    else:
        stream(kind, port, rate)


if __name__ == "__main__":
    wanted, at, number, pace = arguments()
    main(wanted, at, number, pace)
