"""Parts are strings until they are needed, and say clearly why they cannot be had."""

import importlib
import logging
import sys

import pytest

from posei_trader.config import LiveDataClientConfig
from posei_trader.errors import (
    InvalidRequest,
    MissingDependency,
    PluginBroken,
    ProviderConflict,
    ProviderNotInstalled,
)
from posei_trader.plugins import (
    LifecycleEvent,
    LifecycleStage,
    ProviderSpec,
    Registry,
    default_registry,
    hookimpl,
)
from posei_trader.plugins.references import resolve

MODULES = {
    "parts_good": "class Client:\n    class Inner: pass\n",
    "parts_needy": "import no_such_package_anywhere",
    "parts_loud": "raise SystemExit('no')",
    "parts_wrong": "1 / 0",
    "parts_torn": "import parts_package.gone",
    "parts_package/__init__": "",
}


@pytest.fixture
def parts(site):
    for name, source in MODULES.items():
        path = site.root / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    importlib.invalidate_caches()


class Venue:
    def __init__(self, **parts):
        self.spec = ProviderSpec(name="acme", summary="s", api=1, **parts)
        self.events = []

    @hookimpl
    def posei_providers(self):
        return [self.spec]

    @hookimpl
    def posei_on_lifecycle(self, event):
        self.events.append(event)


def registry_of(**parts):
    registry = Registry(entry_points=(), environ={})
    registry.register(Venue(**parts), name="acme")
    return registry


def test_a_dotted_attribute_is_followed(parts):
    assert resolve("parts_good:Client.Inner", owner="it").__name__ == "Inner"


def test_a_part_that_needs_an_absent_package_says_what_to_install(parts):
    registry = registry_of(data="parts_needy:Client")
    with pytest.raises(MissingDependency, match="'no_such_package_anywhere'") as caught:
        registry.load("acme", "data")
    assert caught.value.field == "parts_needy:Client"
    assert "part 'data' of provider 'acme'" in str(caught.value)


def test_a_first_party_part_that_needs_an_absent_package_names_the_extra(parts):
    with pytest.raises(MissingDependency) as caught:
        resolve("parts_needy:Client", owner="it", install="pip install 'posei_trader[ib]'")
    assert caught.value.remedy == "pip install 'posei_trader[ib]'"


@pytest.mark.parametrize(
    "reference",
    ["parts_absent:Client", "parts_good.deeper:Client", "parts_torn:Client"],
)
def test_a_part_in_a_module_that_does_not_exist_is_the_plugin_s_fault(parts, reference):
    with pytest.raises(PluginBroken, match="module that does not exist"):
        resolve(reference, owner="it")


@pytest.mark.parametrize(
    ("module", "cause"), [("parts_loud", SystemExit), ("parts_wrong", ZeroDivisionError)]
)
def test_a_part_that_fails_to_import_keeps_its_cause(parts, module, cause):
    with pytest.raises(PluginBroken, match=cause.__name__) as caught:
        resolve(f"{module}:Client", owner="it")
    assert isinstance(caught.value.__cause__, cause)


def test_a_misspelt_attribute_gets_the_closest_name(parts):
    with pytest.raises(PluginBroken, match="did you mean 'Client'"):
        resolve("parts_good:Clint", owner="it")
    with pytest.raises(PluginBroken, match="report it"):
        resolve("parts_good:zzzzzz", owner="it")


def test_a_part_that_the_provider_does_not_have_lists_those_it_has():
    with pytest.raises(ProviderNotInstalled, match=r"has no part 'gateway'") as caught:
        registry_of(data="json:loads").load("acme", "gateway")
    assert caught.value.remedy == "it has: 'data'"


def test_a_class_of_another_family_is_refused():
    registry = registry_of(data_config="json:JSONDecoder", exec_config="json:loads")
    for part in ("data_config", "exec_config"):
        with pytest.raises(PluginBroken, match="no LiveDataClientConfig"):
            registry.provider("acme").load_class(part, LiveDataClientConfig)


def test_a_symbology_of_a_provider_is_found_by_its_own_name_and_by_its_part():
    import json

    registry = registry_of(symbology={"RAW": "json:dumps"})
    assert registry.symbologies == ("RAW",)
    assert registry.symbology("RAW") is json.dumps
    assert registry.load("acme", "symbology.RAW") is json.dumps


def test_an_unknown_symbology_gets_the_closest_name():
    with pytest.raises(ProviderNotInstalled, match="did you mean 'RAW'"):
        registry_of(symbology={"RAW": "json:dumps"}).symbology("raww")


def test_a_name_can_be_registered_once_until_it_is_unregistered():
    registry = registry_of()
    with pytest.raises(InvalidRequest, match="already registered"):
        registry.register(Venue(), name="acme")
    registry.unregister("acme")
    registry.register(Venue(), name="acme")
    with pytest.raises(InvalidRequest, match="no plugin of this name"):
        registry.unregister("other")


def test_an_object_that_does_not_load_is_refused_and_not_kept():
    class Misspelt:
        @hookimpl
        def posei_symbology(self):
            return {}

    registry = Registry(entry_points=(), environ={})
    with pytest.raises(PluginBroken, match="posei_symbolog"):
        registry.register(Misspelt(), name="bad")
    assert registry.plugins == ()
    assert registry.failures == ()


def test_two_registered_objects_that_want_one_name_are_in_conflict():
    registry = registry_of()
    registry.register(Venue(), name="second")
    with pytest.raises(ProviderConflict, match="in-process:acme"):
        registry.provider("acme")


def test_a_hook_may_take_fewer_arguments_than_it_is_offered():
    class Quiet:
        @hookimpl
        def posei_on_lifecycle(self):
            self.called = True

    quiet = Quiet()
    registry = Registry(entry_points=(), environ={})
    registry.register(quiet, name="quiet")
    registry.announce(LifecycleEvent(LifecycleStage.BUILT, "T-1", 1))
    assert quiet.called


def test_a_plugin_that_fails_at_a_lifecycle_stage_is_logged_and_the_others_are_told(caplog):
    class Failing:
        @hookimpl
        def posei_on_lifecycle(self, event):
            raise SystemExit(event.trader_id)

    registry = Registry(entry_points=(), environ={})
    registry.register(Failing(), name="failing")
    venue = Venue()
    registry.register(venue, name="acme")
    event = LifecycleEvent(LifecycleStage.RUNNING, "T-1", 1)
    with caplog.at_level(logging.ERROR):
        registry.announce(event)
    assert venue.events == [event]
    assert "'failing' of in-process failed at lifecycle stage 'running'" in caplog.text


def test_commands_of_plugins_are_known_without_importing_them():
    class Commands:
        @hookimpl
        def posei_cli(self, register):
            register("ib-sim", "posei_ib_sim.cli:app", "Simulate.")

    registry = Registry(entry_points=(), environ={})
    registry.register(Commands(), name="sim")
    (command,) = registry.commands
    assert (command.name, command.target, command.summary) == (
        "ib-sim",
        "posei_ib_sim.cli:app",
        "Simulate.",
    )


def test_the_process_shares_one_registry():
    assert default_registry() is default_registry()


def test_the_plugin_api_imports_nothing_heavy():
    import subprocess

    code = (
        "import sys, posei_trader.plugins; "
        "print(sorted({'pydantic','ibapi','docker','pyarrow','typer','msgspec','structlog'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
