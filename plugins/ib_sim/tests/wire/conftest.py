"""Where the tests of the wire find their shared parts and the layouts made by hand."""

import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # the modules named wire_* are shared by the tests beside them

LAYOUTS_FILE = HERE.parents[3].parent / "shared" / "data" / "tws_layouts.json"


@pytest.fixture(scope="session")
def hand_made_layouts() -> dict[int, dict[str, list[str]]]:
    """Return the fields of every message shape by server version, made by hand."""
    if not LAYOUTS_FILE.exists():
        pytest.skip(
            f"{LAYOUTS_FILE.name} is not beside the project (looked in {LAYOUTS_FILE.parent})"
        )
    layouts = json.loads(LAYOUTS_FILE.read_text())
    return {int(version): shapes for version, shapes in layouts.items()}
