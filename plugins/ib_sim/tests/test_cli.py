"""The command: what it prints, how it stops, how it refuses."""

import json
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from posei_ib_sim.cli import app

COMMAND = [sys.executable, "-m", "posei_ib_sim"]


def invoke(*arguments):
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["serve"]])
def test_it_serves_until_it_is_told_to_stop(words):
    with subprocess.Popen(
        [*COMMAND, *words, "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        first = json.loads(process.stdout.readline())
        assert first["event"] == "listening"
        assert first["port"] > 0
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
        assert json.loads(rest.splitlines()[-1]) == {"event": "stopped"}
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--replay", "nosuch.csv"], ["nosuch.csv", "does not exist", "Check the path"]),
        (["--host", "192.0.2.1"], ["host='192.0.2.1'", "no login"]),
        (["--speed", "quick"], ["--speed 'quick'"]),
        (["--symbol", "usdjpy"], ["--symbol 'usdjpy'", "KEY=VALUE"]),
        (["--scenario", "doomsday"], ["doomsday", "nightly-restart"]),
        (["--record", "x.jsonl"], ["--upstream", "HOST:PORT"]),
        (["--replay-wire", "nosuch.jsonl"], ["nosuch.jsonl"]),
    ],
)
def test_bad_input_gets_one_readable_error(arguments, words):
    result = invoke("--port", "0", *arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.output


def test_bad_input_is_json_for_scripts():
    result = invoke("--port", "0", "--json", "--replay", "nosuch.csv")
    assert result.exit_code == 2
    assert json.loads(result.output)["event"] == "error"


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["serve", "--help"]])
def test_help_shows_the_options_of_serving_in_plain_text(arguments):
    result = invoke(*arguments)
    assert result.exit_code == 0
    for word in ("--replay", "--port", "--no-pacing", "--control-port"):
        assert word in result.output
    assert "--upstream" not in result.output
    assert not set(result.output) & set("╭│╰")


def test_help_names_the_commands():
    output = invoke("--help").output
    assert "simulated IB Gateway" in output
    for command in ("serve", "record", "replay-wire"):
        assert f"\n  {command} " in output
