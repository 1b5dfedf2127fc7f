"""Order books: from IB's numbered rows to price levels.

IB sends rows by position: an insert moves the rows below it down, a delete moves them up. Several
rows of one side may have one price (market makers, or exchanges of a smart book): they are one
level, whose size is their sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.adapters.interactive_brokers.data.streams import Stream
from posei_trader.model.book import OrderBookDelta, OrderBookDeltas
from posei_trader.model.enums import BookAction, BookSide, RecordFlag

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext

_INSERT: Final = 0
_UPDATE: Final = 1
_DELETE: Final = 2


class _Row(NamedTuple):
    price_raw: int
    size_raw: int


@final
class DepthRows(Stream):
    """Turns IB's rows into the deltas of a book of price levels."""

    __slots__ = ("_asks", "_bids", "_depth", "_sequence")

    def __init__(self, context: StreamContext, depth: int) -> None:
        super().__init__(context)
        self._depth = depth
        self._bids: list[_Row] = []
        self._asks: list[_Row] = []
        self._sequence = 0

    def depth(
        self,
        position: int,
        market_maker: str,
        operation: int,
        side: int,
        price: float,
        size: int | None,
        is_smart: bool,
    ) -> None:
        """Take a change of a row; side 1 is the bid."""
        del market_maker, is_smart
        rows = self._bids if side == 1 else self._asks
        row = _Row(round(price * self.scale.factor), size or 0)
        touched = dict.fromkeys((known.price_raw for known in rows[position:]), 0)
        touched[row.price_raw] = 0
        sizes = _sums(rows, touched)
        if not _change(rows, position, operation, row):
            self.context.count("book rows that contradict the book")
            return
        del rows[self._depth :]
        after = _sums(rows, touched)
        self._publish(BookSide.BID if side == 1 else BookSide.ASK, sizes, after)

    def _publish(self, side: BookSide, before: dict[int, int], after: dict[int, int]) -> None:
        changed = [price for price, size in after.items() if size != before[price]]
        if not changed:
            return
        self._sequence += 1
        now = self.clock.timestamp_ns()
        scale = self.scale
        deltas = []
        for price in changed:
            size = after[price]
            action = BookAction.UPDATE if before[price] else BookAction.ADD
            deltas.append(
                OrderBookDelta(
                    self.instrument_id,
                    action if size else BookAction.DELETE,
                    side,
                    price,
                    size,
                    0,
                    scale.price_precision(price),
                    scale.volume_precision(size),
                    RecordFlag.LAST if price == changed[-1] else RecordFlag.NONE,
                    self._sequence,
                    now,
                    now,
                )
            )
        self.sink.order_book_deltas(OrderBookDeltas(self.instrument_id, tuple(deltas), now, now))

    def depth_reset(self) -> None:
        """Empty the book; its rows follow anew."""
        self._bids.clear()
        self._asks.clear()
        now = self.clock.timestamp_ns()
        clear = OrderBookDelta.clear(self.instrument_id, now, now)
        self.sink.order_book_deltas(OrderBookDeltas(self.instrument_id, (clear,), now, now))

    def stream_restarted(self, reason: str) -> None:
        """Empty the book: what changed meanwhile is not known."""
        self.depth_reset()
        super().stream_restarted(reason)


def _change(rows: list[_Row], position: int, operation: int, row: _Row) -> bool:
    """Change the rows as IB says; False when the position does not exist."""
    if operation == _INSERT and position <= len(rows):
        rows.insert(position, row)
    elif operation == _UPDATE and position < len(rows):
        rows[position] = row
    elif operation == _UPDATE and position == len(rows):
        # Some exchanges fill a side by updates.
        rows.append(row)
    elif operation == _DELETE and position < len(rows):
        del rows[position]
    else:
        return False
    return True


def _sums(rows: list[_Row], prices: dict[int, int]) -> dict[int, int]:
    sums = dict.fromkeys(prices, 0)
    for row in rows:
        if row.price_raw in sums:
            sums[row.price_raw] += row.size_raw
    return sums
