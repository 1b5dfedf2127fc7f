"""Loggers of the simulator: structlog's interface over the standard library's logging.

The simulator often runs inside somebody else's program, so it never prints by itself: records go to
the `logging` tree under "posei_ib_sim", where the program decides what to show.
"""

from __future__ import annotations

import logging
from typing import cast

import structlog

__all__ = ["get_logger"]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module."""
    return cast(
        "structlog.stdlib.BoundLogger",
        structlog.wrap_logger(
            logging.getLogger(name),
            wrapper_class=structlog.stdlib.BoundLogger,
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.processors.format_exc_info,
                structlog.processors.KeyValueRenderer(key_order=["event"]),
            ],
        ),
    )
