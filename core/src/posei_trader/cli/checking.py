"""Check a provider offline: every part imports and is what the description promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from posei_trader.errors import PluginError
from posei_trader.plugins.conformance import differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posei_trader.plugins.registry import Provider

__all__ = ["PartCheck", "check_provider"]

_PROTOCOLS: Final[Mapping[str, str]] = {
    "data": "DataClient",
    "execution": "ExecClient",
    "instruments": "InstrumentProvider",
    "gateway": "Gateway",
    "data_factory": "DataClientFactory",
    "exec_factory": "ExecClientFactory",
    "instruments_factory": "InstrumentProviderFactory",
}

_CONFIGS: Final[Mapping[str, str]] = {
    "data_config": "LiveDataClientConfig",
    "exec_config": "LiveExecClientConfig",
    "instruments_config": "InstrumentProviderConfig",
}

_NEEDS: Final = (
    ("data", "data_config"),
    ("data", "data_factory"),
    ("execution", "exec_config"),
    ("execution", "exec_factory"),
    ("gateway", "config"),
)
"""What a node cannot use without the other."""


@final
@dataclass(frozen=True, slots=True)
class PartCheck:
    """What was found out about one part; it is well if there are no problems."""

    part: str
    reference: str
    problems: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def check_provider(provider: Provider) -> list[PartCheck]:
    """Import every part of a provider and compare it with its protocol or config base."""
    parts = provider.spec.parts()
    checks = [
        PartCheck(part, reference, tuple(_problems(provider, part)))
        for part, reference in parts.items()
    ]
    checks += [
        PartCheck(missing, "", (f"{part!r} is of no use to a node without {missing!r}",))
        for part, missing in _NEEDS
        if part in parts and missing not in parts
    ]
    if not parts:
        checks.append(PartCheck("provider", "", ("it has no part at all",)))
    return checks


def _problems(provider: Provider, part: str) -> list[str]:
    from posei_trader import config, protocols  # noqa: PLC0415 - heavy, and only a check needs them

    try:
        if part == "config":
            from posei_trader.cli.settings import config_class, config_schema  # noqa: PLC0415 - same

            config_schema(config_class(provider, part))
            return []
        if part in _CONFIGS:
            kind = provider.load_class(part, getattr(config, _CONFIGS[part]))
            kind.json_schema()
            return []
        found = provider.load(part)
    except PluginError as error:
        return [error.message if error.remedy is None else f"{error.message}; {error.remedy}"]
    return differences(found, getattr(protocols, _PROTOCOLS.get(part, "Symbology")))
