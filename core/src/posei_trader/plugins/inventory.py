"""Discover the installed plugins one at a time; keep those that loaded and those that did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.errors import InvalidRequest
from posei_trader.plugins.loader import load
from posei_trader.plugins.records import IN_PROCESS, Failure, Origin, Plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from importlib.metadata import Distribution, EntryPoint

    from posei_trader.plugins.settings import Selection

__all__ = ["GROUP", "Inventory"]

GROUP: Final = "posei_trader.plugins"
"""The entry-point group that plugins are found by."""


@final
class Inventory:
    """Hold every plugin of this process, whatever became of it.

    Args:
        entry_points: What to load; None: what is installed.
        selection: Which of them may load.
        strict: Raise at the first that fails instead of recording it.
        trace: Where each hook call is reported to.
    """

    def __init__(
        self,
        entry_points: Iterable[EntryPoint] | None,
        selection: Selection,
        *,
        strict: bool = False,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.plugins: list[Plugin] = []
        self.failures: list[Failure] = []
        self.disabled: list[Origin] = []
        self._entry_points = None if entry_points is None else tuple(entry_points)
        self._selection = selection
        self._strict = strict
        self._trace = trace
        self._discovered = False

    def discover(self) -> None:
        """Load what is installed, once; later calls do nothing.

        Raises:
            PluginError: in strict mode, a plugin failed to load.
        """
        if self._discovered:
            return
        self._discovered = True
        for origin, entry_point in sorted(map(_described, self._found()), key=_by_name):
            if self._selection.allows(origin.plugin):
                self._load(origin, entry_point.load)
            else:
                self.disabled.append(origin)

    def register(self, plugin: object, name: str) -> Plugin:
        """Load a plugin object that somebody already has.

        Raises:
            InvalidRequest: a plugin was already registered by this name.
            PluginError: it does not load; nothing of it is kept.
        """
        if any(one.origin.plugin == name and one.origin.is_in_process for one in self.plugins):
            raise InvalidRequest(
                "a plugin of this name is already registered",
                field="name",
                value=name,
                remedy="unregister it first, or choose another name",
            )
        module = getattr(plugin, "__name__", type(plugin).__qualname__)
        loaded = self._loaded(Origin(name, IN_PROCESS, module=module), lambda: plugin)
        if isinstance(loaded, Failure):
            raise loaded.as_error()
        self.plugins.append(loaded)
        return loaded

    def unregister(self, name: str) -> None:
        """Forget a plugin that was registered by `register`.

        Raises:
            InvalidRequest: there is none of this name.
        """
        kept = [
            one
            for one in self.plugins
            if not (one.origin.is_in_process and one.origin.plugin == name)
        ]
        if len(kept) == len(self.plugins):
            raise InvalidRequest(
                "no plugin of this name was registered",
                field="name",
                value=name,
                remedy="only what `register` added can be removed",
            )
        self.plugins[:] = kept

    def _found(self) -> Iterable[EntryPoint]:
        if self._entry_points is not None:
            return self._entry_points
        # Most of the cost of a start: not imported before somebody asks for plugins.
        from importlib.metadata import entry_points  # noqa: PLC0415

        return entry_points(group=GROUP)

    def _load(self, origin: Origin, fetch: Callable[[], object]) -> None:
        loaded = self._loaded(origin, fetch)
        if isinstance(loaded, Plugin):
            self.plugins.append(loaded)
            return
        if self._strict:
            raise loaded.as_error()
        self.failures.append(loaded)

    def _loaded(self, origin: Origin, fetch: Callable[[], object]) -> Plugin | Failure:
        return load(origin, fetch, self._trace)


def _described(entry_point: EntryPoint) -> tuple[Origin, EntryPoint]:
    distribution = entry_point.dist
    name = _metadata(distribution, "Name") or "unknown distribution"
    version = _metadata(distribution, "Version")
    return Origin(entry_point.name, name, version, entry_point.value), entry_point


def _metadata(distribution: Distribution | None, key: str) -> str:
    # A damaged installation (no METADATA file) must not hide every other plugin.
    if distribution is None:
        return ""
    metadata = distribution.metadata
    return metadata[key] if metadata is not None and key in metadata else ""


def _by_name(described: tuple[Origin, EntryPoint]) -> tuple[str, str, str]:
    origin, _ = described
    return origin.plugin, origin.distribution, origin.module
