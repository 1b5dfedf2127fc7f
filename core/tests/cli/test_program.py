"""The program: exit codes, one block per error, commands that are imported when they are used."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from posei_trader.cli.commands import BUILT_IN


def test_the_version_is_that_of_the_installed_distribution(posei):
    expected = f"posei {version('posei-trader')}\n"
    assert posei("--version") == (0, expected, "")
    assert posei("--debug", "--version")[:2] == (0, expected)


def test_without_arguments_it_shows_its_commands(posei):
    posei.acme()
    code, out, err = posei()
    assert code in {0, 2}
    text = out + err
    for name, row in BUILT_IN.items():
        assert name in text
        assert row.summary.split()[0] in text
    assert "Commands of a plugin." in text


def test_help_imports_no_command(posei):
    posei.acme()
    code, out, _ = posei("--help")
    assert code == 0
    assert "Exit codes: 0 done" in out
    assert "acme_cli_parts" not in sys.modules


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_command_offers_to_install_completion_of_its_own(posei, name):
    code, out, _ = posei(name, "--help")
    assert code == 0
    assert "completion" not in out


def test_a_built_in_command_is_never_hidden_by_a_plugin_and_the_attempt_is_told(posei):
    posei.acme()
    _, out, err = posei("--help")
    assert "Would hide" not in out
    assert "plugin's command 'demo' is hidden by the built-in one" in err


def test_a_command_of_a_plugin_runs(posei):
    posei.acme()
    assert posei("acme", "hello", "--name", "world")[:2] == (0, "hello world\n")


def test_a_plugin_s_command_that_is_no_typer_app_is_an_error(posei):
    posei.acme()
    code, _, err = posei("acme-wrong")
    assert code == 2
    assert "error: command 'acme-wrong' is no typer app" in err


def test_an_unknown_command_gets_the_closest_and_exits_with_2(posei):
    code, _, err = posei("plugin")
    assert code == 2
    assert "Did you mean 'plugins'?" in err


def test_a_wrong_option_exits_with_2(posei):
    code, _, err = posei("plugins", "list", "--jsno")
    assert code == 2
    assert "--jsno" in err


@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        ("retry", 3, "error: nobody there\n  cause:  OSError: refused\n"),
        ("human", 4, "error: we disagree\n"),
        ("interrupt", 130, ""),
        ("bug", 70, "error: a fault in the program: ZeroDivisionError: oops\n"),
    ],
)
def test_the_exit_code_says_what_to_do_and_the_error_is_one_block(posei, kind, code, text):
    posei.acme()
    exit_code, _, err = posei("acme", "fail", kind)
    assert exit_code == code
    assert text in err
    assert "Traceback" not in err


def test_a_fault_says_how_to_see_more_and_debug_shows_it(posei, monkeypatch):
    posei.acme()
    assert "remedy: run `posei --debug ...`" in posei("acme", "fail", "bug")[2]
    _, _, err = posei("--debug", "acme", "fail", "bug")
    assert "Traceback" in err
    assert "remedy" not in err
    monkeypatch.setenv("POSEI_DEBUG", "1")
    assert "Traceback" in posei("acme", "fail", "retry")[2]


def test_an_interrupt_before_any_command_exits_with_130(posei, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("posei_trader.cli.main.version", interrupt)
    assert posei("--version")[0] == 130


@pytest.mark.parametrize(
    "program", [["-m", "posei_trader"], ["-c", "from posei_trader.cli.main import run; run()"]]
)
def test_it_runs_as_a_program(program):
    done = subprocess.run(
        [sys.executable, *program, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"posei {version('posei-trader')}\n"


def test_it_is_installed_as_a_program():
    program = Path(sys.executable).with_name("posei")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("posei ")


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    code = (
        "import sys\n"
        "from posei_trader.cli import main\n"
        "main.version = lambda: 'x' * 1_000_000\n"
        "sys.exit(main.main(['--version']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(timeout=30) == 0
