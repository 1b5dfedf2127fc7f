"""A node's TOML file: providers by name, references filled in, every mistake in its place."""

import importlib

import pytest

from posei_trader.config import TradingNodeConfig
from posei_trader.config.loading import load_node
from posei_trader.errors import (
    ConfigError,
    PluginBroken,
    PoseiError,
    ProviderConflict,
    ProviderNotInstalled,
)
from posei_trader.plugins import ProviderSpec, Registry, default_registry, hookimpl

MODULE = """
from pydantic import SecretStr
from posei_trader.config import (
    GatewayConfig, InstrumentProviderConfig, LiveDataClientConfig, LiveExecClientConfig, PoseiConfig
)

class Gateway(PoseiConfig):
    provider: str = "acme_gateway"
    size: int = 1

class Data(LiveDataClientConfig):
    port: int | None = None
    password: SecretStr | None = None
    gateway: GatewayConfig | None = None
    hosts: tuple[str, ...] = ()

class Exec(LiveExecClientConfig):
    account_id: str | None = None

def ring(key):
    return {"user": "trader"}[key]

def number(key):
    return 5

def locked(key):
    raise RuntimeError("the vault is locked")

nothing = None
"""


class Acme:
    @hookimpl
    def posei_providers(self):
        module = "acme_toml_parts"
        yield ProviderSpec(
            name="acme",
            summary="s",
            api=1,
            data_config=f"{module}:Data",
            exec_config=f"{module}:Exec",
        )
        yield ProviderSpec(name="acme_gateway", summary="s", api=1, config=f"{module}:Gateway")

    @hookimpl
    def posei_config_sources(self):
        module = "acme_toml_parts"
        return {
            "keyring": f"{module}:ring",
            "number": f"{module}:number",
            "nothing": f"{module}:nothing",
            "locked": f"{module}:locked",
        }


