"""Records that IB sent and that cannot be: left out, counted, and told about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.historical.conversion import Discarded

__all__ = ["report_discarded"]

_log = get_logger("InteractiveBrokersHistory")


def report_discarded(discarded: Discarded, what: str) -> None:
    """Warn, if there are any."""
    if discarded:
        _log.warning(
            "records that cannot be were left out",
            what=what,
            bars=discarded.bars,
            quotes=discarded.quotes,
            trades=discarded.trades,
            example=discarded.example,
        )
