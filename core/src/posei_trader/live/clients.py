"""Making a node's clients: from factories that were added, else from the plugin registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, final

from posei_trader.errors import ConfigError, PoseiError, ProviderNotInstalled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posei_trader.config import PoseiConfig
    from posei_trader.plugins import Registry

__all__ = ["ClientBuilder"]

ClientT_co = TypeVar("ClientT_co", covariant=True)
ConfigT_contra = TypeVar("ConfigT_contra", contravariant=True, bound="PoseiConfig")
ContextT_contra = TypeVar("ContextT_contra", contravariant=True)

BuiltT = TypeVar("BuiltT")
SettingsT = TypeVar("SettingsT", bound="PoseiConfig")
GivenT = TypeVar("GivenT")


class _Factory(Protocol[ConfigT_contra, ContextT_contra, ClientT_co]):
    def create(self, config: ConfigT_contra, context: ContextT_contra) -> ClientT_co: ...


@final
class ClientBuilder(Generic[SettingsT, GivenT, BuiltT]):
    """Make the clients of one kind.

    Args:
        kind: ``data`` or ``exec``: the kind, in the names of settings and of plugin parts.
        configs: What is configured, by client name.
    """

    def __init__(self, kind: str, configs: Mapping[str, SettingsT]) -> None:
        self._kind = kind
        self._configs = configs
        self._factories: dict[str, _Factory[SettingsT, GivenT, BuiltT]] = {}

    def add(self, name: str, factory: _Factory[SettingsT, GivenT, BuiltT]) -> None:
        """Add a factory for the client of a name.

        Raises:
            ConfigError: one was added for this name already, or it has no `create`.
        """
        if name in self._factories:
            raise ConfigError(
                f"a factory for the {self._kind} client {name!r} was added already",
                field=f"{self._kind}_clients.{name}",
                value=_name_of(factory),
                remedy="add one factory for each client",
            )
        if not callable(getattr(factory, "create", None)):
            raise ConfigError(
                f"this is no factory of a {self._kind} client",
                field=f"{self._kind}_clients.{name}",
                value=_name_of(factory),
                remedy="pass a class with a static method create(config, context)",
            )
        self._factories[name] = factory

    def check(self) -> None:
        """Refuse factories that no configuration stands behind.

        Raises:
            ConfigError: a factory's name is not configured; names those that are.
        """
        for name, factory in self._factories.items():
            if name not in self._configs:
                choices = ", ".join(sorted(self._configs)) or "none"
                raise ConfigError(
                    f"a factory was added for a {self._kind} client that is not configured",
                    field=f"{self._kind}_clients.{name}",
                    value=_name_of(factory),
                    remedy=(
                        f"configured {self._kind} clients: {choices}; put {name!r} into "
                        f"TradingNodeConfig({self._kind}_clients={{...}}), or correct the name"
                    ),
                )

    def build(self, name: str, context: GivenT, registry: Registry) -> BuiltT:
        """Make the client of a name. Does no I/O.

        Raises:
            ConfigError: there is no factory for it, or it refuses the configuration.
            PluginError: the provider that should serve it cannot be had.
        """
        config = self._configs[name]
        factory = self._factories.get(name)
        if factory is None:
            factory = self._from_registry(name, config, registry)
        try:
            return factory.create(config, context)
        except PoseiError:
            raise
        except Exception as error:
            raise ConfigError(
                f"the {self._kind} client {name!r} cannot be made: {type(error).__name__}: {error}",
                field=f"{self._kind}_clients.{name}",
                value=type(config).__name__,
                remedy=f"check that this is the configuration that {_name_of(factory)} takes",
            ) from error

    def _from_registry(
        self, name: str, config: SettingsT, registry: Registry
    ) -> _Factory[SettingsT, GivenT, BuiltT]:
        provider = getattr(config, "provider", None) or name.lower()
        part = f"{self._kind}_factory"
        field = f"{self._kind}_clients.{name}"
        try:
            found = registry.load(provider, part)
        except ProviderNotInstalled as error:
            raise ConfigError(
                f"there is no factory for the {self._kind} client {name!r}, and no installed "
                f"plugin serves {provider!r}",
                field=field,
                value=type(config).__name__,
                remedy=(
                    f"call node.add_{self._kind}_client_factory({name!r}, YourFactory) before "
                    f"build(), or set provider in its config; {error.remedy}"
                ),
            ) from error
        self._check_config_class(provider, field, config, registry)
        if not callable(getattr(found, "create", None)):
            raise ConfigError(
                f"part {part!r} of the plugin {provider!r} is no factory",
                field=field,
                value=_name_of(found),
                remedy="ask the plugin's author for a class with create(config, context)",
            )
        return found  # type: ignore[return-value]  # the registry hands out objects; checked above

    def _check_config_class(
        self, provider: str, field: str, config: SettingsT, registry: Registry
    ) -> None:
        part = f"{self._kind}_config"
        if part not in registry.provider(provider).spec.parts():
            return
        wanted = registry.load(provider, part)
        if isinstance(wanted, type) and not isinstance(config, wanted):
            raise ConfigError(
                f"the configuration is not the one that the provider {provider!r} takes",
                field=field,
                value=type(config).__name__,
                remedy=f"use {wanted.__module__}.{wanted.__name__}",
            )


def _name_of(thing: object) -> str:
    return thing.__name__ if isinstance(thing, type) else type(thing).__name__