@pytest.fixture
def registry(tmp_path, monkeypatch):
    (tmp_path / "acme_toml_parts.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    import sys

    registry = Registry(entry_points=(), environ={})
    registry.register(Acme(), name="acme")
    yield registry
    sys.modules.pop("acme_toml_parts", None)


@pytest.fixture
def read(tmp_path, registry):
    def read(text, **environ):
        path = tmp_path / "node.toml"
        path.write_text(text)
        return load_node(path, TradingNodeConfig.from_mapping, registry=registry, environ=environ)

    return read


def test_each_client_is_checked_by_the_class_of_its_provider(read):
    config = read(
        """
        trader_id = "PAPER-1"
        [logging]
        log_level = "debug"
        [data_clients.FEED]
        provider = "acme"
        port = 7497
        [data_clients.FEED.instrument_provider]
        load_ids = ["SPY.ARCA"]
        [exec_clients.ACME]
        account_id = "DU1"
        routing = { default = true }
        """
    )
    assert type(config.data_clients["FEED"]).__name__ == "Data"
    assert config.data_clients["FEED"].port == 7497
    assert config.exec_clients["ACME"].account_id == "DU1"
    assert config.exec_clients["ACME"].provider == "acme"
    assert config.exec_clients["ACME"].routing.default
    assert config.logging.log_level == "DEBUG"


def test_a_gateway_is_checked_by_the_class_of_its_provider(read):
    config = read(
        """
        [data_clients.ACME]
        gateway = { provider = "acme_gateway", size = 3 }
        """
    )
    assert config.data_clients["ACME"].gateway.size == 3


def test_references_are_filled_in_everywhere(read):
    config = read(
        """
        trader_id = { env = "WHO" }
        [data_clients.ACME]
        port = { env = "PORT" }
        password = { env = "SECRET" }
        hosts = [{ env = "HOST" }, "b", { env = "ABSENT", default = "c" }]
        [exec_clients.ACME]
        account_id = { keyring = "user" }
        """,
        WHO="T-7",
        PORT="4001",
        SECRET="hunter2",
        HOST="a",
    )
    client = config.data_clients["ACME"]
    assert config.trader_id == "T-7"
    assert client.port == 4001
    assert client.password.get_secret_value() == "hunter2"
    assert client.hosts == ("a", "b", "c")
    assert config.exec_clients["ACME"].account_id == "trader"


def test_a_value_from_a_reference_never_shows_even_where_no_secret_was_expected(read):
    with pytest.raises(ConfigError) as caught:
        read('[data_clients.ACME]\nport = { env = "SECRET" }', SECRET="hunter2")
    assert "hunter2" not in str(caught.value)
    assert "<the value of env 'SECRET'>" in str(caught.value)


BAD = {
    "unset variable": (
        '[data_clients.ACME]\nport = { env = "PORT" }',
        ConfigError,
        "data_clients.ACME.port",
        "set the environment variable PORT",
    ),
    "unknown key of a source": (
        '[exec_clients.ACME]\naccount_id = { keyring = "nobody" }',
        ConfigError,
        "exec_clients.ACME.account_id",
        "store 'nobody' there",
    ),
    "reference to no text": (
        "[data_clients.ACME]\nport = { env = 3 }",
        ConfigError,
        "data_clients.ACME.port.env",
        'write { env = "NAME" }',
    ),
    "misspelt setting": (
        "[data_clients.ACME]\nprt = 1",
        ConfigError,
        "data_clients.ACME.prt",
        "did you mean 'port'?",
    ),
    "unknown provider": (
        '[data_clients.FEED]\nprovider = "acne"',
        ProviderNotInstalled,
        "data_clients.FEED.provider",
        "did you mean 'acme'?",
    ),
    "provider by client id": (
        "[data_clients.ACMEE]\nport = 1",
        ProviderNotInstalled,
        "data_clients.ACMEE.provider",
        "did you mean 'acme'?",
    ),
    "first-party provider": (
        "[data_clients.IB]\nport = 1",
        ProviderNotInstalled,
        "data_clients.IB.provider",
        "pip install 'posei_trader[ib]'",
    ),
    "provider is no text": (
        "[data_clients.IB]\nprovider = 1",
        ConfigError,
        "data_clients.IB.provider",
        "quote it",
    ),
    "provider without that part": (
        '[data_clients.FEED]\nprovider = "acme_gateway"',
        ProviderNotInstalled,
        "data_clients.FEED.provider",
        "it has: 'config'",
    ),
    "gateway without provider": (
        "[data_clients.ACME]\ngateway = { size = 1 }",
        ConfigError,
        "data_clients.ACME.gateway.provider",
        "posei plugins list",
    ),
    "gateway setting": (
        '[data_clients.ACME]\ngateway = { provider = "acme_gateway", sise = 1 }',
        ConfigError,
        "data_clients.ACME.gateway.sise",
        "did you mean 'size'?",
    ),
    "client is no table": (
        "[data_clients]\nACME = 3",
        ConfigError,
        "data_clients.ACME",
        "valid dictionary",
    ),
    "clients are no table": ("data_clients = 3", ConfigError, "data_clients", "valid dictionary"),
    "pins are no table": ("plugin_pins = 3", ConfigError, "plugin_pins", "valid dictionary"),
    "misspelt section": (
        "[data_client.ACME]\nport = 1",
        ConfigError,
        "data_client",
        "did you mean 'data_clients'?",
    ),
    "not toml": ("data_clients = [", ConfigError, "path", "correct it"),
}


@pytest.mark.parametrize("case", BAD)
def test_each_mistake_in_a_file_has_its_place_and_its_remedy(read, case):
    text, kind, field, remedy = BAD[case]
    with pytest.raises(kind) as caught:
        read(text)
    assert caught.value.field == field
    assert remedy in caught.value.remedy


def test_every_mistake_in_a_file_is_reported_at_once(read):
    with pytest.raises(ConfigError, match="5 settings are wrong") as caught:
        read(
            """
            trader_idd = "T-1"
            strategies = [{ path = { env = "ABSENT" } }]
            [data_clients.ACME]
            portt = 1
            [data_clients.OTHER]
            provider = "nobody"
            [exec_clients.ACME]
            account = "DU1"
            """
        )
    assert [problem.field for problem in caught.value.problems] == [
        "strategies[0].path",
        "data_clients.ACME.portt",
        "data_clients.OTHER.provider",
        "exec_clients.ACME.account",
        "trader_idd",
    ]
    assert "not installed" in str(caught.value)


@pytest.mark.parametrize("source", ["number", "nothing", "locked"])
def test_a_source_that_gives_no_text_is_the_plugin_s_fault(read, source):
    with pytest.raises(PluginBroken, match=f"config source '{source}'"):
        read(f'trader_id = {{ {source} = "x" }}')


def test_pins_in_the_file_decide_who_serves_a_name(read, registry):
    registry.register(Acme(), name="second")
    text = "[data_clients.ACME]\nport = 1"
    with pytest.raises(ProviderConflict):
        read(text)
    assert read(f'{text}\n[plugin_pins]\nacme = "in-process:second"')


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        TradingNodeConfig.from_toml(tmp_path / "absent.toml")
    assert "absent.toml" in str(caught.value)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not TOML"):
        TradingNodeConfig.from_toml(tmp_path / "binary.toml")


def test_a_node_is_read_through_the_installed_plugins(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEI_PLUGINS", "none-at-all")
    monkeypatch.setenv("WHO", "T-9")
    default_registry.cache_clear()
    path = tmp_path / "node.toml"
    path.write_text('trader_id = { env = "WHO" }')
    try:
        assert TradingNodeConfig.from_toml(str(path)).trader_id == "T-9"
        path.write_text("trader_idd = 1\ntimeout_connection = 0")
        with pytest.raises(PoseiError) as caught:
            TradingNodeConfig.from_toml(path)
    finally:
        default_registry.cache_clear()
    assert f"2 settings are wrong in {path}" in str(caught.value)
