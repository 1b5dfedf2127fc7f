"""Load one plugin completely or not at all."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, final

import pluggy

from posei_trader.errors import PluginBroken, PluginIncompatible
from posei_trader.plugins import hooks
from posei_trader.plugins.closest import did_you_mean, listed
from posei_trader.plugins.records import Command, Failure, Origin, Plugin, Stage
from posei_trader.plugins.spec import (
    API_VERSION,
    SUPPORTED_API,
    ProviderSpec,
    require_name,
    require_reference,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["HOOK_NAMES", "load"]

HOOK_NAMES = tuple(
    name for name, value in vars(hooks).items() if hasattr(value, f"{hooks.PROJECT}_spec")
)
"""The names of all hooks."""


def load(
    origin: Origin, fetch: Callable[[], object], trace: Callable[[str], None] | None = None
) -> Plugin | Failure:
    """Import a plugin, check it and ask what it brings; any failure leaves nothing behind.

    Never raises what the plugin raises, `SystemExit` included: that is in the returned `Failure`.
    """
    loading = _Loading(origin, trace)
    try:
        return loading.run(fetch)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the boundary around foreign code
        return Failure(origin, loading.stage, error, tuple(loading.claims))


@final
class _Loading:
    """The steps of loading, with what is known so far for the report of a failure."""

    def __init__(self, origin: Origin, trace: Callable[[str], None] | None) -> None:
        self.origin = origin
        self.trace = trace
        self.stage = Stage.IMPORT
        self.claims: list[str] = []

    def run(self, fetch: Callable[[], object]) -> Plugin:
        plugin = fetch()
        self.stage = Stage.HOOKS
        manager = self._manager_of(plugin)
        implemented = _checked_hooks(manager, plugin)
        self.stage = Stage.DESCRIPTION
        providers = self._providers(manager)
        described = Plugin(
            origin=self.origin,
            location=getattr(plugin, "__file__", None),
            hooks=implemented,
            manager=manager,
            providers=providers,
            symbologies=_references(manager.hook.posei_symbologies(), "posei_symbologies"),
            sources=_references(manager.hook.posei_config_sources(), "posei_config_sources"),
            commands=_commands(manager),
        )
        self.stage = Stage.VERSION
        for spec in providers:
            _require_supported_api(spec, self.origin)
        return described

    def _manager_of(self, plugin: object) -> pluggy.PluginManager:
        # A manager for each plugin: what one does in its hooks can never reach another.
        manager = pluggy.PluginManager(hooks.PROJECT)
        manager.add_hookspecs(hooks)
        if self.trace is not None:
            _monitor(manager, self.origin, self.trace)
        manager.register(plugin, name=self.origin.plugin)
        return manager

    def _providers(self, manager: pluggy.PluginManager) -> tuple[ProviderSpec, ...]:
        specs: list[ProviderSpec] = []
        for brought in manager.hook.posei_providers():
            for spec in _iterated(brought, "posei_providers"):
                if not isinstance(spec, ProviderSpec):
                    raise PluginBroken(
                        "posei_providers yielded something that is no ProviderSpec",
                        value=type(spec).__name__,
                        remedy="yield posei_trader.plugins.ProviderSpec objects",
                    )
                if spec.name in self.claims:
                    raise PluginBroken(
                        "posei_providers yielded one provider name twice", value=spec.name
                    )
                self.claims.append(spec.name)
                specs.append(spec)
        return tuple(specs)


def _checked_hooks(manager: pluggy.PluginManager, plugin: object) -> tuple[str, ...]:
    callers = manager.get_hookcallers(plugin) or []
    implemented = tuple(sorted(caller.name for caller in callers))
    for name in implemented:
        if name not in HOOK_NAMES:
            raise PluginBroken(
                f"there is no hook {name!r}", field=name, remedy=did_you_mean(name, HOOK_NAMES)
            )
    manager.check_pending()
    for name in HOOK_NAMES:
        if name not in implemented and inspect.isfunction(getattr(plugin, name, None)):
            raise PluginBroken(
                f"{name!r} is named like a hook but is not marked as one",
                field=name,
                remedy="decorate it with posei_trader.plugins.hookimpl",
            )
    if not implemented:
        raise PluginBroken("it implements no hook", remedy=f"implement one of {listed(HOOK_NAMES)}")
    return implemented


def _iterated(brought: object, hook: str) -> Iterable[object]:
    if isinstance(brought, ProviderSpec) or not hasattr(brought, "__iter__"):
        raise PluginBroken(
            f"{hook} did not return an iterable",
            value=type(brought).__name__,
            remedy="yield the objects, or return a list of them",
        )
    return brought


def _references(results: Iterable[Mapping[str, str]], hook: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for result in results:
        for name, reference in result.items():
            require_reference(f"{hook}[{name!r}]", reference)
            found[name] = reference
    return found


def _commands(manager: pluggy.PluginManager) -> tuple[Command, ...]:
    found: list[Command] = []

    def register(name: str, target: str, summary: str) -> None:
        require_name("posei_cli name", name.replace("-", "_"))
        require_reference("posei_cli target", target)
        found.append(Command(name, target, summary))

    manager.hook.posei_cli(register=register)
    return tuple(found)


def _require_supported_api(spec: ProviderSpec, origin: Origin) -> None:
    if spec.api in SUPPORTED_API:
        return
    served = ", ".join(map(str, sorted(SUPPORTED_API)))
    newer = isinstance(spec.api, int) and spec.api > API_VERSION
    raise PluginIncompatible(
        f"provider {spec.name!r} (plugin {origin}) was written for plugin API {spec.api}, "
        f"but this posei-trader serves {served}",
        field=f"{spec.name}.api",
        value=spec.api,
        remedy="upgrade posei-trader" if newer else f"upgrade {origin.distribution}",
    )


def _monitor(manager: pluggy.PluginManager, origin: Origin, trace: Callable[[str], None]) -> None:
    started: list[int] = []

    def before(hook: str, _impls: object, arguments: Mapping[str, object]) -> None:
        names = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        trace(f"{origin}: {hook}({names})")
        started.append(time.perf_counter_ns())

    def after(outcome: pluggy.Result[object], hook: str, _impls: object, _args: object) -> None:
        micros = (time.perf_counter_ns() - started.pop()) / 1_000
        failed = f", raised {outcome.exception!r}" if outcome.exception else ""
        trace(f"{origin}: {hook} took {micros:.0f} us{failed}")

    manager.add_hookcall_monitoring(before, after)
