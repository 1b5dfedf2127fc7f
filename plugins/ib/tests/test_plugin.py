"""The plugin describes itself lightly, its parts are found, and its factories share connections."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import types
from typing import Any, ClassVar

import pytest

from posei_trader.adapters.interactive_brokers import gateway as gateways
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.factories import (
    ClientPool,
    InteractiveBrokersLiveDataClientFactory,
    InteractiveBrokersLiveExecClientFactory,
)
from posei_trader.config import PoseiConfig
from posei_trader.errors import ConfigError, PluginBroken, ProviderNotInstalled
from posei_trader.model.identifiers import ClientId, TraderId
from posei_trader.plugins import Capability, ProviderSpec, Registry, hookimpl

engine = pytest.importorskip("posei_trader.engine.cache")
simulator = pytest.importorskip("posei_ib_sim.gateway", reason="the simulator is not installed")


class SystemClock:
    def timestamp_ns(self) -> int:
        return 1

    def call_at(self, _when_ns: int, _callback: Any) -> Any:
        return asyncio.get_running_loop().call_soon(lambda: None)


class Context:
    """What a node gives to a client."""

    def __init__(self) -> None:
        self.client_id, self.trader_id = ClientId("IB"), TraderId("TESTER-001")
        self.clock, self.cache, self.sink = SystemClock(), engine.Cache(), object()


# --- the description ---


def test_describing_imports_nothing_heavy():
    code = (
        "import sys\n"
        "import posei_trader.adapters.interactive_brokers.plugin as plugin\n"
        "list(plugin.posei_providers())\n"
        "heavy = {'ibapi', 'google', 'docker', 'pyarrow', 'pydantic', 'msgspec', 'asyncio'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_registry_serves_it_with_every_part():
    provider = Registry().provider("ib")
    assert provider.origin.distribution == "posei-trader-ib"
    for part in provider.spec.parts():
        assert provider.load(part) is not None, part


def test_it_states_every_capability():
    spec = Registry().provider("ib").spec
    missing = set(Capability) - set(spec.capabilities) - {Capability.GATEWAY}
    assert not missing


# --- gateways ---


class OwnGatewayConfig(PoseiConfig):
    provider: str = "own_gateway"
    stop_with_clients: bool = True


class OwnGateway:
    """A gateway of somebody else's plugin: a simulator behind the protocol."""

    made: ClassVar[list[OwnGateway]] = []

    def __init__(self, *, config: OwnGatewayConfig) -> None:
        self.config = config
        self.starts = self.stops = 0
        self._simulator = simulator.SimulatedIBGateway()
        OwnGateway.made.append(self)

    @property
    def host(self) -> str:
        return self._simulator.host

    @property
    def port(self) -> int:
        return self._simulator.port

    async def start_async(self) -> None:
        self.starts += 1
        await self._simulator.start()

    async def stop_async(self) -> None:
        self.stops += 1
        await self._simulator.stop()

    def is_ready(self) -> bool:
        return self._simulator.is_ready()


class NoGateway:
    def __init__(self, *, config: OwnGatewayConfig) -> None:
        self.config = config


def registry_with(target: str) -> Registry:
    module = types.ModuleType("own_plugin")

    @hookimpl
    def posei_providers() -> list[ProviderSpec]:
        return [ProviderSpec(name="own_gateway", summary="ours", api=1, gateway=target)]

    module.posei_providers = posei_providers
    registry = Registry(entry_points=[])
    registry.register(module, name="own_plugin")
    return registry


@pytest.fixture
def own_gateway(monkeypatch):
    """Make our gateway findable as ``module:attr``."""
    module = types.ModuleType("own_gateway_module")
    module.OwnGateway, module.NoGateway = OwnGateway, NoGateway
    monkeypatch.setitem(sys.modules, "own_gateway_module", module)
    registry = registry_with("own_gateway_module:OwnGateway")
    monkeypatch.setattr(gateways, "default_registry", lambda: registry)
    OwnGateway.made.clear()
    return registry


def test_a_gateway_is_found_by_its_configurations_provider(own_gateway):
    made = gateways.gateway_from(OwnGatewayConfig())
    assert isinstance(made, OwnGateway)


def test_a_gateway_that_is_none_is_refused(own_gateway):
    with pytest.raises(PluginBroken, match="own_gateway"):
        gateways.gateway_from(OwnGatewayConfig(), registry_with("own_gateway_module:NoGateway"))


def test_a_gateway_of_an_absent_plugin_says_what_to_install():
    with pytest.raises(ProviderNotInstalled, match="own_gateway"):
        gateways.gateway_from(OwnGatewayConfig(), Registry(entry_points=[]))


def test_a_gateway_without_provider_is_refused():
    with pytest.raises(ConfigError, match="which provider"):
        gateways.gateway_from(OwnGatewayConfig(provider=""))


def test_the_dockerized_gateway_can_be_imported_from_the_guides_path():
    docker = pytest.importorskip("posei_trader.adapters.ib_docker.gateway")
    from posei_trader.adapters.interactive_brokers.gateway import DockerizedIBGateway

    assert DockerizedIBGateway is docker.DockerizedIBGateway
    with pytest.raises(AttributeError):
        _ = gateways.Nonsense


# --- factories ---


def test_a_client_without_port_and_gateway_names_both_settings():
    with pytest.raises(ConfigError) as caught:
        InteractiveBrokersLiveDataClientFactory.create(
            InteractiveBrokersDataClientConfig(), Context()
        )
    assert caught.value.field == "ibg_port, dockerized_gateway"
    assert "7497" in caught.value.remedy


