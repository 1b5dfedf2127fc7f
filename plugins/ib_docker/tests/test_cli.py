"""`posei gateway` where no engine is needed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys

import pytest
from gateway_kit.reading import read_until

from posei_trader.adapters.ib_docker.cli.options import configuration
from posei_trader.adapters.ib_docker.cli.output import ending_like_ctrl_c
from posei_trader.adapters.ib_docker.errors import CAUSES, EngineUnavailable
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


def test_a_request_to_end_cancels_the_work_wherever_the_program_is_just_then():
    seen: list[str] = []

    async def telling() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(30)
        finally:
            seen.append("told")

    async def work() -> None:
        told = asyncio.create_task(telling())
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            told.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await told
            seen.append("taken down")
            raise

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ending_like_ctrl_c():
        asyncio.run(work())
    assert seen == ["told", "taken down"]
    assert signal.getsignal(signal.SIGTERM) is before


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


def test_a_failure_in_json_is_for_people_on_standard_error_as_well(tmp_path, capsys):
    url = f"unix://{tmp_path}/absent.sock"
    main(["gateway", "status", "--docker-url", url, "--json"])
    told = capsys.readouterr().err
    assert told.startswith(f"error: no container engine answers at {url}")
    assert "cause:" not in told


def test_the_help_lists_every_exit_code_with_its_cause(capsys):
    assert main(["gateway", "--help"]) == 0
    shown = capsys.readouterr().out
    for kind in CAUSES.values():
        assert re.search(rf"^ +{kind.exit_code} +{kind.cause}$", shown, re.MULTILINE)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_person_at_a_terminal_is_asked_for_the_login_and_the_password_is_not_shown(tmp_path):
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from posei_trader.cli.main import run; run()"]
    command += ["gateway", "up", "--docker-url", f"unix://{tmp_path}/absent.sock"]
    with subprocess.Popen(
        command,
        stdin=theirs,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path)},
    ) as program:
        shown = read_until(program.stderr, b"IB username:")
        os.write(ours, b"alice4711\n")
        # The blank comes from whoever has just thrown away what was typed before.
        shown += read_until(program.stderr, b"IB password: ")
        os.write(ours, b"sesame\n")
        shown += program.communicate(timeout=60)[1]
    os.close(ours)
    os.close(theirs)
    # With a login in hand the next thing that is missing is the engine.
    assert program.returncode == EngineUnavailable.exit_code, shown
    assert b"sesame" not in shown


def test_there_is_no_option_for_a_password(capsys):
    assert main(["gateway", "up", "--help"]) == 0
    assert "--password " not in capsys.readouterr().out
