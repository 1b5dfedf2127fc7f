"""A strategy on a node that is given nothing but a dockerized gateway; run by its test.

The settings of the gateway come from the TOML file that is named on the command line, the
credentials from the environment.
"""

from __future__ import annotations

import sys
from pathlib import Path

from posei_trader.adapters.ib_docker.cli.options import configuration
from posei_trader.adapters.interactive_brokers.common import IB, IB_VENUE
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.factories import (
    InteractiveBrokersLiveDataClientFactory,
    InteractiveBrokersLiveExecClientFactory,
)
from posei_trader.config import LoggingConfig, RoutingConfig, TradingNodeConfig
from posei_trader.live.node import TradingNode
from posei_trader.model.enums import OrderSide
from posei_trader.model.identifiers import InstrumentId
from posei_trader.trading.strategy import Strategy

EURUSD = InstrumentId("EUR/USD.IDEALPRO")


class BuySome(Strategy):
    """Wait for a quote, buy some euros, say what it cost, stop the node."""

    def on_start(self):
        self.bought = False
        self.subscribe_quote_ticks(EURUSD)

    def on_quote_tick(self, _tick):
        if not self.bought:
            self.bought = True
            quantity = self.cache.instrument(EURUSD).make_qty(25_000)
            self.submit_order(self.order_factory.market(EURUSD, OrderSide.BUY, quantity))

    def on_order_filled(self, event):
        sys.stdout.write(f"filled {event.last_qty} {event.instrument_id}\n")
        node.stop()


gateway = configuration(Path(sys.argv[1]))
provider = InteractiveBrokersInstrumentProviderConfig(load_ids=frozenset(["EUR/USD.IDEALPRO"]))
node = TradingNode(
    TradingNodeConfig(
        trader_id="DOCKER-001",
        logging=LoggingConfig(log_level="INFO"),
        data_clients={
            IB: InteractiveBrokersDataClientConfig(
                dockerized_gateway=gateway, instrument_provider=provider
            )
        },
        exec_clients={
            IB: InteractiveBrokersExecClientConfig(
                account_id="DU123456",
                dockerized_gateway=gateway,
                instrument_provider=provider,
                routing=RoutingConfig(default=True),
            )
        },
        timeout_connection=60.0,
    )
)
node.add_data_client_factory(IB, InteractiveBrokersLiveDataClientFactory)
node.add_exec_client_factory(IB, InteractiveBrokersLiveExecClientFactory)
node.build()
node.portfolio.set_specific_venue(IB_VENUE)
node.trader.add_strategy(BuySome())
try:
    node.run()
finally:
    node.dispose()
