"""Every name, option and default that the guide shows, and every mistake with its remedy."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ibapi.common import MarketDataTypeEnum

from posei_trader.adapters.interactive_brokers.config import (
    IBMarketDataTypeEnum,
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
    SymbologyMethod,
    max_connection_attempts,
)
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.config import GatewayConfig, PoseiConfig, RoutingConfig
from posei_trader.errors import ConfigError

CLIENT_CONFIGS = [InteractiveBrokersDataClientConfig, InteractiveBrokersExecClientConfig]


class OwnGatewayConfig(PoseiConfig):
    """A gateway of somebody else's plugin."""

    provider: str = "own_gateway"


@pytest.fixture(autouse=True)
def _no_account(monkeypatch):
    monkeypatch.delenv("TWS_ACCOUNT", raising=False)


# --- what the guide shows ---


def test_the_provider_configuration_of_the_guide():
    config = InteractiveBrokersInstrumentProviderConfig(
        symbology_method=SymbologyMethod.IB_SIMPLIFIED,
        build_futures_chain=False,
        build_options_chain=False,
        min_expiry_days=10,
        max_expiry_days=60,
        convert_exchange_to_mic_venue=False,
        symbol_to_mic_venue={"ES": "XCME", "SPY": "ARCX"},
        cache_validity_days=1,
        load_ids=frozenset(["EUR/USD.IDEALPRO", "^SPX.CBOE", "BTC/USD.PAXOS"]),
        load_contracts=frozenset(
            [IBContract(secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ")]
        ),
    )
    assert "^SPX.CBOE" in {str(one) for one in config.load_ids}
    assert config.symbol_to_mic_venue["ES"] == "XCME"


def test_the_data_client_configuration_of_the_guide():
    config = InteractiveBrokersDataClientConfig(
        ibg_host="127.0.0.1",
        ibg_port=7497,
        ibg_client_id=1,
        use_regular_trading_hours=True,
        market_data_type=IBMarketDataTypeEnum.DELAYED_FROZEN,
        ignore_quote_tick_size_updates=False,
        handle_revised_bars=True,
        instrument_provider=InteractiveBrokersInstrumentProviderConfig(),
        dockerized_gateway=OwnGatewayConfig(),
        connection_timeout=300,
        request_timeout=60,
    )
    assert config.market_data_type == MarketDataTypeEnum.DELAYED_FROZEN
    assert isinstance(config.dockerized_gateway, GatewayConfig)


def test_the_execution_client_configuration_of_the_guide():
    config = InteractiveBrokersExecClientConfig(
        ibg_host="127.0.0.1",
        ibg_port=7497,
        ibg_client_id=1,
        account_id="DU123456",
        instrument_provider=InteractiveBrokersInstrumentProviderConfig(),
        connection_timeout=300,
        routing=RoutingConfig(default=True),
    )
    assert (config.account_id, config.routing.default) == ("DU123456", True)


@pytest.mark.parametrize("kind", CLIENT_CONFIGS)
def test_the_defaults_of_a_client(kind):
    config = kind()
    assert (config.provider, config.ibg_host, config.ibg_port) == ("ib", "127.0.0.1", None)
    assert (config.ibg_client_id, config.dockerized_gateway) == (1, None)
    assert (config.connection_timeout, config.request_timeout) == (300.0, 60.0)
    assert config.instrument_provider == InteractiveBrokersInstrumentProviderConfig()


def test_the_other_defaults():
    data, execution = InteractiveBrokersDataClientConfig(), InteractiveBrokersExecClientConfig()
    assert data.market_data_type is IBMarketDataTypeEnum.REALTIME
    assert (data.use_regular_trading_hours, data.handle_revised_bars) == (True, False)
    assert data.ignore_quote_tick_size_updates is False
    assert execution.account_id is None
    assert execution.allow_live_trading is False
    assert execution.fetch_all_open_orders is False
    provider = data.instrument_provider
    assert provider.symbology_method is SymbologyMethod.IB_SIMPLIFIED
    assert (provider.min_expiry_days, provider.max_expiry_days) == (0, None)
    assert (provider.build_options_chain, provider.build_futures_chain) == (False, False)


def test_market_data_types_have_ibs_numbers():
    for name in ("REALTIME", "FROZEN", "DELAYED", "DELAYED_FROZEN"):
        assert IBMarketDataTypeEnum[name] == getattr(MarketDataTypeEnum, name)


@pytest.mark.parametrize("kind", CLIENT_CONFIGS)
def test_the_newer_name_of_the_request_timeout_works_too(kind):
    assert kind(request_timeout_secs=5).request_timeout == 5.0


def test_the_older_name_of_the_cache_works_too(tmp_path):
    config = InteractiveBrokersInstrumentProviderConfig(pickle_path=tmp_path)
    assert config.cache_path == tmp_path


def test_files_can_name_enums_in_words():
    data = InteractiveBrokersDataClientConfig(market_data_type="delayed_frozen")
    assert data.market_data_type is IBMarketDataTypeEnum.DELAYED_FROZEN
    provider = InteractiveBrokersInstrumentProviderConfig(
        symbology_method="IB_RAW", load_contracts=[{"secType": "STK", "symbol": "AAPL"}]
    )
    assert provider.symbology_method is SymbologyMethod.IB_RAW
    assert IBContract(secType="STK", symbol="AAPL") in provider.load_contracts


# --- values ---


@pytest.mark.parametrize("kind", [*CLIENT_CONFIGS, InteractiveBrokersInstrumentProviderConfig])
def test_equal_configurations_are_equal_and_hash_alike(kind):
    assert kind() == kind()
    assert hash(kind()) == hash(kind())
    with pytest.raises(Exception, match="frozen"):
        kind().provider = "other"


def test_every_setting_counts_for_equality():
    plain = InteractiveBrokersInstrumentProviderConfig()
    for change in (
        {"symbology_method": SymbologyMethod.IB_RAW},
        {"convert_exchange_to_mic_venue": True},
        {"filter_sec_types": frozenset({"WAR"})},
    ):
        other = InteractiveBrokersInstrumentProviderConfig(**change)
        assert other != plain
        assert hash(other) != hash(plain)


@pytest.mark.parametrize("kind", CLIENT_CONFIGS)
def test_a_configuration_renders_its_schema(kind):
    properties = kind.json_schema()["properties"]
    assert {"ibg_host", "ibg_port", "dockerized_gateway", "connection_timeout"} <= set(properties)


def test_a_client_without_port_and_gateway_can_be_configured():
    assert InteractiveBrokersDataClientConfig().ibg_port is None


# --- environment ---


def test_the_account_is_taken_from_the_environment(monkeypatch):
    monkeypatch.setenv("TWS_ACCOUNT", "DU765432")
    assert InteractiveBrokersExecClientConfig(account_id=None).account_id == "DU765432"
    assert InteractiveBrokersExecClientConfig(account_id="DU1").account_id == "DU1"


@pytest.mark.parametrize(("text", "attempts"), [("", 0), ("0", 0), (" 5 ", 5)])
def test_the_number_of_attempts_is_taken_from_the_environment(text, attempts):
    assert max_connection_attempts({"IB_MAX_CONNECTION_ATTEMPTS": text}) == attempts
    assert max_connection_attempts({}) == 0


@pytest.mark.parametrize("text", ["many", "-1", "1.5"])
def test_a_number_of_attempts_that_is_none_says_so(text):
    with pytest.raises(ConfigError) as caught:
        max_connection_attempts({"IB_MAX_CONNECTION_ATTEMPTS": text})
    assert caught.value.field == "IB_MAX_CONNECTION_ATTEMPTS"
    assert caught.value.value == text


# --- mistakes ---


@pytest.mark.parametrize(
    ("settings", "field", "remedy"),
    [
        ({"ibg_prt": 7497}, "ibg_prt", "did you mean 'ibg_port'?"),
        ({"ibg_port": "seven"}, "ibg_port", "integer"),
        ({"ibg_port": 0}, "ibg_port", "greater"),
        ({"ibg_port": 70000}, "ibg_port", "less"),
        ({"ibg_client_id": -1}, "ibg_client_id", "greater"),
        ({"ibg_host": "localhost:7497"}, "ibg_host", "ibg_port=7497"),
        ({"ibg_host": "http://localhost"}, "ibg_host", "127.0.0.1"),
        ({"connection_timeout": 0}, "connection_timeout", "greater"),
        ({"market_data_type": "LIVE"}, "market_data_type", "1, 2, 3 or 4"),
        ({"dockerized_gateway": "docker"}, "dockerized_gateway", "GatewayConfig"),
        (
            {"instrument_provider": {"min_expiry_days": 5, "max_expiry_days": 1}},
            "instrument_provider",
            "raise max_expiry_days",
        ),
        (
            {"instrument_provider": {"load_contracts": [{"secType": 7}]}},
            "instrument_provider.load_contracts",
            "",
        ),
    ],
)
def test_a_mistake_names_the_setting_and_the_remedy(settings, field, remedy):
    with pytest.raises(ConfigError) as caught:
        InteractiveBrokersDataClientConfig.from_mapping(settings)
    assert caught.value.field.startswith(field)
    assert remedy in caught.value.remedy


# --- what is imported ---


def test_configuring_imports_neither_ibapi_nor_docker_and_opens_nothing():
    code = (
        "import sys\n"
        "from posei_trader.adapters.interactive_brokers.config import *\n"
        "InteractiveBrokersDataClientConfig(ibg_port=7497)\n"
        "InteractiveBrokersExecClientConfig(ibg_port=7497, account_id='DU1')\n"
        "heavy = {'ibapi', 'docker', 'google', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy - {'asyncio'}, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_dockerized_gateways_configuration_can_be_imported_from_here():
    pytest.importorskip("posei_trader.adapters.ib_docker.config")
    from posei_trader.adapters.ib_docker import config as docker
    from posei_trader.adapters.interactive_brokers.config import DockerizedIBGatewayConfig

    assert DockerizedIBGatewayConfig is docker.DockerizedIBGatewayConfig
    gateway = DockerizedIBGatewayConfig(username="u", password="p")
    config = InteractiveBrokersDataClientConfig(dockerized_gateway=gateway, ibg_port=4001)
    assert config.dockerized_gateway == gateway
    assert "password='p'" not in repr(config)


def test_without_the_docker_plugin_the_import_says_what_to_install():
    code = (
        "from posei_trader.errors import ProviderNotInstalled\n"
        "try:\n"
        "    from posei_trader.adapters.interactive_brokers.config import "
        "DockerizedIBGatewayConfig\n"
        "except ProviderNotInstalled as error:\n"
        "    print(error.remedy)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"POSEI_PLUGINS": "-ib_docker"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        "posei_trader[docker]" in done.stdout
        or "disabled" in done.stdout
        or "POSEI_PLUGINS" in done.stdout
    )


def test_other_names_are_missing_as_usual():
    from posei_trader.adapters.interactive_brokers import config

    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = config.Nonsense
