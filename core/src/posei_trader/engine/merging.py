"""What becomes of an older state when a newer one takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.model.book import OrderBookDelta, OrderBookDeltas
from posei_trader.model.enums import BookAction, BookSide, RecordFlag

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["merged"]


def merged(older: object, newer: object) -> object:
    """Return what stands for both: the newer one, or for changes of a book their sum."""
    if isinstance(older, OrderBookDeltas) and isinstance(newer, OrderBookDeltas):
        return _merged_changes(older, newer)
    return newer


def _merged_changes(older: OrderBookDeltas, newer: OrderBookDeltas) -> OrderBookDeltas:
    """Return changes that leave any book as both, one after the other, would leave it."""
    clear: OrderBookDelta | None = None
    last: dict[Hashable, OrderBookDelta] = {}
    for delta in (*older.deltas, *newer.deltas):
        if delta.action is BookAction.CLEAR:
            clear = delta
            last.clear()
            continue
        key = (delta.side, delta.order_id or delta.price_raw, bool(delta.order_id))
        last.pop(key, None)
        last[key] = delta
    deltas = [*([] if clear is None else [clear]), *last.values()]
    return OrderBookDeltas(
        newer.instrument_id,
        tuple(_flagged(delta, is_last=delta is deltas[-1]) for delta in deltas),
        newer.ts_event,
        newer.ts_init,
    )


def _flagged(delta: OrderBookDelta, *, is_last: bool) -> OrderBookDelta:
    flags = delta.flags | RecordFlag.LAST if is_last else delta.flags & ~RecordFlag.LAST
    if flags == delta.flags:
        return delta
    return OrderBookDelta(
        delta.instrument_id,
        delta.action,
        delta.side if delta.action is not BookAction.CLEAR else BookSide.NONE,
        delta.price_raw,
        delta.size_raw,
        delta.order_id,
        delta.price_precision,
        delta.size_precision,
        flags,
        delta.sequence,
        delta.ts_event,
        delta.ts_init,
    )
