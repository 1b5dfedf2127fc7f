"""What the registry remembers about each plugin: its origin, what it brought, how it failed.

Named tuples rather than dataclasses: they cost a start of the program a third.
"""

from __future__ import annotations

from enum import StrEnum, unique
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.errors import MissingDependency, PluginBroken, PluginError
from posei_trader.plugins.known import install_command, normalized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pluggy import PluginManager

    from posei_trader.plugins.spec import ProviderSpec

__all__ = ["IN_PROCESS", "Command", "Conflict", "Failure", "Kind", "Origin", "Plugin", "Stage"]

IN_PROCESS: Final = "in-process"
"""The distribution of what was registered by a call rather than found by an entry point."""


@unique
class Stage(StrEnum):
    """Name the step of loading in which a plugin failed."""

    IMPORT = "importing it"
    HOOKS = "checking its hooks"
    DESCRIPTION = "asking what it brings"
    VERSION = "checking its API version"


@unique
class Kind(StrEnum):
    """Name what plugins can bring under a name that only one of them may have."""

    PROVIDER = "provider"
    SYMBOLOGY = "symbology"
    SOURCE = "config source"
    COMMAND = "command"


@final
class Origin(NamedTuple):
    """Say where a plugin comes from.

    Attributes:
        plugin: Its entry point's name, or the name it was registered with.
        distribution: The distribution that declares the entry point.
        version: That distribution's version.
        module: What the entry point refers to.
    """

    plugin: str
    distribution: str
    version: str = ""
    module: str = ""

    @property
    def is_in_process(self) -> bool:
        """Whether a call registered it, so that nobody else can have slipped it in."""
        return self.distribution == IN_PROCESS

    def answers(self, pin: str) -> bool:
        """Tell whether a pin means this plugin: ``distribution`` or ``distribution:plugin``."""
        distribution, _, plugin = pin.partition(":")
        return normalized(distribution) == normalized(self.distribution) and plugin in {
            "",
            self.plugin,
        }

    def __str__(self) -> str:
        release = f"{self.distribution} {self.version}".rstrip()
        return f"{self.plugin!r} of {release}"


@final
class Command(NamedTuple):
    """A command group that a plugin adds to the ``posei`` program."""

    name: str
    target: str
    summary: str


@final
class Plugin(NamedTuple):
    """A plugin that loaded completely.

    Attributes:
        origin: Where it comes from.
        location: The file it was loaded from, if it has one.
        hooks: The hooks that it implements.
        manager: The pluggy manager that holds only this plugin.
        providers: The providers that it brings.
        symbologies: Symbologies that belong to none of its providers, to their references.
        sources: Config sources to their references.
        commands: Command groups for the ``posei`` program.
    """

    origin: Origin
    location: str | None
    hooks: tuple[str, ...]
    manager: PluginManager
    providers: tuple[ProviderSpec, ...] = ()
    symbologies: Mapping[str, str] = MappingProxyType({})
    sources: Mapping[str, str] = MappingProxyType({})
    commands: tuple[Command, ...] = ()


@final
class Failure(NamedTuple):
    """A plugin that did not load; nothing of it is served.

    Attributes:
        origin: Where it comes from.
        stage: The step that failed.
        error: What was raised, unchanged.
        claims: The provider names that it is known to have asked for.
    """

    origin: Origin
    stage: Stage
    error: BaseException
    claims: tuple[str, ...] = ()

    def may_own(self, provider: str, owner: str | None) -> bool:
        """Tell whether a provider name was probably to be served by this plugin."""
        return (
            provider in self.claims
            or provider == self.origin.plugin
            or (owner is not None and normalized(owner) == normalized(self.origin.distribution))
        )

    def as_error(self) -> PluginError:
        """Return what to raise for somebody who needs the plugin; the original is its cause."""
        if isinstance(self.error, PluginError):
            return self.error
        kind = MissingDependency if self._lacks_a_package() else PluginBroken
        error = kind(
            f"plugin {self.origin} is installed but broken: {self.stage} failed with "
            f"{type(self.error).__name__}: {self.error}",
            field=self.origin.module or None,
            remedy=install_command(self.origin.plugin, self._reinstallable()),
        )
        error.__cause__ = self.error
        return error

    def _lacks_a_package(self) -> bool:
        return (
            isinstance(self.error, ModuleNotFoundError)
            and self.error.name is not None
            and not f"{self.origin.module}.".startswith(f"{self.error.name}.")
        )

    def _reinstallable(self) -> str | None:
        return None if self.origin.is_in_process else self.origin.distribution


@final
class Conflict(NamedTuple):
    """A name that several plugins want; none of them has it until one is pinned."""

    kind: Kind
    name: str
    claimants: tuple[Origin, ...]
    remedy: str
