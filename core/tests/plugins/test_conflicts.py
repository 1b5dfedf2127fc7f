"""A name that two plugins claim is served by neither until somebody says by whom."""

import pytest

from posei_trader.errors import ConfigError, PluginBroken, ProviderConflict
from posei_trader.plugins import ProviderSpec, Registry, hookimpl
from posei_trader.plugins.records import Kind


class Venue:
    """A plugin as an object: what tests and notebooks register."""

    def __init__(self, *names, symbologies=None, sources=None):
        self.names = names
        self.symbologies = symbologies or {}
        self.sources = sources or {}

    @hookimpl
    def posei_providers(self):
        return [ProviderSpec(name=name, summary="s", api=1) for name in self.names]

    @hookimpl
    def posei_symbologies(self):
        return self.symbologies

    @hookimpl
    def posei_config_sources(self):
        return self.sources


@pytest.fixture
def registry():
    return Registry(entry_points=(), environ={})


def test_two_claimants_and_neither_is_served(site):
    site.provider("kraken", "posei-kraken", entry="kraken")
    site.provider("kraken", "aaa-evil", entry="aaa")
    site.provider("other")
    registry = site.registry()
    with pytest.raises(ProviderConflict) as caught:
        registry.provider("kraken")
    text = str(caught.value)
    assert "posei-kraken 1.0" in text
    assert "aaa-evil 1.0" in text
    assert 'kraken = "aaa-evil" or kraken = "posei-kraken"' in text
    assert [provider.spec.name for provider in registry.providers] == ["other"]
    (conflict,) = registry.conflicts
    assert conflict.name == "kraken"
    assert conflict.kind is Kind.PROVIDER


@pytest.mark.parametrize("pinned", ["posei-kraken", "aaa-evil", "Posei_Kraken"])
def test_a_pin_decides_in_every_spelling_of_the_distribution(site, pinned):
    site.provider("kraken", "posei-kraken", entry="kraken")
    site.provider("kraken", "aaa-evil", entry="aaa")
    expected = pinned.lower().replace("_", "-")
    by_argument = site.registry(pins={"kraken": pinned})
    by_environment = site.registry({"POSEI_PIN": f" kraken = {pinned} ,"})
    by_view = site.registry().with_pins({"kraken": pinned})
    for registry in (by_argument, by_environment, by_view):
        assert registry.provider("kraken").origin.distribution == expected
        assert registry.conflicts == ()


def test_the_environment_wins_over_a_pin_in_the_configuration(site):
    site.provider("kraken", "posei-kraken", entry="kraken")
    site.provider("kraken", "posei-fork", entry="fork")
    registry = site.registry({"POSEI_PIN": "kraken=posei-fork"}, pins={"kraken": "posei-kraken"})
    assert registry.provider("kraken").origin.distribution == "posei-fork"
    pinned = registry.with_pins({"kraken": "posei-kraken"})
    assert pinned.provider("kraken").origin.distribution == "posei-fork"


def test_a_view_with_pins_leaves_the_original_as_it_was(site):
    site.provider("kraken", "posei-kraken", entry="kraken")
    site.provider("kraken", "posei-fork", entry="fork")
    registry = site.registry()
    registry.with_pins({"kraken": "posei-fork"})
    with pytest.raises(ProviderConflict):
        registry.provider("kraken")


def test_a_pin_to_what_is_not_installed_serves_nobody(site):
    site.provider("kraken", "aaa-evil", entry="aaa")
    registry = site.registry(pins={"kraken": "posei-kraken"})
    with pytest.raises(ProviderConflict, match="install posei-kraken, or correct the pin"):
        registry.provider("kraken")
    assert registry.providers == ()


def test_a_first_party_name_is_not_served_by_a_stranger_even_alone(site):
    site.provider("ib", "aaa-evil", entry="aaa")
    registry = site.registry()
    with pytest.raises(ProviderConflict, match="aaa-evil"):
        registry.provider("ib")
    assert registry.providers == ()
    pinned = registry.with_pins({"ib": "aaa-evil"})
    assert pinned.provider("ib").origin.distribution == "aaa-evil"


