"""Strategies and actors that a configuration names by where they stand."""

from __future__ import annotations

import importlib
import typing
from typing import TYPE_CHECKING, TypeVar

from posei_trader.config import PoseiConfig
from posei_trader.errors import ConfigError

if TYPE_CHECKING:
    from posei_trader.config import ImportableConfig

__all__ = ["imported"]

T = TypeVar("T")


def imported(importable: ImportableConfig, base: type[T], field: str) -> T:
    """Make the object that a configuration names; its settings are checked by its own class.

    Args:
        importable: Where it stands, and its settings.
        base: What it must be derived from.
        field: The setting's dotted name, for errors.

    Raises:
        ConfigError: it cannot be imported, is of another kind, or a setting of it is wrong.
    """
    module_name, _, attribute = importable.path.partition(":")
    try:
        kind = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{importable.path} cannot be imported: {error}",
            field=f"{field}.path",
            value=importable.path,
            remedy="check the path; the module must be installed, or lie in PYTHONPATH",
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise ConfigError(
            f"{importable.path} is no {base.__name__}",
            field=f"{field}.path",
            value=importable.path,
            remedy=f"derive it from {base.__module__}.{base.__name__}",
        )
    config_kind = _config_class(kind)
    if config_kind is None:
        if importable.config:
            raise ConfigError(
                f"{kind.__name__} takes no settings",
                field=f"{field}.config",
                value=sorted(importable.config),
                remedy="leave them out, or annotate the parameter `config` of its constructor",
            )
        return kind()
    config = config_kind.from_mapping(dict(importable.config), path=f"{field}.config")
    make: typing.Callable[[PoseiConfig], T] = kind
    return make(config)


def _config_class(kind: type[object]) -> type[PoseiConfig] | None:
    """Return the class that annotates the parameter `config` of a constructor, or an attribute."""
    for owner in (kind.__init__, kind):
        hints = _hints(owner)
        for candidate in (hints.get("config"), *typing.get_args(hints.get("config"))):
            if isinstance(candidate, type) and issubclass(candidate, PoseiConfig):
                return candidate
    return None


def _hints(owner: object) -> dict[str, object]:
    try:
        return typing.get_type_hints(owner)
    except NameError:  # a name that is imported for type checking only
        return {}
