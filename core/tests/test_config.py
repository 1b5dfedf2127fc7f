"""Settings are checked when they are made, explained when they are wrong, and silent on secrets."""

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from posei_trader.config import (
    FrozenMapping,
    GatewayConfig,
    ImportableConfig,
    InstrumentProviderConfig,
    LiveDataClientConfig,
    LiveDataEngineConfig,
    LiveExecClientConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    PoseiConfig,
    RoutingConfig,
    TradingNodeConfig,
)
from posei_trader.errors import ConfigError
from posei_trader.model.identifiers import InstrumentId, TraderId


class AcmeGatewayConfig(PoseiConfig):
    provider: str = "acme_gateway"
    password: SecretStr | None = None
    size: int = 1


class AcmeDataConfig(LiveDataClientConfig):
    ibg_host: str = "127.0.0.1"
    ibg_port: int | None = None
    password: SecretStr | None = None
    gateway: GatewayConfig | None = None
    ports: tuple[int, ...] = ()
    routes: FrozenMapping[str, RoutingConfig] = Field(default_factory=dict)


LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "OFF"]
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
seconds = st.floats(min_value=0.001, max_value=1e6)
counts = st.integers(min_value=1, max_value=2**40)
logging_settings = st.fixed_dictionaries(
    {},
    optional={
        "log_level": st.sampled_from(LEVELS),
        "log_level_file": st.sampled_from([None, *LEVELS]),
        "log_file_format": st.sampled_from(["text", "json"]),
        "log_component_levels": st.dictionaries(names, st.sampled_from(LEVELS), max_size=3),
        "log_directory": names,
        "log_file_max_bytes": st.none() | counts,
        "log_colors": st.sampled_from([None, True, False]),
    },
)
client_settings = st.fixed_dictionaries(
    {},
    optional={
        "provider": st.none() | names,
        "instrument_provider": st.fixed_dictionaries(
            {},
            optional={
                "load_all": st.booleans(),
                "load_ids": st.lists(names.map(lambda name: f"{name}.XNAS"), max_size=3),
                "filters": st.dictionaries(names, st.integers() | names, max_size=3),
            },
        ),
        "routing": st.fixed_dictionaries(
            {}, optional={"default": st.booleans(), "venues": st.lists(names, max_size=3)}
        ),
    },
)
node_settings = st.fixed_dictionaries(
    {},
    optional={
        "trader_id": names,
        "logging": logging_settings,
        "data_clients": st.dictionaries(names, client_settings, max_size=2),
        "exec_clients": st.dictionaries(names, client_settings, max_size=2),
        "data_engine": st.fixed_dictionaries(
            {}, optional={"validate_data_sequence": st.booleans(), "queue_size": counts}
        ),
        "risk_engine": st.fixed_dictionaries(
            {},
            optional={
                "max_notional_per_order": st.dictionaries(
                    names.map(lambda name: f"{name}.XNAS"),
                    st.decimals(0, 1e9, places=2).map(str),
                    max_size=2,
                )
            },
        ),
        "timeout_connection": seconds,
        "timeout_post_stop": st.just(0.0) | seconds,
        "plugin_pins": st.dictionaries(names, names, max_size=2),
    },
)


@given(node_settings)
def test_a_configuration_survives_json_and_equal_ones_hash_alike(settings):
    config = TradingNodeConfig.from_mapping(settings)
    twin = TradingNodeConfig.from_mapping(json.loads(config.model_dump_json()))
    assert twin == config
    assert hash(twin) == hash(config)


@given(node_settings)
def test_a_configuration_survives_pickling_and_copying(settings):
    config = TradingNodeConfig.from_mapping(settings)
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301 - our own bytes
    assert copy.deepcopy(config) == config


