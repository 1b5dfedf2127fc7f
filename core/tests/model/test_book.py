from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.errors import InvalidRequest
from posei_trader.model.book import OrderBook, OrderBookDelta, OrderBookDeltas
from posei_trader.model.enums import BookAction, BookSide, RecordFlag
from posei_trader.model.identifiers import InstrumentId

ID = InstrumentId("ESH4.CME")
UNIT = 10**9


def delta(action, side, price, size, order_id=0, instrument_id=ID):
    return OrderBookDelta(
        instrument_id, action, side, price * UNIT, size * UNIT, order_id, 2, 0,
        RecordFlag.LAST, 1, 10, 11,
    )  # fmt: skip


changes = st.lists(
    st.tuples(
        st.sampled_from([BookAction.ADD, BookAction.UPDATE, BookAction.DELETE]),
        st.sampled_from([BookSide.BID, BookSide.ASK]),
        st.integers(min_value=1, max_value=9),
        st.integers(min_value=0, max_value=5),
    ),
    max_size=60,
)


@given(changes)
def test_a_book_of_levels_equals_a_dictionary_of_levels(steps):
    book = OrderBook(ID)
    truth: dict[BookSide, dict[int, int]] = {BookSide.BID: {}, BookSide.ASK: {}}
    for action, side, price, size in steps:
        book.apply(delta(action, side, price, size))
        if action is BookAction.DELETE or size == 0:
            truth[side].pop(price, None)
        else:
            truth[side][price] = size
    bids = [(int(level.price), int(level.size)) for level in book.bids()]
    asks = [(int(level.price), int(level.size)) for level in book.asks()]
    assert bids == sorted(truth[BookSide.BID].items(), reverse=True)
    assert asks == sorted(truth[BookSide.ASK].items())
    assert book.bids(2) == book.bids()[:2]
    assert book.asks(0) == []
    assert book.best_bid() == (book.bids() or [None])[0]
    assert book.best_ask() == (book.asks() or [None])[0]
    assert book.update_count == len(steps)


orders = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(min_value=1, max_value=6),
        st.integers(min_value=1, max_value=4),
        st.integers(min_value=1, max_value=5),
    ),
    max_size=60,
)


@given(orders)
def test_a_book_of_orders_sums_them_into_levels(steps):
    book = OrderBook(ID)
    alive: dict[int, tuple[int, int]] = {}
    for add, order_id, price, size in steps:
        if add:
            book.apply(delta(BookAction.ADD, BookSide.BID, price, size, order_id))
            alive[order_id] = (price, size)
        else:
            book.apply(delta(BookAction.DELETE, BookSide.BID, price, 0, order_id))
            alive.pop(order_id, None)
    sums: dict[int, int] = {}
    for price, size in alive.values():
        sums[price] = sums.get(price, 0) + size
    assert [(int(x.price), int(x.size)) for x in book.bids()] == sorted(sums.items(), reverse=True)


def test_a_clear_empties_both_sides():
    book = OrderBook(ID)
    book.apply_all(
        OrderBookDeltas(
            ID,
            (
                delta(BookAction.ADD, BookSide.BID, 5, 1),
                delta(BookAction.ADD, BookSide.ASK, 4, 1),
            ),
            10,
            11,
        )
    )
    assert book.is_crossed
    assert "bid=" in str(book)
    book.apply(OrderBookDelta.clear(ID, 12, 13))
    assert book.bids() == book.asks() == []
    assert not book.is_crossed
    assert book.ts_last == 12


def test_a_delta_of_another_instrument_is_refused():
    with pytest.raises(InvalidRequest, match="another book"):
        OrderBook(ID).apply(delta(BookAction.ADD, BookSide.BID, 1, 1, 0, InstrumentId("X.Y")))
