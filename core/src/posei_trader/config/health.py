"""How a node tells others how it is."""

# Annotations here are read at run time, by pydantic: no postponed evaluation.

from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat

from posei_trader.config.base import PoseiConfig

__all__ = ["HealthConfig"]


class HealthConfig(PoseiConfig):
    """Say where a node's health is written; ``posei status`` shows it.

    Every ``interval`` seconds the file is replaced as a whole. It holds no secrets and no account
    numbers, and only the owner may read it.
    """

    file: Path | None = None
    """Defaults to ``<trader id>.health.json`` in the state directory (``POSEI_STATE_DIR``)."""
    interval: PositiveFloat = 5.0
    """Seconds."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Serve Prometheus metrics on this port, 0 for any; needs ``posei-trader[metrics]``."""
    metrics_host: str = "127.0.0.1"
