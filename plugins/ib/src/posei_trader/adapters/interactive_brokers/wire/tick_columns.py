"""Runs of ticks as columns: what several messages of one kind said, a list for each field.

Sizes are in units of 10^-9 and None where unset; times are UNIX seconds, UTC.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = ["LevelOneRow", "QuoteColumns", "TradeColumns"]

LevelOneRow: TypeAlias = tuple[int, int, float | None, int | None, int]
"""Request id, tick type, price, size and attributes; without a price it is a size alone."""


class QuoteColumns(NamedTuple):
    """Tick-by-tick quotes, in order; see `FastSink.tick_quote`."""

    req_ids: list[int]
    times_s: list[int]
    bids: list[float]
    asks: list[float]
    bid_sizes: list[int | None]
    ask_sizes: list[int | None]
    masks: list[int]


class TradeColumns(NamedTuple):
    """Tick-by-tick trades, in order; see `FastSink.tick_trade`."""

    req_ids: list[int]
    times_s: list[int]
    prices: list[float]
    sizes: list[int | None]
    masks: list[int]
    exchanges: list[str]
    conditions: list[str]
