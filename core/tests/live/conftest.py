"""Lets the tests of this folder import the venue that stands beside it, and gives them one."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

import pytest
from venue import VENUES, Venue


@pytest.fixture
def venue():
    VENUES["SIM"] = venue = Venue()
    yield venue
    del VENUES["SIM"]
