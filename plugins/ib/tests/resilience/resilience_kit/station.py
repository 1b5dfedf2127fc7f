"""A node's engines and clients on one connection to a simulated gateway, in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.client import (
    ConnectionOptions,
    ConnectionState,
    InteractiveBrokersClient,
    StreamState,
)
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.data import InteractiveBrokersDataClient
from posei_trader.adapters.interactive_brokers.execution import InteractiveBrokersExecutionClient
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
)
from posei_trader.config import LiveDataEngineConfig, LiveRiskEngineConfig, RoutingConfig
from posei_trader.engine.bus import MessageBus
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import LiveClock
from posei_trader.engine.context import DataContext, ExecContext
from posei_trader.engine.data import DataEngine
from posei_trader.engine.execution import ExecutionEngine
from posei_trader.engine.portfolio import Portfolio
from posei_trader.engine.risk import RiskEngine
from posei_trader.errors import PoseiError
from posei_trader.model.bars import BarType
from posei_trader.model.enums import OrderStatus
from posei_trader.model.identifiers import ClientId, InstrumentId, TraderId
from posei_trader.trading.strategy import Strategy
from posei_trader.trading.trader import Trader
from posei_trader.trading.wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Callable

AAPL = InstrumentId("AAPL.NASDAQ")
MINUTES = BarType.from_str(f"{AAPL}-1-MINUTE-LAST-EXTERNAL")
UNPACED = PacingLimits(identical_s=0.001, burst=1_000, small_bar_requests=1_000_000)
CLIENT_ID = 3
PATIENCE_S = 600.0
"""Virtual seconds after which something that should have happened has not."""

ENDS = {
    "Filled": {OrderStatus.FILLED},
    "Cancelled": {OrderStatus.CANCELED},
    "Submitted": {OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED},
    "PreSubmitted": {OrderStatus.ACCEPTED},
}


class Observer(Strategy):
    """Writes down what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.quotes = 0
        self.bars: list[object] = []
        self.trades: list[object] = []
        self.gaps: list[object] = []
        self.failures: list[object] = []
        self.events: list[object] = []
        self.keeps_trades = True

    def on_start(self) -> None:
        self.subscribe_quote_ticks(AAPL)
        self.subscribe_trade_ticks(AAPL)
        self.subscribe_bars(MINUTES)

    def on_quote_tick(self, tick: object) -> None:
        self.quotes += 1

    def on_trade_tick(self, tick: object) -> None:
        if self.keeps_trades:
            self.trades.append(tick)

    def on_bar(self, bar: object) -> None:
        self.bars.append(bar)

    def on_data_gap(self, gap: object) -> None:
        self.gaps.append(gap)

    def on_subscription_failed(self, subscription: object, error: Exception) -> None:
        self.failures.append((subscription, error))

    def on_order_event(self, event: object) -> None:
        self.events.append(event)


def gateway(**settings: object) -> SimulatedIBGateway:
    return SimulatedIBGateway(
        SimulatedIBGatewayConfig(
            **{
                "speed": "step",
                "start": "2024-03-05T15:00:00Z",
                "fill_on": "standing_quote",
                "pacing": False,
                **settings,
            }
        )
    )


