"""A node with a real venue in this process, from build to dispose."""

from __future__ import annotations

from decimal import Decimal

import pytest
from venue import (
    AAPL,
    VENUES,
    Venue,
    VenueDataConfig,
    VenueDataFactory,
    VenueExecConfig,
    VenueExecFactory,
    quote,
)

from posei_trader.config import TradingNodeConfig
from posei_trader.live.node import NodeState, TradingNode
from posei_trader.model import identifiers as ids
from posei_trader.model.enums import OrderSide, OrderStatus
from posei_trader.model.values import Quantity
from posei_trader.trading.strategy import Strategy


@pytest.fixture
def venue():
    VENUES["SIM"] = venue = Venue()
    yield venue
    del VENUES["SIM"]


def node_config(**settings):
    return TradingNodeConfig(
        **{
            "trader_id": "TESTER-001",
            "data_clients": {"SIM": VenueDataConfig(venue="SIM")},
            "exec_clients": {"SIM": VenueExecConfig(venue="SIM")},
            "timeout_connection": 5.0,
            "timeout_reconciliation": 5.0,
            "timeout_portfolio": 5.0,
            "timeout_disconnection": 1.0,
            "timeout_post_stop": 1.0,
            **settings,
        }
    )


def make_node(**settings):
    node = TradingNode(config=node_config(**settings))
    node.add_data_client_factory("SIM", VenueDataFactory)
    node.add_exec_client_factory("SIM", VenueExecFactory)
    node.build()
    return node


class BuyOnce(Strategy):
    """Buys ten at the first quote, and stops the node when the position is there."""

    def __init__(self, node, venue):
        super().__init__()
        self.node = node
        self.venue = venue
        self.seen = []

    def on_start(self):
        self.subscribe_quote_ticks(AAPL)
        self.clock.set_time_alert(
            "market",
            self.clock.utc_now(),
            lambda _: self.venue.set_quote(quote(AAPL, "99.99", "100.00")),
        )

    def on_quote_tick(self, tick):
        order = self.order_factory.market(AAPL, OrderSide.BUY, Quantity("10"))
        self.submit_order(order)

    def on_order_event(self, event):
        self.seen.append(type(event).__name__)

    def on_position_opened(self, event):
        self.seen.append("PositionOpened")
        self.node.stop()


def test_a_node_runs_a_strategy_to_a_fill_and_stops(venue):
    node = make_node()
    node.portfolio.set_specific_venue(ids.Venue("SIM"))
    strategy = BuyOnce(node, venue)
    node.trader.add_strategy(strategy)
    node.run()
    node.dispose()

    assert strategy.seen == ["OrderSubmitted", "OrderAccepted", "OrderFilled", "PositionOpened"]
    assert node.state is NodeState.DISPOSED
    assert node.portfolio.net_position(AAPL) == Decimal(10)
    [order] = node.cache.orders()
    assert order.status is OrderStatus.FILLED
    assert venue.holdings[AAPL] == 10
