"""The first-party providers: what to install for each, and which distribution owns the name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KNOWN_PROVIDERS", "KnownProvider", "install_command", "normalized"]


@final
class KnownProvider(NamedTuple):
    """Say where a first-party provider comes from.

    Attributes:
        extra: The extra of ``posei_trader`` that installs it.
        distribution: The only distribution that may serve the name without a pin.
    """

    extra: str
    distribution: str


KNOWN_PROVIDERS: Final[Mapping[str, KnownProvider]] = MappingProxyType(
    {
        "ib": KnownProvider("ib", "posei-trader-ib"),
        "ib_docker": KnownProvider("docker", "posei-trader-ib-docker"),
        "ib_sim": KnownProvider("sim", "posei-ib-sim"),
    }
)


def install_command(provider: str, distribution: str | None = None) -> str | None:
    """Return the command that installs a provider, if it is known."""
    known = KNOWN_PROVIDERS.get(provider)
    if known is not None:
        return f"pip install 'posei_trader[{known.extra}]'"
    return f"pip install --force-reinstall {distribution}" if distribution else None


def normalized(distribution: str) -> str:
    """Return a distribution's name in the one spelling that package indexes compare."""
    words = distribution.lower().replace("_", "-").replace(".", "-").split("-")
    return "-".join(word for word in words if word)
