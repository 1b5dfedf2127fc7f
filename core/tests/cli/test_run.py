"""`posei run`: a node from a file, or one readable error and no traceback."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

STRATEGY = """
from posei_trader.trading.config import StrategyConfig
from posei_trader.trading.strategy import Strategy

class QuietConfig(StrategyConfig):
    size: int = 1

class Quiet(Strategy):
    def __init__(self, config: QuietConfig) -> None:
        super().__init__(config)
        self.size = config.size

    def on_start(self):
        print(f"started with {self.size}", flush=True)

    def on_stop(self):
        print("stopped", flush=True)
"""


@pytest.fixture
def node_file(tmp_path):
    (tmp_path / "quiet_strategy_beside.py").write_text(STRATEGY)

    def node_file(text):
        path = tmp_path / "node.toml"
        path.write_text(textwrap.dedent(text))
        return str(path)

    before = sys.path.copy()
    yield node_file
    sys.path[:] = before


WELL = """
    trader_id = "T-1"
    [[strategies]]
    path = "quiet_strategy_beside:Quiet"
    config = { size = 3 }
"""


def program(*arguments):
    environ = {**os.environ, "POSEI_PLUGINS": "none-at-all"}
    return subprocess.Popen(
        [sys.executable, "-m", "posei_trader", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    )


def test_check_builds_the_node_and_connects_nothing(posei, node_file):
    code, out, err = posei("run", node_file(WELL), "--check")
    assert code == 0, err
    assert "T-1 can be built" in out
    assert "strategies:        quiet_strategy_beside:Quiet" in out
    assert "started" not in out


def test_check_tells_scripts_the_same(posei, node_file):
    code, out, err = posei("run", node_file(WELL), "--check", "--json")
    assert code == 0, err
    assert json.loads(out) == {
        "trader_id": "T-1",
        "data_clients": [],
        "exec_clients": [],
        "strategies": ["quiet_strategy_beside:Quiet"],
        "actors": [],
    }


def test_an_error_under_json_is_text_on_the_error_stream_and_no_output(posei, node_file):
    code, out, err = posei("run", node_file("trader_idd = 1"), "--check", "--json")
    assert (code, out) == (2, "")
    assert err.startswith("error: unknown setting 'trader_idd'")


def test_json_without_check_says_where_a_running_node_writes_json(posei, node_file):
    code, out, err = posei("run", node_file(WELL), "--json")
    assert (code, out) == (2, "")
    assert "log_file_format" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_runs_until_a_signal_and_exits_with_0(node_file, number):
    with program("run", node_file(WELL)) as running:
        assert running.stdout.readline() == "started with 3\n"
        running.send_signal(number)
        out, err = running.communicate(timeout=30)
    assert out == "stopped\n"
    assert running.returncode == 0, err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trader_idd = 1", "did you mean 'trader_id'?"),
        ("trader_id = ", "the configuration file is not TOML"),
        ('[data_clients.X]\nprovider = "nobody"', "provider 'nobody' is not installed"),
        ('[[strategies]]\npath = "no_such_module_anywhere:X"', "no_such_module_anywhere"),
        ('[[strategies]]\npath = "json:JSONDecoder"', "no Strategy"),
        (
            '[[strategies]]\npath = "quiet_strategy_beside:Quiet"\nconfig = { sise = 1 }',
            "did you mean 'size'?",
        ),
    ],
)
def test_a_mistake_in_the_file_is_one_block_and_exit_2(posei, node_file, text, expected):
    code, out, err = posei("run", node_file(text))
    assert (code, out) == (2, "")
    assert expected in err
    assert err.count("error: ") == 1
    assert "remedy" in err
    assert "Traceback" not in err


def test_a_file_that_is_not_there_is_named(posei, tmp_path):
    code, _, err = posei("run", str(tmp_path / "absent.toml"))
    assert code == 2
    assert "absent.toml" in err
    assert err.count("No such file") == 1
