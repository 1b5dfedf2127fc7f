"""Where a node is in its life.

CREATED -> BUILT -> CONNECTING -> RECONCILING -> RUNNING -> STOPPING -> STOPPED -> DISPOSED
                       |              |                        ^
                       +--------------+------------------------+   a signal, stop(), a failure
"""

from __future__ import annotations

from enum import StrEnum, unique

__all__ = ["NodeState"]


@unique
class NodeState(StrEnum):
    """Where a node is in its life."""

    CREATED = "CREATED"
    BUILT = "BUILT"
    CONNECTING = "CONNECTING"
    RECONCILING = "RECONCILING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    DISPOSED = "DISPOSED"
