from __future__ import annotations

import pytest
from strategies_here import Declared, Ender, Quiet

from posei_trader.config import ImportableConfig
from posei_trader.errors import ConfigError
from posei_trader.live.imports import imported
from posei_trader.trading.actor import Actor
from posei_trader.trading.strategy import Strategy


def make(path, base=Strategy, **config):
    return imported(ImportableConfig(path=path, config=config), base, "strategies.0")


def test_the_settings_are_those_of_the_constructors_annotation():
    made = make("strategies_here:Quiet", size=7)
    assert isinstance(made, Quiet)
    assert made.config.size == 7


def test_the_settings_are_those_of_the_declared_attribute_where_the_constructor_says_less():
    made = make("strategies_here:Declared", size=8)
    assert isinstance(made, Declared)
    assert made.config.size == 8


def test_a_component_without_settings_needs_none():
    assert isinstance(make("strategies_here:Ender", Actor), Ender)


@pytest.mark.parametrize(
    ("path", "config", "words"),
    [
        ("no_such_module:Thing", {}, ["cannot be imported", "strategies.0.path", "installed"]),
        ("strategies_here:Missing", {}, ["cannot be imported", "Missing"]),
        ("strategies_here:NOT_A_CLASS", {}, ["is no Strategy", "derive it from"]),
        ("strategies_here:Ender", {}, ["is no Strategy"]),
        ("strategies_here:Quiet", {"sise": 7}, ["strategies.0.config.sise"]),
    ],
)
def test_what_cannot_be_made_says_what_and_where(path, config, words):
    with pytest.raises(ConfigError) as caught:
        make(path, **config)
    for word in words:
        assert word in str(caught.value)


def test_settings_of_a_class_that_cannot_tell_its_own_are_the_common_ones():
    made = make("strategies_here:Hidden", on_error="log")
    assert made.config.on_error == "stop"
