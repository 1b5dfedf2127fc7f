"""Every engine of a node around one venue, on a clock that the test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from venue import SECOND, Venue, VenueDataClient, VenueExecClient

from posei_trader.config import (
    LiveDataEngineConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    RoutingConfig,
)
from posei_trader.engine.bus import MessageBus
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import SimulatedClock
from posei_trader.engine.context import DataContext, ExecContext
from posei_trader.engine.data import DataEngine
from posei_trader.engine.execution import ExecutionEngine
from posei_trader.engine.portfolio import Portfolio
from posei_trader.engine.risk import RiskEngine
from posei_trader.model.enums import OrderSide
from posei_trader.model.identifiers import ClientId, StrategyId, TraderId
from posei_trader.model.values import Price, Quantity
from posei_trader.trading.factory import OrderFactory
from posei_trader.trading.trader import Trader
from posei_trader.trading.wiring import Wiring

if TYPE_CHECKING:
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.orders import Order

SIM = ClientId("SIM")
TRADER = TraderId("TESTER-001")
OWNER = StrategyId("Owner-001")
START = 1_700_000_000 * SECOND


class Rig:
    """The engines, wired as a node wires them; connected, and free to trade unless told so."""

    def __init__(
        self,
        venue: Venue | None = None,
        *,
        data: LiveDataEngineConfig | None = None,
        execution: LiveExecEngineConfig | None = None,
        risk: LiveRiskEngineConfig | None = None,
        store=None,
        start_ns: int = START,
    ) -> None:
        self.venue = venue or Venue()
        self.clock = SimulatedClock(start_ns)
        self.bus = MessageBus()
        self.cache = Cache()
        self.risk = RiskEngine(self.cache, self.clock, risk)
        self.data = DataEngine(self.bus, self.cache, self.clock, data)
        self.execution = ExecutionEngine(
            TRADER,
            self.bus,
            self.cache,
            self.clock,
            self.risk,
            execution or LiveExecEngineConfig(reconciliation=False),
            store,
        )
        self.commands = self.execution.commands
        self.portfolio = Portfolio(self.cache, self.execution.account_of_venue)
        self.wiring = Wiring(
            trader_id=TRADER,
            clock=self.clock,
            bus=self.bus,
            cache=self.cache,
            data=self.data,
            execution=self.execution,
            risk=self.risk,
            portfolio=self.portfolio,
        )
        self.trader = Trader(self.wiring)
        shared = {
            "client_id": SIM,
            "trader_id": TRADER,
            "clock": self.clock,
            "cache": self.cache,
        }
        self.data_client = VenueDataClient(self.venue, DataContext(**shared, sink=self.data))
        self.exec_client = VenueExecClient(self.venue, ExecContext(**shared, sink=self.execution))
        self.data.add_client(self.data_client, RoutingConfig(default=True))
        self.execution.add_client(self.exec_client, RoutingConfig(default=True))
        self.data_client.is_connected = self.exec_client.is_connected = True
        for instrument in self.venue.instruments.values():
            self.cache.add_instrument(instrument)
        self.factory = OrderFactory(
            TRADER, OWNER, "001", self.clock, lambda name: self.cache.order(name) is not None
        )
        self.events: list[object] = []
        self.bus.subscribe("events.order.*", self.events.append)
        self.bus.subscribe("events.position.*", self.events.append)

    @property
    def names(self) -> list[str]:
        """What was told so far, by the names of the events."""
        return [type(event).__name__ for event in self.events]

    def run(self) -> None:
        """Let everything arrive that is on its way."""
        while self.clock.next_timer_ns() is not None and (
            self.clock.next_timer_ns() <= self.clock.timestamp_ns()
        ):
            self.clock.advance(0)

    def market(self, instrument_id: InstrumentId, side: str, quantity: str, **options) -> Order:
        """Submit a market order and let it run."""
        order = self.factory.market(instrument_id, OrderSide(side), Quantity(quantity), **options)
        self.commands.submit_order(order)
        self.run()
        return order

    def limit(
        self, instrument_id: InstrumentId, side: str, quantity: str, price: str, **options
    ) -> Order:
        """Submit a limit order and let it run."""
        order = self.factory.limit(
            instrument_id, OrderSide(side), Quantity(quantity), Price(price), **options
        )
        self.commands.submit_order(order)
        self.run()
        return order
