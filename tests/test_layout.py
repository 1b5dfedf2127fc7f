"""The shape of the house: namespaces stay open, layers point one way, everything is checked."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from posei_trader.plugins import Registry

PACKAGES = ["core", "plugins/ib", "plugins/ib_docker", "plugins/ib_sim"]
FIRST_PARTY = {"posei-trader-ib", "posei-trader-ib-docker", "posei-ib-sim"}


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def sources(root):
    return [path for name in PACKAGES for path in sorted((root / name / "src").rglob("*.py"))]


@pytest.mark.parametrize("name", ["posei_trader", "posei_trader.adapters"])
def test_the_open_namespaces_have_no_module_of_their_own(name):
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is None


def test_no_init_file_lies_in_a_namespace(root):
    strays = [
        path
        for path in root.glob("**/posei_trader/**/__init__.py")
        if path.parent.name in {"posei_trader", "adapters"} and ".venv" not in path.parts
    ]
    assert strays == []


def test_every_leaf_package_is_marked_as_typed(root):
    for leaf in [
        "core/src/posei_trader",
        "plugins/ib/src/posei_trader/adapters/interactive_brokers",
        "plugins/ib_docker/src/posei_trader/adapters/ib_docker",
        "plugins/ib_sim/src/posei_ib_sim",
    ]:
        assert (root / leaf / "py.typed").is_file(), leaf


@pytest.mark.slow
@pytest.mark.xdist_group("static")
def test_types_are_exact_in_every_shipped_file(root):
    done = run(sys.executable, "-m", "mypy", cwd=root)
    assert done.returncode == 0, done.stdout
    # A namespace makes it easy to check four files and call it success.
    assert f"no issues found in {len(sources(root))} source files" in done.stdout


@pytest.mark.xdist_group("static")
def test_style_is_that_of_the_house(root):
    done = run(
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--output-format=concise",
        ".",
        cwd=root,
    )
    assert done.returncode == 0, done.stdout
    done = run(sys.executable, "-m", "ruff", "format", "--check", ".", cwd=root)
    assert done.returncode == 0, done.stdout


@pytest.mark.xdist_group("static")
def test_layers_point_one_way(root):
    done = run(str(Path(sys.executable).parent / "lint-imports"), "--no-cache", cwd=root)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_the_simulator_stands_alone(root):
    folder = root / "plugins/ib_sim/src/posei_ib_sim"
    users = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if "posei_trader" in path.read_text() and path.name != "plugin.py"
        if any(
            line.strip().startswith(("import posei_trader", "from posei_trader"))
            for line in path.read_text().splitlines()
        )
    ]
    assert users == []


def test_the_first_party_plugins_register_only_through_entry_points(root):
    for folder, name in [("ib", "ib"), ("ib_docker", "ib_docker"), ("ib_sim", "ib_sim")]:
        project = tomllib.loads((root / "plugins" / folder / "pyproject.toml").read_text())
        assert name in project["project"]["entry-points"]["posei_trader.plugins"]
    for path in (root / "core/src").rglob("*.py"):
        text = path.read_text()
        assert "posei_trader.adapters.interactive_brokers" not in text, path
        assert "posei_ib_sim" not in text, path


def test_the_first_party_plugins_say_who_looks_after_them_and_where_to_read_on(root):
    for provider in Registry(environ={}).providers:
        if provider.origin.distribution in FIRST_PARTY:
            assert provider.spec.owner == "PoseiTrader"
            assert (root / provider.spec.docs).is_file()


def test_core_gives_up_exact_types_only_on_the_message_bus(root):
    users = [
        path.name
        for path in sorted((root / "core/src").rglob("*.py"))
        # The demo hands tables of a plugin's settings to it, by names that core does not know.
        if path.parent.name != "demo"
        if re.search(r"^\s*from typing import .*\bAny\b", path.read_text(), re.MULTILINE)
    ]
    assert users == ["bus.py"]


def test_no_dumping_grounds(root):
    assert [p for p in sources(root) if p.stem in {"utils", "helpers", "misc"}] == []


def test_every_ignored_lint_rule_has_its_reason(root):
    text = (root / "pyproject.toml").read_text()
    block = text.partition("[tool.ruff.lint]")[2].partition("preview")[0]
    rules = [line for line in block.splitlines() if line.strip().startswith('"')]
    assert rules
    assert [line for line in rules if "#" not in line] == []


HOMES = re.compile(
    # `ibgateway` is the user in the container image; `x` stands for anybody in what IBC logs.
    r"/(?:home|Users)/(?!(?:ibgateway|x)\b)\w+|/root\b/"
)
REGISTRIES = (
    "python" + "hosted.org",
    "pypi" + ".org",
    "npm" + "js.org",
    "golang" + ".org",
    "crates" + ".io",
)
"""Where packages come from is the installer's business."""


def test_nothing_shipped_names_this_machine_or_a_registry(root):
    done = run("git", "ls-files", "-z", cwd=root)
    found = []
    for name in filter(None, done.stdout.split("\0")):
        path = root / name
        if not path.is_file() or path.suffix in {".png", ".gz", ".parquet", ".svg"}:
            continue
        text = path.read_text(errors="replace")
        found += [(name, word) for word in (str(root), *REGISTRIES) if word in text]
        found += [(name, home) for home in HOMES.findall(text)]
    assert found == []


@pytest.mark.parametrize("text", ["/home" + "/jane/.cache", "/root" + "/.ssh", "/Users" + "/jane"])
def test_a_home_directory_is_recognized(text):
    assert HOMES.search(f"see {text} for more")


@pytest.mark.parametrize("text", ["/home/ibgateway/Jts", "/chroot/x", "/home/x/autorestart"])
def test_a_documented_directory_is_no_machine_s(text):
    assert not HOMES.search(text)