def test_the_documented_node_is_accepted_as_written():
    config = TradingNodeConfig(
        trader_id="PAPER-TRADER-001",
        logging=LoggingConfig(
            log_level="INFO",
            log_level_file="DEBUG",
            log_file_format="json",
            log_component_levels={"InteractiveBrokersClient": "DEBUG"},
        ),
        data_clients={
            "IB": AcmeDataConfig(
                ibg_port=7497,
                instrument_provider=InstrumentProviderConfig(
                    load_ids=frozenset(["EUR/USD.IDEALPRO", "^SPX.CBOE"])
                ),
            )
        },
        exec_clients={"IB": LiveExecClientConfig(routing=RoutingConfig(default=True))},
        data_engine=LiveDataEngineConfig(
            time_bars_timestamp_on_close=False, validate_data_sequence=True
        ),
        timeout_connection=90.0,
        timeout_reconciliation=5.0,
        timeout_portfolio=5.0,
        timeout_disconnection=5.0,
        timeout_post_stop=2.0,
    )
    client = config.data_clients["IB"]
    assert isinstance(client, AcmeDataConfig)
    assert client.ibg_port == 7497
    assert all(type(name) is InstrumentId for name in client.instrument_provider.load_ids)
    assert type(config.trader_id) is TraderId
    assert type(TradingNodeConfig().trader_id) is TraderId
    assert InstrumentId("^SPX.CBOE") in client.instrument_provider.load_ids
    assert '"ibg_port":7497' in config.model_dump_json()


KINDS = [
    AcmeDataConfig,
    ImportableConfig,
    InstrumentProviderConfig,
    LiveDataEngineConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    RoutingConfig,
    TradingNodeConfig,
]


@pytest.mark.parametrize(
    ("kind", "setting"), [(kind, setting) for kind in KINDS for setting in kind.model_fields]
)
def test_a_misspelt_setting_gets_the_closest_one(kind, setting):
    misspelt = f"{setting}x"
    with pytest.raises(ConfigError) as caught:
        kind(**{misspelt: 1})
    problems = caught.value.problems or (caught.value,)
    (unknown,) = [problem for problem in problems if problem.field == misspelt]
    assert unknown.message == f"unknown setting {misspelt!r} of {kind.__name__}"
    assert unknown.remedy == f"did you mean {setting!r}?"


def test_a_setting_like_no_other_gets_the_list():
    with pytest.raises(ConfigError, match="known are: 'default', 'venues'"):
        RoutingConfig(zzzzzz=1)


@pytest.mark.parametrize(
    ("settings", "field", "value", "remedy"),
    [
        ({"timeout_connection": -1}, "timeout_connection", -1, "greater than 0"),
        ({"timeout_connection": float("nan")}, "timeout_connection", None, "finite"),
        ({"data_engine": {"queue_size": "x"}}, "data_engine.queue_size", "x", "valid integer"),
        ({"logging": {"log_level": "LOUD"}}, "logging.log_level", "LOUD", "'DEBUG', 'INFO'"),
        ({"logging": {"log_level": 7}}, "logging.log_level", 7, "'DEBUG', 'INFO'"),
        ({"logging": 3}, "logging", 3, "valid dictionary"),
        ({"trader_id": ""}, "trader_id", "", "something like"),
        (
            {"strategies": [{"path": "nowhere"}]},
            "strategies[0].path",
            "nowhere",
            "package.module:Name",
        ),
        (
            {"data_clients": {"IB": {"routing": {"venues": 3}}}},
            "data_clients.IB.routing.venues",
            3,
            "valid frozenset",
        ),
        (
            {"exec_clients": {"IB": {"instrument_provider": {"load_ids": ["AAPL"]}}}},
            "exec_clients.IB.instrument_provider.load_ids[0]",
            "AAPL",
            "'AAPL.XNAS'",
        ),
    ],
)
def test_a_wrong_value_is_named_by_its_whole_path(settings, field, value, remedy):
    with pytest.raises(ConfigError) as caught:
        TradingNodeConfig(**settings)
    assert caught.value.field == field
    assert remedy in caught.value.remedy
    if value is not None:
        assert caught.value.value == value


def test_a_missing_setting_is_named():
    with pytest.raises(ConfigError, match="required setting 'path' of ImportableConfig"):
        ImportableConfig()


def test_every_problem_is_reported_at_once():
    with pytest.raises(ConfigError, match="2 settings are wrong") as caught:
        LoggingConfig(log_level="LOUD", log_levl="INFO")
    assert [problem.field for problem in caught.value.problems] == ["log_level", "log_levl"]


def test_an_error_of_validation_of_the_whole_names_the_class():
    with pytest.raises(ConfigError, match="wrong settings of RoutingConfig"):
        RoutingConfig.from_mapping([("default", True)])


