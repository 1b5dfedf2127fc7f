"""The program run in this process, with a chosen set of installed plugins."""

import importlib
import sys

import pytest

from posei_trader.cli.main import main
from posei_trader.plugins import default_registry

INFO = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"

ACME = """
from posei_trader.plugins import Capability, ProviderSpec, Support, hookimpl

@hookimpl
def posei_providers():
    yield ProviderSpec(
        name="acme",
        summary="A venue for tests",
        api=1,
        data_config="acme_cli_parts:Config",
        symbology={"acme_raw": "acme_cli_parts:Symbols"},
        capabilities={
            Capability.QUOTES: Support.FULL,
            Capability.BARS: Support.PARTIAL("no months"),
        },
        venues=("XNAS",),
        owner="nobody",
    )

@hookimpl
def posei_cli(register):
    register("acme", "acme_cli_parts:app", "Commands of a plugin.")
    register("acme-wrong", "acme_cli_parts:Config", "No typer app.")
    register("demo", "acme_cli_parts:app", "Would hide a built-in command.")
"""

ACME_PARTS = '''
import typer
from pydantic import Field, SecretStr
from posei_trader.config import FrozenMapping, LiveDataClientConfig
from posei_trader.errors import ConnectionFailed, ReconciliationFailed

class Config(LiveDataClientConfig):
    port: int
    """Where it listens."""
    mode: str | None = None
    levels: tuple[int, ...] = (1, 2)
    table: FrozenMapping[str, int] = Field(default_factory=dict)
    anything: object = None
    password: SecretStr = SecretStr("hunter2")

class Symbols:
    def to_instrument_id(self, contract): ...
    def to_contract(self, instrument_id): ...

app = typer.Typer()

@app.callback()
def group(): ...

@app.command()
def hello(name: str = "you"):
    print(f"hello {name}")

@app.command()
def fail(kind: str):
    if kind == "retry":
        raise ConnectionFailed("nobody there") from OSError("refused")
    if kind == "human":
        raise ReconciliationFailed("we disagree")
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "pipe":
        raise BrokenPipeError
    raise ZeroDivisionError("oops")
'''


class Posei:
    """Install plugins into a folder and run the program on them."""

    def __init__(self, root, monkeypatch, capfd):
        self.root = root
        self.names = []
        self._monkeypatch = monkeypatch
        self._capfd = capfd
        self._select()

    def install(self, name, modules, module):
        distribution = f"posei-{name}"
        info = self.root / f"posei_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(INFO.format(name=distribution))
        (info / "entry_points.txt").write_text(f"[posei_trader.plugins]\n{name} = {module}\n")
        for file, source in modules.items():
            (self.root / f"{file}.py").write_text(source)
        self.names.append(name)
        self._select()

    def acme(self):
        self.install(
            "acme", {"acme_cli_plugin": ACME, "acme_cli_parts": ACME_PARTS}, "acme_cli_plugin"
        )

    def _select(self):
        self._monkeypatch.setenv("POSEI_PLUGINS", ",".join(self.names) or "none-at-all")
        importlib.invalidate_caches()
        default_registry.cache_clear()

    def __call__(self, *arguments):
        """Run and return the exit code, the output and the errors."""
        self._capfd.readouterr()
        code = main(arguments)
        sys.stdout.flush()
        captured = self._capfd.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def posei(tmp_path, monkeypatch, capfd):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("POSEI_DEBUG", raising=False)
    yield Posei(tmp_path, monkeypatch, capfd)
    default_registry.cache_clear()
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", None) or ""):
            del sys.modules[name]
