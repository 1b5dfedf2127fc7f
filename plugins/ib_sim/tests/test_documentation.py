"""What can be set, broken and asked for is in the documentation."""

import dataclasses
import inspect
import re
from importlib import resources
from pathlib import Path

import pytest

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_ib_sim.server.faults import Faults

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
SETTINGS = [field.name for field in dataclasses.fields(SimulatedIBGatewayConfig)]
FAULTS = [name for name, _ in inspect.getmembers(Faults, inspect.isfunction) if name[0] != "_"]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_in_the_page(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_in_the_page_with_its_parameters(name):
    (shown, *_) = re.findall(rf"`{name}\(([^)]*)\)", PAGE) or [None]
    assert shown is not None, f"{name} is missing"
    named = {part.partition("=")[0].strip() for part in shown.split(",") if part.strip()}
    parameters = set(inspect.signature(getattr(Faults, name)).parameters) - {"self"}
    assert named <= parameters
    required = {
        one.name
        for one in inspect.signature(getattr(Faults, name)).parameters.values()
        if one.default is inspect.Parameter.empty and one.name != "self"
    }
    assert required <= named


def test_every_scenario_that_ships_is_in_the_page():
    folder = resources.files("posei_ib_sim.server") / "scenarios"
    for item in folder.iterdir():
        assert f"`{item.name.removesuffix('.toml')}`" in PAGE


def test_nothing_in_the_page_is_made_up():
    for name in re.findall(r"gateway\.faults\.(\w+)", PAGE):
        assert name in FAULTS
    for name in re.findall(r"gateway\.(\w+)", PAGE):
        assert hasattr(SimulatedIBGateway, name), name
