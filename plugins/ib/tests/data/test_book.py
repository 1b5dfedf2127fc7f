"""Order books: IB's rows against the price levels that they make."""

from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posei_ib_sim.market import Quote
from posei_ib_sim.server.handlers.depth import book_rows, changes
from posei_trader.adapters.interactive_brokers.data.book import DepthRows
from posei_trader.model.book import OrderBook
from posei_trader.model.enums import MarketStatus, RecordFlag
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, Subscription

UNIT = 10**9
AAPL = InstrumentId("AAPL.NASDAQ")


def levels(book):
    return (
        [(str(level.price), level.size.raw // UNIT) for level in book.bids()],
        [(str(level.price), level.size.raw // UNIT) for level in book.asks()],
    )


def built(sink):
    book = OrderBook(AAPL)
    for deltas in sink.deltas:
        book.apply_all(deltas)
    return book


def insert(rows, side, position, price, size, maker=""):
    rows.depth(position, maker, 0, side, price, size * UNIT, False)


def test_an_insert_moves_the_rows_below_it_down_and_a_delete_moves_them_up(make_context, sink):
    rows = DepthRows(make_context(), 5)
    insert(rows, 1, 0, 100.0, 1)
    insert(rows, 1, 1, 99.9, 2)
    insert(rows, 1, 0, 100.1, 3)
    assert levels(built(sink))[0] == [("100.10", 3), ("100.00", 1), ("99.90", 2)]
    rows.depth(1, "", 2, 1, 0.0, 0, False)
    assert levels(built(sink))[0] == [("100.10", 3), ("99.90", 2)]


def test_rows_of_one_price_are_one_level(make_context, sink):
    rows = DepthRows(make_context(), 5)
    insert(rows, 0, 0, 100.2, 1, "ARCA")
    insert(rows, 0, 1, 100.2, 4, "BATS")
    assert levels(built(sink))[1] == [("100.20", 5)]
    rows.depth(0, "ARCA", 2, 0, 0.0, 0, False)
    assert levels(built(sink))[1] == [("100.20", 4)]


def test_a_row_pushed_off_the_end_leaves_the_book(make_context, sink):
    rows = DepthRows(make_context(), 2)
    for position, price in ((0, 100.0), (1, 99.9), (0, 100.1)):
        insert(rows, 1, position, price, 1)
    assert levels(built(sink))[0] == [("100.10", 1), ("100.00", 1)]


def test_an_event_ends_with_the_last_flag(make_context, sink):
    rows = DepthRows(make_context(), 5)
    insert(rows, 1, 0, 100.0, 1)
    rows.depth(0, "", 1, 1, 99.5, UNIT, False)
    assert [[bool(d.flags & RecordFlag.LAST) for d in e.deltas] for e in sink.deltas] == [
        [True],
        [False, True],
    ]


def test_a_reset_empties_the_book(make_context, sink):
    rows = DepthRows(make_context(), 5)
    insert(rows, 1, 0, 100.0, 1)
    rows.depth_reset()
    assert levels(built(sink)) == ([], [])


def test_a_position_that_does_not_exist_is_counted(make_context, sink):
    context = make_context()
    DepthRows(context, 5).depth(3, "", 2, 1, 0.0, 0, False)
    assert sink.deltas == []
    assert context.counters == {"book rows that contradict the book": 1}


operations = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from([0, 1, 2]),
        st.sampled_from([0, 1]),
        st.sampled_from([99.9, 100.0, 100.1, 100.2]),
        st.integers(1, 5),
    ),
    max_size=60,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
def test_the_book_always_equals_the_sums_of_the_rows(make_context, sink, sequence):
    """Against plain lists of rows, whatever IB does to them."""
    sink.deltas.clear()
    handler = DepthRows(make_context(), 5)
    model = {0: [], 1: []}
    for position, operation, side, price, size in sequence:
        handler.depth(position, "", operation, side, price, size * UNIT, False)
        rows = model[side]
        if operation == 0 and position <= len(rows):
            rows.insert(position, (price, size))
            del rows[5:]
        elif operation == 1 and position < len(rows):
            rows[position] = (price, size)
        elif operation == 1 and position == len(rows):
            rows.append((price, size))
            del rows[5:]
        elif operation == 2 and position < len(rows):
            del rows[position]
    sums = {}
    for side, rows in model.items():
        levels_of_side = defaultdict(int)
        for price, size in rows:
            levels_of_side[f"{price:.2f}"] += size
        sums[side] = dict(levels_of_side)
    bids, asks = levels(built(sink))
    assert (dict(bids), dict(asks)) == (sums[1], sums[0])


quotes = st.lists(
    st.tuples(st.integers(9_990, 10_010), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
    min_size=1,
    max_size=25,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quotes=quotes, depth=st.integers(1, 6))
def test_the_book_is_the_simulated_venues_whatever_its_quotes_do(make_context, sink, quotes, depth):
    """The venue makes IB's messages of its own rows; after each event the books are the same."""
    sink.deltas.clear()
    handler = DepthRows(make_context(), depth)
    book, shown = OrderBook(AAPL), {0: [], 1: []}
    for bid, spread, bid_size, ask_size in quotes:
        quote = Quote(0, bid / 100, (bid + spread) / 100, float(bid_size), float(ask_size))
        for side in (1, 0):
            rows = book_rows(quote, 0.01, depth, bid=side == 1)
            for position, operation, price, size in changes(shown[side], rows, depth):
                handler.depth(position, "", operation, side, price, round(size * UNIT), False)
            shown[side] = rows
        for deltas in sink.deltas:
            book.apply_all(deltas)
        sink.deltas.clear()
        wanted = tuple(
            [(f"{price:.2f}", int(size)) for price, size in shown[side]] for side in (1, 0)
        )
        assert levels(book) == wanted


async def test_a_book_is_the_venues_again_after_a_lost_connection(open_feed, start_gateway):
    feed = await open_feed(await start_gateway())
    wanted = Subscription(DataKind.ORDER_BOOK_DELTAS, AAPL, params=(("depth", "5"),))
    await feed.subscribe(wanted)
    await feed.run(20)
    feed.gateway.faults.drop()
    await feed.until(lambda: feed.sink.connections == [True, False, True])
    await feed.synced()
    await feed.run(20)
    book = OrderBook(AAPL)
    for deltas in feed.sink.deltas:
        book.apply_all(deltas)
    quote = feed.gateway.truth.board("AAPL").quote
    tick = 0.01
    for side, found in ((True, book.bids()), (False, book.asks())):
        rows = book_rows(quote, tick, 5, bid=side)
        assert [(float(level.price), float(level.size)) for level in found] == [
            (price, size) for price, size in rows
        ]
    [(gap_of, *_)] = feed.sink.gaps
    assert gap_of == wanted
    feed.check()


async def test_the_market_state_streams_over_the_socket(open_feed):
    feed = await open_feed()
    await feed.subscribe(Subscription(DataKind.INSTRUMENT_STATUS, AAPL))
    await feed.run(5)
    assert [status.status for status in feed.sink.statuses] == [MarketStatus.OPEN]
