"""Strategies and actors that a configuration names by where they stand."""

from __future__ import annotations

import importlib
import inspect
import sys
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
    """Return the class of the settings: what annotates the constructor's `config`, or `config`.

    The most derived class that says it decides. Each annotation is read alone, in its own module:
    names that are imported for type checking only do no harm elsewhere.
    """
    for owner in kind.__mro__:
        constructor = vars(owner).get("__init__")
        for holder in (constructor, owner):
            annotation = getattr(holder, "__annotations__", {}).get("config")
            for candidate in _evaluated(annotation, owner.__module__):
                if isinstance(candidate, type) and issubclass(candidate, PoseiConfig):
                    return candidate
        if constructor is not None and "config" not in inspect.signature(constructor).parameters:
            return None
    return None


def _evaluated(annotation: object, module: str) -> tuple[object, ...]:
    """Return an annotation's meaning, and those of its alternatives."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, vars(sys.modules[module]))  # noqa: S307  our process's code
        except (NameError, AttributeError):
            return ()
    return (annotation, *typing.get_args(annotation))
