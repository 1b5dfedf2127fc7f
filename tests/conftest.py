"""Where the project and the data beside it are."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's root directory."""
    return ROOT


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of real market data, or skip."""
    if not DATA.is_dir():
        pytest.skip("the real market data does not lie beside the project (../shared/data)")
    return DATA