def test_a_first_party_name_is_served_by_its_own_distribution(site):
    site.provider("ib", "posei-trader-ib")
    assert site.registry().provider("ib").origin.distribution == "posei-trader-ib"


def test_a_broken_owner_does_not_hand_its_name_to_somebody_else(site):
    site.install("posei-kraken", {"kraken": "kraken_plugin"}, {"kraken_plugin": "1 / 0"})
    site.provider("kraken", "aaa-evil", entry="aaa")
    registry = site.registry()
    with pytest.raises(ProviderConflict, match="posei-kraken"):
        registry.provider("kraken")
    assert registry.with_pins({"kraken": "aaa-evil"}).provider("kraken")
    with pytest.raises(PluginBroken):
        registry.with_pins({"kraken": "posei-kraken"}).provider("kraken")


def test_two_plugins_of_one_distribution_are_told_apart_by_entry_point(site):
    source = """
        from posei_trader.plugins import ProviderSpec, hookimpl

        @hookimpl
        def posei_providers():
            return [ProviderSpec(name="kraken", summary="s", api=1)]
    """
    entries = {"one": "one_plugin", "two": "two_plugin"}
    site.install("posei-kraken", entries, {"one_plugin": source, "two_plugin": source})
    registry = site.registry()
    with pytest.raises(ProviderConflict, match=r'kraken = "posei-kraken:one" or'):
        registry.provider("kraken")
    pinned = registry.with_pins({"kraken": "posei-kraken:two"})
    assert pinned.provider("kraken").origin.plugin == "two"


def test_symbologies_and_sources_are_decided_by_the_same_rule(registry):
    registry.register(Venue(symbologies={"mic": "json:loads"}, sources={"ring": "a:b"}), name="a")
    registry.register(Venue(symbologies={"raw": "json:dumps"}), name="c")
    registry.register(Venue(symbologies={"mic": "json:dumps"}, sources={"ring": "c:d"}), name="b")
    assert registry.symbologies == ("raw",)
    assert registry.sources == ()
    with pytest.raises(ProviderConflict, match=r"symbology\.mic"):
        registry.symbology("mic")
    import json

    pinned = registry.with_pins({"symbology.mic": "in-process:b"})
    assert pinned.symbology("mic") is json.dumps
    assert {conflict.kind for conflict in registry.conflicts} == {Kind.SYMBOLOGY, Kind.SOURCE}


def test_an_object_of_this_process_competes_like_any_other(site):
    site.provider("kraken", "posei-kraken")
    registry = site.registry()
    registry.register(Venue("kraken"), name="fake")
    with pytest.raises(ProviderConflict):
        registry.provider("kraken")
    assert registry.with_pins({"kraken": "in-process"}).provider("kraken").origin.is_in_process
    registry.unregister("fake")
    assert registry.provider("kraken").origin.distribution == "posei-kraken"


def test_an_object_of_this_process_may_take_a_first_party_name(registry):
    registry.register(Venue("ib"), name="fake")
    assert registry.provider("ib").origin.is_in_process


@pytest.mark.parametrize("entry", ["kraken", "=posei-kraken", "kraken="])
def test_a_pin_that_names_nothing_is_refused_by_name(entry):
    with pytest.raises(ConfigError) as caught:
        Registry(entry_points=(), environ={"POSEI_PIN": entry})
    assert caught.value.field == "POSEI_PIN"
    assert caught.value.value == entry


def test_a_switch_that_is_neither_on_nor_off_is_refused_by_name():
    with pytest.raises(ConfigError) as caught:
        Registry(entry_points=(), environ={"POSEI_STRICT_PLUGINS": "maybe"})
    assert caught.value.field == "POSEI_STRICT_PLUGINS"
