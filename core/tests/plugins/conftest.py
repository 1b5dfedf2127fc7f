"""Real installed distributions in a temporary folder, found the way installed ones are."""

from __future__ import annotations

import importlib
import sys
import textwrap
from importlib.metadata import EntryPoint, distributions
from typing import TYPE_CHECKING

import pytest

from posei_trader.plugins import Registry

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
    from posei_trader.plugins import ProviderSpec, hookimpl

    @hookimpl
    def posei_providers():
        yield ProviderSpec(name={name!r}, summary="A venue", api=1, data={data!r})
"""


class SitePackages:
    """A folder on ``sys.path`` that distributions are installed into."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def install(
        self,
        distribution: str,
        entry_points: dict[str, str],
        modules: dict[str, str],
        version: str = "1.0",
        *,
        metadata: bool = True,
    ) -> None:
        info = self.root / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = [f"{name} = {target}" for name, target in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[posei_trader.plugins]", *lines]))
        if metadata:
            text = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
            (info / "METADATA").write_text(text)
        for name, source in modules.items():
            path = self.root.joinpath(*name.split(".")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(source))
        importlib.invalidate_caches()

    def provider(self, name: str, distribution: str | None = None, entry: str | None = None) -> str:
        """Install a whole, working plugin that serves one provider; return its module."""
        distribution = distribution or f"posei-{name}"
        module = f"{distribution.replace('-', '_')}_plugin"
        source = GOOD.format(name=name, data=f"{module}:Client") + "\n    class Client: pass\n"
        self.install(distribution, {entry or name: module}, {module: source})
        return module

    def entry_points(self) -> list[EntryPoint]:
        return [
            entry
            for distribution in distributions(path=[str(self.root)])
            for entry in distribution.entry_points
        ]

    def registry(self, environ: dict[str, str] | None = None, **settings) -> Registry:
        return Registry(entry_points=self.entry_points(), environ=environ or {}, **settings)


@pytest.fixture
def site(tmp_path, monkeypatch):
    root = tmp_path / "site-packages"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))
    yield SitePackages(root)
    for name, module in list(sys.modules.items()):
        if str(root) in str(getattr(module, "__file__", None) or ""):
            del sys.modules[name]
