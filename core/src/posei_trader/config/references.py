"""Fill in what a configuration file refers to: ``{env = "NAME"}`` and the sources of plugins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Self, final

from posei_trader.config.translation import dotted
from posei_trader.errors import ConfigError, PluginBroken

if TYPE_CHECKING:
    from posei_trader.plugins import Registry

__all__ = ["Sources"]

_ENVIRONMENT: Final = "env"
_DEFAULT: Final = "default"


@final
class _Referenced(str):
    """A text that came from a reference and may be a secret: it never shows in an error."""

    __slots__ = ("_origin",)

    _origin: str

    @classmethod
    def of(cls, text: str, origin: str) -> Self:
        made = cls(text)
        made._origin = origin
        return made

    def __repr__(self) -> str:
        return f"<the value of {self._origin}>"


@final
class Sources:
    """Know where references lead: the environment, and what plugins add to it."""

    def __init__(self, registry: Registry, environ: Mapping[str, str]) -> None:
        self._registry = registry
        self._environ = environ
        self._names: frozenset[str] | None = None

    def fill(self, value: object, path: str) -> object:
        """Return a value with every reference in it replaced by what it refers to.

        Raises:
            ConfigError: what a reference names is not set.
            PluginError: the source it names is broken.
        """
        if isinstance(value, Mapping):
            source = self._source_of(value)
            if source is not None:
                return self._resolved(source, value, path)
            return {key: self.fill(item, dotted(path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, dotted(path, index)) for index, item in enumerate(value)]
        return value

    def _source_of(self, table: Mapping[str, object]) -> str | None:
        keys = set(table) - {_DEFAULT}
        if len(keys) != 1 or len(table) > len(keys) + 1:
            return None
        (source,) = keys
        return source if source == _ENVIRONMENT or source in self._plugin_sources() else None

    def _plugin_sources(self) -> frozenset[str]:
        if self._names is None:
            self._names = frozenset(self._registry.sources)
        return self._names

    def _resolved(self, source: str, table: Mapping[str, object], path: str) -> object:
        key = table[source]
        if not isinstance(key, str):
            raise ConfigError(
                f"what {source!r} refers to is no text",
                field=dotted(path, source),
                value=key,
                remedy='write { env = "NAME" }',
            )
        try:
            return _Referenced.of(self._looked_up(source, key), f"{source} {key!r}")
        except LookupError:
            if _DEFAULT in table:
                return table[_DEFAULT]
            raise ConfigError(
                f"{source} has no {key!r}",
                field=path,
                value=dict(table),
                remedy=f"set the environment variable {key}"
                if source == _ENVIRONMENT
                else f"store {key!r} there, or add default = ...",
            ) from None

    def _looked_up(self, source: str, key: str) -> str:
        if source == _ENVIRONMENT:
            return self._environ[key]
        look_up = self._registry.source(source)
        if not callable(look_up):
            raise PluginBroken(
                f"config source {source!r} cannot be called",
                field=source,
                value=type(look_up).__name__,
                remedy="report it to the plugin's owner",
            )
        try:
            found = look_up(key)
        except LookupError:
            raise
        except Exception as error:
            raise PluginBroken(
                f"config source {source!r} failed: {type(error).__name__}: {error}",
                field=source,
                value=key,
                remedy="run with --debug for the traceback, and report it to the plugin's owner",
            ) from error
        if not isinstance(found, str):
            raise PluginBroken(
                f"config source {source!r} returned something that is no text",
                field=source,
                value=type(found).__name__,
                remedy="report it to the plugin's owner",
            )
        return found
