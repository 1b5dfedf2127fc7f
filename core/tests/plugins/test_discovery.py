"""What is installed is found, and what is broken stays where it is."""

from importlib.metadata import EntryPoint

import pytest

from posei_trader.errors import (
    MissingDependency,
    PluginBroken,
    PluginIncompatible,
    ProviderNotInstalled,
)
from posei_trader.plugins import Registry, Stage

HEADER = "from posei_trader.plugins import ProviderSpec, hookimpl\n"


def spec(name, api=1, extra=""):
    return f"ProviderSpec(name={name!r}, summary='s', api={api!r}{extra})"


def providers(*specs):
    return f"{HEADER}\n@hookimpl\ndef posei_providers():\n    return [{', '.join(specs)}]\n"


def only_failure(registry):
    (failure,) = registry.failures
    return failure


def test_a_third_party_with_its_own_top_level_name_is_found_and_attributed(site):
    module = site.provider("kraken", "posei-kraken")
    provider = site.registry().provider("kraken")
    assert provider.spec.summary == "A venue"
    assert provider.origin.distribution == "posei-kraken"
    assert provider.origin.version == "1.0"
    assert provider.origin.module == module
    assert provider.location == str(site.root / f"{module}.py")


def test_installed_distributions_are_discovered_without_being_handed_over(site):
    site.provider("kraken")
    registry = Registry(environ={"POSEI_PLUGINS": "kraken"})
    assert [provider.spec.name for provider in registry.providers] == ["kraken"]


def test_nothing_is_loaded_before_the_first_question(site):
    site.install("posei-loud", {"loud": "loud_plugin"}, {"loud_plugin": "raise SystemExit(9)"})
    registry = site.registry()
    import sys

    assert "loud_plugin" not in sys.modules
    assert len(registry.failures) == 1


def test_a_part_is_imported_only_when_it_is_asked_for(site):
    site.install(
        "posei-lazy",
        {"lazy": "lazy_plugin"},
        {
            "lazy_plugin": providers(spec("lazy", extra=", data='lazy_data:Client'")),
            "lazy_data": "class Client: pass",
        },
    )
    import sys

    registry = site.registry()
    assert registry.provider("lazy").spec.data == "lazy_data:Client"
    assert "lazy_data" not in sys.modules
    assert registry.load("lazy", "data").__name__ == "Client"
    assert "lazy_data" in sys.modules


