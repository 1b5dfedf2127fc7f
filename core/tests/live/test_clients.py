"""How a node finds the factory of a client, and what it says when it cannot."""

from __future__ import annotations

import pytest
from nodes import bare_node, node_config
from venue import VenueDataConfig, VenueDataFactory, VenueExecConfig

from posei_trader.config import LiveDataClientConfig
from posei_trader.errors import ConfigError, PluginBroken
from posei_trader.live.node import TradingNode
from posei_trader.plugins import ProviderSpec, Registry, hookimpl


class Plugin:
    """Serves the venue of the tests as a provider."""

    def __init__(self, **parts):
        self.parts = parts

    @hookimpl
    def posei_providers(self):
        yield ProviderSpec(name="sim", summary="the venue of the tests", api=1, **self.parts)


PARTS = {
    "data_config": "venue:VenueDataConfig",
    "data_factory": "venue:VenueDataFactory",
    "exec_config": "venue:VenueExecConfig",
    "exec_factory": "venue:VenueExecFactory",
}


def registry(**parts):
    made = Registry(entry_points=[], environ={})
    made.register(Plugin(**parts), name="sim")
    return made


def refused(node, *words):
    with pytest.raises(ConfigError) as caught:
        node.build()
    for word in words:
        assert word in str(caught.value)
    node.dispose()


def test_factories_come_from_the_registry_by_the_clients_name(venue):
    node = TradingNode(node_config(), registry=registry(**PARTS))
    node.build()
    assert venue.data_client in node.wiring.data.clients
    assert venue.exec_client in node.wiring.execution.clients
    node.dispose()


def test_factories_come_from_the_registry_by_the_configured_provider(venue):
    config = node_config(
        data_clients={"MINE": VenueDataConfig(venue="SIM", provider="sim")}, exec_clients={}
    )
    node = TradingNode(config, registry=registry(data_factory=PARTS["data_factory"]))
    node.build()
    assert [client.client_id for client in node.wiring.data.clients] == ["MINE"]
    node.dispose()


def test_a_client_that_nobody_makes_names_itself_its_config_and_the_remedy(venue):
    node = TradingNode(node_config(), registry=Registry(entry_points=[], environ={}))
    refused(
        node,
        "no factory for the data client 'SIM'",
        "data_clients.SIM",
        "VenueDataConfig",
        "node.add_data_client_factory('SIM', YourFactory)",
    )


def test_a_plugin_without_that_part_is_said_to_lack_it(venue):
    node = TradingNode(node_config(), registry=registry(data="venue:VenueDataClient"))
    refused(node, "no factory for the data client 'SIM'", "it has: 'data'")


def test_a_configuration_of_another_class_is_refused_before_the_factory_sees_it(venue):
    config = node_config(data_clients={"SIM": LiveDataClientConfig()}, exec_clients={})
    refused(
        TradingNode(config, registry=registry(**PARTS)),
        "data_clients.SIM",
        "'LiveDataClientConfig'",
        "use venue.VenueDataConfig",
    )


def test_a_part_that_is_no_factory_is_refused(venue):
    config = node_config(exec_clients={})
    made = registry(data_factory="venue:VENUES")
    refused(TradingNode(config, registry=made), "is no factory", "'dict'")


def test_a_broken_plugin_is_an_error_of_the_plugin(venue):
    node = TradingNode(node_config(exec_clients={}), registry=registry(data_factory="nope:Nope"))
    with pytest.raises((PluginBroken, ImportError)):
        node.build()
    node.dispose()


def test_a_factory_for_a_client_that_is_not_configured_names_those_that_are(venue):
    node = bare_node()
    node.add_exec_client_factory("TWS", VenueDataFactory)
    refused(node, "exec_clients.TWS", "VenueDataFactory", "configured exec clients: SIM")


def test_a_factory_that_refuses_the_configuration_is_quoted(venue):
    config = node_config(data_clients={"SIM": LiveDataClientConfig()}, exec_clients={})
    node = TradingNode(config)
    node.add_data_client_factory("SIM", VenueDataFactory)
    refused(node, "needs a VenueDataConfig", "LiveDataClientConfig")


def test_a_factory_that_breaks_is_named_with_its_configuration(venue):
    config = node_config(data_clients={}, exec_clients={"SIM": VenueExecConfig(venue="NOWHERE")})
    node = TradingNode(config)
    node.add_exec_client_factory("SIM", Broken())
    refused(node, "the exec client 'SIM' cannot be made: KeyError", "VenueExecConfig", "Broken")


class Broken:
    """A factory with a bug; an object, not a class."""

    def create(self, config, context):
        raise KeyError("bug")


def test_a_factory_is_added_once_and_can_create(venue):
    node = bare_node()
    with pytest.raises(ConfigError, match="was added already"):
        node.add_data_client_factory("SIM", VenueDataFactory)
    with pytest.raises(ConfigError, match="no factory of a data client"):
        node.add_data_client_factory("OTHER", object())
    node.dispose()