def test_settings_in_lists_tables_and_unions_are_found():
    for settings, field in (
        ({"ports": ["x"]}, "ports[0]"),
        ({"routes": {"A": {"defalt": 1}}}, "routes.A.defalt"),
        ({"gateway": 3}, "gateway"),
    ):
        with pytest.raises(ConfigError) as caught:
            AcmeDataConfig(**settings)
        assert caught.value.field == field


secrets = st.text(st.characters(categories=["L", "N"]), min_size=8, max_size=20).map(
    lambda text: f"S3CR3T{text}"
)


@given(secrets)
def test_a_secret_never_shows_in_any_text_of_a_configuration(secret):
    config = AcmeDataConfig(password=secret, gateway=AcmeGatewayConfig(password=secret))
    node = TradingNodeConfig(data_clients={"IB": config})
    assert config.password.get_secret_value() == secret
    for text in (repr(node), str(node), node.model_dump_json(), str(node.model_dump())):
        assert "S3CR3T" not in text


@given(secrets)
def test_a_secret_never_shows_in_an_error(secret):
    wrong = [
        {"pasword": secret},
        {"passwrd_": secret},
        {"pasphrase": secret},
        {"tokn": secret},
        {"broker_api_key": secret},
        {"ibg_port": {"password": secret}},
        {"password": {"password": secret}},
        {"gateway": {"password": secret}},
        {"password": [secret]},
    ]
    for settings in wrong:
        with pytest.raises(ConfigError) as caught:
            AcmeDataConfig(**settings)
        assert "S3CR3T" not in str(caught.value)
        assert "S3CR3T" not in repr(caught.value)


@pytest.mark.parametrize("name", ["trader_idd", "totally_unknown", "log_levl"])
def test_a_text_under_an_unknown_key_that_is_like_no_secret_is_shown(name):
    with pytest.raises(ConfigError) as caught:
        TradingNodeConfig(**{name: "T-17"})
    assert caught.value.value == "T-17"
    assert "value:  'T-17'" in str(caught.value)


def test_a_configuration_cannot_be_changed():
    config = TradingNodeConfig(plugin_pins={"ib": "posei-trader-ib"})
    with pytest.raises(ValueError, match="frozen"):
        config.timeout_connection = 1.0
    for change in (
        lambda pins: pins.update(ib="evil"),
        lambda pins: pins.__setitem__("ib", "evil"),
        lambda pins: pins.pop("ib"),
        lambda pins: pins.clear(),
    ):
        with pytest.raises(TypeError, match="cannot be changed"):
            change(config.plugin_pins)
    assert config.plugin_pins == {"ib": "posei-trader-ib"}


def test_what_is_given_may_change_later_without_changing_the_configuration():
    pins = {"ib": "posei-trader-ib"}
    config = TradingNodeConfig(plugin_pins=pins)
    pins["ib"] = "evil"
    assert config.plugin_pins["ib"] == "posei-trader-ib"


def test_configurations_can_be_keys_even_with_nested_tables():
    one = InstrumentProviderConfig(filters={"a": [1, {"b": 2}]})
    two = InstrumentProviderConfig(filters={"a": [1, {"b": 2}]})
    other = InstrumentProviderConfig(filters={"a": [1, {"b": 3}]})
    assert {one: "x"}[two] == "x"
    assert hash(one) != hash(other)


def test_the_schema_describes_every_setting_and_gateways_as_open_tables():
    schema = AcmeDataConfig.json_schema()
    assert set(schema["properties"]) == set(AcmeDataConfig.model_fields)
    assert {"type": "object", "title": "GatewayConfig"} in schema["properties"]["gateway"]["anyOf"]
    described = LiveDataEngineConfig.json_schema()["properties"]["queue_size"]
    assert "wait for listeners" in described["description"]


def test_a_gateway_is_recognised_by_its_provider():
    assert isinstance(AcmeGatewayConfig(), GatewayConfig)
    assert not isinstance(RoutingConfig(), GatewayConfig)


def test_constructing_configurations_touches_nothing():
    code = (
        "import sys\n"
        "from posei_trader.config import *\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, args: seen.append((event, args)) if event in "
        "('open', 'socket.connect', 'subprocess.Popen', 'os.listdir') else None)\n"
        "TradingNodeConfig(logging=LoggingConfig(log_level_file='DEBUG'),\n"
        "    data_clients={'IB': LiveDataClientConfig()})\n"
        "assert not seen, seen\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