BROKEN = {
    "import error": ("import no_such_package_anywhere", Stage.IMPORT, ModuleNotFoundError),
    "exit at import": ("raise SystemExit('bye')", Stage.IMPORT, SystemExit),
    "error at import": ("1 / 0", Stage.IMPORT, ZeroDivisionError),
    "misspelt hook": (
        f"{HEADER}\n@hookimpl\ndef posei_provider(): return []",
        Stage.HOOKS,
        PluginBroken,
    ),
    "unknown argument": (
        f"{HEADER}\n@hookimpl\ndef posei_on_lifecycle(evnt): pass",
        Stage.HOOKS,
        Exception,
    ),
    "forgotten marker": ("def posei_providers(): return []", Stage.HOOKS, PluginBroken),
    "no hook at all": ("X = 1", Stage.HOOKS, PluginBroken),
    "error in the hook": (
        f"{HEADER}\n@hookimpl\ndef posei_providers(): raise RuntimeError('boom')",
        Stage.DESCRIPTION,
        RuntimeError,
    ),
    "error while yielding": (
        f"{HEADER}\n@hookimpl\ndef posei_providers():\n    yield {spec('half')}\n    1 / 0",
        Stage.DESCRIPTION,
        ZeroDivisionError,
    ),
    "not a list": (
        f"{HEADER}\n@hookimpl\ndef posei_providers(): return {spec('one')}",
        Stage.DESCRIPTION,
        PluginBroken,
    ),
    "not specs": (providers("'ib'"), Stage.DESCRIPTION, PluginBroken),
    "one name twice": (providers(spec("x"), spec("x")), Stage.DESCRIPTION, PluginBroken),
    "bad name": (providers(spec("Bad-Name")), Stage.DESCRIPTION, ValueError),
    "bad reference": (
        providers(spec("x", extra=", data='no colon'")),
        Stage.DESCRIPTION,
        ValueError,
    ),
    "bad symbology": (
        f"{HEADER}\n@hookimpl\ndef posei_symbologies(): return {{'mic': 'nowhere'}}",
        Stage.DESCRIPTION,
        ValueError,
    ),
    "bad command": (
        f"{HEADER}\n@hookimpl\ndef posei_cli(register): register('x y', 'a:b', '')",
        Stage.DESCRIPTION,
        ValueError,
    ),
    "newer api": (providers(spec("x", api=99)), Stage.VERSION, PluginIncompatible),
    "older api": (providers(spec("x", api=0)), Stage.VERSION, PluginIncompatible),
    "api is no number": (providers(spec("x", api="1")), Stage.VERSION, PluginIncompatible),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_recorded_with_stage_and_cause_and_harms_nobody(site, case):
    source, stage, error = BROKEN[case]
    site.install("posei-bad", {"bad": "bad_plugin"}, {"bad_plugin": source}, version="2.3")
    site.provider("good")
    registry = site.registry()
    failure = only_failure(registry)
    assert failure.stage is stage
    assert isinstance(failure.error, error)
    assert failure.origin.distribution == "posei-bad"
    assert failure.origin.version == "2.3"
    assert [provider.spec.name for provider in registry.providers] == ["good"]


@pytest.mark.parametrize("case", BROKEN)
def test_strict_mode_raises_at_the_first_broken_plugin(site, case):
    source, _, error = BROKEN[case]
    site.install("posei-bad", {"bad": "bad_plugin"}, {"bad_plugin": source})
    registry = site.registry({"POSEI_STRICT_PLUGINS": "1"})
    with pytest.raises((PluginBroken, PluginIncompatible, MissingDependency)) as caught:
        registry.provider("anything")
    assert isinstance(caught.value, error) or isinstance(caught.value.__cause__, error)


def test_all_of_a_plugin_is_dropped_when_one_of_its_providers_is_incompatible(site):
    source = providers(spec("fine"), spec("stale", api=99))
    site.install("posei-two", {"two": "two_plugin"}, {"two_plugin": source})
    registry = site.registry()
    assert registry.providers == ()
    for name in ("fine", "stale"):
        with pytest.raises(PluginIncompatible, match="plugin API 99"):
            registry.provider(name)


def test_an_incompatible_plugin_names_both_numbers_and_what_to_upgrade(site):
    site.install("posei-new", {"new": "new_plugin"}, {"new_plugin": providers(spec("new", 99))})
    site.install("posei-old", {"old": "old_plugin"}, {"old_plugin": providers(spec("old", 0))})
    registry = site.registry()
    with pytest.raises(PluginIncompatible, match=r"API 99, but .* serves 1") as newer:
        registry.provider("new")
    assert newer.value.remedy == "upgrade posei-trader"
    with pytest.raises(PluginIncompatible, match=r"API 0, but .* serves 1") as older:
        registry.provider("old")
    assert older.value.remedy == "upgrade posei-old"


def test_asking_for_a_broken_provider_raises_with_the_original_cause(site):
    site.install("posei-bad", {"bad": "bad_plugin"}, {"bad_plugin": "1 / 0"})
    with pytest.raises(PluginBroken, match="installed but broken: importing it failed") as caught:
        site.registry().provider("bad")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "posei-bad 1.0" in str(caught.value)
    assert caught.value.remedy == "pip install --force-reinstall posei-bad"


def test_a_first_party_provider_that_lacks_a_package_says_which_extra_installs_it(site):
    source = "import no_such_package_anywhere"
    site.install("posei-trader-ib", {"ib": "ib_plugin"}, {"ib_plugin": source})
    with pytest.raises(MissingDependency, match="no_such_package_anywhere") as caught:
        site.registry().provider("ib")
    assert caught.value.remedy == "pip install 'posei_trader[ib]'"


def test_an_entry_point_to_a_module_that_is_gone_is_broken_rather_than_incomplete(site):
    site.install("posei-gone", {"gone": "gone_package.plugin"}, {})
    with pytest.raises(PluginBroken) as caught:
        site.registry().provider("gone")
    assert not isinstance(caught.value, MissingDependency)


def test_a_failed_plugin_answers_for_the_names_it_had_claimed(site):
    body = f"    yield {spec('alpha')}\n    raise RuntimeError('later')"
    source = f"{HEADER}\n@hookimpl\ndef posei_providers():\n{body}"
    site.install("posei-half", {"half": "half_plugin"}, {"half_plugin": source})
    with pytest.raises(PluginBroken) as caught:
        site.registry().provider("alpha")
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("ib", "pip install 'posei_trader[ib]'"),
        ("ib_docker", "pip install 'posei_trader[docker]'"),
        ("ib_sim", "pip install 'posei_trader[sim]'"),
    ],
)
def test_a_known_provider_that_is_absent_says_what_to_install(site, name, command):
    with pytest.raises(ProviderNotInstalled) as caught:
        site.registry().provider(name)
    assert caught.value.remedy == command
    assert caught.value.value == name


