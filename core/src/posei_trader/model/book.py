"""Order books: the deltas that a venue sends and the book they build."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NamedTuple

import msgspec

from posei_trader.errors import InvalidRequest
from posei_trader.model.enums import BookAction, BookSide, BookType, RecordFlag
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.values import Price, Quantity


class OrderBookDelta(msgspec.Struct, frozen=True, gc=False):
    """One change of a book.

    Attributes:
        instrument_id: The instrument.
        action: What happens to the level or order.
        side: Which side; NONE for CLEAR.
        price_raw: The price, in units of 10^-9.
        size_raw: The size after the change, in units of 10^-9.
        order_id: The order at L3; 0 for price levels.
        price_precision: Decimals to show in the price.
        size_precision: Decimals to show in the size.
        flags: Marks, see :class:`RecordFlag`.
        sequence: The venue's number of the event, 0 where it gives none.
        ts_event: When it happened, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
    """

    instrument_id: InstrumentId
    action: BookAction
    side: BookSide
    price_raw: int
    size_raw: int
    order_id: int
    price_precision: int
    size_precision: int
    flags: RecordFlag
    sequence: int
    ts_event: int
    ts_init: int

    @classmethod
    def clear(cls, instrument_id: InstrumentId, ts_event: int, ts_init: int) -> OrderBookDelta:
        """Make the delta that empties a book."""
        return cls(
            instrument_id,
            BookAction.CLEAR,
            BookSide.NONE,
            0,
            0,
            0,
            0,
            0,
            RecordFlag.LAST,
            0,
            ts_event,
            ts_init,
        )


class OrderBookDeltas(msgspec.Struct, frozen=True):
    """The changes of one event at the venue, in order; the last one carries ``RecordFlag.LAST``.

    Attributes:
        instrument_id: The instrument.
        deltas: The changes; at least one.
        ts_event: When it happened, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
    """

    instrument_id: InstrumentId
    deltas: tuple[OrderBookDelta, ...]
    ts_event: int
    ts_init: int


class BookLevel(NamedTuple):
    """A price and what rests there."""

    price: Price
    size: Quantity


class _Side:
    """The price levels of one side: sizes by price, and the prices in order."""

    __slots__ = ("orders", "prices", "sizes")

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.prices: list[int] = []
        self.orders: dict[int, tuple[int, int]] = {}

    def set_level(self, price: int, size: int) -> None:
        if size <= 0:
            self.remove_level(price)
            return
        if price not in self.sizes:
            insort(self.prices, price)
        self.sizes[price] = size

    def remove_level(self, price: int) -> None:
        if self.sizes.pop(price, None) is not None:
            del self.prices[bisect_left(self.prices, price)]

    def set_order(self, order_id: int, price: int, size: int) -> None:
        self.remove_order(order_id)
        self.orders[order_id] = (price, size)
        self.set_level(price, self.sizes.get(price, 0) + size)

    def remove_order(self, order_id: int) -> None:
        known = self.orders.pop(order_id, None)
        if known is not None:
            price, size = known
            self.set_level(price, self.sizes[price] - size)

    def clear(self) -> None:
        self.sizes.clear()
        self.prices.clear()
        self.orders.clear()


class OrderBook:
    """A book built from deltas.

    Level deltas (``order_id == 0``) replace a level; order deltas (L3) are summed into levels.
    Updates of one level cost O(log n) to find and O(n) to insert, with n the depth of one side.
    """

    __slots__ = (
        "_asks",
        "_bids",
        "book_type",
        "instrument_id",
        "price_precision",
        "sequence",
        "size_precision",
        "ts_last",
        "update_count",
    )

    def __init__(self, instrument_id: InstrumentId, book_type: BookType = BookType.L2_MBP) -> None:
        self.instrument_id = instrument_id
        self.book_type = book_type
        self.price_precision = 0
        self.size_precision = 0
        self.sequence = 0
        self.ts_last = 0
        self.update_count = 0
        self._bids = _Side()
        self._asks = _Side()

    def apply(self, delta: OrderBookDelta) -> None:
        """Apply one change.

        Raises:
            InvalidRequest: the delta belongs to another instrument.
        """
        if delta.instrument_id != self.instrument_id:
            raise InvalidRequest(
                "the delta belongs to another book",
                field="instrument_id",
                value=delta.instrument_id,
                remedy=f"apply it to the book of {delta.instrument_id}",
            )
        self.sequence = delta.sequence
        self.ts_last = delta.ts_event
        self.update_count += 1
        if delta.action is BookAction.CLEAR:
            self.clear()
            return
        self.price_precision = delta.price_precision
        self.size_precision = delta.size_precision
        side = self._bids if delta.side is BookSide.BID else self._asks
        if delta.action is BookAction.DELETE:
            if delta.order_id:
                side.remove_order(delta.order_id)
            else:
                side.remove_level(delta.price_raw)
        elif delta.order_id:
            side.set_order(delta.order_id, delta.price_raw, delta.size_raw)
        else:
            side.set_level(delta.price_raw, delta.size_raw)

    def apply_all(self, deltas: OrderBookDeltas) -> None:
        """Apply the changes of one event."""
        for delta in deltas.deltas:
            self.apply(delta)

    def clear(self) -> None:
        """Empty both sides."""
        self._bids.clear()
        self._asks.clear()

    def bids(self, depth: int | None = None) -> list[BookLevel]:
        """Return the bids, best first."""
        prices = self._bids.prices[::-1]
        return [self._level(self._bids, price) for price in prices[:depth]]

    def asks(self, depth: int | None = None) -> list[BookLevel]:
        """Return the asks, best first."""
        return [self._level(self._asks, price) for price in self._asks.prices[:depth]]

    def best_bid(self) -> BookLevel | None:
        """Return the highest bid, or None on an empty side."""
        prices = self._bids.prices
        return self._level(self._bids, prices[-1]) if prices else None

    def best_ask(self) -> BookLevel | None:
        """Return the lowest ask, or None on an empty side."""
        prices = self._asks.prices
        return self._level(self._asks, prices[0]) if prices else None

    @property
    def is_crossed(self) -> bool:
        """Return whether the best bid is above the best ask."""
        bids, asks = self._bids.prices, self._asks.prices
        return bool(bids and asks and bids[-1] > asks[0])

    def _level(self, side: _Side, price: int) -> BookLevel:
        return BookLevel(
            Price.from_raw(price, self.price_precision),
            Quantity.from_raw(side.sizes[price], self.size_precision),
        )

    def __str__(self) -> str:
        bid, ask = self.best_bid(), self.best_ask()
        return f"OrderBook({self.instrument_id}, bid={bid}, ask={ask})"
