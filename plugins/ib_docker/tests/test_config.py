"""The configuration: what it takes, what it refuses, and what it never shows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
from posei_trader.config import GatewayConfig
from posei_trader.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_credentials_around(monkeypatch):
    for name in ("TWS_USERNAME", "TWS_PASSWORD", "TWS_USERNAME_PAPER", "TWS_PASSWORD_PAPER"):
        monkeypatch.delenv(name, raising=False)


def test_the_example_of_the_documentation_is_accepted():
    config = DockerizedIBGatewayConfig(
        username="your_username",
        password="your_password",
        trading_mode="paper",
        read_only_api=True,
        timeout=300,
    )
    assert isinstance(config, GatewayConfig)
    assert config.provider == "ib_docker"
    assert config.username.get_secret_value() == "your_username"


def test_absent_credentials_are_taken_from_the_environment(monkeypatch):
    monkeypatch.setenv("TWS_USERNAME", "alice")
    monkeypatch.setenv("TWS_PASSWORD", "wonderland")
    config = DockerizedIBGatewayConfig(username=None, trading_mode="live")
    assert config.username.get_secret_value() == "alice"
    assert config.password.get_secret_value() == "wonderland"
    assert config.paper_username is None


def test_given_credentials_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("TWS_USERNAME", "alice")
    assert DockerizedIBGatewayConfig(username="bob").username.get_secret_value() == "bob"


def test_the_second_login_has_variables_of_its_own(monkeypatch):
    monkeypatch.setenv("TWS_PASSWORD_PAPER", "looking-glass")
    config = DockerizedIBGatewayConfig(trading_mode="both")
    assert config.paper_password.get_secret_value() == "looking-glass"
    assert config.modes == ("live", "paper")
    assert config.host_ports == {"live": 4001, "paper": 4002}


def test_a_configuration_without_credentials_can_be_made():
    assert DockerizedIBGatewayConfig().password is None


secret_text = st.text("abcdefghij0123456789!?-_\\ü", min_size=12, max_size=20)


@given(username=secret_text, password=secret_text)
def test_no_text_form_shows_a_secret(username, password):
    config = DockerizedIBGatewayConfig(username=username, password=password)
    texts = [repr(config), str(config), f"{config}", config.model_dump_json()]
    texts += [str(config.model_dump()), config.masked_username]
    for text in texts:
        assert username not in text
        assert password not in text
    assert config.masked_username == username[0] + "*****"


def test_the_length_of_a_user_name_is_not_shown():
    short, long = (DockerizedIBGatewayConfig(username=name) for name in ("a", "a" * 30))
    assert short.masked_username == long.masked_username


def test_a_dumped_configuration_cannot_be_mistaken_for_a_real_one():
    dumped = json.loads(DockerizedIBGatewayConfig(password="secret-one").model_dump_json())
    with pytest.raises(ConfigError, match="mask of a dumped secret"):
        DockerizedIBGatewayConfig.from_mapping(dumped)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"passwrd": "x"}, "did you mean 'password'"),
        ({"bind_host": "192.0.2.1"}, "allow_remote=True"),
        ({"password": "two\nlines"}, "control character"),
        ({"trading_mode": "demo"}, "trading_mode"),
        ({"timeout": 0}, "timeout"),
        ({"api_port": 70000}, "api_port"),
        ({"instance": "no spaces"}, "instance"),
        ({"image_profile": "other"}, "gnzsnz"),
        ({"environment": {"TWS_PASSWORD": "x"}}, "username and password"),
        ({"java_heap_mb": 2000}, "raise memory_mb to 2700"),
        ({"auto_restart_time": "23:59"}, "auto_restart_time"),
        ({"auto_restart_time": "11:59 PM", "auto_logoff_time": "11:59 PM"}, "remove one"),
        ({"vnc_password": "123456789"}, "8 characters"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_or_remedy(settings, message):
    with pytest.raises(ConfigError) as caught:
        DockerizedIBGatewayConfig(**settings)
    assert message in str(caught.value)


def test_a_refused_secret_is_not_in_the_refusal():
    with pytest.raises(ConfigError) as caught:
        DockerizedIBGatewayConfig(password="hunter2\n", vnc_password="123456789")
    assert "hunter2" not in str(caught.value)
    assert "123456789" not in str(caught.value)


def test_remote_binding_is_possible_when_asked_for_by_name():
    config = DockerizedIBGatewayConfig(bind_host="192.0.2.1", allow_remote=True)
    assert config.bind_host == "192.0.2.1"


def test_ports_follow_the_mode_unless_they_are_set():
    assert DockerizedIBGatewayConfig(trading_mode="live").host_ports == {"live": 4001}
    assert DockerizedIBGatewayConfig(api_port=0).host_ports == {"paper": 0}
    both = DockerizedIBGatewayConfig(trading_mode="both", api_port=5001, paper_api_port=5002)
    assert both.host_ports == {"live": 5001, "paper": 5002}


def test_equal_configurations_are_equal_and_hash_alike():
    one, two = (DockerizedIBGatewayConfig(username="a", password="b") for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)
    assert one != DockerizedIBGatewayConfig(username="a", password="c")
