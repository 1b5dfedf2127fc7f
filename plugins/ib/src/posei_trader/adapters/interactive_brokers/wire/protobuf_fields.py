"""What the decoders of protobuf messages share."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["average", "generated", "quote_mask", "trade_mask"]


def generated(name: str) -> Any:
    """Return one of `ibapi`'s generated classes; their attributes exist at run time only."""
    return getattr(import_module(f"ibapi.protobuf.{name}_pb2"), name)


def average(text: str) -> float | None:
    """Return an average price, None where it is absent."""
    return float(text) if text else None


def quote_mask(quote: Any) -> int:
    """Return the marks of a quote, see `records.QuoteMask`."""
    if not quote.HasField("tickAttribBidAsk"):
        return 0
    marks = quote.tickAttribBidAsk
    return int(marks.bidPastLow) | int(marks.askPastHigh) << 1


def trade_mask(trade: Any) -> int:
    """Return the marks of a trade, see `records.TradeMask`."""
    if not trade.HasField("tickAttribLast"):
        return 0
    marks = trade.tickAttribLast
    return int(marks.pastLimit) | int(marks.unreported) << 1
