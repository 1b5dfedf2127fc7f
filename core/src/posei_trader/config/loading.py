"""Read a node's configuration file: references filled in, each client checked by its own class."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar, final

from posei_trader.config.base import PoseiConfig
from posei_trader.config.live import GatewayConfig, LiveDataClientConfig, LiveExecClientConfig
from posei_trader.config.references import Sources
from posei_trader.config.translation import alternatives, dotted
from posei_trader.errors import ConfigError, PluginError, ProviderNotInstalled
from posei_trader.plugins import Registry, default_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from posei_trader.errors import PoseiError

__all__ = ["load_node", "read_toml"]

_Config = TypeVar("_Config", bound=PoseiConfig)

_PROVIDER: Final = "provider"


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            "the configuration file cannot be read",
            field="path",
            value=str(path),
            remedy=f"{error.strerror}: check the path",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the configuration file is not TOML",
            field="path",
            value=str(path),
            remedy=f"correct it: {error}",
        ) from error


def load_node(
    path: Path,
    build: Callable[[Mapping[str, object]], _Config],
    *,
    registry: Registry | None = None,
    environ: Mapping[str, str] | None = None,
) -> _Config:
    """Read the file of a node, and build its configuration from the settings in it.

    Everything that is wrong in the file is found at once, in whatever section it stands.

    Args:
        path: The file.
        build: Makes the configuration from plain settings and clients that are checked already.
        registry: Where providers are looked for; None is what is installed.
        environ: What ``{env = "NAME"}`` refers to; None is the process's environment.

    Raises:
        ConfigError: the file cannot be read, or a reference or a setting is wrong.
        PluginError: a provider that it names cannot be had, and nothing else is wrong.
    """
    settings = read_toml(path)
    registry = registry or default_registry()
    pins = settings.get("plugin_pins")
    if isinstance(pins, Mapping):
        registry = registry.with_pins({str(name): str(pin) for name, pin in pins.items()})
    sources = Sources(registry, os.environ if environ is None else environ)
    found = _Findings()
    filled: dict[str, object] = {}
    for name, value in settings.items():
        with found.noted():
            filled[name] = sources.fill(value, name)
    reader = _ClientReader(registry)
    for section, part, base in (
        ("data_clients", "data_config", LiveDataClientConfig),
        ("exec_clients", "exec_config", LiveExecClientConfig),
    ):
        clients = filled.get(section)
        if isinstance(clients, Mapping):
            checked: dict[str, object] = {}
            for client, table in clients.items():
                with found.noted():
                    checked[client] = reader.client(table, part, base, dotted(section, client))
            filled[section] = checked
    with found.noted():
        config = build(filled)
    found.raise_all()
    return config


@final
class _Findings:
    """Gather what is wrong in the parts of a file, so that it can be told at once."""

    def __init__(self) -> None:
        self._problems: list[PoseiError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note what is wrong in one part; the next part is looked at all the same."""
        try:
            yield
        except ConfigError as error:
            self._problems += error.problems or (error,)
        except PluginError as error:
            self._problems.append(error)

    def raise_all(self) -> None:
        """Raise what was noted, if anything was."""
        if len(self._problems) == 1:
            raise self._problems[0]
        if self._problems:
            raise ConfigError.of(self._problems) from self._problems[0]


@final
class _ClientReader:
    """Turn the tables of clients and gateways into the configurations of their providers."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def client(self, table: object, part: str, base: type[_Config], path: str) -> object:
        """Return the configuration of a client, or the table itself if it is no table."""
        if not isinstance(table, Mapping):
            return table
        name = table.get(_PROVIDER, path.rpartition(".")[2].lower())
        kind = self._class_of(name, part, base, path)
        settings = {**table, _PROVIDER: name}
        for setting, info in kind.model_fields.items():
            value = settings.get(setting)
            if isinstance(value, Mapping) and GatewayConfig in alternatives(info.annotation):
                settings[setting] = self._gateway(value, dotted(path, setting))
        return kind.from_mapping(settings, path=path)

    def _gateway(self, table: Mapping[str, object], path: str) -> PoseiConfig:
        if _PROVIDER not in table:
            raise ConfigError(
                "a gateway does not say which provider runs it",
                field=dotted(path, _PROVIDER),
                remedy='add provider = "..."; `posei plugins list` shows the installed ones',
            )
        kind = self._class_of(table[_PROVIDER], "config", PoseiConfig, path)
        return kind.from_mapping(table, path=path)

    def _class_of(self, name: object, part: str, base: type[_Config], path: str) -> type[_Config]:
        field = dotted(path, _PROVIDER)
        if not isinstance(name, str):
            raise ConfigError(
                "a provider's name is no text", field=field, value=name, remedy="quote it"
            )
        try:
            return self._registry.provider(name).load_class(part, base)
        except ProviderNotInstalled as error:
            error.field = field
            raise
