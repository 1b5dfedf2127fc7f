"""A plugin outside the tree is as good as our own: built, installed, listed, checked, used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.packaging, pytest.mark.xdist_group("wheels")]

USE = """
import asyncio, sys
from posei_trader.config import TradingNodeConfig
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import LiveClock
from posei_trader.engine.context import DataContext
from posei_trader.errors import InstrumentNotFound, Unsupported
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import ClientId, InstrumentId, TraderId
from posei_trader.model.requests import DataKind, HistoryRequest, Subscription
from posei_trader.plugins import default_registry

provider = default_registry().provider("csv")
config = provider.load("data_config")(directory=sys.argv[1])

async def main():
    context = DataContext(client_id=ClientId("CSV"), trader_id=TraderId("T-1"), clock=LiveClock(),
                          cache=Cache(), sink=None)
    client = provider.load("data_factory").create(config, context)
    await client.connect()
    bar_type = BarType.from_str("AAPL.XNAS-1-DAY-LAST-EXTERNAL")
    bars = await client.request_bars(bar_type, HistoryRequest(instrument_id=bar_type.instrument_id))
    print(len(bars), bars[0].close, context.cache.instrument(InstrumentId("AAPL.XNAS")).kind)
    for refused in (
        client.request_bars(BarType.from_str("AAPL.XNAS-1-HOUR-LAST"),
                            HistoryRequest(instrument_id=bar_type.instrument_id)),
        client.subscribe(Subscription(DataKind.QUOTE_TICKS, bar_type.instrument_id)),
        client.instrument_provider.load(InstrumentId("MSFT.XNAS")),
    ):
        try:
            await refused
        except (Unsupported, InstrumentNotFound) as error:
            print(error.message)
    await client.disconnect()

asyncio.run(main())
"""


def run(*command, cwd, path):
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """Return a directory that holds the plugin as pip would install it, to be put on the path."""
    out = tmp_path_factory.mktemp("third_party")
    subprocess.run(
        [str(Path(sys.executable).parent / "uv"), "build", "--quiet", "--wheel",
         "--out-dir", str(out), "--no-build-isolation", "--python", sys.executable,
         str(root / "examples" / "third_party_provider")],
        check=True,
    )  # fmt: skip
    (wheel,) = out.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(out / "site")
    return out / "site"


def test_it_is_listed_beside_our_own(installed, tmp_path):
    posei = str(Path(sys.executable).parent / "posei")
    listed = run(posei, "plugins", "list", "--json", cwd=tmp_path, path=installed)
    names = json.dumps(json.loads(listed))
    assert '"csv"' in names
    assert '"ib"' in names
    assert "ok" in run(posei, "plugins", "check", "csv", cwd=tmp_path, path=installed)
    assert "directory" in run(posei, "plugins", "schema", "csv", cwd=tmp_path, path=installed)
    assert "daily bars" in run(posei, "plugins", "info", "csv", cwd=tmp_path, path=installed)


def test_it_serves_its_bars(installed, tmp_path):
    (tmp_path / "AAPL.XNAS.csv").write_text(
        "date,open,high,low,close,volume\n2024-01-02,1,2,0.5,1.75,100\n2024-01-03,1,2,0.5,1.80,100\n"
    )
    out = run(sys.executable, "-c", USE, str(tmp_path), cwd=tmp_path, path=installed)
    assert out.splitlines() == [
        "2 1.75 Equity",
        "the files hold daily bars",
        "files do not stream",
        "there is no file for this instrument",
    ]


def test_its_description_imports_nothing_heavy(installed, tmp_path):
    heavy = run(
        sys.executable,
        "-c",
        "import sys, posei_csv.plugin; print(sorted({'pydantic', 'pyarrow'} & set(sys.modules)))",
        cwd=tmp_path,
        path=installed,
    )
    assert heavy.strip() == "[]"
