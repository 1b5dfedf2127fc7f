"""`posei gateway` against a real container engine, through the program's own entry point."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from gateway_kit.login import PASSWORD, USERNAME
from gateway_kit.reading import read_until

from posei_trader.adapters.ib_docker import errors
from posei_trader.cli.main import main

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("cleaned")]


@pytest.mark.usefixtures("credentials")
def test_a_gateway_goes_up_is_shown_restarted_and_goes_down(settings, capsys):
    file = settings()
    assert main(["gateway", "status", "--config", file, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["state"] == "absent"

    assert main(["gateway", "up", "--config", file, "--json"]) == 0
    told = capsys.readouterr()
    first = json.loads(told.out)
    assert first["state"] == "ready"
    assert first["endpoints"][0]["server_version"] == 187
    assert "paper: login" in told.err
    assert PASSWORD not in told.err

    assert main(["gateway", "status", "--config", file]) == 0
    shown = capsys.readouterr().out
    assert f"127.0.0.1:{first['endpoints'][0]['port']}  answers in" in shown
    assert "orders     refused (read-only API)" in shown
    assert main(["gateway", "up", "--config", file]) == 0
    assert "it was running already: adopted" in capsys.readouterr().err

    assert main(["gateway", "restart", "--config", file, "--json"]) == 0
    told = capsys.readouterr()
    second = json.loads(told.out)
    assert told.err.count("paper: restarting") == told.err.count("serves again") == 1
    assert second["container_id"] != first["container_id"]
    assert second["endpoints"][0]["port"] == first["endpoints"][0]["port"]

    assert main(["gateway", "logs", "--config", file, "--tail", "50"]) == 0
    shown = capsys.readouterr().out
    assert "Login has completed" in shown
    assert "DU1234567" not in shown

    assert main(["gateway", "logs", "--config", file, "--tail", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == {"at", "line"}

    assert main(["gateway", "down", "--config", file]) == 0
    assert "stopped and removed" in capsys.readouterr().out
    assert main(["gateway", "down", "--config", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stopped"] is False


@pytest.mark.parametrize(
    ("scenario", "changes", "cause"),
    [
        ("login_failed", {}, errors.LoginRefused),
        ("hang", {"timeout": 0.5}, errors.StartTimeout),
        ("crash_at_boot", {}, errors.Crashed),
        ("existing_session", {"existing_session": "manual"}, errors.ExistingSession),
        ("ok", {"container_image": "localhost/posei-test/absent:1"}, errors.ImageNotFound),
    ],
)
@pytest.mark.usefixtures("credentials")
def test_each_cause_has_its_own_exit_code(settings, capsys, scenario, changes, cause):
    file = settings(scenario, **changes)
    assert main(["gateway", "up", "--config", file, "--json"]) == cause.exit_code
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["cause"] == cause.cause
    assert error["exit_code"] == cause.exit_code
    assert error["remedy"] is None or error["remedy"]


@pytest.mark.usefixtures("credentials")
def test_a_restart_of_what_does_not_run_is_a_start_with_one_login(settings, capsys):
    file = settings()
    assert main(["gateway", "restart", "--config", file]) == 0
    assert capsys.readouterr().err.count("paper: login") == 1
    assert main(["gateway", "down", "--config", file]) == 0


@pytest.mark.usefixtures("credentials")
def test_a_start_that_is_asked_to_end_takes_down_what_it_began(settings, engine, run_id):
    command = [sys.executable, "-c", "from posei_trader.cli.main import run; run()"]
    with subprocess.Popen(
        [*command, "gateway", "up", "--config", settings("hang")],
        stderr=subprocess.PIPE,
    ) as program:
        read_until(program.stderr, b"paper: login")
        program.terminate()
        program.communicate(timeout=60)
    assert program.returncode == 130
    assert engine.find({"io.posei.instance": run_id}) == []


def test_a_wrong_password_from_a_file_blocks_the_login_until_forced(settings, tmp_path, capsys):
    file = settings()
    password = tmp_path / "password"
    password.write_text("wrong horse\n")
    command = ["gateway", "up", "--config", file, "--username", USERNAME]
    command += ["--password-file", str(password)]
    assert main(command) == errors.BadCredentials.exit_code
    assert main(command) == errors.LoginBlocked.exit_code
    assert main([*command, "--force"]) == errors.BadCredentials.exit_code
    assert "wrong horse" not in capsys.readouterr().err


@pytest.mark.usefixtures("credentials")
def test_the_doctor_names_every_fault_with_its_remedy(settings, capsys, monkeypatch):
    file = settings()
    assert main(["gateway", "doctor", "--config", file]) == 0
    assert "FAULT" not in capsys.readouterr().out
    monkeypatch.delenv("TWS_PASSWORD")
    file = settings(time_zone="Mars/Olympus", container_image="localhost/posei-test/absent:1")
    assert main(["gateway", "doctor", "--config", file, "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    faults = {finding["check"]: finding["remedy"] for finding in findings if not finding["ok"]}
    assert faults.keys() == {"credentials", "time zone", "image"}
    assert all(faults.values())


def test_the_program_itself_can_be_run(settings):
    file = settings()
    command = [sys.executable, "-c", "from posei_trader.cli.main import run; run()"]
    done = subprocess.run(
        [*command, "gateway", "status", "--config", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.strip().endswith(": absent")
    assert done.stderr == ""
