"""Makes nodes around a venue of this process."""

from __future__ import annotations

from venue import VenueDataConfig, VenueDataFactory, VenueExecConfig, VenueExecFactory

from posei_trader.config import LoggingConfig, TradingNodeConfig
from posei_trader.live.node import TradingNode


def node_config(**settings):
    return TradingNodeConfig(
        **{
            "trader_id": "TESTER-001",
            "data_clients": {"SIM": VenueDataConfig(venue="SIM")},
            "exec_clients": {"SIM": VenueExecConfig(venue="SIM")},
            "logging": LoggingConfig(log_level="INFO"),
            "timeout_connection": 5.0,
            "timeout_reconciliation": 5.0,
            "timeout_portfolio": 5.0,
            "timeout_disconnection": 1.0,
            "timeout_post_stop": 1.0,
            **settings,
        }
    )


def bare_node(**settings):
    node = TradingNode(config=node_config(**settings))
    node.add_data_client_factory("SIM", VenueDataFactory)
    node.add_exec_client_factory("SIM", VenueExecFactory)
    return node


def make_node(**settings):
    node = bare_node(**settings)
    node.build()
    return node