def test_a_foreign_configuration_is_refused():
    with pytest.raises(ConfigError, match="InteractiveBrokersExecClientConfig"):
        InteractiveBrokersLiveExecClientFactory.create(
            InteractiveBrokersDataClientConfig(ibg_port=1), Context()
        )


def test_data_and_execution_share_their_connection_and_instruments():
    context = Context()
    data = InteractiveBrokersLiveDataClientFactory.create(
        InteractiveBrokersDataClientConfig(ibg_port=7497), context
    )
    execution = InteractiveBrokersLiveExecClientFactory.create(
        InteractiveBrokersExecClientConfig(ibg_port=7497, account_id="DU1"), context
    )
    assert data.instrument_provider is execution.instrument_provider
    assert data._client._shared is execution._client._shared


def test_other_ids_ports_and_nodes_have_connections_of_their_own():
    context = Context()
    make = InteractiveBrokersLiveDataClientFactory.create
    clients = [
        make(InteractiveBrokersDataClientConfig(ibg_port=7497), context),
        make(InteractiveBrokersDataClientConfig(ibg_port=7497, ibg_client_id=2), context),
        make(InteractiveBrokersDataClientConfig(ibg_port=4002), context),
        make(InteractiveBrokersDataClientConfig(ibg_port=7497), Context()),
    ]
    assert len({id(client._client._shared) for client in clients}) == 4


def test_one_connection_has_one_kind_of_market_data():
    context = Context()
    make = InteractiveBrokersLiveDataClientFactory.create
    live = [make(InteractiveBrokersDataClientConfig(ibg_port=7497), context) for _ in range(2)]
    delayed = InteractiveBrokersDataClientConfig(ibg_port=7497, market_data_type="DELAYED_FROZEN")
    with pytest.raises(ConfigError, match="different kinds of market data") as caught:
        make(delayed, context)
    assert (caught.value.field, caught.value.value) == ("market_data_type", "DELAYED_FROZEN")
    other = make(delayed.model_copy(update={"ibg_client_id": 2}), context)
    assert len({id(client._client._shared) for client in (*live, other)}) == 2


def test_other_instrument_settings_have_a_provider_of_their_own():
    context = Context()
    data = InteractiveBrokersLiveDataClientFactory.create(
        InteractiveBrokersDataClientConfig(ibg_port=7497), context
    )
    other = InteractiveBrokersLiveDataClientFactory.create(
        InteractiveBrokersDataClientConfig(
            ibg_port=7497,
            instrument_provider=InteractiveBrokersInstrumentProviderConfig(
                convert_exchange_to_mic_venue=True
            ),
        ),
        context,
    )
    assert data._client._shared is other._client._shared
    assert data.instrument_provider is not other.instrument_provider


async def test_the_connection_is_closed_with_its_last_user():
    async with simulator.SimulatedIBGateway() as sim:
        pool = ClientPool(SystemClock(), engine.Cache())
        config = InteractiveBrokersDataClientConfig(ibg_port=sim.port)
        first, second = pool.client(config), pool.client(config)
        await asyncio.gather(first.connect(), second.connect(), first.connect())
        assert first.accounts() == ("DU123456",)
        await first.disconnect()
        await first.disconnect()
        assert second.is_connected
        await second.disconnect()
        assert not second.is_connected


async def test_a_failed_connect_uses_nothing(monkeypatch):
    monkeypatch.setenv("IB_MAX_CONNECTION_ATTEMPTS", "1")
    pool = ClientPool(SystemClock(), engine.Cache())
    client = pool.client(InteractiveBrokersDataClientConfig(ibg_port=1))
    with pytest.raises(ConnectionError):
        await client.connect()
    assert client._shared.users == 0


async def test_a_gateway_is_started_before_and_its_port_wins(own_gateway, caplog):
    pool = ClientPool(SystemClock(), engine.Cache())
    config = InteractiveBrokersDataClientConfig(
        dockerized_gateway=OwnGatewayConfig(), ibg_port=4001
    )
    other = InteractiveBrokersExecClientConfig(
        dockerized_gateway=OwnGatewayConfig(), ibg_client_id=2, account_id="DU1"
    )
    first, second = pool.client(config), pool.client(other)
    (gateway,) = OwnGateway.made
    assert gateway.starts == 0
    await asyncio.gather(first.connect(), second.connect())
    assert first.address == ("127.0.0.1", gateway.port, 1)
    assert "ibg_port is not used" in caplog.text
    await first.disconnect()
    assert gateway.is_ready()
    await second.disconnect()
    assert not gateway.is_ready()
    assert gateway.stops == 1


async def test_a_gateway_that_was_started_is_let_go_of_without_a_connection(own_gateway):
    pool = ClientPool(SystemClock(), engine.Cache())
    client = pool.client(InteractiveBrokersDataClientConfig(dockerized_gateway=OwnGatewayConfig()))
    (gateway,) = OwnGateway.made
    await client.start_gateway()
    assert gateway.is_ready()
    assert not client.is_connected
    await client.disconnect()
    assert not gateway.is_ready()
    assert gateway.stops == 1


async def test_a_client_without_a_gateway_has_none_to_start():
    pool = ClientPool(SystemClock(), engine.Cache())
    client = pool.client(InteractiveBrokersDataClientConfig(ibg_port=1))
    await client.start_gateway()
    await client.disconnect()
    assert client._shared.users == 0
