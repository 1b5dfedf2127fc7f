"""Run a strategy on an IB paper account.

Needs TWS or IB Gateway on port 7497; the simulated one will do: ``posei ib-sim --port 7497``.
It buys one share of SPY at the market, reports the fill, and stops.
"""

from posei_trader.adapters.interactive_brokers.common import IB, IB_VENUE
from posei_trader.adapters.interactive_brokers.config import (
    IBMarketDataTypeEnum,
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
    SymbologyMethod,
)
from posei_trader.adapters.interactive_brokers.factories import (
    InteractiveBrokersLiveDataClientFactory,
    InteractiveBrokersLiveExecClientFactory,
)
from posei_trader.config import (
    LiveDataEngineConfig,
    LoggingConfig,
    RoutingConfig,
    TradingNodeConfig,
)
from posei_trader.live.node import TradingNode
from posei_trader.model.enums import OrderSide
from posei_trader.model.events import OrderFilled
from posei_trader.model.identifiers import InstrumentId
from posei_trader.trading.strategy import Strategy

SPY = InstrumentId("SPY.ARCA")


class BuyOne(Strategy):
    """Buy one share, say what it cost, stop the node."""

    def on_start(self) -> None:
        """Send the order."""
        instrument = self.cache.instrument(SPY)
        if instrument is None:
            self.log.error("SPY is not loaded")
            return
        self.submit_order(
            self.order_factory.market(SPY, OrderSide.BUY, instrument.make_qty(1)),
        )

    def on_order_filled(self, event: OrderFilled) -> None:
        """Report the fill."""
        print(f"filled: {event.last_qty} {event.instrument_id} at {event.last_px}")
        node.stop()


instrument_provider_config = InteractiveBrokersInstrumentProviderConfig(
    symbology_method=SymbologyMethod.IB_SIMPLIFIED,
    load_ids=frozenset(["EUR/USD.IDEALPRO", "SPY.ARCA", "AAPL.NASDAQ", "MSFT.NASDAQ"]),
)
data_client_config = InteractiveBrokersDataClientConfig(
    ibg_host="127.0.0.1",
    ibg_port=7497,
    ibg_client_id=1,
    use_regular_trading_hours=True,
    market_data_type=IBMarketDataTypeEnum.DELAYED_FROZEN,
    instrument_provider=instrument_provider_config,
)
exec_client_config = InteractiveBrokersExecClientConfig(
    ibg_host="127.0.0.1",
    ibg_port=7497,
    ibg_client_id=1,
    account_id="DU123456",
    instrument_provider=instrument_provider_config,
    routing=RoutingConfig(default=True),
)
config_node = TradingNodeConfig(
    trader_id="PAPER-TRADER-001",
    logging=LoggingConfig(log_level="INFO"),
    data_clients={IB: data_client_config},
    exec_clients={IB: exec_client_config},
    data_engine=LiveDataEngineConfig(
        time_bars_timestamp_on_close=False,
        validate_data_sequence=True,
    ),
    timeout_connection=90.0,
    timeout_reconciliation=5.0,
    timeout_portfolio=5.0,
    timeout_disconnection=5.0,
    timeout_post_stop=2.0,
)

node = TradingNode(config=config_node)
node.add_data_client_factory(IB, InteractiveBrokersLiveDataClientFactory)
node.add_exec_client_factory(IB, InteractiveBrokersLiveExecClientFactory)
node.build()
node.portfolio.set_specific_venue(IB_VENUE)
node.trader.add_strategy(BuyOne())

if __name__ == "__main__":
    try:
        node.run()
    finally:
        node.dispose()