def test_an_unknown_provider_gets_the_closest_name(site):
    site.provider("kraken")
    with pytest.raises(ProviderNotInstalled, match="did you mean 'kraken'"):
        site.registry().provider("krakn")


def test_an_unknown_provider_without_a_close_name_gets_the_list(site):
    site.provider("kraken")
    with pytest.raises(ProviderNotInstalled, match="installed are: 'kraken'"):
        site.registry().provider("zzzzzz")


def test_an_unknown_provider_is_told_of_plugins_that_failed(site):
    site.install("posei-bad", {"bad": "bad_plugin"}, {"bad_plugin": "1 / 0"})
    with pytest.raises(ProviderNotInstalled, match="plugins list --failed"):
        site.registry().provider("zzzzzz")


def test_a_misspelt_hook_gets_the_closest_name(site):
    source = BROKEN["misspelt hook"][0]
    site.install("posei-bad", {"bad": "bad_plugin"}, {"bad_plugin": source})
    with pytest.raises(PluginBroken, match="there is no hook 'posei_provider'") as caught:
        site.registry().provider("bad")
    assert caught.value.remedy == "did you mean 'posei_providers'?"


def test_a_damaged_installation_without_metadata_hides_nobody(site):
    site.install("posei-bare", {"bare": "bare_plugin"}, {"bare_plugin": "1 / 0"}, metadata=False)
    site.provider("good")
    registry = site.registry()
    assert [provider.spec.name for provider in registry.providers] == ["good"]
    assert only_failure(registry).origin.distribution == "unknown distribution"


def test_an_entry_point_without_a_distribution_can_be_handed_over(site):
    module = site.provider("kraken")
    entry = EntryPoint("kraken", module, "posei_trader.plugins")
    registry = Registry(entry_points=[entry], environ={})
    assert registry.provider("kraken").origin.distribution == "unknown distribution"


@pytest.mark.parametrize(
    ("environ", "blocked", "served"),
    [
        ({}, (), ["one", "two"]),
        ({"POSEI_PLUGINS": ""}, (), ["one", "two"]),
        ({"POSEI_PLUGINS": "one"}, (), ["one"]),
        ({"POSEI_PLUGINS": "-one"}, (), ["two"]),
        ({"POSEI_PLUGINS": " one , two ,-two"}, (), ["one"]),
        ({}, ("two",), ["one"]),
        ({"POSEI_PLUGINS": "-one"}, ("two",), []),
    ],
)
def test_the_environment_and_the_blocked_list_select_plugins(site, environ, blocked, served):
    site.provider("one")
    site.provider("two")
    registry = site.registry(environ, blocked=blocked)
    assert [provider.spec.name for provider in registry.providers] == served
    assert {origin.plugin for origin in registry.disabled} == {"one", "two"} - set(served)


def test_a_disabled_provider_is_neither_absent_nor_broken(site):
    site.provider("one")
    with pytest.raises(ProviderNotInstalled, match=r"installed \(.*posei-one 1.0\) but disabled"):
        site.registry(blocked=["one"]).provider("one")


def test_tracing_prints_each_hook_call_with_its_origin(site, capsys):
    site.provider("one")
    site.install(
        "posei-bad",
        {"bad": "bad_plugin"},
        {"bad_plugin": BROKEN["error in the hook"][0]},
    )
    assert site.registry({"POSEI_TRACE_PLUGINS": "1"}).providers
    trace = capsys.readouterr().err
    assert "'one' of posei-one 1.0: posei_providers()" in trace
    assert "posei_providers took" in trace
    assert "raised RuntimeError('boom')" in trace
