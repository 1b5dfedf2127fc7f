"""Serve what the installed plugins bring, importing each part when it is asked for."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar, final

from posei_trader.errors import PluginBroken, ProviderNotInstalled
from posei_trader.plugins.claims import Claims
from posei_trader.plugins.closest import listed
from posei_trader.plugins.inventory import Inventory
from posei_trader.plugins.known import install_command
from posei_trader.plugins.records import Command, Conflict, Failure, Kind, Origin, Plugin
from posei_trader.plugins.references import resolve
from posei_trader.plugins.settings import Selection, flag, pins_from, tracer_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.metadata import EntryPoint

    from posei_trader.plugins.hooks import LifecycleEvent
    from posei_trader.plugins.spec import ProviderSpec

__all__ = ["Provider", "Registry", "default_registry"]

_Class = TypeVar("_Class")


@final
class Provider(NamedTuple):
    """A provider that is served: what it says about itself, and where it comes from."""

    spec: ProviderSpec
    origin: Origin
    location: str | None = None

    def load(self, part: str) -> object:
        """Import one part, such as ``"data"`` or ``"symbology.raw"``.

        Raises:
            ProviderNotInstalled: the provider has no such part.
            MissingDependency: the part needs a package that is not installed.
            PluginBroken: the part cannot be imported.
        """
        parts = self.spec.parts()
        if part not in parts:
            raise ProviderNotInstalled(
                f"provider {self.spec.name!r} has no part {part!r}",
                field=self.spec.name,
                value=part,
                remedy=f"it has: {listed(sorted(parts))}",
            )
        return resolve(
            parts[part],
            owner=f"part {part!r} of provider {self.spec.name!r} (plugin {self.origin})",
            install=install_command(self.spec.name),
        )

    def load_class(self, part: str, base: type[_Class]) -> type[_Class]:
        """Import one part that must be a class derived from ``base``.

        Raises:
            PluginError: as `load`, or the part is something else.
        """
        found = self.load(part)
        if not (isinstance(found, type) and issubclass(found, base)):
            raise PluginBroken(
                f"part {part!r} of provider {self.spec.name!r} is no {base.__name__}",
                field=f"{self.spec.name}.{part}",
                value=self.spec.parts()[part],
                remedy=f"derive it from {base.__module__}.{base.__qualname__}",
            )
        return found


@final
class Registry:
    """Know every plugin, isolated from each other, and decide who serves which name.

    Discovery happens at the first question and imports only the light plugin modules. Nothing that
    a plugin does while it loads reaches the caller; it is recorded in `failures`, and raised to
    whoever asks for what that plugin serves. For configuration time, not for the data path.

    Args:
        entry_points: What to load instead of the installed entry points; for tests.
        blocked: Entry-point names not to load, in addition to those in ``POSEI_PLUGINS``.
        pins: Name to the distribution that may serve it; ``POSEI_PIN`` wins over these.
        environ: Where switches are read from (see `posei_trader.plugins.settings`).

    Raises:
        ConfigError: an environment variable of ours has no meaning.
    """

    def __init__(
        self,
        *,
        entry_points: Iterable[EntryPoint] | None = None,
        blocked: Iterable[str] = (),
        pins: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        selection = Selection.from_environment(environ)
        self._inventory = Inventory(
            entry_points,
            Selection(selection.only, selection.blocked | frozenset(blocked)),
            strict=flag(environ, "POSEI_STRICT_PLUGINS"),
            trace=tracer_from(environ),
        )
        self._fixed_pins = pins_from(environ)
        self._pins = {**(pins or {}), **self._fixed_pins}

    def with_pins(self, pins: Mapping[str, str]) -> Self:
        """Return a view of the same plugins under more pins; ``POSEI_PIN`` still wins."""
        view = object.__new__(type(self))
        view._inventory = self._inventory
        view._fixed_pins = self._fixed_pins
        view._pins = {**self._pins, **pins, **self._fixed_pins}
        return view

    def register(self, plugin: object, *, name: str) -> Plugin:
        """Add a plugin object of this process, for tests and notebooks.

        It competes for names like any other plugin; its distribution in a pin is ``in-process``.

        Raises:
            InvalidRequest: the name is taken by another registered plugin.
            PluginError: it does not load; nothing of it is kept.
        """
        return self._inventory.register(plugin, name)

    def unregister(self, name: str) -> None:
        """Remove what `register` added under a name.

        Raises:
            InvalidRequest: there is nothing of this name.
        """
        self._inventory.unregister(name)

    # --- what there is ------------------------------------------------------------------------

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """Every plugin that loaded."""
        return tuple(self._discovered().plugins)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Every plugin that did not load, with the original error."""
        return tuple(self._discovered().failures)

    @property
    def disabled(self) -> tuple[Origin, ...]:
        """Every plugin that was not to be loaded."""
        return tuple(self._discovered().disabled)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Every name that is claimed but served by nobody."""
        return (
            *self._providers().conflicts(),
            *self._references(Kind.SYMBOLOGY).conflicts(),
            *self._references(Kind.SOURCE).conflicts(),
            *self._commands().conflicts(),
        )

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Every provider that is served, by name."""
        return tuple(claim.offer for claim in self._providers().served().values())

    @property
    def symbologies(self) -> tuple[str, ...]:
        """The name of every symbology that is served."""
        return tuple(self._references(Kind.SYMBOLOGY).served())

    @property
    def sources(self) -> tuple[str, ...]:
        """The name of every config source that is served."""
        return tuple(self._references(Kind.SOURCE).served())

    @property
    def commands(self) -> tuple[Command, ...]:
        """Every command group that is served."""
        return tuple(claim.offer for claim in self._commands().served().values())

    # --- what is asked for --------------------------------------------------------------------

    def provider(self, name: str) -> Provider:
        """Return the provider that serves a name, without importing its parts.

        Raises:
            ProviderNotInstalled: nobody serves it; the error says what to install.
            ProviderConflict: several want to; the error says how to pin one.
            PluginBroken: the plugin that serves it failed to load; the cause is chained.
            PluginIncompatible: it was written for another plugin API.
        """
        return self._providers().winner(name).offer

    def load(self, name: str, part: str) -> object:
        """Import one part of a provider; see `provider` and `Provider.load` for what is raised."""
        return self.provider(name).load(part)

    def symbology(self, name: str) -> object:
        """Import a symbology; raises like `provider` and `Provider.load`."""
        return self._load_reference(Kind.SYMBOLOGY, name)

    def source(self, name: str) -> object:
        """Import a config source; raises like `provider` and `Provider.load`."""
        return self._load_reference(Kind.SOURCE, name)

    def announce(self, event: LifecycleEvent) -> None:
        """Tell every plugin that a node reached a stage; what they raise is logged, not raised."""
        for plugin in self.plugins:
            try:
                plugin.manager.hook.posei_on_lifecycle(event=event)
            except (Exception, SystemExit):
                import logging  # noqa: PLC0415 - not needed before something fails

                logging.getLogger("posei.Registry").exception(
                    "plugin %s failed at lifecycle stage %r", plugin.origin, event.stage.value
                )

    # --- how it is decided --------------------------------------------------------------------

    def _discovered(self) -> Inventory:
        self._inventory.discover()
        return self._inventory

    def _providers(self) -> Claims[Provider]:
        known = self._discovered()
        claims = Claims[Provider](Kind.PROVIDER, self._pins, known.failures, known.disabled)
        for plugin in known.plugins:
            for spec in plugin.providers:
                offer = Provider(spec, plugin.origin, plugin.location)
                claims.add(spec.name, plugin.origin, offer)
        return claims

    def _references(self, kind: Kind) -> Claims[str]:
        known = self._discovered()
        claims = Claims[str](kind, self._pins, known.failures)
        for plugin in known.plugins:
            offers = dict(plugin.sources if kind is Kind.SOURCE else plugin.symbologies)
            if kind is Kind.SYMBOLOGY:
                for spec in plugin.providers:
                    offers.update(spec.symbology)
            for name, reference in offers.items():
                claims.add(name, plugin.origin, reference)
        return claims

    def _commands(self) -> Claims[Command]:
        known = self._discovered()
        claims = Claims[Command](Kind.COMMAND, self._pins, known.failures)
        for plugin in known.plugins:
            for command in plugin.commands:
                claims.add(command.name, plugin.origin, command)
        return claims

    def _load_reference(self, kind: Kind, name: str) -> object:
        claim = self._references(kind).winner(name)
        return resolve(claim.offer, owner=f"{kind} {name!r} (plugin {claim.origin})")


@cache
def default_registry() -> Registry:
    """Return the registry of the installed plugins that the whole process shares."""
    return Registry()
