"""NautilusTrader: its live node and its adapter in Rust; a strategy in Python is the callback."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import time

from meter import Meter, arguments, memory_mb, pause_s
from nautilus_trader.core import nautilus_pyo3
from nautilus_trader.core.nautilus_pyo3 import interactive_brokers as ib
from nautilus_trader.core.nautilus_pyo3 import live

AAPL = nautilus_pyo3.InstrumentId.from_str("AAPL.NASDAQ")
ACCOUNT = "DU123456"


class Watch(nautilus_pyo3.Strategy):
    """Counts ticks."""

    def begin(self, kind: str, meter: Meter) -> Watch:
        """Take what its constructor has no room for."""
        self.kind, self.meter = kind, meter
        return self

    def on_start(self) -> None:
        """Subscribe."""
        if self.kind == "trades":
            self.subscribe_trades(AAPL)
        else:
            self.subscribe_quotes(AAPL, params={"batch_quotes": self.kind == "l1"})

    def on_quote(self, tick) -> None:
        """Take a quote."""
        if self.kind == "l1":
            self.meter.update(float(tick.bid_price))
        else:
            self.meter.tick(float(tick.bid_price), int(tick.bid_size))

    def on_trade(self, tick) -> None:
        """Take a trade."""
        self.meter.tick(float(tick.price), 0)


class Trade(nautilus_pyo3.Strategy):
    """Sends one market order after the other, each when the one before has filled."""

    def begin(self, orders: int, rate: int, meter: Meter) -> Trade:
        """Take what its constructor has no room for."""
        self.left, self.rate, self.meter = orders, rate, meter
        self.began = 0
        self.acknowledged, self.filled = [], []
        return self

    def on_start(self) -> None:
        """Begin."""
        self.next("begin", 0.5)

    def next(self, name: str, seconds: float) -> None:
        """Send an order a while later."""
        self.clock.set_time_alert(name, self.clock.utc_now() + dt.timedelta(seconds=seconds))

    def on_time_event(self, event) -> None:
        """Send the next order."""
        self.left -= 1
        order = self.order_factory.market(
            AAPL, nautilus_pyo3.OrderSide.BUY, nautilus_pyo3.Quantity.from_int(1)
        )
        self.is_acknowledged = False
        self.began = time.monotonic_ns()
        self.submit_order(order)

    def on_order_updated(self, event) -> None:
        """Note when it was acknowledged: the first word from the venue.

        `on_order_accepted` is none: it comes when the order was sent, from a silent venue too.
        """
        if not self.is_acknowledged:
            self.is_acknowledged = True
            self.acknowledged.append(time.monotonic_ns() - self.began)

    def on_order_filled(self, event) -> None:
        """Note when the fill was known; go on."""
        self.on_order_updated(event)
        self.filled.append(time.monotonic_ns() - self.began)
        if self.left:
            self.next(f"next {self.left}", pause_s(self.left, self.rate))
        else:
            self.meter.on_done()


def run(kind: str, port: int, count: int, rate: int) -> None:
    """Run a node until the last tick or fill, and end there: its stop takes ten seconds."""
    meter = Meter(keeps_moments=rate > 0)
    provider = ib.InteractiveBrokersInstrumentProviderConfig(load_ids={AAPL})
    shared = {
        "host": "127.0.0.1",
        "port": port,
        "client_id": 1,
        "instrument_provider": provider,
    }
    trader = nautilus_pyo3.TraderId("PEER-001")
    builder = (
        live.LiveNode.builder("PEER", trader, nautilus_pyo3.Environment.LIVE)
        .with_logging(
            nautilus_pyo3.LoggerConfig(
                stdout_level=nautilus_pyo3.LogLevel.ERROR, bypass_logging=True
            )
        )
        .add_data_client(
            None,
            ib.InteractiveBrokersDataClientFactory(),
            ib.InteractiveBrokersDataClientConfig(**shared, batch_quotes=kind == "l1"),
        )
    )
    identity = nautilus_pyo3.StrategyConfig(
        strategy_id=nautilus_pyo3.StrategyId("PEER-001"), order_id_tag="001"
    )
    if kind == "orders":
        builder = builder.add_exec_client(
            None,
            ib.InteractiveBrokersExecutionClientFactory(
                trader, nautilus_pyo3.AccountId(f"IB-{ACCOUNT}")
            ),
            ib.InteractiveBrokersExecClientConfig(**shared, account_id=ACCOUNT),
            live.RoutingConfig(default=True),
        )
        strategy = Trade(identity).begin(count, rate, meter)
    else:
        builder = builder.with_reconciliation(reconciliation=False)
        strategy = Watch(identity).begin(kind, meter)

    def finish() -> None:
        if kind == "orders":
            meter.report(acknowledged=strategy.acknowledged, filled=strategy.filled)
        else:
            meter.report()
        os._exit(0)

    meter.on_done = finish
    node = builder.build()
    node.add_strategy(strategy)
    node.run()


async def history(count: int, port: int) -> None:
    """Measure bars to objects."""
    config = ib.InteractiveBrokersDataClientConfig(host="127.0.0.1", port=port, client_id=5)
    provider = ib.InteractiveBrokersInstrumentProvider(
        ib.InteractiveBrokersInstrumentProviderConfig()
    )
    client = ib.HistoricalInteractiveBrokersClient(provider, config)
    await client.request_instruments(instrument_ids=[AAPL])
    end = dt.datetime(2024, 3, 5, 15, tzinfo=dt.UTC)
    began = time.monotonic()
    bars = await client.request_bars(
        ["1-MINUTE-LAST"],
        end,
        start_date_time=end - dt.timedelta(minutes=count),
        instrument_ids=[AAPL],
        use_rth=False,
        timeout=120,
    )
    objects = time.monotonic() - began
    Meter().report(bars=len(bars), objects_s=objects, rss_mb=memory_mb())


if __name__ == "__main__":
    wanted, at, number, pace = arguments()
    if wanted == "history":
        asyncio.run(history(number, at))
    else:
        run(wanted, at, number, pace)
