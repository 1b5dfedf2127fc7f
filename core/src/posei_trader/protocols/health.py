"""What a client may offer beside its protocol, so that a node can show how it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from posei_trader.model.health import ConnectionHealth

__all__ = ["TellsHealth"]


@runtime_checkable
class TellsHealth(Protocol):
    """A client that tells how it is. Cheap, never blocks, never raises; asked every few seconds."""

    def connection_health(self) -> ConnectionHealth:
        """Return how the connection is; clients that share one return the same name."""

    def health_counters(self) -> Mapping[str, int]:
        """Return what the client counted: what was dropped, conflated, filled in."""

    def doubts(self) -> Sequence[str]:
        """Return the client order ids of which only the venue can tell what became."""
