"""The hooks that a plugin may implement, and the markers to do it with.

Each hook is called for every plugin, off the hot path. An implementation may take fewer arguments
than the hook offers, so arguments can be added here without breaking anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final, Protocol, final

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from posei_trader.plugins.spec import ProviderSpec

__all__ = [
    "PROJECT",
    "CliRegister",
    "LifecycleEvent",
    "LifecycleStage",
    "hookimpl",
    "hookspec",
    "posei_cli",
    "posei_config_sources",
    "posei_on_lifecycle",
    "posei_providers",
    "posei_symbologies",
]

PROJECT: Final = "posei_trader"

hookspec = pluggy.HookspecMarker(PROJECT)
"""Mark a function as the definition of a hook; for core only."""

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Mark a function of a plugin as an implementation of the hook of the same name."""


@unique
class LifecycleStage(StrEnum):
    """Name the moments of a node's life that plugins may follow."""

    BUILT = "built"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DISPOSED = "disposed"


@final
@dataclass(frozen=True, slots=True)
class LifecycleEvent:
    """Tell that a node reached a stage.

    Args:
        stage: The stage that was just reached.
        trader_id: The node's trader id.
        ts_event: UNIX nanoseconds, UTC.
    """

    stage: LifecycleStage
    trader_id: str
    ts_event: int


class CliRegister(Protocol):
    """Add a command group to the ``posei`` program."""

    def __call__(self, name: str, target: str, summary: str) -> None:
        """Mount the typer app at ``target`` ("module:attr") as ``posei NAME``, imported on use."""


@hookspec
def posei_providers() -> Iterable[ProviderSpec]:  # type: ignore[empty-body]  # a spec has no body
    """Describe the providers that the plugin brings."""


@hookspec
def posei_cli(register: CliRegister) -> None:
    """Add command groups to the ``posei`` program: call ``register(name, target, summary)``."""


@hookspec
def posei_symbologies() -> Mapping[str, str]:  # type: ignore[empty-body]  # a spec has no body
    """Name symbologies that belong to no single provider, as name to ``"module:attr"``."""


@hookspec
def posei_config_sources() -> Mapping[str, str]:  # type: ignore[empty-body]  # a spec has no body
    """Name sources for ``{source = "key"}`` references in configuration files.

    Each ``"module:attr"`` is a callable that takes the key and returns the text, or raises
    `LookupError`.
    """


@hookspec
def posei_on_lifecycle(event: LifecycleEvent) -> None:
    """Be told when a node reaches a stage; an exception is logged and never stops the node."""
