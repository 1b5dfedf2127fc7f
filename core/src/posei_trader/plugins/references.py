"""Import what a ``"module:attr"`` reference names, and explain why where that fails."""

from __future__ import annotations

import sys
from importlib import import_module

from posei_trader.errors import MissingDependency, PluginBroken
from posei_trader.plugins.closest import closest

__all__ = ["resolve"]


def resolve(reference: str, *, owner: str, install: str | None = None) -> object:
    """Import a reference and return what it names.

    Args:
        reference: ``"package.module:attribute"``; the attribute may be dotted.
        owner: Who refers to it, for the error text.
        install: The command that installs the owner's dependencies, if it is known.

    Raises:
        MissingDependency: the module needs a package that is not installed.
        PluginBroken: the module or the attribute is absent, or importing it fails.
    """
    module_name, _, attribute = reference.partition(":")
    try:
        found: object = import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or str(error)
        if f"{module_name}.".startswith(f"{missing}.") or _is_within_a_package(missing):
            raise PluginBroken(
                f"{owner} refers to a module that does not exist",
                field=reference,
                value=missing,
                remedy=install or "report it to the plugin's owner",
            ) from error
        raise MissingDependency(
            f"{owner} needs the package {missing!r}, which is not installed",
            field=reference,
            value=missing,
            remedy=install or f"install the package that provides {missing!r}",
        ) from error
    except (Exception, SystemExit) as error:
        raise PluginBroken(
            f"{owner} cannot be imported: {type(error).__name__}: {error}",
            field=reference,
            remedy="run with --debug for the traceback, and report it to the plugin's owner",
        ) from error
    for step in attribute.split("."):
        found = _attribute(found, step, owner, reference)
    return found


def _is_within_a_package(missing: str) -> bool:
    """Tell whether a missing module belongs to a package that is there: that one is broken then."""
    parent = sys.modules.get(missing.rpartition(".")[0])
    return getattr(parent, "__file__", None) is not None  # a namespace's other parts may be absent


def _attribute(holder: object, name: str, owner: str, reference: str) -> object:
    try:
        return getattr(holder, name)
    except AttributeError as error:
        match = closest(name, (known for known in dir(holder) if not known.startswith("_")))
        raise PluginBroken(
            f"{owner} refers to {name!r}, which does not exist",
            field=reference,
            value=name,
            remedy=f"did you mean {match!r}?" if match else "report it to the plugin's owner",
        ) from error