class Station:
    """One life of a node: connection, data and execution clients, engines, and one strategy."""

    def __init__(self, venue: SimulatedIBGateway, maintenance: tuple[object, ...] = ()) -> None:
        loop = asyncio.get_running_loop()
        self.venue = venue
        self.clock = LiveClock(loop.wall_ns, loop.wall_ns)
        self.cache = Cache()
        self.bus = MessageBus()
        trader_id = TraderId("TRADER-001")
        risk = RiskEngine(
            self.cache, self.clock, LiveRiskEngineConfig(max_orders_per_second=1_000_000)
        )
        self.data = DataEngine(self.bus, self.cache, self.clock, LiveDataEngineConfig())
        self.execution = ExecutionEngine(trader_id, self.bus, self.cache, self.clock, risk)
        self.connection = InteractiveBrokersClient(
            venue.host,
            venue.port,
            CLIENT_ID,
            clock=self.clock,
            limits=UNPACED,
            options=ConnectionOptions(first_pause=0.2, longest_pause=2.0, maintenance=maintenance),
        )
        settings = {
            "ibg_port": venue.port,
            "ibg_client_id": CLIENT_ID,
            "instrument_provider": InteractiveBrokersInstrumentProviderConfig(
                load_ids=frozenset({str(AAPL), "EUR/USD.IDEALPRO", "MSFT.NASDAQ"})
            ),
            "routing": RoutingConfig(default=True),
        }
        data_config = InteractiveBrokersDataClientConfig(
            **settings, use_regular_trading_hours=False
        )
        exec_config = InteractiveBrokersExecClientConfig(**settings)
        self.provider = InteractiveBrokersInstrumentProvider(
            self.connection, data_config.instrument_provider, clock=self.clock, store=self.cache
        )
        shared = {
            "client_id": ClientId("IB"),
            "trader_id": trader_id,
            "clock": self.clock,
            "cache": self.cache,
        }
        self.data_client = InteractiveBrokersDataClient(
            self.connection, self.provider, data_config, DataContext(**shared, sink=self.data)
        )
        self.exec_client = InteractiveBrokersExecutionClient(
            self.connection, self.provider, exec_config, ExecContext(**shared, sink=self.execution)
        )
        self.data.add_client(self.data_client, data_config.routing)
        self.execution.add_client(self.exec_client, exec_config.routing)
        self.strategy = Observer()
        self.trader = Trader(
            Wiring(
                trader_id=trader_id,
                clock=self.clock,
                bus=self.bus,
                cache=self.cache,
                data=self.data,
                execution=self.execution,
                risk=risk,
                portfolio=Portfolio(self.cache, self.execution.account_of_venue),
            )
        )
        self.trader.add_strategy(self.strategy)
        self.losses = 0
        self.data_losses = 0
        self.connection.add_connection_handler(self._count)

    def _count(self, change: object) -> None:
        if change.data_lost:
            self.data_losses += 1

    # --- life ---

    async def connect(self) -> None:
        """Connect and load, as a node does; what may be tried again is."""
        while True:
            try:
                await self.data_client.connect()
                await self.exec_client.connect()
                await self.execution.reconcile(self.exec_client)
            except PoseiError as error:
                if not error.retryable:
                    raise
                logging.getLogger("posei.Station").warning("again: %s", error.message)
                await asyncio.sleep(0.5)
            else:
                return

    async def start(self) -> None:
        """Start the strategy, and wait until its streams are open."""
        self.trader.start()
        await self.data.settle()
        await self.until(self.streams_are_open)

    async def stop(self) -> None:
        await self.trader.close() if self.trader.is_running else None
        await self.data.stop()
        await self.execution.stop()
        await self.data_client.disconnect()
        await self.exec_client.disconnect()

    # --- time ---

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, for us and for the venue alike."""
        left = seconds
        while left > 0:
            now = min(step, left)
            await asyncio.sleep(now)
            await self.venue.advance(now)
            left -= now

    async def until(
        self, condition: Callable[[], object], what: str = "", seconds: float = PATIENCE_S
    ) -> None:
        """Let time pass until something holds."""
        for _ in range(int(seconds / 0.25)):
            if condition():
                return
            await self.pass_time(0.25)
        raise TimeoutError(f"{what or condition} within {seconds} s; {self.story()}")

    def story(self) -> str:
        steps = [(one.state, one.reason) for one in self.connection.connection_history()]
        return f"{steps[-12:]} {self.connection.health().streams} {self.cache.orders()}"

    # --- what must hold ---

    @property
    def is_well(self) -> bool:
        return (
            self.connection.state is ConnectionState.READY
            and self.data_client.is_connected
            and self.execution.may_trade(self.exec_client.client_id)
        )

    def streams_are_open(self) -> bool:
        return all(one.state is StreamState.OPEN for one in self.connection.health().streams)

    def check_streams(self, *, counts_reissues: bool = True) -> None:
        """Each stream of ours is open at the venue exactly once, and nothing else is.

        Args:
            counts_reissues: Whether each was asked for anew only when data was lost; not so where
                quiet hours make the watch over silent streams ask again.
        """
        health = self.connection.health()
        streams = health.streams
        ended_by_ib = sum(health.error_counts.get(code, 0) for code in (10197, 10225))
        session = self.venue.server.client(CLIENT_ID)
        theirs = Counter(number for _, number in session.subscriptions)
        assert theirs == Counter(one.req_id for one in streams), (theirs, streams)
        for stream in streams if counts_reissues else ():
            assert stream.reissues <= self.data_losses + ended_by_ib, (stream, self.story())

    def check_orders(self) -> None:
        """Every order and position is what the venue says."""
        truth = self.venue.truth
        references = Counter(one.request.orderRef for one in truth.orders if one.request.orderRef)
        assert all(count == 1 for count in references.values()), references
        by_reference = {one.request.orderRef: one for one in truth.orders}
        for order in self.cache.orders():
            name = str(order.client_order_id)
            if name.startswith(("EXT-", "POS-")):
                continue
            theirs = by_reference.get(name)
            if theirs is None:  # it was lost on its way
                assert order.status in {OrderStatus.REJECTED, OrderStatus.DENIED}, order
                assert order.filled_qty.raw == 0, order
                continue
            filled = sum((fill.quantity for fill in theirs.fills), Decimal(0))
            assert order.filled_qty.as_decimal() == filled, (order, theirs.status)
            assert order.status in ENDS[theirs.status], (order, theirs.status)
        held: dict[str, Decimal] = {}
        for position in self.cache.positions_open():
            symbol = position.instrument_id.symbol.replace("/", ".")
            held[symbol] = held.get(symbol, Decimal(0)) + position.signed_qty
        held = {symbol: size for symbol, size in held.items() if size}
        assert held == dict(truth.positions()), (held, truth.positions())

    def check_data(self) -> None:
        """Bars and trades came in order; a bar came once."""
        bars = [bar.ts_event for bar in self.strategy.bars]
        assert bars == sorted(set(bars)), "bars are repeated or out of order"
        trades = [tick.ts_event for tick in self.strategy.trades]
        assert trades == sorted(trades), "trades are out of order"
        assert not self.strategy.failures, self.strategy.failures

    def check_health(self) -> None:
        health = self.connection.health()
        assert health.handler_errors == 0
        assert health.alarm is None
        bad = {"events_that_cannot_be", "events_of_unknown_orders", "reports_not_understood"}
        counts = self.execution.counters.snapshot()
        assert not bad & counts.keys(), counts
