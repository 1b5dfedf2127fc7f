"""What works from source works from wheels: built, installed outside the tree, checked and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.packaging, pytest.mark.xdist_group("wheels")]

PACKAGES = ["core", "plugins/ib", "plugins/ib_docker", "plugins/ib_sim"]
UV = str(Path(sys.executable).parent / "uv")
HERE = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "COVERAGE_PROCESS_START", "COV_CORE_SOURCE"}
CLEAN = {name: value for name, value in os.environ.items() if name not in HERE}


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, env=CLEAN, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheels")
    for package in PACKAGES:
        run(
            UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable,
            "--out-dir", str(out), str(root / package), cwd=out,
        )  # fmt: skip
    return sorted(out.glob("*.whl"))


@pytest.fixture(scope="module")
def clean(root, wheels, tmp_path_factory):
    """Return the bin directory of an environment that knows nothing of the tree."""
    home = tmp_path_factory.mktemp("clean")
    run(UV, "venv", "--quiet", "--python", sys.executable, str(home / "env"), cwd=home)
    python = str(home / "env" / "bin" / "python")
    # The pinned versions, so that the test says something about us and not about the day.
    run(
        UV, "pip", "install", "--quiet", "--python", python, "--constraint",
        str(root / "requirements" / "run.txt"), *(f"{w}{extras(w)}" for w in wheels), cwd=home,
    )  # fmt: skip
    return home / "env" / "bin"


def extras(wheel):
    return "[ib,docker,sim,demo]" if wheel.name.startswith("posei_trader-0") else ""


def test_each_wheel_holds_its_own_leaf_and_nothing_of_the_namespaces(wheels):
    assert len(wheels) == len(PACKAGES)
    seen: dict[str, str] = {}
    for wheel in wheels:
        names = zipfile.ZipFile(wheel).namelist()
        assert any(name.endswith("py.typed") for name in names), wheel.name
        assert any(name.endswith("LICENSE") for name in names), wheel.name
        assert "posei_trader/__init__.py" not in names
        assert "posei_trader/adapters/__init__.py" not in names
        assert not any("/tests/" in name for name in names)
        for name in names:
            assert name not in seen, f"{name} is in {wheel.name} and in {seen.get(name)}"
            seen[name] = wheel.name


def test_the_installed_distributions_fit_together(clean, tmp_path):
    out = subprocess.run(
        [UV, "pip", "check", "--python", str(clean / "python")],
        cwd=tmp_path, env=CLEAN, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert out.returncode == 0, out.stdout + out.stderr


def test_the_command_line_runs_from_wheels(clean, tmp_path):
    listed = json.loads(run(str(clean / "posei"), "plugins", "list", "--json", cwd=tmp_path))
    assert {"posei-trader-ib", "posei-trader-ib-docker", "posei-ib-sim"} <= set(
        json.dumps(listed).replace('"', " ").split()
    )
    assert "0.1.0" in run(str(clean / "posei"), "--version", cwd=tmp_path)
    assert "--port" in run(str(clean / "posei-ib-sim"), "--help", cwd=tmp_path)


CONSUMER = """
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.config import InteractiveBrokersDataClientConfig
from posei_trader.live.node import TradingNode
from posei_trader.model.values import Price

contract: IBContract = IBContract(secType="STK", symbol="SPY", exchange="SMART")
config = InteractiveBrokersDataClientConfig(ibg_port=7497)
price: Price = Price("1.25") + Price("1")
node: type[TradingNode] = TradingNode
"""


def test_a_users_type_checker_sees_our_types(clean, tmp_path):
    (tmp_path / "consumer.py").write_text(CONSUMER)
    run(
        sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable",
        str(clean / "python"), "consumer.py", cwd=tmp_path,
    )  # fmt: skip
    (tmp_path / "wrong.py").write_text(CONSUMER.replace('Price("1")', "1"))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable",
         str(clean / "python"), "wrong.py"],
        cwd=tmp_path, env=CLEAN, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Unsupported operand types" in done.stdout


def test_the_demo_runs_from_wheels(clean, tmp_path):
    out = run(str(clean / "posei"), "demo", "--output", str(tmp_path / "out"), cwd=tmp_path)
    assert "agree to the cent" in out
    assert list((tmp_path / "out").glob("*.svg")) or list((tmp_path / "out").glob("*.png"))
