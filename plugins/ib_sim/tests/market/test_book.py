"""The book behind a quote, and the changes that keep a client's copy of it right."""

from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim.market.book import DELETE, INSERT, UPDATE, book_rows, changes
from posei_ib_sim.market.events import Quote

ROWS = 5
sides = st.booleans()
books = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 50)), unique_by=lambda row: row[0], max_size=ROWS
)


def ordered(rows, *, bid):
    return sorted(((float(price), float(size)) for price, size in rows), reverse=bid)


def applied(book, found):
    """Apply changes as a client does: rows shift at inserts and deletes."""
    book = list(book)
    for position, operation, price, size in found:
        if operation == INSERT:
            book.insert(position, (price, size))
        elif operation == UPDATE:
            book[position] = (price, size)
        else:
            assert operation == DELETE
            del book[position]
        assert len(book) <= ROWS
    return book


@given(books, books, sides)
def test_a_client_that_applies_the_changes_has_the_new_book(old, new, bid):
    before, after = ordered(old, bid=bid), ordered(new, bid=bid)
    assert applied(before, changes(before, after, ROWS)) == after


@given(books, sides)
def test_an_unchanged_book_needs_no_message(rows, bid):
    book = ordered(rows, bid=bid)
    assert changes(book, book, ROWS) == []


@given(st.integers(100, 10_000), st.integers(1, 20), st.integers(1, 900), sides, st.integers(1, 20))
def test_rows_begin_with_the_quote_and_fall_away_from_it(cents, spread, size, bid, count):
    quote = Quote(1, cents / 100, (cents + spread) / 100, float(size), float(size))
    rows = book_rows(quote, 0.01, count, bid=bid)
    assert rows[0] == ((quote.bid if bid else quote.ask), float(size))
    prices = [price for price, _ in rows]
    assert prices == sorted(prices, reverse=bid)
    assert len(set(prices)) == len(prices) <= count
    assert all(amount >= 1 for _, amount in rows)
    assert rows == book_rows(quote, 0.01, count, bid=bid)


def test_an_empty_side_has_no_rows():
    assert book_rows(Quote(1, -1.0, 50.0, 0.0, 10.0), 0.01, 5, bid=True) == []
