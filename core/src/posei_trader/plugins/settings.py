"""The environment variables that steer the registry.

``POSEI_PLUGINS``: entry points to load, comma separated; ``-name`` excludes one.
``POSEI_PIN``: which distribution may serve a name: ``ib=posei-trader-ib,kraken=posei-kraken``.
``POSEI_STRICT_PLUGINS=1``: raise at the first plugin that fails to load.
``POSEI_TRACE_PLUGINS=1``: print every hook call to the standard error stream.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, Self, final

from posei_trader.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Selection", "flag", "pins_from", "tracer_from"]

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


@final
class Selection(NamedTuple):
    """Which plugins may load: all but the blocked, or only the named ones."""

    only: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read ``POSEI_PLUGINS``."""
        entries = [item.strip() for item in environ.get("POSEI_PLUGINS", "").split(",")]
        names = {entry for entry in entries if entry}
        blocked = {name for name in names if name.startswith("-")}
        return cls(frozenset(names - blocked), frozenset(name[1:].strip() for name in blocked))

    def allows(self, plugin: str) -> bool:
        """Tell whether an entry point of this name may load."""
        return plugin not in self.blocked and (not self.only or plugin in self.only)


def pins_from(environ: Mapping[str, str]) -> dict[str, str]:
    """Read ``POSEI_PIN``.

    Raises:
        ConfigError: an entry is not ``name=distribution``.
    """
    pins: dict[str, str] = {}
    for entry in environ.get("POSEI_PIN", "").split(","):
        if not entry.strip():
            continue
        name, _, distribution = (part.strip() for part in entry.partition("="))
        if not name or not distribution:
            raise ConfigError(
                "a pin does not name a distribution",
                field="POSEI_PIN",
                value=entry,
                remedy="write name=distribution, such as ib=posei-trader-ib",
            )
        pins[name] = distribution
    return pins


def flag(environ: Mapping[str, str], name: str) -> bool:
    """Read a yes-or-no variable.

    Raises:
        ConfigError: it is neither.
    """
    text = environ.get(name, "").strip().casefold()
    if text not in _TRUE | _FALSE:
        raise ConfigError(
            "a switch is neither on nor off", field=name, value=text, remedy="set it to 1 or 0"
        )
    return text in _TRUE


def tracer_from(environ: Mapping[str, str]) -> Callable[[str], None] | None:
    """Return what to call with each line of a trace, if ``POSEI_TRACE_PLUGINS`` is on."""
    if not flag(environ, "POSEI_TRACE_PLUGINS"):
        return None
    return lambda line: print(f"posei plugins: {line}", file=sys.stderr)  # noqa: T201 - a trace that works before logging is set up
