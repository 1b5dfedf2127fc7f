"""History of the simulated venue."""

from posei_ib_sim.history.aggregate import Bar, BarBuilder
from posei_ib_sim.history.bar_sizes import (
    BAR_SIZES,
    WHAT_TO_SHOW,
    BarSize,
    Duration,
    format_time,
    parse_bar_size,
    parse_duration,
    parse_moment,
)
from posei_ib_sim.history.derived import DERIVED
from posei_ib_sim.history.service import HistoryService
from posei_ib_sim.history.table import BarTable

__all__ = [
    "BAR_SIZES",
    "DERIVED",
    "WHAT_TO_SHOW",
    "Bar",
    "BarBuilder",
    "BarSize",
    "BarTable",
    "Duration",
    "HistoryService",
    "format_time",
    "parse_bar_size",
    "parse_duration",
    "parse_moment",
]
