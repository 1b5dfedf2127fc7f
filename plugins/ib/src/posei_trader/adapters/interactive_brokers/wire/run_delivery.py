"""Runs of ticks on their way to the sink, whatever they were decoded from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from posei_trader.adapters.interactive_brokers.wire.framing import LEVEL_ONE, TICK_BY_TICK
from posei_trader.adapters.interactive_brokers.wire.tick_columns import (
    LevelOneRow,
    QuoteColumns,
    TradeColumns,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.wire.sink import FastSink

__all__ = ["RunDecoder", "run_table"]


class RunDecoder(Protocol):
    """Decodes frames that came together; None where a message is unusual, which may also raise."""

    def ticks(self, frames: list[bytes]) -> QuoteColumns | TradeColumns | None:
        """Return tick-by-tick quotes, or trades."""

    def level_one(self, frames: list[bytes]) -> list[LevelOneRow] | None:
        """Return prices and sizes of level one."""


def run_table(
    decoder: RunDecoder, sink: FastSink, *, first_id: int = 0
) -> dict[int, Callable[[list[bytes]], bool]]:
    """Return what decodes and delivers runs, by the id they go by.

    Each delivers all of a run, or nothing and returns False.

    Args:
        decoder: Decodes.
        sink: Takes what was decoded.
        first_id: What the ids of these messages are greater by than in text.
    """

    def ticks(frames: list[bytes]) -> bool:
        columns = decoder.ticks(frames)
        if columns is None:
            return False
        if isinstance(columns, QuoteColumns):
            sink.tick_quotes(columns)
        else:
            sink.tick_trades(columns)
        return True

    def level_one(frames: list[bytes]) -> bool:
        rows = decoder.level_one(frames)
        if rows is None:
            return False
        sink.level_one(rows)
        return True

    return {first_id + TICK_BY_TICK: ticks, first_id + LEVEL_ONE: level_one}
