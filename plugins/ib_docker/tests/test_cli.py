"""`posei gateway` where no engine is needed."""

from __future__ import annotations

import json

import pytest

from posei_trader.adapters.ib_docker.cli.options import configuration
from posei_trader.cli.main import main
from posei_trader.errors import ConfigError


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch):
    for name in ("TWS_USERNAME", "TWS_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def test_options_win_over_the_file(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('[gateway]\ntrading_mode = "live"\ninstance = "one"\n')
    config = configuration(file, instance="two", timeout=None)
    assert (config.trading_mode, config.instance, config.timeout) == ("live", "two", 300)


def test_settings_may_stand_at_the_top_of_the_file(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text("cpus = 1.0\n")
    assert configuration(file).cpus == 1.0


def test_a_password_file_loses_its_line_end_and_nothing_else(tmp_path):
    file = tmp_path / "password"
    file.write_text(" pass word \r\n")
    assert configuration(None, file).password.get_secret_value() == " pass word "


@pytest.mark.parametrize("content", [None, "not [toml", "gateway = 1"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    file = tmp_path / "gateway.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"gateway\.toml"):
        configuration(file)


def test_a_wrong_setting_ends_with_the_code_for_wrong_requests(tmp_path, capsys):
    assert main(["gateway", "status", "--mode", "demo"]) == 2
    assert "trading_mode" in capsys.readouterr().err


def test_no_engine_has_an_exit_code_of_its_own_and_says_what_to_do(tmp_path, capsys):
    url = f"unix://{tmp_path}/absent.sock"
    assert main(["gateway", "status", "--docker-url", url, "--json"]) == 20
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["cause"] == "engine_unavailable"
    assert "nothing listens there" in error["message"]
    assert "start Docker" in error["remedy"]


def test_the_doctor_reports_an_absent_engine_as_a_finding(tmp_path, capsys):
    url = f"unix://{tmp_path}/absent.sock"
    assert main(["gateway", "doctor", "--docker-url", url]) == 1
    assert "FAULT   engine" in capsys.readouterr().out


def test_there_is_no_option_for_a_password(capsys):
    assert main(["gateway", "up", "--help"]) == 0
    assert "--password " not in capsys.readouterr().out
